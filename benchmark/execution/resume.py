"""What is left of a run, and doing it: again and again the same, until every unit is there and whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segbench.errors import Failure

if TYPE_CHECKING:
    from segbench.benchmark.execution.cluster import Backend
    from segbench.benchmark.plan import Unit
    from segbench.benchmark.settings import Settings
    from segbench.results import Results
    from segbench.results.store import Run

ROUNDS = 3  # a unit that is damaged each time that it is written is the disk's fault


def finished(units: Sequence[Unit], output: Path | str) -> int:
    """How many units a run holds already; 0 where there is no run."""
    from segbench.results.store import Run, exists

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
    crew: Backend,
) -> Results:
    """Compute the units that a run lacks, and those that are found to be damaged when all are read.

    Parameters
    ----------
    units : in the order in which they start
    settings, root : what they are computed with, and the folder of the data
    output : where the run is, or begins
    manifest : of this command; what the run's other commands said is kept
    crew : who computes

    Returns
    -------
    Results
        Of the whole run.

    Raises
    ------
    Failure
        If a unit cannot be computed, or is damaged again and again.
    """
    from segbench.benchmark.execution.worker import forget
    from segbench.results import load
    from segbench.results.store import DamagedUnit, Run

    store = Run.open_or_create(output, settings.flat())
    left = _missing(store, units)
    if 0 < len(left) < len(units):
        click.echo(f"{len(units) - len(left)} of {len(units)} units are finished already")
    computed = False
    for _ in range(ROUNDS):
        _tell(store, manifest)
        if left:
            _compute(left, store, settings, root, crew)
            computed = True
        try:
            results = load(store.path)
        except DamagedUnit:
            store.verify(store.units())
            left = _missing(store, units)
            continue
        _tell(store, manifest)
        forget()
        if not computed:
            click.echo("Nothing left to do: all units are finished")
        return results
    raise Failure(f"units of {store.path} are damaged as soon as they are written; check the disk")


def _missing(store: Run, units: Sequence[Unit]) -> list[Unit]:
    there = set(store.units())
    return [unit for unit in units if unit.key not in there]


def _tell(store: Run, manifest: dict[str, Any]) -> None:
    """Add what this command is to the run's manifest, again if another run has replaced it meanwhile."""
    from segbench.benchmark.provenance import merged

    for _ in range(ROUNDS):
        known = store.manifest()
        together = merged(known, manifest)
        told = all(together[what] == known.get(what) for what in ("models", "tasks", "tasks_found"))
        if told and all(
            part in known.get(what, []) for what in ("all_arguments", "parts") for part in manifest[what]
        ):
            return
        store.write_manifest(together)


def _compute(units: list[Unit], store: Run, settings: Settings, root: Path, crew: Backend) -> None:
    from segbench.benchmark.execution.run_units import execute
    from segbench.benchmark.execution.worker import Job, absolute
    from segbench.benchmark.plan import batches
    from segbench.benchmark.settings import resolve_workers

    processes = resolve_workers(crew.workers, settings.device)
    with crew.opened(processes) as client:
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
