"""The tool: command line, plan and execution; and the few names that a notebook or a plug-in needs.

``benchmark.run(...)``, ``benchmark.report(...)``, ``benchmark.check(...)`` and ``benchmark.compare(...)`` are
the commands as functions, with the options as keyword arguments. ``ModelAdapter``, ``Capabilities``,
``Query``, ``Interactions`` and ``Context`` are what the author of a model needs. All are imported when first
asked for, so that importing stays light.
"""

from __future__ import annotations

import importlib
from typing import Any

_TARGETS = {
    "run": "benchmark.cli.run",
    "report": "benchmark.cli.report",
    "check": "benchmark.checking",
    "compare": "benchmark.comparison",
    "ModelAdapter": "protocols.adapter",
    "Capabilities": "protocols.adapter",
    "Query": "protocols.adapter",
    "Interactions": "protocols.adapter",
    "Context": "protocols.adapter",
}


def __getattr__(name: str) -> Any:
    if name not in _TARGETS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from benchmark import tree

    tree.check()
    return getattr(importlib.import_module(_TARGETS[name]), name)
