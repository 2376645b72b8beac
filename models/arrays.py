"""Models that take and return numpy arrays, and declare their capabilities without this package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from segbench.protocols.adapter import Capabilities, Query
from segbench.registry import PluginError


def as_adapter(model: Any) -> Any:
    """Return the class of an adapter for a class that does without torch or segbench; others as they are.

    Parameters
    ----------
    model : Any
        A class with ``arrays = "numpy"`` gets queries of numpy arrays and returns such logits. Its attribute
        ``capabilities`` may be a dict.

    Raises
    ------
    PluginError
        If the dict has a key that no capability has.
    """
    if getattr(model, "arrays", None) == "numpy":
        return _adapted(model)
    return model


@lru_cache(maxsize=64)
def _adapted(model: Any) -> type[NumpyModel]:
    declared = getattr(model, "capabilities", None)
    if isinstance(declared, Mapping):
        values: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in declared.items()}
        try:
            declared = Capabilities(**values)
        except TypeError as error:
            raise PluginError(f"the capabilities of {model.__qualname__} are wrong ({error})") from error
    facts = ("title", "version", "licence", "trained_on", "default_protocols", "required_weights")
    attributes = {fact: getattr(model, fact) for fact in facts if hasattr(model, fact)}
    attributes |= {"__module__": model.__module__, "__qualname__": model.__qualname__}
    attributes |= {"__doc__": model.__doc__, "capabilities": declared, "model_class": model}
    return type(model.__name__, (NumpyModel,), attributes)


class NumpyModel:
    """An adapter around an object that takes and returns numpy arrays."""

    capabilities: Capabilities
    model_class: Any

    def __init__(self, model: Any) -> None:
        self._model = model
        for name in ("micro_batch", "fingerprint"):
            if hasattr(model, name):
                setattr(self, name, getattr(model, name))

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> NumpyModel:
        """Create the model as its class says."""
        make = getattr(cls.model_class, "create", None)
        return cls(make(name, weights, device, precision) if make else cls.model_class())

    def predict(self, query: Query) -> Any:
        """Logits as a tensor, if the model returns an array."""
        import torch

        logits = self._model.predict(_as_arrays(query))
        return torch.from_numpy(np.ascontiguousarray(logits)) if isinstance(logits, np.ndarray) else logits


def _as_arrays(query: Query) -> Query:
    """Return a query whose maps are numpy arrays, on the same memory."""
    whole: Any = query  # for the type checker, its maps are tensors
    drawn, context, previous = whole.interactions, whole.context, whole.previous_logits
    arrays: Query = replace(
        whole,
        image=whole.image.numpy(),
        interactions=drawn
        and replace(
            drawn, positive=drawn.positive.numpy(), negative=drawn.negative.numpy(), box=drawn.box.numpy()
        ),
        previous_logits=None if previous is None else previous.numpy(),
        context=context and replace(context, images=context.images.numpy(), labels=context.labels.numpy()),
    )
    return arrays
