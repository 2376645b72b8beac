"""Runs the simulations of all protocols: many at once, with their predictions in batches.

`plain_loop` states experiment 1 without any of that. `run_simulations` gives the same records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from segbench.datasets.task import TaskData
from segbench.protocols.adapter import Box, Click, Context, Interactions, ModelAdapter, Query
from segbench.protocols.annotators import Annotator, Interaction
from segbench.protocols.config import Config
from segbench.protocols.inference import answer, batch_size, draw_interactions
from segbench.protocols.interactions import box_map
from segbench.protocols.metrics import confusion, dice
from segbench.protocols.sampling import draw_images
from segbench.protocols.simulation import Progress, Request, Simulation, SimulationGroup
from segbench.protocols.trajectory import device_of
from segbench.randomness import keyed_generator

# Simulations in progress for each image of a query. They wait with contexts of different sizes; fewer would
# leave many queries incomplete.
IN_FLIGHT = 8


@torch.inference_mode()
def plain_loop(
    data: TaskData,
    model: ModelAdapter,
    seed_model: ModelAdapter,
    annotator: Annotator,
    max_steps: int,
    simulation: int,
    config: Config,
) -> list[dict]:
    """Run one simulation of experiment 1 image by image, on the CPU: the reference for the scheduler.

    MultiverSeg, section 6.1. The model takes a context of at least one image; ``seed_model`` segments the
    first image without one. Nothing is batched or cached.

    Returns
    -------
    list of dict
        One per prediction, with the columns position, image, context_size, step, kind, tp, fp, fn and dice.
    """
    rows: list[dict] = []
    context: list[np.ndarray] = []  # images and their predicted masks, (2, 1, H, W)
    for position, index in enumerate(draw_images(data, simulation, config).tolist()):
        image, label = data.images[index], data.labels[index]
        interactions, logits = np.zeros((2, *image.shape), np.float32), None
        clicks: tuple[Click, ...] = ()
        box: Box | None = None
        for step in range(1 if position == 0 else 0, max_steps + 1):
            interaction = Interaction()
            if step > 0:
                rng_for = partial(keyed_generator, config.seed, data.task.name, simulation, index, step)
                if logits is None:
                    (interaction,) = annotator.start(label, [rng_for])
                else:
                    mask = logits[0].numpy() > 0
                    (interaction,) = annotator.correct_after(label, mask, [rng_for], [clicks])
            for total, added in zip(interactions, (interaction.positive, interaction.negative), strict=True):
                total[:] = total if added is None else np.minimum(total + added, 1)
            clicks, box = clicks + interaction.clicks, interaction.box or box
            positive, negative = torch.from_numpy(interactions)[:, None]
            inside = torch.from_numpy(box_map(box, image.shape[1:]))[None, None]
            drawn = Interactions(positive, negative, inside, (clicks,), (box,)) if step else None
            earlier = Context(*torch.from_numpy(np.stack(context, axis=1))[:, None]) if context else None
            query = Query(torch.tensor(image)[None], drawn, previous_logits=logits, context=earlier)
            logits = (model if position else seed_model).predict(query)
            prediction = logits[0].numpy() > 0
            counts = dict(zip(("tp", "fp", "fn"), confusion(prediction[0], label[0]), strict=True))
            score = dice(prediction[0], label[0])
            row = {"position": position, "image": index, "context_size": position, "step": step}
            rows.append(row | {"kind": interaction.kind, "dice": score} | counts)
            if score >= config.target_dice:
                break
        context.append(np.stack([image, prediction.astype(np.float32)]))
    return [row for row in rows if row["position"] > 0]


def run_simulations(
    groups: Iterable[SimulationGroup],
    adapter: ModelAdapter,
    report: Callable[[int, float], None] = lambda number, share: None,
) -> Iterator[tuple[int, Any]]:
    """Run the simulations of several groups together.

    As many simulations are in progress as fill the queries of the model. Requests with contexts of one size
    are predicted in one query, whatever their simulation and task. With a model that takes several images in
    a query, the annotator works in a second thread while the model predicts.

    Parameters
    ----------
    groups : iterable of SimulationGroup
        Each is taken when the simulations of the groups before it leave room.
    adapter : ModelAdapter
        The model of most requests.
    report : callable, optional
        Called with the number of a group and the share of its simulations that is finished, in [0, 1],
        whenever this share has grown.

    Yields
    ------
    number, output
        Number of a finished group, and what its ``collect`` returns: the records. They do not depend on the
        other groups.
    """
    size = batch_size(adapter, 1)
    batched = size > 1
    device = device_of(adapter) if batched else torch.device("cpu")
    scheduler = _Scheduler(groups, IN_FLIGHT * size if batched else 1, report)
    undrawn: list[_Pending] = []
    drawing: Future[list[list[Interaction]]] | None = None
    with ThreadPoolExecutor(1) if batched else _InlineExecutor() as executor:
        while True:
            scheduler.start_simulations()
            yield from scheduler.finished_groups()
            if drawing is None and (undrawn := scheduler.take_undrawn()):
                requests = [pending.request for pending in undrawn]
                drawing = executor.submit(draw_interactions, requests, device)
            batch = scheduler.fullest_batch()
            if drawing is not None and (drawing.done() or batch is None or _fullness(batch) < 1):
                scheduler.add_interactions(undrawn, drawing.result())
                drawing = None
            elif batch is not None:
                scheduler.predict(batch)
            else:
                return


@dataclass
class _RunningGroup:
    """A group in progress."""

    number: int
    group: SimulationGroup
    results: list[Any]
    shares: list[float]  # of each simulation, finished
    unfinished: int


class _Running(NamedTuple):
    """A simulation in progress."""

    of: _RunningGroup
    place: int  # in the results of the group
    simulation: Simulation


class _Pending(NamedTuple):
    """A simulation, and the request that it waits for."""

    running: _Running
    request: Request


class _Scheduler:
    """The simulations in progress, by what they wait for."""

    def __init__(
        self, groups: Iterable[SimulationGroup], limit: int, report: Callable[[int, float], None]
    ) -> None:
        self._waiting_for_annotator: list[_Pending] = []
        self._waiting_for_model: dict[tuple, list[_Pending]] = {}  # by Request.batch_key
        self._finished: list[_RunningGroup] = []
        self._active, self._limit, self._report = 0, limit, report
        self._queue = self._simulations(groups)

    def _simulations(self, groups: Iterable[SimulationGroup]) -> Iterator[_Running]:
        for number, group in enumerate(groups):
            simulations = list(group.simulations)
            count = len(simulations)
            running = _RunningGroup(number, group, [None] * count, [0.0] * count, count)
            if not simulations:
                self._finished.append(running)
            for place, simulation in enumerate(simulations):
                yield _Running(running, place, simulation)

    def start_simulations(self) -> None:
        """Start simulations while there is room."""
        while self._active < self._limit and (running := next(self._queue, None)):
            self._active += 1
            self._advance(running)

    def finished_groups(self) -> Iterator[tuple[int, Any]]:
        """Take the groups finished since the last call, with their outputs."""
        finished, self._finished = self._finished, []
        for running in finished:
            yield running.number, running.group.collect(running.results)

    def take_undrawn(self) -> list[_Pending]:
        """Take the simulations that wait for the annotator."""
        waiting, self._waiting_for_annotator = self._waiting_for_annotator, []
        return waiting

    def add_interactions(self, pending: Sequence[_Pending], drawn: Sequence[Sequence[Interaction]]) -> None:
        """Add the interactions drawn for requests to their images, which then wait for the model."""
        for waiting, interactions in zip(pending, drawn, strict=True):
            request = waiting.request
            for target, interaction in zip(request.targets, interactions, strict=False):
                target.add(interaction)
            self._waiting_for_model.setdefault(request.batch_key, []).append(waiting)

    def fullest_batch(self) -> list[_Pending] | None:
        """Return the requests with the batch key of which most wait, relative to the size of a query."""
        return max(self._waiting_for_model.values(), key=_fullness, default=None)

    def predict(self, batch: list[_Pending]) -> None:
        """Predict as many requests of a batch as a query holds, and continue their simulations."""
        request = batch[0].request
        size = batch_size(request.adapter, request.images)
        now, later = batch[:size], batch[size:]
        if later:
            self._waiting_for_model[request.batch_key] = later
        else:
            del self._waiting_for_model[request.batch_key]
        answer([pending.request for pending in now])
        for pending in now:
            self._advance(pending.running)

    def _advance(self, running: _Running) -> None:
        group = running.of
        try:
            while isinstance(request := next(running.simulation), Progress):
                self._finish(running, request.share)
        except StopIteration as end:
            group.results[running.place] = end.value
            group.unfinished -= 1
            self._active -= 1
            self._finish(running, 1)
            if not group.unfinished:
                self._finished.append(group)
        else:
            self._waiting_for_annotator.append(_Pending(running, request))

    def _finish(self, running: _Running, share: float) -> None:
        """Report that a share of a simulation is finished."""
        group = running.of
        group.shares[running.place] = share
        self._report(group.number, sum(group.shares) / len(group.shares))


def _fullness(batch: Sequence[_Pending]) -> float:
    """How many queries a batch fills."""
    request = batch[0].request
    return len(batch) / batch_size(request.adapter, request.images)


class _InlineExecutor(Executor):
    """Executes each function when it is submitted."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        future: Future = Future()
        future.set_result(function(*args, **kwargs))
        return future
