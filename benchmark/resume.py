"""What is left of a run, and doing it: again and again the same, until every unit is there and whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmark.errors import Failure

if TYPE_CHECKING:
    from benchmark.plan import Unit
    from benchmark.settings import Settings
    from results.store import Run

ROUNDS = 3  # a unit that is damaged each time that it is written is the disk's fault


def finished(units: Sequence[Unit], output: Path | str) -> int:
    """How many units a run holds already; 0 where there is no run."""
    from results.store import Run, exists

    if not exists(output):
        return 0
    there = set(Run(output).units())
    return sum(unit.key in there for unit in units)


def resume(
    units: Sequence[Unit],
    settings: Settings,
    root: Path,
    output: Path | str,
    manifest: dict[str, Any],
    workers: int | None,
    backend: str,
    scheduler: str | None,
) -> None:
    """Compute the units that a run lacks, and those that are found to be damaged when they are read.

    Parameters
    ----------
    units : in the order in which they start
    settings, root : what they are computed with, and the folder of the data
    output : where the run is, or begins
    manifest : of this command; what the run's other commands said is kept
    workers, backend, scheduler : who computes (`benchmark.cluster.opened`)

    Raises
    ------
    Failure
        If a unit cannot be computed, or is damaged again and again.
    """
    from benchmark.compute import forget
    from benchmark.provenance import merged
    from results.store import Run

    store = Run.open_or_create(output, settings.flat())
    there = set(store.units())
    left = [unit for unit in units if unit.key not in there]
    if 0 < len(left) < len(units):
        click.echo(f"{len(units) - len(left)} of {len(units)} units are finished already")
    left = left or _damaged(store, units)
    if not left:
        click.echo("Nothing left to do: all units are finished")
        return
    store.write_manifest(merged(store.manifest(), manifest))
    for _ in range(ROUNDS):
        _compute(left, store, settings, root, workers, backend, scheduler)
        left = _damaged(store, units)
        if not left:
            break
    else:
        raise Failure(f"units of {store.path} are damaged as soon as they are written; check the disk")
    # Once more, as another run into the same store may have replaced what this one said.
    store.write_manifest(merged(store.manifest(), manifest))
    forget()


def _damaged(store: Run, units: Sequence[Unit]) -> list[Unit]:
    found = set(store.verify([unit.key for unit in units]))
    return [unit for unit in units if unit.key in found]


def _compute(
    units: list[Unit],
    store: Run,
    settings: Settings,
    root: Path,
    workers: int | None,
    backend: str,
    scheduler: str | None,
) -> None:
    from benchmark.cluster import opened
    from benchmark.compute import Job, absolute
    from benchmark.execute import execute
    from benchmark.plan import batches
    from benchmark.settings import resolve_workers

    processes = resolve_workers(workers, settings.device)
    with opened(backend, scheduler, processes) as client:
        if client is not None:
            processes = len(client.nthreads())
        together = batches(units, settings.device, processes)
        stored = None if len(together) == len(units) else _stored(store, units)
        work, job = absolute(together, Job(settings, root, store.path))
        execute(work, job, settings.device, processes, size=len, passed=stored, client=client)


def _stored(store: Run, units: list[Unit]) -> Callable[[], int]:
    """What tells the cost of the units that are finished by now, where many are computed together.

    It asks the store for a twentieth of the time at most, as one on a network may be slow to list.
    """
    costs = {unit.key: unit.cost for unit in units}
    done, again = 0, 0.0

    def passed() -> int:
        nonlocal done, again
        start = time.monotonic()
        if start >= again:
            done = sum(costs.get(key, 0) for key in store.units())
            again = start + 20 * (time.monotonic() - start)
        return done

    return passed
