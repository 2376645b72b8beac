"""How models are asked: what trajectories hold becomes a query of a fixed size, and logits come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from time import perf_counter
from typing import TypeVar

import numpy as np
import torch

from segbench.protocols.adapter import Context, Interactions, ModelAdapter, Query
from segbench.protocols.config import ProtocolError
from segbench.protocols.trajectory import Trajectory, device_of

Item = TypeVar("Item")


def batch_size(adapter: ModelAdapter, images: int) -> int:
    """Sets that a model is asked for at once, if one is of so many images, those of its context included."""
    return max(1, getattr(adapter, "micro_batch", 1) // max(1, images))


def predict_sets(adapter: ModelAdapter, sets: Sequence[Sequence[Trajectory]]) -> None:
    """Give all trajectories of some sets of one size new logits, a setwise model's or, of one, any other's.

    Raises
    ------
    ProtocolError
        If the model does not return finite logits of shape (B, 1, H, W).
    """
    build = partial(query_of, bare=False, setwise=adapter.capabilities.setwise)
    for members, (logits, seconds) in zip(sets, ask(adapter, sets, build), strict=True):
        for trajectory, own in zip(members, logits.cpu().numpy(), strict=True):
            trajectory.logits = own[0].copy()
            trajectory.seconds += seconds / len(members)


def ask(
    adapter: ModelAdapter,
    sets: Sequence[Sequence[Item]],
    build: Callable[[Sequence[Sequence[Item]]], Query],
    classes: int = 1,
    images: int | None = None,
) -> Iterator[tuple[torch.Tensor, float]]:
    """Logits of one set of images after another, asked for in micro-batches of one fixed number of sets.

    The last micro-batch is filled up by repeating its last set: a network may round differently at another
    batch size, and results must not depend on how many images happen to be computed together.

    Parameters
    ----------
    adapter : ModelAdapter
        Its ``micro_batch`` is the fixed number of images (1 if it has none).
    sets : what stands for the images, set by set; a set of one each for a model that is not setwise
    build : makes the query of some sets
    classes : int
        What the logits have to tell apart.
    images : int, optional
        Those that a set makes the model see, its context included; as many as it has members if not given.

    Yields
    ------
    logits : float32 tensor (members of the set, classes, H, W), on the device of the model
    seconds : float
        Time in the model.

    Raises
    ------
    ProtocolError
        If the model does not return finite logits of shape (B, classes, H, W).
    """
    if not sets:
        return
    size = batch_size(adapter, len(sets[0]) if images is None else images)
    for start in range(0, len(sets), size):
        part = list(sets[start : start + size])
        query = build(part + part[-1:] * (size - len(part))).to(device_of(adapter))
        began = perf_counter()
        with torch.inference_mode():
            logits = _checked(adapter.predict(query), query, adapter, classes)
        seconds = (perf_counter() - began) / len(part)
        ends = np.cumsum([len(members) for members in part])
        for members, end in zip(part, ends, strict=True):
            yield logits[end - len(members) : end], seconds


def query_of(sets: Sequence[Sequence[Trajectory]], bare: bool, setwise: bool) -> Query:
    """The query of some sets of trajectories; ``bare`` where nothing has been drawn yet."""
    part = [trajectory for members in sets for trajectory in members]
    image = _tensor([t.image for t in part])
    interactions = previous = context = None
    if not bare:
        positive, negative = _tensor([t.positive for t in part]), _tensor([t.negative for t in part])
        clicks = tuple(tuple(t.clicks) for t in part)
        interactions = Interactions(positive, negative, torch.zeros_like(image), clicks)
    if any(t.logits is not None for t in part):
        previous = _tensor([np.zeros_like(t.image) if t.logits is None else t.logits for t in part])
    if setwise:
        return Query(image, interactions, previous, sets=tuple(map(len, sets)))
    held = [t.context for t in part if t.context is not None]
    if held:
        context = Context(torch.stack([c.images for c in held]), torch.stack([c.labels for c in held]))
    return Query(image, interactions, previous, context)


def _tensor(maps: Sequence[np.ndarray]) -> torch.Tensor:
    """Maps (H, W) as one tensor (B, 1, H, W)."""
    return torch.from_numpy(np.array(maps)[:, None])


def _checked(logits: torch.Tensor, query: Query, adapter: ModelAdapter, classes: int) -> torch.Tensor:
    """The logits in float32, (B, classes, H, W)."""
    name, shape = type(adapter).__name__, tuple(query.image.shape)
    expected = (shape[0], classes, *shape[2:])
    if not isinstance(logits, torch.Tensor):
        raise ProtocolError(f"model {name} returned {type(logits).__name__} instead of a tensor of logits")
    if logits.is_complex():
        raise ProtocolError(f"model {name} returned complex logits; return real numbers")
    found = tuple(logits.shape)
    if found != expected and classes > 1 and found[:1] + found[2:] == expected[:1] + expected[2:]:
        raise ProtocolError(
            f"model {name} predicts {found[1]} classes, but the task has {classes}; train it on that task"
        )
    if found != expected:
        raise ProtocolError(f"model {name} returned logits of shape {found} instead of {expected}")
    if not torch.isfinite(logits).all():
        raise ProtocolError(f"model {name} returned NaN or infinite logits; check its weights and precision")
    return logits.detach().float()
