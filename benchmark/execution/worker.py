"""Compute units in a worker process: load model and data, run the protocol, store the records."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from segbench.benchmark.execution.batches import Batch
from segbench.benchmark.execution.progress import Outcome, Reporter, Send, no_report
from segbench.benchmark.plan import SEED_MODEL, Unit
from segbench.benchmark.settings import Settings
from segbench.errors import Failure, describe
from segbench.models.named_weights import absolute
from segbench.models.registry import MODELS
from segbench.models.remote import WorkerError, forget, is_remote
from segbench.models.weights import companion
from segbench.paths import expanded
from segbench.protocols.config import ProtocolError
from segbench.registry import Local

if TYPE_CHECKING:
    from segbench.datasets.task import Task
    from segbench.protocols.adapter import ModelAdapter
    from segbench.protocols.records import Records
    from segbench.protocols.simulation import SimulationGroup
    from segbench.results.store import Run


@dataclass(frozen=True)
class Job:
    """Everything that all units of a run are computed with; it is sent to the workers with each batch."""

    settings: Settings
    root: Path  # the data folder
    output: Path | str  # the run: a folder, or the address of an object store
    models: dict[str, Local] = field(default_factory=dict)  # those that workers cannot import by name
    send: Send = no_report  # sends reports of what is finished
    # Identifies this job among the jobs of a long-lived worker process.
    token: str = field(default_factory=lambda: uuid4().hex)

    def __call__(self, batch: Batch, device: str) -> Outcome:
        """Compute the units of a batch together, and store each when it is finished.

        Units that are stored by now are left out, as another run may write to the same store, or a killed
        worker may have finished a part of the batch. A model that fails in an environment of its own loses
        the unit only; the other units of the batch are then computed one by one.

        Returns
        -------
        Outcome
            Seconds that the computation took, without the time to load the model; and the lost units.

        Raises
        ------
        Failure
            The sentence names the model, the task and the cause.
        """
        from segbench.results.store import Run

        _start_job(self)
        store = Run(self.output)
        units = [unit for unit in batch if not store.finished(unit.key)]
        if not units:
            return Outcome(0.0)
        others = f" or another of {len(units)} units" if len(units) > 1 else ""
        started = time.monotonic()
        try:
            with _named_in_failures(units[0], others):
                models = _models(units[0], self, device)
                started = time.monotonic()
                for unit, records in _compute(units, models, self, Reporter(batch, units, self.send)):
                    with _named_in_failures(unit):
                        _store(unit, records, store)
        except Failure as failure:
            if not _only_of_model(failure, units[0].model):
                raise
            lost: Sequence[str] = [str(failure)]
            if len(units) > 1:
                lost = [text for unit in units for text in self(Batch([unit]), device).lost]
            return Outcome(time.monotonic() - started, tuple(lost))
        return Outcome(time.monotonic() - started)


def with_absolute_paths(batches: Sequence[Batch], job: Job) -> tuple[list[Batch], Job]:
    """Return the same work with absolute paths, for processes in other folders; keys do not change."""
    settings = replace(job.settings, weights=absolute(job.settings.weights))
    output = job.output.absolute() if isinstance(job.output, Path) else job.output
    moved = [
        Batch(
            replace(unit, weights=absolute(unit.weights), source=_absolute_source(unit.source))
            for unit in batch
        )
        for batch in batches
    ]
    return moved, replace(job, settings=settings, root=job.root.absolute(), output=output)


def _absolute_source(name: str) -> str:
    kind, colon, path = name.partition(":")
    return f"folder:{expanded(Path(path)).absolute()}" if kind == "folder" and colon else name


def _only_of_model(failure: Failure, model: str) -> bool:
    """Whether the fault is that of a model in an environment of its own: its worker's, or its answer's."""
    return is_remote(model) and isinstance(failure.__cause__, WorkerError | ProtocolError)


@contextmanager
def _named_in_failures(unit: Unit, others: str = "") -> Iterator[None]:
    """Turn any error into a Failure that names the unit and can be sent to another process."""
    try:
        yield
    except (Failure, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # also sys.exit of a plug-in, which would end the worker or the run
        place = f"{unit.model} failed on {unit.task}{others} ({unit.protocol})"
        raise Failure(f"{place}: {describe(error)[0]}") from error


_token: str | None = None


def _start_job(job: Job) -> None:
    """Clear the caches and take over the job's models if the last batch belonged to another job."""
    global _token
    if job.token != _token:
        clear_caches()
        MODELS.local.update(job.models)
    _token = job.token


def clear_caches() -> None:
    """Release models and data; the same names may mean others in the next run of this process."""
    from segbench.protocols import cache

    model_of.cache_clear()
    data_of.cache_clear()
    cache.forget()
    forget()


def _models(unit: Unit, job: Job, device: str) -> tuple[ModelAdapter, ModelAdapter | None]:
    """Return the model of a unit, and its seed model if it needs one."""
    _require_same_source(unit)
    settings, seed_model = job.settings, None
    model = model_of(unit.model, unit.weights, device, settings.precision)
    if unit.needs_seed:
        seed_model = model_of(SEED_MODEL, companion(settings.weights), device, settings.precision)
    return model, seed_model


def _compute(
    units: Sequence[Unit], models: tuple[ModelAdapter, ModelAdapter | None], job: Job, report: Reporter
) -> Iterator[tuple[Unit, Records]]:
    """Return each unit with its records, in the order in which they are finished."""
    from segbench.benchmark.study import find_protocol
    from segbench.protocols.scheduler import run_simulations

    model, seed_model = models
    protocol = find_protocol(units[0].protocol)

    def groups() -> Iterator[SimulationGroup]:
        for unit in units:
            with _named_in_failures(unit):
                data = data_of(unit.source, unit.task, job.root)
                yield protocol.prepare(data, model, unit.simulations, unit.config, seed_model, unit.model)

    for number, records in run_simulations(groups(), model, report):
        yield units[number], records


def _require_same_source(unit: Unit) -> None:
    """Raise a Failure if this process has imported other plug-ins than the run was planned with."""
    from segbench.benchmark.plugin_source import source_of
    from segbench.protocols.registry import PROTOCOLS

    for name, digest in (source_of(MODELS, unit.model) | source_of(PROTOCOLS, unit.protocol)).items():
        if unit.identity.get(name) != digest:
            raise Failure(f"the {name} differs between this worker and the run; restart the workers")


def _store(unit: Unit, records: Records, store: Run) -> None:
    from segbench.results.schema import IMAGES, PICTURES, STEPS, UNTIMED, typed

    store.write(
        unit.key,
        unit.description(),
        typed(records.steps, STEPS),
        typed(records.images, IMAGES),
        typed(records.pictures, PICTURES),
        typed(records.seeds, UNTIMED),
    )


@lru_cache(maxsize=16)
def model_of(name: str, weights: str, device: str, precision: str) -> Any:
    """Return a model, which stays loaded in this process."""
    from segbench.models import create_model

    return create_model(name, weights=weights, device=device, precision=precision)


@lru_cache(maxsize=4)
def data_of(dataset: str, task: Task, root: Path) -> Any:
    """Return the data of a task, which stay loaded in this process."""
    from segbench.datasets.registry import open_dataset

    return open_dataset(dataset, root).load(task)
