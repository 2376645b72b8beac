"""The command ``python -m benchmark`` and what it is made of: plan, execution, regression checks.

For a notebook or a plug-in, ``import segbench``; ``benchmark`` has the same names.
"""

from __future__ import annotations

from typing import Any

try:
    import segbench
    from segbench.short_names import alias
except ImportError:
    message = (
        "another module called `segbench` hides this program; start in another folder, or rename that module"
    )
    raise SystemExit(message) from None

alias(__name__)


def __getattr__(name: str) -> Any:
    if name not in segbench.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(segbench, name)
