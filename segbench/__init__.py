"""Reproducible benchmark of interactive and in-context medical image segmentation.

`run`, `report`, `check` and `compare` are the commands as functions; their keyword arguments are the options.
`load` reads a run as tables. `create_model` and `load_dataset` create what is measured. `Capabilities`,
`Query`, `Interactions`, `Context`, `Click`, `Box` and `ModelAdapter` are for authors of models, `Protocol`
for authors of protocols. Each name is imported on first use: ``import segbench`` takes a few milliseconds.

Examples
--------
>>> import segbench
>>> run = segbench.run(protocol="center-clicks", datasets="phantoms", preset="smoke")  # doctest: +SKIP
>>> segbench.load(run).images.groupby("model").interactions.mean()  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = {
    "run": "benchmark.api",
    "report": "benchmark.api",
    "check": "benchmark.regression",
    "compare": "benchmark.regression",
    "load": "results",
    "create_model": "models",
    "load_dataset": "benchmark.api",
    "Protocol": "protocols.protocol",
    "ModelAdapter": "protocols.adapter",
    "Capabilities": "protocols.adapter",
    "Query": "protocols.adapter",
    "Interactions": "protocols.adapter",
    "Context": "protocols.adapter",
    "Click": "protocols.adapter",
    "Box": "protocols.adapter",
}
__all__ = [*_MODULES]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"segbench.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
