"""The top-level packages have everyday names, so make sure that Python found ours and not someone else's."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from benchmark.errors import Failure

PACKAGES = ("datasets", "models", "protocols", "reports", "results")


def check() -> None:
    """Check that every package of the project is found beside ``benchmark``.

    Raises
    ------
    Failure
        If another package or folder of the same name comes first; the message names it.
    """
    root = Path(__file__).resolve().parents[1]
    for name in PACKAGES:
        found = _folder(name)
        if found != root / name:
            raise Failure(
                f"the package {name!r} comes from {found or 'nowhere'} instead of {root / name}; "
                "rename or uninstall what shadows it, or start in another folder"
            )


def _folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    if spec is None:
        return None
    places = list(spec.submodule_search_locations or ())
    where = Path(places[0]) if places else Path(spec.origin or "")
    return where.resolve()
