"""What has to run: units, each with a key that is the hash of all that decides its outcome."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from itertools import product
from typing import Any

from benchmark.selection import ChosenTask, Selection
from benchmark.settings import Settings
from datasets.task import Task
from models.registry import MODELS, WEIGHTS, create_model
from models.weights import checksum, companion

# Simulations of a unit. Fixed, since another block is another key: a run that is continued with
# another number of workers must find its finished units again. The records do not depend on it.
BLOCK = 10

# Segments the seed image, the first context entry of every method (MultiverSeg, section 6.1).
SEED_MODEL = "scribbleprompt"


@dataclass(frozen=True)
class Unit:
    """The smallest thing that is planned, run, stored and resumed.

    Attributes
    ----------
    protocol, model, source : names
    task : Task
    simulations : indices of the simulations
    in_context : bool
        Whether the model takes context, and so a seed image.
    key : SHA-256 of all that decides the outcome, hexadecimal
    """

    protocol: str
    model: str
    source: str
    task: Task
    simulations: tuple[int, ...]
    in_context: bool
    key: str

    def description(self) -> dict[str, Any]:
        """What the unit is, for people who look into the store."""
        return {
            "protocol": self.protocol,
            "model": self.model,
            "task": self.task.name,
            "simulations": list(self.simulations),
        }

    def cost(self, images: int) -> int:
        """Rough relative time; a model with context is several times slower than one without."""
        return len(self.simulations) * images * (5 if self.in_context else 1)


@dataclass(frozen=True)
class Checksums:
    """SHA-256 of the weights of every model of a run (None where it has none), and of the seed model."""

    models: dict[str, str | None]
    seed: str | None


def checksums(selection: Selection, settings: Settings) -> Checksums:
    """Checksums of all weights of a run, after every model has been made once.

    Raises
    ------
    WeightsError
        If weights are missing or wrong, so that this ends a run before it begins.
    """
    models = {name: _checksum(name, settings.weights) for name in selection.all_models()}
    in_context = any(MODELS.get(name).capabilities.in_context for name in models)
    seed = _checksum(SEED_MODEL, companion(settings.weights)) if in_context else None
    return Checksums(models, seed)


def _checksum(name: str, weights: str) -> str | None:
    """Of one file, or of the checksums of several; a file that is given is the named model's own."""
    create_model(name, weights=weights)
    parts = [
        checksum(part, weights if part == name else companion(weights)) for part in WEIGHTS.get(name, ())
    ]
    return parts[0] if len(parts) == 1 else digest(parts) if parts else None


def plan(selection: Selection, settings: Settings, weights: Checksums) -> list[Unit]:
    """All units of a run, the largest first so that no worker is left with a long one at the end.

    Parameters
    ----------
    selection, settings : what takes part and how
    weights : as `checksums` gives them
    """
    starts = range(0, settings.simulations, BLOCK)
    blocks = [tuple(range(start, min(start + BLOCK, settings.simulations))) for start in starts]
    units = []
    for name, protocol in selection.protocols.items():
        shared = settings.flat() | {"protocol": name, "version": protocol.version}
        for chosen, model, block in product(selection.tasks[name], selection.models[name], blocks):
            in_context = MODELS.get(model).capabilities.in_context
            key = digest(shared | _identity(chosen, model, block, weights))
            units.append(Unit(name, model, chosen.source, chosen.task, block, in_context, key))
    # Among equals by task, so that a worker seldom has to load other data.
    return sorted(units, key=lambda unit: (-unit.cost(settings.config.images), unit.task))


def _identity(
    chosen: ChosenTask, model: str, simulations: tuple[int, ...], weights: Checksums
) -> dict[str, Any]:
    """What tells the units of one protocol apart; weights and data count by their content."""
    adapter = MODELS.get(model)
    return {
        "model": model,
        "adapter": f"{adapter.__module__}:{adapter.__qualname__}",
        "adapter_version": getattr(adapter, "version", None),
        "weights": weights.models[model],
        "seed_weights": weights.seed if adapter.capabilities.in_context else None,
        "task": chosen.task.name,
        "data": chosen.fingerprint,
        "simulations": simulations,
    }


def digest(settings: Any) -> str:
    """SHA-256 of canonical JSON, hexadecimal."""
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
