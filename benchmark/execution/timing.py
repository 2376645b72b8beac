"""The time of a prediction of a model on this machine, by the size of its context."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from statistics import median
from time import perf_counter

import numpy as np

from segbench.protocols.annotators import CenterlineScribbles
from segbench.protocols.inference import answer, batch_size, draw_interactions
from segbench.protocols.protocol import PredictionKind, Protocol
from segbench.protocols.simulation import Request, Rules, Setup, segment
from segbench.protocols.trajectory import device_of, labelled

REPETITIONS = 2  # timed predictions with interactions
LONGEST = 1.0  # seconds of a prediction in the largest context that is timed; larger ones are extrapolated


def time_predictions(
    protocol: Protocol, setup: Setup, kinds: Collection[PredictionKind]
) -> dict[PredictionKind, float]:
    """Measure the seconds of predictions, with the annotator's interactions, in the same way as they are run.

    Parameters
    ----------
    protocol : Protocol
        One in which the model predicts; its annotator draws.
    setup : Setup
        A task, the model and the settings.
    kinds : collection of PredictionKind
        All that are of interest.

    Returns
    -------
    dict
        Seconds of the kinds with no context, with the smallest, and with the largest that takes about
        `LONGEST`.
    """
    interactive = any(kind.interactive for kind in kinds)
    sizes = sorted({kind.images for kind in kinds})
    small = [size for size in sizes if size == 0] + [size for size in sizes if size > 0][:1]
    seconds: dict[PredictionKind, float] = {}
    for size in small:
        _time(protocol, setup, size, interactive)  # the first prediction prepares the network
        seconds |= _time(protocol, setup, size, interactive)
    low, high = small[-1], sizes[-1]
    if high > low:
        slowest = max(value for kind, value in seconds.items() if kind.images == low)
        seconds |= _time(protocol, setup, min(high, max(low + 1, int(low * LONGEST / slowest))), interactive)
    return seconds


def interpolated(seconds: Mapping[PredictionKind, float], kind: PredictionKind) -> float:
    """Return the seconds of a kind of prediction, which grow linearly with the context.

    Examples
    --------
    >>> measured = {PredictionKind(1, True): 0.1, PredictionKind(5, True): 0.3}
    >>> interpolated(measured, PredictionKind(9, True))
    0.5
    """
    if kind in seconds:
        return seconds[kind]
    known = sorted((at.images, value) for at, value in seconds.items() if at.interactive == kind.interactive)
    (low, fast), (high, slow) = known[-2:]
    return fast + (slow - fast) * (kind.images - low) / (high - low)


def _time(protocol: Protocol, setup: Setup, size: int, interactive: bool) -> dict[PredictionKind, float]:
    """Measure predictions on the first images of the split, in full queries."""
    request = next(_requests(protocol, setup, size, interactive))
    count = batch_size(request.adapter, request.images)
    together = zip(*(_requests(protocol, setup, size, interactive) for _ in range(count)), strict=True)
    seconds = defaultdict(list)
    for requests in islice(together, 1 + REPETITIONS):
        started = perf_counter()
        interactions = draw_interactions(requests, device_of(request.adapter))
        for each, drawn in zip(requests, interactions, strict=True):
            for target, interaction in zip(each.targets, drawn, strict=False):
                target.add(interaction)
        answer(requests)  # waits for a GPU
        images = count * len(requests[0].targets)
        seconds[PredictionKind(size, requests[0].step > 0)].append((perf_counter() - started) / images)
    return {kind: median(values) for kind, values in seconds.items()}


def _requests(protocol: Protocol, setup: Setup, size: int, interactive: bool) -> Iterator[Request]:
    """Yield the requests for one image with a context, or in a set, of so many images."""
    data, adapter = setup.data, setup.adapter
    if adapter.capabilities.automatic:
        subject = next(iter(protocol.simulate(setup, [0])))
        yield from (request for request in subject if isinstance(request, Request))
        return
    image = int(data.indices(setup.config.split)[0])
    context, companions = None, []
    if adapter.capabilities.setwise:
        companions = [setup.trajectory(image) for _ in range(size - 1)]
    elif size:
        context = labelled(data, np.resize(data.indices("train"), size), adapter)
    else:
        adapter = getattr(adapter, "fallback", None) or adapter
    annotator = (protocol.annotator or CenterlineScribbles()) if interactive else None
    rules = Rules(annotator, 1 + REPETITIONS if interactive else 0, stops=False)
    first_step = int(interactive and context is None)
    trajectory, rng_for = setup.trajectory(image, context), setup.rng_for(0, image)
    for request in segment(trajectory, adapter, rules, rng_for, first_step, companions):
        assert isinstance(request, Request)
        yield request
