"""How units are computed, in whichever process: model, data, protocol, and its records into the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from segbench.benchmark.plan import SEED_MODEL, Batch, Unit
from segbench.benchmark.settings import Settings
from segbench.errors import Failure, describe
from segbench.models.weights import companion

if TYPE_CHECKING:
    from segbench.protocols.records import Records
    from segbench.results.store import Run


@dataclass(frozen=True)
class Job:
    """What units are computed with, small enough to travel with each of them.

    Attributes
    ----------
    settings : Settings
    root : Path
        Folder of the data sets.
    output : Path, or str of an object store
        The run.
    token : str
        Tells this job from others that the same process may have worked for.
    """

    settings: Settings
    root: Path
    output: Path | str
    token: str = field(default_factory=lambda: uuid4().hex)

    def __call__(self, batch: Batch, device: str) -> None:
        """Compute units together, and store each when it is finished.

        Those that are stored by now are left out: another run writes to the same place, or a worker was
        killed after it had finished some of a batch.

        Raises
        ------
        Failure
            The sentence names model, task and cause.
        """
        from segbench.results.store import Run

        _work_for(self.token)
        store = Run(self.output)
        batch = Batch(unit for unit in batch if not store.finished(unit.key))
        if not batch:
            return
        others = f" or another of {len(batch)} units" if len(batch) > 1 else ""
        with _blaming(batch[0], others):
            for unit, records in _computed(batch, self, device):
                with _blaming(unit):
                    _store(unit, records, store)


def absolute(batches: Sequence[Batch], job: Job) -> tuple[list[Batch], Job]:
    """The same work by absolute paths, for processes that stand in other folders; keys stay."""
    settings = replace(job.settings, weights=_whole(job.settings.weights))
    output = job.output.absolute() if isinstance(job.output, Path) else job.output
    moved = [
        Batch(
            replace(unit, weights=_whole(unit.weights), source=_whole_source(unit.source)) for unit in batch
        )
        for batch in batches
    ]
    return moved, replace(job, settings=settings, root=job.root.absolute(), output=output)


def _whole(weights: str) -> str:
    """The absolute path of weights that are a file or folder; a word as it is."""
    known = weights in ("bundled", "official") or not Path(weights).exists()
    return weights if known else str(Path(weights).absolute())


def _whole_source(name: str) -> str:
    kind, colon, path = name.partition(":")
    return f"folder:{Path(path).expanduser().absolute()}" if kind == "folder" and colon else name


@contextmanager
def _blaming(unit: Unit, others: str = "") -> Iterator[None]:
    """Whatever fails is the failure of a unit, in one sentence that travels between processes."""
    try:
        yield
    except Failure:
        raise
    except Exception as error:
        what = f"{unit.model} failed on {unit.task}{others} ({unit.protocol})"
        raise Failure(f"{what}: {describe(error)[0]}") from error


def _work_for(token: str) -> None:
    """Forget what an earlier job left in a worker that lives longer than a run."""
    global _token
    if token != _token:
        forget()
    _token = token


_token: str | None = None


def forget() -> None:
    """Let go of models and data; the next run in this process may mean others by the same names."""
    from segbench.protocols import cache

    _adapter.cache_clear()
    _data.cache_clear()
    cache.forget()


def _computed(batch: Batch, job: Job, device: str) -> Iterator[tuple[Unit, Records]]:
    """Each unit with its records, in the order in which they are finished."""
    from segbench.protocols.registry import PROTOCOLS
    from segbench.protocols.scheduler import run_simulations

    settings, first = job.settings, batch[0]
    model = _adapter(first.model, first.weights, device, settings.precision)
    seed = None
    if first.needs_seed:
        seed = _adapter(SEED_MODEL, companion(settings.weights), device, settings.precision)
    protocol = PROTOCOLS.get(first.protocol)

    def begun(method: Callable[..., Any]) -> Iterator[Any]:
        for unit in batch:
            with _blaming(unit):
                data = _data(unit.source, unit.task, job.root)
                yield method(data, model, unit.simulations, unit.config, seed, unit.model)

    if _plays_games(protocol):
        for number, records in run_simulations(begun(protocol.prepare), model):
            yield batch[number], records
    else:
        yield from zip(batch, begun(protocol.run), strict=True)


def _plays_games(protocol: Any) -> bool:
    """Whether a protocol is written as games, and does not run them in a way of its own."""
    from segbench.protocols.scheduler import InGames

    return isinstance(protocol, InGames) and type(protocol).run is InGames.run


def _store(unit: Unit, records: Records, store: Run) -> None:
    from segbench.results.schema import IMAGES, PICTURES, STEPS, typed

    store.write(
        unit.key,
        unit.description(),
        typed(records.steps, STEPS),
        typed(records.images, IMAGES),
        typed(records.pictures, PICTURES),
    )


@lru_cache(maxsize=16)
def _adapter(name: str, weights: str, device: str, precision: str) -> Any:
    from segbench.models import create_model

    return create_model(name, weights=weights, device=device, precision=precision)


@lru_cache(maxsize=4)
def _data(source_name: str, task: Any, root: Path) -> Any:
    from segbench.datasets.registry import open_dataset

    return open_dataset(source_name, root).load(task)
