"""Checks of the metadata of a model: the capabilities of its class, and the attributes of an instance."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, get_args

import torch

from segbench.benchmark.conformance.findings import Result, failed, noted, passed
from segbench.protocols.adapter import Capabilities, ModelAdapter, Prompt
from segbench.protocols.registry import PROTOCOLS

ATTRIBUTES = ("version", "micro_batch", "device", "fingerprint", "fallback")  # optional ones of an adapter


def check_capabilities(model: Any) -> Result:
    """Check that the capabilities are valid and do not contradict each other, and list the protocols."""
    capabilities = getattr(model, "capabilities", None)
    if not isinstance(capabilities, Capabilities):
        return failed("the class has no attribute `capabilities` of class segbench.Capabilities")
    mistake = _wrong_type(capabilities) or _contradiction(capabilities)
    if mistake:
        return failed(mistake)
    reasons = {name: PROTOCOLS.get(name).unsupported_model(capabilities) for name in PROTOCOLS.builtin}
    supported = [name for name, reason in reasons.items() if reason is None]
    if not supported:
        why = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        return failed(f"no protocol can use a model with these capabilities ({why})")
    usable = f"usable in {', '.join(supported)}"
    unused = _without_effect(capabilities)
    return noted(f"{unused}; {usable}") if unused else passed(usable)


def _wrong_type(capabilities: Capabilities) -> str | None:
    values = asdict(capabilities)
    for name in ("min_context", "contexts"):
        number = values.pop(name)
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            return f"{name} must be a whole number from 1, not {number!r}"
    prompts, words = values.pop("prompts"), get_args(Prompt)
    if not isinstance(prompts, tuple) or any(prompt not in words for prompt in prompts):
        return f"prompts must be a tuple of {', '.join(words)}, not {prompts!r}"
    for name, value in values.items():
        if type(value) is not bool:
            return f"{name} must be True or False, not {value!r}"
    return None


def _contradiction(capabilities: Capabilities) -> str | None:
    if capabilities.automatic and (capabilities.interactive or capabilities.in_context):
        return "an automatic model predicts all classes; it can be neither interactive nor in_context"
    if capabilities.setwise and capabilities.in_context:
        return "a setwise model gets no context; it cannot be in_context"
    if capabilities.true_context and not capabilities.in_context:
        return "true_context describes the context; it needs in_context"
    if capabilities.interactive and not {"clicks", "scribbles", "boxes"} & set(capabilities.prompts):
        return "an interactive model takes clicks, scribbles or boxes; name them in prompts"
    return None


def _without_effect(capabilities: Capabilities) -> str | None:
    """Return which capability has no effect, or None."""
    if not capabilities.interactive and capabilities.prompts != Capabilities().prompts:
        return "prompts has no effect without interactive"
    for name in ("min_context", "contexts"):
        if getattr(capabilities, name) > 1 and not capabilities.in_context:
            return f"{name} has no effect without in_context"
    if capabilities.needs_training and (capabilities.interactive or capabilities.in_context):
        return "no interactive protocol takes a model that is trained on each task"
    return None


def check_attributes(model: Any, adapter: Any) -> Result:
    """Check that an adapter has the capabilities of its class, and that its other attributes are valid."""
    mistake = _wrong_attribute(model, adapter)
    if mistake:
        return failed(mistake)
    present = [name for name in ATTRIBUTES if hasattr(adapter, name)]
    return passed(f"predict, capabilities{''.join(f', {name}' for name in present)}")


def _wrong_attribute(model: Any, adapter: Any) -> str | None:
    if not isinstance(adapter, ModelAdapter) or not callable(adapter.predict):
        return "an adapter needs the method `predict` and the attribute `capabilities`"
    if adapter.capabilities != model.capabilities:
        return "the capabilities of the instance differ from those of its class, which plan a run"
    images = getattr(adapter, "micro_batch", 1)
    if not isinstance(images, int) or isinstance(images, bool) or images < 1:
        return f"micro_batch must be a whole number from 1, not {images!r}"
    device, fingerprint = getattr(adapter, "device", None), getattr(adapter, "fingerprint", "")
    try:
        torch.device(device or "cpu")
    except (RuntimeError, TypeError):
        return f"device must be the name of a torch device, not {device!r}"
    if not isinstance(fingerprint, str):
        return f"fingerprint must be a text, not {type(fingerprint).__name__}"
    if not isinstance(getattr(adapter, "fallback", None) or adapter, ModelAdapter):
        return "fallback must be an adapter"
    try:
        json.dumps(getattr(model, "version", None))
    except TypeError:
        return "version must be a number or a text, an attribute of the class"
    return None
