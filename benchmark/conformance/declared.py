"""What the class of a model says of itself, and whether any protocol can use that."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import torch

from segbench.benchmark.conformance.findings import Answer, failed, noted, passed
from segbench.protocols.adapter import Capabilities, ModelAdapter
from segbench.protocols.registry import PROTOCOLS


def capabilities(model: Any) -> Answer:
    """Whether they are well formed and fit together, and which protocols take the model."""
    able = getattr(model, "capabilities", None)
    if not isinstance(able, Capabilities):
        return failed("the class has no attribute `capabilities` made by benchmark.Capabilities(...)")
    mistake = _mistyped(able) or _contradiction(able)
    if mistake:
        return failed(mistake)
    reasons = {name: PROTOCOLS.get(name).unsupported_model(able) for name in PROTOCOLS.builtin}
    taking = [name for name, reason in reasons.items() if reason is None]
    if not taking:
        why = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        return failed(f"no protocol can use the model, as it says ({why})")
    idle = _idle(able)
    return noted(f"{idle}; {_listed(taking)}") if idle else passed(_listed(taking))


def _listed(protocols: list[str]) -> str:
    return f"taken by {', '.join(protocols)}"


def _mistyped(able: Capabilities) -> str | None:
    values = asdict(able)
    smallest = values.pop("min_context")
    if not isinstance(smallest, int) or isinstance(smallest, bool) or smallest < 1:
        return f"min_context must be a whole number from 1, not {smallest!r}"
    wrong = [
        f"{name} must be True or False, not {value!r}"
        for name, value in values.items()
        if type(value) is not bool
    ]
    return wrong[0] if wrong else None


def _contradiction(able: Capabilities) -> str | None:
    if able.automatic and (able.interactive or able.in_context):
        return "an automatic model has logits of all classes, so it is neither interactive nor in_context"
    if able.setwise and able.in_context:
        return "a setwise model is given no context, so it cannot be in_context"
    if able.true_context and not able.in_context:
        return "true_context says what the context holds, so it needs in_context"
    return None


def _idle(able: Capabilities) -> str | None:
    """What is said in vain, or None."""
    if able.min_context > 1 and not able.in_context:
        return "min_context means nothing without in_context"
    if able.needs_training and (able.interactive or able.in_context):
        return "no interactive protocol takes a model that has to be trained on each task"
    return None


def attributes(model: Any, adapter: Any) -> Answer:
    """Whether an adapter has what its class has promised, and its other attributes are what is read there."""
    mistake = _attribute_mistake(model, adapter)
    if mistake:
        return failed(mistake)
    named = ("version", "micro_batch", "device", "fingerprint", "fallback")
    own = [name for name in named if hasattr(adapter, name)]
    return passed(f"predict, capabilities{''.join(f', {name}' for name in own)}")


def _attribute_mistake(model: Any, adapter: Any) -> str | None:
    if not isinstance(adapter, ModelAdapter) or not callable(adapter.predict):
        return "an adapter needs the method `predict` and the attribute `capabilities`"
    if adapter.capabilities != model.capabilities:
        return "the capabilities of the instance are not those of its class, by which a run is planned"
    images = getattr(adapter, "micro_batch", 1)
    if not isinstance(images, int) or isinstance(images, bool) or images < 1:
        return f"micro_batch must be a whole number from 1, not {images!r}"
    device, fingerprint = getattr(adapter, "device", None), getattr(adapter, "fingerprint", "")
    try:
        torch.device(device or "cpu")
    except (RuntimeError, TypeError):
        return f"device must name a torch device, not {device!r}"
    if not isinstance(fingerprint, str):
        return f"fingerprint must be a text, not {type(fingerprint).__name__}"
    if not isinstance(getattr(adapter, "fallback", adapter), ModelAdapter):
        return "fallback must be an adapter"
    try:
        json.dumps(getattr(model, "version", None))
    except TypeError:
        return "version must be a number or a text, an attribute of the class"
    return None
