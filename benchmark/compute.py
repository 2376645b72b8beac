"""How units are computed, in whichever process: model, data, protocol, and its records into the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.errors import Failure, describe
from benchmark.plan import SEED_MODEL, Batch, Unit
from benchmark.settings import Settings
from models.weights import companion

if TYPE_CHECKING:
    from protocols.records import Records


@dataclass(frozen=True)
class Job:
    """What units are computed with: settings, the data folder, and the folder of the run."""

    settings: Settings
    root: Path
    output: Path

    def __call__(self, batch: Batch, device: str) -> None:
        """Compute units together, and store each when it is finished.

        Raises
        ------
        Failure
            The sentence names model, task and cause.
        """
        others = f" or another of {len(batch)} units" if len(batch) > 1 else ""
        with _blaming(batch[0], others):
            for unit, records in _computed(batch, self, device):
                with _blaming(unit):
                    _store(unit, records, self.output)


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


def forget() -> None:
    """Let go of models and data; the next run in this process may mean others by the same names."""
    from protocols import alone

    _adapter.cache_clear()
    _data.cache_clear()
    alone.forget()


def _computed(batch: Batch, job: Job, device: str) -> Iterator[tuple[Unit, Records]]:
    """Each unit with its records, in the order in which they are finished."""
    from protocols.engine import settle_all
    from protocols.registry import PROTOCOLS

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
        for number, records in settle_all(begun(protocol.begin), model):
            yield batch[number], records
    else:
        yield from zip(batch, begun(protocol.run), strict=True)


def _plays_games(protocol: Any) -> bool:
    """Whether a protocol is written as games, and does not run them in a way of its own."""
    from protocols.engine import InGames

    return isinstance(protocol, InGames) and type(protocol).run is InGames.run


def _store(unit: Unit, records: Records, output: Path) -> None:
    from results.schema import IMAGES, PICTURES, STEPS, typed
    from results.store import Run

    Run(output).write(
        unit.key,
        unit.description(),
        typed(records.steps, STEPS),
        typed(records.images, IMAGES),
        typed(records.pictures, PICTURES),
    )


@lru_cache(maxsize=16)
def _adapter(name: str, weights: str, device: str, precision: str) -> Any:
    from models import create_model

    return create_model(name, weights=weights, device=device, precision=precision)


@lru_cache(maxsize=4)
def _data(source_name: str, task: Any, root: Path) -> Any:
    from datasets.registry import source

    return source(source_name, root).load(task, root)
