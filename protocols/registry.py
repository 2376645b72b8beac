"""The protocols by name."""

from __future__ import annotations

from datasets.lookup import Registry

PROTOCOLS = Registry(
    "protocol",
    {
        "center-clicks": "protocols.sequential:CENTER_CLICKS",
        "centerline-scribbles": "protocols.sequential:CENTERLINE_SCRIBBLES",
        "bootstrapped-in-context": "protocols.bootstrapped:BOOTSTRAPPED",
        "in-context": "protocols.in_context:IN_CONTEXT",
        "interactive-in-context-clicks": "protocols.in_context:INTERACTIVE_CLICKS",
        "interactive-in-context-scribbles": "protocols.in_context:INTERACTIVE_SCRIBBLES",
        "set-clicks": "protocols.setwise:SET_CLICKS",
        "set-scribbles": "protocols.setwise:SET_SCRIBBLES",
        "set-automatic": "protocols.automatic:SET_AUTOMATIC",
        "supervised": "protocols.supervised:SUPERVISED",
        "manual-scribbles": "protocols.manual:MANUAL_SCRIBBLES",
    },
    "segbench.protocols",
)
