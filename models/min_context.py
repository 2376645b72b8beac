"""Models that ignore a context of fewer entries than a minimum, as variants of a model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

Model = TypeVar("Model", bound=type)


def with_min_context(model: Model, entries: int, source: str) -> Model:
    """Return a model with another ``capabilities.min_context``, which ``--models all`` leaves out.

    Parameters
    ----------
    model : type
        Class of an adapter with ``title`` and ``capabilities``.
    entries : int
    source : str
        Where the variant is from, for its docstring.
    """
    described: Any = model
    attributes = {
        "__doc__": f"{described.title} with a minimum context of {entries} ({source}).",
        "__module__": model.__module__,
        "title": f"{described.title}, min. {entries}",
        "capabilities": replace(described.capabilities, min_context=entries),
        "default_protocols": (),
    }
    variant: Model = type(f"{model.__name__}{entries}", (model,), attributes)  # type: ignore[assignment]
    return variant
