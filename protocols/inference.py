"""Interactions and predictions for many requests at once, in queries of a fixed size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from time import perf_counter
from typing import Any

import numpy as np
import torch

from segbench.protocols.adapter import Context, Interactions, ModelAdapter, Query
from segbench.protocols.annotators import Interaction
from segbench.protocols.config import ProtocolError
from segbench.protocols.interactions import box_map
from segbench.protocols.metrics import confusion
from segbench.protocols.simulation import Request
from segbench.protocols.trajectory import Trajectory, device_of


def draw_interactions(requests: Sequence[Request], device: torch.device) -> list[list[Interaction]]:
    """Draw the interactions of requests; on a GPU in a stream of its own, while a model predicts.

    Returns
    -------
    list of list of Interaction
        For each request one interaction per target, or none without an annotator.
    """
    groups: dict[tuple, list[int]] = defaultdict(list)
    for number, request in enumerate(requests):
        first = request.targets[0]
        groups[request.annotator, first.logits is None, first.label.shape].append(number)
    drawn: list[list[Interaction]] = [[] for _ in requests]
    stream = torch.cuda.stream(torch.cuda.Stream(device)) if device.type == "cuda" else nullcontext()
    with stream:
        for (annotator, *_), numbers in groups.items():
            if annotator is not None:
                interactions = iter(_draw([requests[number] for number in numbers], device))
                for number in numbers:
                    drawn[number] = [next(interactions) for _ in requests[number].targets]
    return drawn


def _draw(requests: Sequence[Request], device: torch.device) -> list[Interaction]:
    """Draw for requests of one annotator, whose images have one size and all have a prediction or none."""
    targets = [target for request in requests for target in request.targets]
    rngs = [rng_for for request in requests for rng_for in request.rngs]
    annotator, labels = requests[0].annotator, _stack([target.label for target in targets], device)
    assert annotator is not None
    if targets[0].logits is None:
        return annotator.start(labels, rngs)
    masks, clicks = _stack([target.mask for target in targets], device), [target.clicks for target in targets]
    return annotator.correct_after(labels, masks, rngs, clicks)


def _stack(masks: Sequence[np.ndarray], device: torch.device) -> Any:
    """Stack masks for the annotator: an array (B, H, W), or a tensor on a GPU."""
    stacked = np.stack(masks)
    return stacked if device.type == "cpu" else torch.from_numpy(stacked).to(device)


def batch_size(adapter: ModelAdapter, images: int) -> int:
    """Number of requests in a query, if each has so many images, those of context and set included."""
    return max(1, getattr(adapter, "micro_batch", 1) // max(1, images))


def predict_batched(requests: Sequence[Request]) -> tuple[torch.Tensor, float]:
    """Predict for requests with equal `Request.batch_key`, at most `batch_size` of them, in one query.

    The last request is repeated until the query is full. Networks may round differently at another batch
    size, and a prediction must not depend on the other images of its query.

    Returns
    -------
    logits : float32 tensor (requests, targets, classes, H, W), on the device of the model
    seconds : float
        Time in the model per request.

    Raises
    ------
    ProtocolError
        If the model does not return finite logits of shape (B, classes, H, W).
    """
    first = requests[0]
    adapter, targets = first.adapter, len(first.targets)
    sets = [[*request.companions, *request.targets] for request in requests]
    padding = sets[-1:] * (batch_size(adapter, first.images) - len(sets))
    query = build_query(sets + padding, first.step == 0, adapter.capabilities.setwise).to(device_of(adapter))
    started = perf_counter()
    with torch.inference_mode():
        logits = _validated(adapter.predict(query), query, adapter, first.classes)
    seconds = (perf_counter() - started) / len(sets)
    return logits.unflatten(0, (-1, len(sets[0])))[: len(sets), -targets:], seconds


def answer(requests: Sequence[Request]) -> None:
    """Predict for the requests of one query, and give the predictions to their targets."""
    logits, seconds = predict_batched(requests)
    targets = [target for request in requests for target in request.targets]
    steps = [request.step for request in requests for _ in request.targets]
    logits = logits.flatten(0, 1)
    counts: Sequence[Any] = [None] * len(targets)
    if requests[0].classes == 1:
        labels = torch.from_numpy(np.stack([target.label for target in targets])).to(logits.device)
        counts = torch.stack(confusion(logits[:, 0] > 0, labels), dim=1).tolist()
    per_image = seconds / len(requests[0].targets)
    for target, step, array, count in zip(targets, steps, logits.cpu().numpy(), counts, strict=True):
        target.receive(step, array, per_image, count)


def build_query(sets: Sequence[Sequence[Trajectory]], without_interactions: bool, setwise: bool) -> Query:
    """Build the query of some sets of images; sets of one image each for a model that is not setwise."""
    images = [trajectory for members in sets for trajectory in members]
    image = _as_tensor([t.image for t in images])
    interactions = previous = context = None
    if not without_interactions:
        interactions = Interactions(
            _as_tensor([t.positive for t in images]),
            _as_tensor([t.negative for t in images]),
            _as_tensor([box_map(t.box, t.image.shape) for t in images]),
            tuple(tuple(t.clicks) for t in images),
            tuple(t.box for t in images),
        )
    if any(t.logits is not None for t in images):
        previous = _as_tensor([np.zeros_like(t.image) if t.logits is None else t.logits for t in images])
    if setwise:
        return Query(image, interactions, previous, sets=tuple(map(len, sets)))
    contexts = [t.context for t in images if t.context is not None]
    if contexts:
        context = Context(
            torch.stack([c.images for c in contexts]), torch.stack([c.labels for c in contexts])
        )
    return Query(image, interactions, previous, context)


def _as_tensor(maps: Sequence[np.ndarray]) -> torch.Tensor:
    """Stack maps (H, W) to a tensor (B, 1, H, W)."""
    return torch.from_numpy(np.array(maps)[:, None])


def _validated(logits: torch.Tensor, query: Query, adapter: ModelAdapter, classes: int) -> torch.Tensor:
    """Return the logits in float32, (B, classes, H, W), or raise ProtocolError."""
    name, shape = type(adapter).__name__, tuple(query.image.shape)
    expected = (shape[0], classes, *shape[2:])
    if not isinstance(logits, torch.Tensor):
        raise ProtocolError(f"model {name} returned {type(logits).__name__} instead of a tensor of logits")
    if logits.is_complex():
        raise ProtocolError(f"model {name} returned complex logits; return real numbers")
    returned = tuple(logits.shape)
    if returned != expected and classes > 1 and returned[:1] + returned[2:] == expected[:1] + expected[2:]:
        raise ProtocolError(
            f"model {name} predicts {returned[1]} classes, but the task has {classes}; train it on that task"
        )
    if returned != expected:
        raise ProtocolError(f"model {name} returned logits of shape {returned} instead of {expected}")
    if not torch.isfinite(logits).all():
        raise ProtocolError(f"model {name} returned NaN or infinite logits; check its weights and precision")
    return logits.detach().float()
