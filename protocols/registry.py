"""The built-in protocols by name, in the order of the papers and reports."""

from __future__ import annotations

from segbench.registry import Registry

PROTOCOLS = Registry(
    "protocol",
    {
        "center-clicks": "segbench.protocols.sequential:CENTER_CLICKS",
        "centerline-scribbles": "segbench.protocols.sequential:CENTERLINE_SCRIBBLES",
        "centerline-scribbles-128": "segbench.protocols.sequential:CENTERLINE_SCRIBBLES_128",
        "centerline-scribbles-v1": "segbench.protocols.sequential:CENTERLINE_SCRIBBLES_V1",
        "ritm-clicks": "segbench.protocols.sequential:RITM_CLICKS",
        "boxes": "segbench.protocols.boxes:BOXES",
        "box-then-clicks": "segbench.protocols.boxes:BOX_THEN_CLICKS",
        "bootstrapped-in-context": "segbench.protocols.sequential:BOOTSTRAPPED",
        "in-context": "segbench.protocols.in_context:IN_CONTEXT",
        "interactive-in-context-clicks": "segbench.protocols.in_context:INTERACTIVE_CLICKS",
        "interactive-in-context-scribbles": "segbench.protocols.in_context:INTERACTIVE_SCRIBBLES",
        "supervised": "segbench.protocols.supervised:SUPERVISED",
        "set-scribbles": "segbench.protocols.setwise:SET_SCRIBBLES",
        "set-clicks": "segbench.protocols.setwise:SET_CLICKS",
        "set-automatic": "segbench.protocols.automatic:SET_AUTOMATIC",
        "manual-scribbles": "segbench.protocols.manual:MANUAL_SCRIBBLES",
    },
    "segbench.protocols",
)
