"""Interactions for many requests at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch

from segbench.protocols.annotators import Interaction
from segbench.protocols.simulation import Request


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
    annotator, labels = requests[0].annotator, _batch([target.label for target in targets], device)
    assert annotator is not None
    if targets[0].logits is None:
        return annotator.start(labels, rngs)
    return annotator.correct(labels, _batch([target.mask for target in targets], device), rngs)


def _batch(masks: Sequence[np.ndarray], device: torch.device) -> Any:
    """Stack masks for the annotator: an array (B, H, W), or a tensor on a GPU."""
    stacked = np.stack(masks)
    return stacked if device.type == "cpu" else torch.from_numpy(stacked).to(device)
