"""Compute missing units; recompute damaged ones, three times at most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segbench.errors import Failure
from segbench.text import count_of

if TYPE_CHECKING:
    from segbench.benchmark.execution.cluster import Backend
    from segbench.benchmark.plan import RunPlan, Unit
    from segbench.results import Results
    from segbench.results.store import Run

# Entries of a manifest that grow with the commands of a run.
SECTIONS = ("protocols", "models", "tasks", "tasks_found")
LISTS = ("all_arguments", "plans", "parts", "processors")
ATTEMPTS = 3  # a unit that is damaged after each attempt is a fault of the disk


def unfinished(units: Sequence[Unit], output: Path | str) -> list[Unit]:
    """Return the units that a run lacks. A run that has not begun lacks all."""
    from segbench.results.store import Run, exists

    return _missing(Run(output), units) if exists(output) else list(units)


def resume(plan: RunPlan, manifest: dict[str, Any], backend: Backend) -> Results:
    """Compute the missing units of a run, read all units, and recompute those that are damaged.

    Parameters
    ----------
    plan : RunPlan
    manifest : dict
        The manifest of this command; it is merged with that of the run's earlier commands.
    backend : Backend

    Returns
    -------
    Results
        The results of the whole run.

    Raises
    ------
    Failure
        If a unit cannot be computed, or is damaged after every attempt. Units that are lost with the worker
        of a model (`segbench.models.remote`) do not stop the others.
    """
    from segbench.results import load
    from segbench.results.store import DamagedUnit, Run

    store = Run.open_or_create(plan.output, plan.settings.shared())
    missing = _missing(store, plan.units)
    if 0 < len(missing) < len(plan.units):
        click.echo(f"{len(plan.units) - len(missing)} of {len(plan.units)} units are finished already")
    computed = False
    for _ in range(ATTEMPTS):
        computed = computed or bool(missing)
        # The manifest names the processors that have computed records.
        written = manifest if computed else manifest | {"processors": []}
        _update_manifest(store, written)
        if missing:
            _compute(missing, store, plan, backend)
        try:
            results = load(store.path)
        except DamagedUnit:
            store.verify(store.units())
            missing = _missing(store, plan.units)
            continue
        _update_manifest(store, written)
        if not computed:
            click.echo("Nothing to compute: all units are finished")
        return results
    raise Failure(f"units of {store.path} are damaged right after they are written; check the disk")


def _missing(store: Run, units: Sequence[Unit]) -> list[Unit]:
    stored = set(store.units())
    return [unit for unit in units if unit.key not in stored]


def _update_manifest(store: Run, manifest: dict[str, Any]) -> None:
    """Merge a manifest into that of the run, again if another command has replaced it meanwhile."""
    from segbench.benchmark.provenance import merged

    for _ in range(ATTEMPTS):
        stored = store.manifest()
        new = merged(stored, manifest)
        same = all(new[name] == stored.get(name) for name in SECTIONS)
        if same and all(item in stored.get(name, []) for name in LISTS for item in manifest[name]):
            return
        store.write_manifest(new)


def _compute(units: list[Unit], store: Run, plan: RunPlan, backend: Backend) -> None:
    from segbench.benchmark.execution.batches import make_batches
    from segbench.benchmark.execution.progress import BatchProgress, reports
    from segbench.benchmark.execution.run_units import execute
    from segbench.benchmark.execution.worker import Job, clear_caches, with_absolute_paths
    from segbench.benchmark.local_models import for_workers
    from segbench.benchmark.settings import resolve_workers

    device = plan.settings.device
    processes = resolve_workers(backend.workers, device)
    with backend.connected(processes) as client, reports(client) as (send, receive):
        if client is not None:
            processes = len(client.nthreads())
        batches = make_batches(units, device, processes)
        local = for_workers({unit.model for unit in units}, others=processes > 1 or client is not None)
        batches, job = with_absolute_paths(batches, Job(plan.settings, plan.root, store.path, local, send))
        progress = BatchProgress(batches, receive)
        try:
            execute(batches, job, device, processes, size=len, progress=progress, client=client)
        finally:
            clear_caches()
    if progress.lost:
        raise Failure(
            f"{len(progress.lost)} of {count_of(len(units), 'unit')} were lost, as stated above, with the "
            "workers of models; all others are finished, and the same command computes these again"
        )
