"""Units of a run, each with a key: the hash of everything that decides its outcome."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from segbench.benchmark.plugin_source import source_of
from segbench.benchmark.selection import ExperimentPlan, SelectedTask, Selection
from segbench.benchmark.settings import Settings
from segbench.benchmark.task_weights import TaskWeights, task_weights
from segbench.datasets.task import Task
from segbench.models.hub import checksum, pinned
from segbench.models.registry import MODELS, capabilities, create_model, required_weights, weights_of_model
from segbench.models.remote import RemoteModel
from segbench.models.weights import WeightsError, companion, file_checksum
from segbench.protocols.config import Config
from segbench.protocols.registry import PROTOCOLS

# Segments the seed image, the first context entry of every method (MultiverSeg, section 6.1).
SEED_MODEL = "scribbleprompt"


@dataclass(frozen=True)
class Unit:
    """The smallest piece of work that is planned, computed, stored and resumed.

    Attributes
    ----------
    protocol, model, source : str
        Names of the protocol, the model and the data set.
    task : Task
    simulations : tuple of int
        Indices of the simulations.
    config : Config
    weights : str
        Weights from which the model is made: its own of the run, those on a hub with their commit; or the
        folder or file of the task's.
    needs_seed : bool
        Whether a seed model segments the first entry of the context.
    identity : dict
        Values that must agree across units that are read together: weights, data, versions.
    cost : int
        Rough relative time.
    key : str
        SHA-256 of everything that decides the outcome, hexadecimal.
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
        """Return what the store keeps beside the records of the unit."""
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
    """SHA-256 of all weights of a run, and of the source of its plug-ins."""

    pinned: dict[str, str]  # by model: its weights, those on a hub as the address of a commit
    models: dict[str, str | None]  # by model; None without weights, or with weights for each task
    trained: dict[tuple[str, str], str]  # by model and `TaskWeights.name`
    seed: str | None  # of the seed model; None if no experiment needs it
    sources: dict[str, str]  # of plug-ins, by names such as "source of model mine:Mine"


@dataclass(frozen=True)
class RunPlan:
    """Everything that a run computes, and where it is stored."""

    preset: str
    selection: Selection
    settings: Settings
    root: Path  # the data folder
    checksums: Checksums
    units: list[Unit]  # in the order in which they start
    output: Path | str  # a folder, or the address of an object store


def compute_checksums(selection: Selection, settings: Settings) -> Checksums:
    """Return the checksums of a run, after every model has been made once.

    Raises
    ------
    WeightsError
        If weights are missing or damaged; the run then ends before it computes anything.
    PluginError
        If the source of a plug-in cannot be read.
    """
    models = selection.models()
    needing_training = [name for name in models if capabilities(name).needs_training]
    addresses = {name: pinned(name, weights_of_model(settings.weights, name)) for name in models}
    of_models = {
        name: None if name in needing_training else _model_checksum(name, weights)
        for name, weights in addresses.items()
    }
    of_tasks = {
        (name, weights.name): weights
        for plan in selection.experiments
        for task, name in plan.pairs()
        if name in needing_training
        for weights in task_weights(plan.protocol, name, task.task.name, settings.weights)
    }
    trained = {key: _trained_checksum(key[0], weights) for key, weights in sorted(of_tasks.items())}
    needs_seed = any(_needs_seed(plan, model) for plan in selection.experiments for model in plan.models)
    seed = _model_checksum(SEED_MODEL, companion(settings.weights)) if needs_seed else None
    sources = [source_of(MODELS, name) for name in models]
    sources += [source_of(PROTOCOLS, name) for name in selection.protocols()]
    of_plugins = dict(item for one in sources for item in one.items())
    return Checksums(addresses, of_models, trained, seed, of_plugins)


def _needs_seed(plan: ExperimentPlan, model: str) -> bool:
    declared = capabilities(model)
    return plan.protocol.needs_seed_image and (declared.in_context or declared.setwise)


