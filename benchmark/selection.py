"""What takes part in a run: the data sets, tasks, protocols and models, and what is left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmark.errors import Failure, Usage
from benchmark.study import Experiment
from datasets.registry import installed, source
from datasets.task import Task, TaskData
from models.registry import MODELS, VARIANTS
from protocols.registry import PROTOCOLS


@dataclass(frozen=True)
class LeftOut:
    """Something that cannot take part; ``kind`` is ``model`` or ``task``."""

    kind: str
    name: str
    reason: str


@dataclass(frozen=True)
class ChosenTask:
    """A task, where it comes from, and what identifies its data."""

    source: str
    task: Task
    fingerprint: str
    counts: dict[str, int]


@dataclass
class Part:
    """An experiment with the models and tasks that take part in it."""

    experiment: Experiment
    protocol: Any
    models: list[str] = field(default_factory=list)
    tasks: list[ChosenTask] = field(default_factory=list)

    @property
    def in_sequence(self) -> bool:
        """Whether images follow one another, as in experiment 1."""
        return getattr(self.protocol, "in_sequence", True)

    def simulations(self, asked: int) -> int:
        """How many the protocol plays where so many are asked for."""
        return min(asked, getattr(self.protocol, "most_simulations", asked))


@dataclass
class Selection:
    """The parts of a run, every task that was looked at, and what was left out."""

    parts: list[Part]
    found: list[ChosenTask] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def all_models(self) -> list[str]:
        return list(dict.fromkeys(name for part in self.parts for name in part.models))

    def all_tasks(self) -> list[ChosenTask]:
        return list({c.task: c for part in self.parts for c in part.tasks}.values())

    def all_protocols(self) -> list[str]:
        return list(dict.fromkeys(part.experiment.protocol for part in self.parts))


def names(value: str | Iterable[str]) -> list[str]:
    """Names from a comma-separated list or a sequence, without repetition."""
    parts = value.split(",") if isinstance(value, str) else value
    found = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if not found:
        raise Usage("a list of names is empty; name at least one")
    return found


def choose_datasets(value: str | Sequence[str] | None, root: Path) -> tuple[list[str], str]:
    """The data sets' names, and a line that says which they are and why."""
    if value is not None:
        chosen = names(value)
        return chosen, f"Data sets: {', '.join(chosen)}"
    chosen = installed(root)
    if chosen:
        return chosen, f"Data sets: {', '.join(chosen)} (all that are installed in {root})"
    return ["phantoms"], f"Data sets: phantoms (embedded; no evaluation data set is installed in {root})"


def select(
    experiments: Sequence[Experiment],
    models: Sequence[str],
    datasets: Sequence[str],
    root: Path,
    tasks: int | None = None,
) -> Selection:
    """Resolve all names and leave out what a protocol cannot use.

    Parameters
    ----------
    experiments : what runs
    models : names, or ``["all"]`` for every model that a protocol can use
    datasets : names
    root : the data folder
    tasks : tasks at most, spread over all there are; None takes all

    Raises
    ------
    UnknownName
        If there is no such protocol, model or data set.
    Failure
        If a named model fits none of the protocols, or no task or model is left.
    """
    selection = Selection([Part(e, PROTOCOLS.get(e.protocol)) for e in experiments])
    _choose_models(selection, None if list(models) == ["all"] else models)
    _choose_tasks(selection, datasets, root, tasks)
    selection.parts = [part for part in selection.parts if part.models and part.tasks]
    return selection


def _choose_models(selection: Selection, named: Sequence[str] | None) -> None:
    reasons: dict[str, str] = {}
    general = named or [name for name in MODELS.names() if name not in VARIANTS]
    for part in selection.parts:
        wanted = part.experiment.models
        # A variant of the study names its models; of these, those that were chosen.
        candidates = general if wanted is None else [m for m in wanted if not named or m in named]
        for name in candidates:
            reason = part.protocol.refuses(_capabilities(name))
            if reason:
                reasons[name] = reason
            else:
                part.models.append(name)
    taking_part = selection.all_models()
    for name in (name for name in general if name not in taking_part):
        reason = reasons.get(name, "no experiment of this run is about it")
        if named:
            protocols = ", ".join(selection.all_protocols())
            raise Failure(f"{name} cannot take part in {protocols}: {reason}")
        selection.left_out.append(LeftOut("model", name, reason))
    if not taking_part:
        raise Failure(f"no model can take part in {', '.join(selection.all_protocols())}")


def _capabilities(name: str) -> Any:
    adapter = MODELS.get(name)
    if not hasattr(adapter, "capabilities"):
        raise Failure(
            f"the model {name} is no adapter: it has no attribute `capabilities`; see docs/plugins.md"
        )
    return adapter.capabilities


def _choose_tasks(selection: Selection, datasets: Sequence[str], root: Path, most: int | None) -> None:
    found = _spread([(name, task) for name in datasets for task in source(name).tasks(root)], most)
    for name, task in found:
        data = source(name).load(task, root)
        chosen = ChosenTask(name, task, data.fingerprint, _counts(data))
        selection.found.append(chosen)
        reasons = [part.protocol.missing(data, part.experiment.config) for part in selection.parts]
        for part, reason in zip(selection.parts, reasons, strict=True):
            if not reason:
                part.tasks.append(chosen)
        for reason in dict.fromkeys(filter(None, reasons)):
            told = reason.replace(f"{task.name} ", "it ", 1)
            selection.left_out.append(LeftOut("task", task.name, told))
    if not selection.all_tasks():
        tasks = [f"{left.name}: {left.reason}" for left in selection.left_out if left.kind == "task"]
        raise Failure(
            f"none of the {len(found)} tasks can be used, as {tasks[0] if tasks else 'there is none'}"
        )


def _spread(found: list[Any], most: int | None) -> list[Any]:
    """So many at most, evenly spaced, so that small runs see different data sets and cohorts."""
    if most is None or len(found) <= most:
        return found
    return [found[number * len(found) // most] for number in range(most)]


def _counts(data: TaskData) -> dict[str, int]:
    return {split: len(data.indices(split)) for split in ("train", "val", "test")}
