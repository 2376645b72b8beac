"""The protocols by name."""

from __future__ import annotations

from datasets.lookup import Registry

PROTOCOLS = Registry(
    "protocol",
    {
        "center-clicks": "protocols.sequential:CENTER_CLICKS",
        "centerline-scribbles": "protocols.sequential:CENTERLINE_SCRIBBLES",
    },
    "segbench.protocols",
)
