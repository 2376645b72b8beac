"""What has to run: units, each with a key that is the hash of all that decides its outcome."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any

from benchmark.selection import ChosenTask, Part, Selection
from benchmark.settings import Settings
from datasets.task import Task
from models.registry import MODELS, WEIGHTS, create_model
from models.weights import checksum, companion
from protocols.config import Config

# Simulations of a unit, if its protocol does not say. Fixed, since another block is another key: a run that
# is continued with another number of workers must find its finished units again. No record depends on it.
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
    config : Config
    needs_seed : bool
        Whether a seed model segments the first entry of the context.
    identity : what must be the same wherever units are read together, by what it is called
    cost : rough relative time
    key : SHA-256 of all that decides the outcome, hexadecimal
    """

    protocol: str
    model: str
    source: str
    task: Task
    simulations: tuple[int, ...]
    config: Config
    needs_seed: bool
    identity: dict[str, Any] = field(compare=False)
    cost: int = field(compare=False)
    key: str

    def description(self) -> dict[str, Any]:
        """What the unit is, for people who look into the store, and for those who read it with others."""
        return {
            "protocol": self.protocol,
            "model": self.model,
            "task": self.task.name,
            "simulations": list(self.simulations),
            "config": asdict(self.config),
            "identity": self.identity,
        }


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
    seeded = any(_needs_seed(part, model) for part in selection.parts for model in part.models)
    seed = _checksum(SEED_MODEL, companion(settings.weights)) if seeded else None
    return Checksums(models, seed)


def _needs_seed(part: Part, model: str) -> bool:
    return getattr(part.protocol, "seeded", True) and MODELS.get(model).capabilities.in_context


def _checksum(name: str, weights: str) -> str | None:
    """Of one file, or of the checksums of several; a file that is given is the named model's own."""
    create_model(name, weights=weights)
    needed = WEIGHTS.get(name, ())
    own = needed if len(needed) == 1 else (name,)
    parts = [checksum(part, weights if part in own else companion(weights)) for part in needed]
    return parts[0] if len(parts) == 1 else digest(parts) if parts else None


def plan(selection: Selection, settings: Settings, weights: Checksums) -> list[Unit]:
    """All units of a run, the largest first so that no worker is left with a long one at the end.

    Parameters
    ----------
    selection, settings : what takes part and how
    weights : as `checksums` gives them
    """
    units: dict[str, Unit] = {}
    for part in selection.parts:
        simulations = part.simulations(settings.simulations)
        size = getattr(part.protocol, "block", BLOCK)
        blocks = [tuple(range(s, min(s + size, simulations))) for s in range(0, simulations, size)]
        for chosen, model, block in product(part.tasks, part.models, blocks):
            unit = _unit(part, chosen, model, block, settings, weights)
            units.setdefault(unit.key, unit)  # two figures may want the same
    # Among equals by task, so that a worker seldom has to load other data.
    return sorted(units.values(), key=lambda unit: (-unit.cost, unit.task))


def _unit(
    part: Part,
    chosen: ChosenTask,
    model: str,
    simulations: tuple[int, ...],
    settings: Settings,
    weights: Checksums,
) -> Unit:
    """A unit with its key; weights and data count by their content."""
    protocol, config = part.protocol, part.experiment.config
    name, adapter = part.experiment.protocol, MODELS.get(model)
    seeded = _needs_seed(part, model)
    version = getattr(adapter, "version", None)
    identity = {
        f"version of protocol {name}": protocol.version,
        f"weights of {model}": weights.models[model],
        f"version of {model}": version,
        f"data of {chosen.task.name}": chosen.fingerprint,
    }
    if seeded:
        identity["weights of the seed model"] = weights.seed
    decisive = asdict(config) | settings.computation() | identity
    decisive |= {
        "protocol": name,
        "model": model,
        "adapter": f"{adapter.__module__}:{adapter.__qualname__}",
        "task": chosen.task.name,
        "simulations": simulations,
    }
    available = chosen.counts[config.split]
    each = protocol.cost(available, config, adapter.capabilities) if hasattr(protocol, "cost") else available
    cost = max(1, len(simulations) * each)
    return Unit(
        name, model, chosen.source, chosen.task, simulations, config, seeded, identity, cost, digest(decisive)
    )


def digest(settings: Any) -> str:
    """SHA-256 of canonical JSON, hexadecimal."""
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
