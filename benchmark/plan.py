"""What has to run: units, each with a key that is the hash of all that decides its outcome."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from segbench.benchmark.selection import ExperimentPlan, SelectedTask, Selection
from segbench.benchmark.settings import Settings
from segbench.benchmark.trained import Trained, trained
from segbench.datasets.task import Task
from segbench.models.registry import MODELS, create_model, required_weights
from segbench.models.weights import WeightsError, checksum, companion, file_checksum
from segbench.protocols.config import Config

# Simulations of a unit, if its protocol does not say. Fixed, since another block is another key: a run that
# is continued with another number of workers must find its finished units again. No record depends on it.
BLOCK = 10

# Units that a GPU computes together, so that their steps fill its queries; a CPU predicts for one image at a
# time. Simulations of more than `LONG` images fill them alone, and would take too much memory together. No
# record depends on it.
TOGETHER = {"cpu": 1, "cuda": 128}
LONG = 64

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
    weights : str
        What the model is made with: those of the run, or the folder or file of those of the task.
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
    weights: str
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
    """SHA-256 of all weights of a run.

    Attributes
    ----------
    models : by model; None where it has none, or others for each task
    trained : by model and what was learnt, of models that are trained on each task; see `Trained`
    seed : of the seed model; None where none is needed
    """

    models: dict[str, str | None]
    trained: dict[tuple[str, str], str]
    seed: str | None


def checksums(selection: Selection, settings: Settings) -> Checksums:
    """Checksums of all weights of a run, after every model has been made once.

    Raises
    ------
    WeightsError
        If weights are missing or wrong, so that this ends a run before it begins.
    """
    named = selection.all_models()
    tasked = [name for name in named if MODELS.get(name).capabilities.needs_training]
    models = {name: None if name in tasked else _checksum(name, settings.weights) for name in named}
    found = {
        (name, each.name): each
        for part in selection.parts
        for chosen, name in part.pairs()
        if name in tasked
        for each in trained(part.protocol, name, chosen.task.name, settings.weights)
    }
    sums = {(name, what): _trained_checksum(name, each) for (name, what), each in sorted(found.items())}
    seeded = any(_needs_seed(part, model) for part in selection.parts for model in part.models)
    seed = _checksum(SEED_MODEL, companion(settings.weights)) if seeded else None
    return Checksums(models, sums, seed)


def _needs_seed(part: ExperimentPlan, model: str) -> bool:
    able = MODELS.get(model).capabilities
    return getattr(part.protocol, "needs_seed_image", True) and (able.in_context or able.setwise)


def _checksum(name: str, weights: str) -> str | None:
    """Of one file, or of the checksums of several; a file that is given is the named model's own."""
    create_model(name, weights=weights)
    needed = required_weights(name)
    if not needed:
        return _own_checksum(name, weights)
    own = needed if len(needed) == 1 else (name,)
    parts = [checksum(part, weights if part in own else companion(weights)) for part in needed]
    return parts[0] if len(parts) == 1 else digest(parts)


def _own_checksum(name: str, weights: str) -> str | None:
    """Of the file that a plug-in is given, or of its own in a folder; None if it is given none."""
    if not hasattr(MODELS.get(name), "create"):
        return None
    try:
        return checksum(name, weights)
    except WeightsError:
        return None


def _trained_checksum(name: str, what: Trained) -> str:
    """Of the weights that were trained on a task, one file or several."""
    create_model(name, weights=str(what.weights))
    return digest([file_checksum(file) for file in what.files])


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
        for chosen, model in part.pairs():
            for what in _made_with(part, chosen, model, settings):
                own = blocks if what is None or what.simulations is None else [what.simulations]
                for unit in _units(part, chosen, model, what, own, settings, weights):
                    units.setdefault(unit.key, unit)  # two figures may want the same
    # Among equals by task, so that a worker seldom has to load other data.
    return sorted(units.values(), key=lambda unit: (-unit.cost, unit.task))


class Batch(tuple[Unit, ...]):
    """Units of one protocol, model and configuration that are computed together; not empty."""

    @property
    def cost(self) -> int:
        """Rough relative time."""
        return sum(unit.cost for unit in self)


def batches(units: Sequence[Unit], device: str, workers: int) -> list[Batch]:
    """Units, as many together as the device (``cpu`` or ``cuda``) is fast with, but some for every worker."""
    alike: dict[tuple, list[Unit]] = {}
    for unit in units:
        alike.setdefault((unit.protocol, unit.model, unit.weights, unit.config), []).append(unit)
    found = []
    for own in alike.values():
        images = own[0].config.images
        most = TOGETHER[device] if images is not None and images <= LONG else 1
        size = min(most, -(-len(own) // workers))
        found += [Batch(own[start : start + size]) for start in range(0, len(own), size)]
    return sorted(found, key=lambda batch: (-batch.cost, batch[0].task))


def _made_with(
    part: ExperimentPlan, chosen: SelectedTask, model: str, settings: Settings
) -> Sequence[Trained | None]:
    """All that a model has learnt on a task; None for one that is made with the weights of the run."""
    if not MODELS.get(model).capabilities.needs_training:
        return [None]
    return trained(part.protocol, model, chosen.task.name, settings.weights)


def _units(
    part: ExperimentPlan,
    chosen: SelectedTask,
    model: str,
    what: Trained | None,
    blocks: Sequence[tuple[int, ...]],
    settings: Settings,
    weights: Checksums,
) -> Iterator[Unit]:
    """A unit with its key for each block of simulations; weights and data count by their content."""
    protocol, config = part.protocol, part.experiment.config
    name, adapter = part.experiment.protocol, MODELS.get(model)
    seeded = _needs_seed(part, model)
    task, own, called = chosen.task.name, settings.weights, f"weights of {model}"
    sha256 = weights.models[model]
    if what is not None:
        own, called = str(what.weights), f"{called} on {what.name}"
        sha256 = weights.trained[model, what.name]
    identity = {
        f"version of protocol {name}": protocol.version,
        called: sha256,
        f"version of {model}": getattr(adapter, "version", None),
        f"data of {task}": chosen.fingerprint,
    }
    if seeded:
        identity["weights of the seed model"] = weights.seed
    decisive = asdict(config) | settings.computation() | identity
    decisive |= {
        "protocol": name,
        "model": model,
        "adapter": f"{adapter.__module__}:{adapter.__qualname__}",
        "task": task,
    }
    shared = digest(decisive)  # once, as a large study has a hundred thousand blocks
    available = chosen.counts[config.split]
    each = protocol.cost(available, config, adapter.capabilities) if hasattr(protocol, "cost") else available
    where = name, model, chosen.source, chosen.task
    for block in blocks:
        cost = max(1, len(block) * each)
        yield Unit(*where, block, config, own, seeded, identity, cost, digest([shared, block]))


def digest(settings: Any) -> str:
    """SHA-256 of canonical JSON, hexadecimal."""
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
