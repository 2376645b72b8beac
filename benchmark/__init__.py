"""The benchmark tool: command line, plan, execution and regression checks.

Notebooks and plug-ins use ``import segbench``; ``benchmark`` has the same public names.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def _require_our_segbench() -> None:
    """End the program if a module of another project is called segbench."""
    try:
        spec = find_spec("segbench")
    except ValueError:  # a module without a spec is imported already
        spec = None
    expected = Path(__file__).resolve().parents[1] / "segbench" / "__init__.py"
    if spec is None or spec.origin is None or Path(spec.origin).resolve() != expected:
        raise SystemExit(
            "Error: another module called segbench hides this program; start in another folder, or rename "
            "that module"
        )


if __name__ == "benchmark":
    _require_our_segbench()

importlib.import_module("segbench.short_names").alias(__name__)


def __getattr__(name: str) -> Any:
    segbench = importlib.import_module("segbench")
    if name not in segbench.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(segbench, name)
