"""Estimate of the time and memory of a run, from a few predictions of each model."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segbench.benchmark.execution.cluster import Backend
from segbench.errors import describe
from segbench.text import count_of, significant

if TYPE_CHECKING:
    from segbench.benchmark.plan import RunPlan, Unit
    from segbench.protocols.protocol import PredictionKind

GIB = 2**30


@dataclass(frozen=True)
class ModelEstimate:
    """The predictions of a model in a run, at most, and the seconds that one worker needs for them."""

    model: str
    predictions: int
    seconds: float


def estimate_lines(plan: RunPlan, unfinished: Sequence[Unit], backend: Backend) -> Iterator[str]:
    """Yield a table of the time of each model, and a line about the memory.

    Parameters
    ----------
    plan : RunPlan
    unfinished : sequence of Unit
        The units of the plan that have to be computed.
    backend : Backend
    """
    from segbench.benchmark.execution.run_units import one_thread
    from segbench.benchmark.execution.worker import clear_caches
    from segbench.benchmark.settings import resolve_workers

    if not unfinished:
        return
    if backend.scheduler:
        yield "No estimate of the time: other machines compute"
        return
    rows, workers = [], resolve_workers(backend.workers, plan.settings.device)
    with one_thread() if plan.settings.device == "cpu" else nullcontext():
        for model, (unit, made) in _by_model(plan, unfinished).items():
            try:
                rows.append(ModelEstimate(model, made.total(), _seconds(plan, unit, made)))
            except Exception as error:  # whatever a plug-in raises
                yield f"{model} cannot be timed: {describe(error)[0]}"
    memory = _memory(plan.settings.device)
    clear_caches()
    if rows:
        yield from _table(rows, min(workers, len(unfinished)))
        yield from _memory_lines(memory, min(workers, len(unfinished)))


def _by_model(plan: RunPlan, units: Sequence[Unit]) -> dict[str, tuple[Unit, Counter[PredictionKind]]]:
    """Return a unit of each model, and how many predictions it makes at most in all units."""
    from segbench.benchmark.study import find_protocol
    from segbench.models.registry import capabilities

    available = {task.task: task.counts for task in plan.selection.tasks()}
    groups: dict[tuple, list[Unit]] = {}
    for unit in units:
        key = unit.protocol, unit.model, unit.task, unit.config, len(unit.simulations)
        groups.setdefault(key, []).append(unit)
    found: dict[str, tuple[Unit, Counter[PredictionKind]]] = {}
    for (protocol, model, task, config, simulations), group in groups.items():
        made = find_protocol(protocol).predictions(
            simulations, available[task][config.split], config, capabilities(model)
        )
        _, total = found.setdefault(model, (group[0], Counter()))
        total.update({kind: number * len(group) for kind, number in made.items()})
    return found


def _seconds(plan: RunPlan, unit: Unit, made: Counter[PredictionKind]) -> float:
    """Time a model on the task of a unit, and return the seconds of so many predictions."""
    from segbench.benchmark.execution.timing import interpolated, time_predictions
    from segbench.benchmark.execution.worker import data_of, model_of
    from segbench.benchmark.study import find_protocol
    from segbench.protocols.simulation import Setup

    settings = plan.settings
    model = model_of(unit.model, unit.weights, settings.device, settings.precision)
    setup = Setup(data_of(unit.source, unit.task, plan.root), model, unit.config)
    seconds = time_predictions(find_protocol(unit.protocol), setup, made)
    return sum(number * interpolated(seconds, kind) for kind, number in made.items())


def _table(rows: Sequence[ModelEstimate], workers: int) -> Iterator[str]:
    width, of_workers = max(len(row.model) for row in rows), count_of(workers, "worker")
    yield f"{'model':<{width}}  seconds per prediction  predictions  time on {of_workers}"
    for row in sorted(rows, key=lambda row: -row.seconds):
        mean, time = row.seconds / row.predictions, duration(row.seconds / workers)
        yield f"{row.model:<{width}}  {mean:>22.3f}  {row.predictions:>11,}  {time:>{8 + len(of_workers)}}"
    total = duration(sum(row.seconds for row in rows) / workers)
    yield (
        f"At most {total} on {of_workers}; as images end at their target Dice, runs with clicks or scribbles "
        "take a quarter of it on easy tasks and nearly all on hard ones"
    )


def duration(seconds: float) -> str:
    """Return a time with two digits, in seconds, minutes or hours.

    Examples
    --------
    >>> duration(41.2), duration(600), duration(3600 * 194)
    ('41 s', '10 min', '190 h')
    """
    unit, length = ("s", 1) if seconds < 100 else ("min", 60) if seconds < 6000 else ("h", 3600)
    return f"{significant(seconds / length, 2)} {unit}"


def _memory(device: str) -> dict[str, tuple[float, float]]:
    """Return the bytes that this process has used at most, and those that there are, by kind of memory."""
    found: dict[str, tuple[float, float]] = {}
    if os.name == "posix":
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        there_are = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        found["Memory"] = used * (1 if sys.platform == "darwin" else 1024), there_are
    if device == "cuda":
        import torch

        found["GPU memory"] = torch.cuda.max_memory_reserved(), torch.cuda.mem_get_info()[1]
    return found


def _memory_lines(memory: dict[str, tuple[float, float]], workers: int) -> Iterator[str]:
    for kind, (used, there_are) in memory.items():
        needed = f"{used / GIB:.1f} GiB for each worker"
        if kind == "Memory" and workers > 1:
            needed += f", {workers * used / GIB:.1f} GiB for all"
            used *= workers
        advice = "; run with fewer --workers" if used > there_are else ""
        yield f"{kind}: about {needed}, of {there_are / GIB:.0f} GiB{advice}"
