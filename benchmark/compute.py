"""How a unit is computed, in whichever process: model, data, protocol, and its records into the run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmark.errors import Failure, describe
from benchmark.plan import SEED_MODEL, Unit
from benchmark.settings import Settings
from models.weights import companion


@dataclass(frozen=True)
class Job:
    """What a unit is computed with: settings, the data folder, and the folder of the run."""

    settings: Settings
    root: Path
    output: Path

    def __call__(self, unit: Unit, device: str) -> None:
        """Compute a unit and store it.

        Raises
        ------
        Failure
            The sentence names model, task and cause.
        """
        try:
            _compute(unit, self, device)
        except Exception as error:
            # One text argument, so that the failure travels between processes whatever it was.
            raise Failure(
                f"{unit.model} failed on {unit.task} ({unit.protocol}): {describe(error)[0]}"
            ) from error


def forget() -> None:
    """Let go of models and data; the next run in this process may mean others by the same names."""
    _adapter.cache_clear()
    _data.cache_clear()


def _compute(unit: Unit, job: Job, device: str) -> None:
    from protocols.registry import PROTOCOLS
    from results.schema import IMAGES, PICTURES, STEPS, typed
    from results.store import Run

    settings = job.settings
    model = _adapter(unit.model, unit.weights, device, settings.precision)
    seed = None
    if unit.needs_seed:
        seed = _adapter(SEED_MODEL, companion(settings.weights), device, settings.precision)
    records = PROTOCOLS.get(unit.protocol).run(
        _data(unit.source, unit.task, job.root), model, unit.simulations, unit.config, seed, unit.model
    )
    Run(job.output).write(
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