def _model_checksum(name: str, weights: str) -> str | None:
    """Return the checksum of the weights of a model, or one of those of all its networks."""
    adapter = create_model(name, weights=weights)
    if isinstance(adapter, RemoteModel):
        return adapter.weights_checksum
    required = required_weights(name)
    if not required:
        return _plugin_checksum(name, weights)
    # A single file holds the weights of the first network; its companions take theirs elsewhere.
    sums = [checksum(part, companion(weights) if i else weights) for i, part in enumerate(required)]
    return sums[0] if len(sums) == 1 else digest(sums)


def _plugin_checksum(name: str, weights: str) -> str | None:
    """Return the checksum of the weights that a plug-in's model reads, or None."""
    if not hasattr(MODELS.get(name), "create"):
        return None
    try:
        return checksum(name, weights)
    except WeightsError:
        return None


def _trained_checksum(name: str, weights: TaskWeights) -> str:
    create_model(name, weights=str(weights.path))
    return digest([file_checksum(file) for file in weights.files])


def plan_units(selection: Selection, settings: Settings, checksums: Checksums) -> list[Unit]:
    """Return all units of a run, the largest first."""
    units: dict[str, Unit] = {}
    for plan in selection.experiments:
        count, size = plan.simulations(settings.simulations), plan.protocol.block
        blocks = [tuple(range(start, min(start + size, count))) for start in range(0, count, size)]
        for task, model in plan.pairs():
            trainings: Sequence[TaskWeights | None] = [None]
            if capabilities(model).needs_training:
                trainings = task_weights(plan.protocol, model, task.task.name, settings.weights)
            for weights in trainings:
                of_training = [weights.simulations] if weights and weights.simulations else blocks
                for unit in _units(plan, task, model, weights, of_training, settings, checksums):
                    units.setdefault(unit.key, unit)  # two experiments may contain the same unit
    # Units of equal cost are sorted by task; a worker then seldom loads other data.
    return sorted(units.values(), key=lambda unit: (-unit.cost, unit.task))


def _units(
    plan: ExperimentPlan,
    task: SelectedTask,
    model: str,
    weights: TaskWeights | None,
    blocks: Sequence[tuple[int, ...]],
    settings: Settings,
    checksums: Checksums,
) -> Iterator[Unit]:
    """Return a unit for each block of simulations."""
    protocol, config = plan.protocol, plan.config_for(task)
    adapter, needs_seed = MODELS.get(model), _needs_seed(plan, model)
    own, made_from = weights_of_model(settings.weights, model), checksums.pinned[model]
    weights_name, sha256 = f"weights of {model}", checksums.models[model]
    if weights is not None:
        made_from, weights_name = str(weights.path), f"{weights_name} on {weights.name}"
        sha256 = checksums.trained[model, weights.name]
    identity = {
        f"version of protocol {plan.experiment.protocol}": protocol.version,
        weights_name: sha256,
        f"version of {model}": getattr(adapter, "version", None),
        f"data of {task.task.name}": task.fingerprint,
    }
    if needs_seed:
        identity["weights of the seed model"] = checksums.seed
    of_plugins = (f"source of model {model}", f"source of protocol {plan.experiment.protocol}")
    identity |= {name: checksums.sources[name] for name in of_plugins if name in checksums.sources}
    decisive = asdict(config) | settings.computation() | {"weights": own} | identity
    decisive |= {
        "protocol": plan.experiment.protocol,
        "model": model,
        "adapter": f"{adapter.__module__}:{adapter.__qualname__}",
        "task": task.task.name,
    }
    shared = digest(decisive)  # computed once, as a large study has a hundred thousand blocks
    of_model, available = capabilities(model), task.counts[config.split]
    costs = {size: protocol.cost(size, available, config, of_model) for size in set(map(len, blocks))}
    for block in blocks:
        yield Unit(
            protocol=plan.experiment.protocol,
            model=model,
            source=task.source,
            task=task.task,
            simulations=block,
            config=config,
            weights=made_from,
            needs_seed=needs_seed,
            identity=identity,
            cost=max(1, costs[len(block)]),
            key=digest([shared, block]),
        )


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of a value, hexadecimal."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
