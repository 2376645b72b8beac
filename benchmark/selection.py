"""What takes part in a run: the data sets, tasks, protocols and models, and what is left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from segbench.benchmark.study import Experiment
from segbench.benchmark.trained import files_of, said_of_training
from segbench.datasets.registry import EMBEDDED, installed, kind, source
from segbench.datasets.scans import ScanData
from segbench.datasets.splits import digest
from segbench.datasets.task import Task, TaskData
from segbench.errors import Failure, UsageError
from segbench.models.registry import MODELS, ONLY_IN, WEIGHTS
from segbench.models.weights import OFFICIAL
from segbench.protocols.adapter import Capabilities
from segbench.protocols.registry import PROTOCOLS

KINDS = {
    "tasks": "evaluation data set",
    "scans": "data set of scans",
    "scribbles": "data set with people's scribbles",
}
TO_FETCH = {"scribbles": "medscribble"}  # what `data fetch` can get of a kind that is not embedded


@dataclass(frozen=True)
class Excluded:
    """Something that cannot take part; ``kind`` is ``model``, ``task`` or ``protocol``."""

    kind: str
    name: str
    reason: str


@dataclass(frozen=True)
class SelectedTask:
    """A task, where it comes from, what identifies its data and who is in which split, and its images."""

    source: str
    task: Task
    fingerprint: str
    splits: str
    counts: dict[str, int]


@dataclass
class ExperimentPlan:
    """An experiment with the models and tasks that take part in it.

    ``untrained`` are the pairs of a model and the name of a task on which it has not been trained.
    """

    experiment: Experiment
    protocol: Any
    models: list[str] = field(default_factory=list)
    tasks: list[SelectedTask] = field(default_factory=list)
    untrained: set[tuple[str, str]] = field(default_factory=set)

    @property
    def kind(self) -> str:
        """Of the data sets that the protocol is for."""
        return getattr(self.protocol, "data_kind", "tasks")

    def pairs(self) -> Iterator[tuple[SelectedTask, str]]:
        """Every task with every model that can be run on it."""
        pairs = product(self.tasks, self.models)
        return ((chosen, model) for chosen, model in pairs if (model, chosen.task.name) not in self.untrained)

    @property
    def ordered(self) -> bool:
        """Whether images follow one another, as in experiment 1."""
        return getattr(self.protocol, "ordered", True)

    def simulations(self, asked: int) -> int:
        """How many the protocol plays where so many are asked for."""
        return min(asked, getattr(self.protocol, "max_simulations", asked))


@dataclass
class Selection:
    """The parts of a run, every task that was looked at, and what was left out."""

    parts: list[ExperimentPlan]
    found: list[SelectedTask] = field(default_factory=list)
    left_out: list[Excluded] = field(default_factory=list)

    def all_models(self) -> list[str]:
        return list(dict.fromkeys(name for part in self.parts for name in part.models))

    def all_tasks(self) -> list[SelectedTask]:
        return list({c.task: c for part in self.parts for c in part.tasks}.values())

    def all_protocols(self) -> list[str]:
        return list(dict.fromkeys(part.experiment.protocol for part in self.parts))


def names(value: str | Iterable[str]) -> list[str]:
    """Names from a comma-separated list or a sequence, without repetition."""
    parts = value.split(",") if isinstance(value, str) else value
    found = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if not found:
        raise UsageError("a list of names is empty; name at least one")
    return found


def choose_datasets(
    value: str | Sequence[str] | None, root: Path, kinds: Iterable[str] = ("tasks",)
) -> tuple[list[str], str]:
    """The data sets' names, and a line that says which they are and why.

    Without names, all of each kind that are installed, or the embedded one where there is none.

    Raises
    ------
    Failure
        If none is installed and none is embedded.
    """
    if value is not None:
        chosen = names(value)
        return chosen, f"Data sets: {', '.join(chosen)}"
    chosen, told = [], []
    for each in kinds:
        found = installed(root, each)
        none = f"no {KINDS[each]} is installed in {root}"
        if found:
            told.append(f"{', '.join(found)} (all that are installed in {root})")
        elif each in EMBEDDED:
            found = [EMBEDDED[each]]
            told.append(f"{found[0]} (embedded; {none})")
        else:
            told.append(f"{none}; get one: python -m benchmark data fetch {TO_FETCH[each]}")
        chosen += found
    if not chosen:
        raise Failure(told[0])
    return chosen, f"Data sets: {', '.join(told)}"


def kinds_of(experiments: Sequence[Experiment]) -> list[str]:
    """Kinds of data sets that the protocols of a run are for.

    Raises
    ------
    UnknownName
        If there is no such protocol.
    """
    return list(dict.fromkeys(ExperimentPlan(e, _protocol(e.protocol)).kind for e in experiments))


def _protocol(name: str) -> Any:
    found = PROTOCOLS.get(name)
    for needed in ("version", "max_steps", "unsupported_model", "unsupported_task", "run"):
        if not hasattr(found, needed):
            raise Failure(f"{name} is no protocol: it has no attribute `{needed}`; see docs/plugins.md")
    return found


def select(
    experiments: Sequence[Experiment],
    models: Sequence[str],
    datasets: Sequence[str],
    root: Path,
    tasks: int | None = None,
    weights: str = "bundled",
) -> Selection:
    """Resolve all names and leave out what a protocol cannot use.

    Parameters
    ----------
    experiments : what runs
    models : names, or ``["all"]`` for every model that a protocol can use
    datasets : names
    root : the data folder
    tasks : tasks at most, spread over all there are of a kind; None takes all
    weights : ``bundled``, ``official``, a file or a folder

    Raises
    ------
    UnknownName
        If there is no such protocol, model or data set.
    Failure
        If a named model fits none of the protocols or has been trained on none of the tasks, or no task or
        model is left.
    """
    selection = Selection([ExperimentPlan(e, _protocol(e.protocol)) for e in experiments])
    named = None if list(models) == ["all"] else models
    _choose_models(selection, named, weights)
    kinds = {name: kind(name, root) for name in datasets}
    _choose_tasks(selection, kinds, root, tasks)
    _leave_out_untrained(selection, named, weights)
    _leave_out_protocols(selection, set(kinds.values()))
    selection.parts = [part for part in selection.parts if part.models and part.tasks]
    return selection


def _choose_models(selection: Selection, named: Sequence[str] | None, weights: str) -> None:
    reasons: dict[str, str] = {}
    general: list[str] = []
    for part in selection.parts:
        protocol, wanted = part.experiment.protocol, part.experiment.models
        usual = named or [name for name in MODELS.names() if protocol in ONLY_IN.get(name, (protocol,))]
        general += usual
        # A variant of the study names its models; of these, those that were chosen.
        candidates = usual if wanted is None else [m for m in wanted if not named or m in named]
        for name in candidates:
            reason = part.protocol.unsupported_model(_capabilities(name))
            if not named and not reason:
                reason = _unpublished(name, weights)
            if reason:
                reasons[name] = reason
            else:
                part.models.append(name)
    taking_part = selection.all_models()
    for name in (name for name in dict.fromkeys(general) if name not in taking_part):
        reason = reasons.get(name, "no experiment of this run is about it")
        if named:
            protocols = ", ".join(selection.all_protocols())
            raise Failure(f"{name} cannot take part in {protocols}: {reason}")
        selection.left_out.append(Excluded("model", name, reason))
    if not taking_part:
        raise Failure(f"no model can take part in {', '.join(selection.all_protocols())}")


def _unpublished(name: str, weights: str) -> str | None:
    """Why a model has no official weights where these are asked for, or None."""
    if weights != "official" or all(part in OFFICIAL for part in WEIGHTS.get(name, ())):
        return None
    return "there are no public weights of it; run it with --weights bundled into another folder"


def _capabilities(name: str) -> Capabilities:
    found = getattr(MODELS.get(name), "capabilities", None)
    if not isinstance(found, Capabilities):
        raise Failure(
            f"the model {name} is no adapter: it has no attribute `capabilities` of class Capabilities; see "
            "docs/plugins.md"
        )
    return found


def _choose_tasks(selection: Selection, kinds: Mapping[str, str], root: Path, most: int | None) -> None:
    """Tasks of the data sets, whose kinds are given by their names."""
    found = []
    for each in dict.fromkeys(kinds.values()):
        alike = [name for name, own in kinds.items() if own == each]
        found += _spread([(name, task) for name in alike for task in source(name, root).tasks(root)], most)
    _refuse_namesakes(found)
    for name, task in found:
        data = source(name, root).load(task, root)
        chosen = SelectedTask(name, task, data.fingerprint, digest(data.subjects, data.split), _counts(data))
        selection.found.append(chosen)
        # Protocols for another kind of data are asked only where none is for this kind.
        parts = [part for part in selection.parts if part.kind == kinds[name]] or selection.parts
        reasons = [part.protocol.unsupported_task(data, part.experiment.config) for part in parts]
        for part, reason in zip(parts, reasons, strict=True):
            if not reason:
                part.tasks.append(chosen)
        for reason in dict.fromkeys(filter(None, reasons)):
            told = reason.replace(f"{task.name} ", "it ", 1)
            selection.left_out.append(Excluded("task", task.name, told))
    if not selection.all_tasks():
        first = {left.reason: left.name for left in reversed(selection.left_out) if left.kind == "task"}
        why = "; ".join(f"{task}: {reason}" for reason, task in reversed(first.items()))
        raise Failure(f"none of the {len(found)} tasks can be used, as {why or 'there is none'}")


def _refuse_namesakes(found: Sequence[tuple[str, Task]]) -> None:
    """Records name tasks, so two data sets cannot have a task of one name."""
    source_of: dict[Task, str] = {}
    for name, task in found:
        if source_of.setdefault(task, name) != name:
            raise Failure(
                f"{source_of[task]} and {name} both have the task {task}; give one of them another name (a "
                "folder: by `name` in its dataset.toml)"
            )


def _leave_out_untrained(selection: Selection, named: Sequence[str] | None, weights: str) -> None:
    """Models that have to be trained take part on those tasks on which they have been."""
    told: list[Excluded] = []
    for name in selection.all_models():
        if not _capabilities(name).needs_training:
            continue
        parts = [part for part in selection.parts if name in part.models and part.tasks]
        tasks = {chosen.task.name: chosen for part in parts for chosen in part.tasks}
        found = {task: _unusable(name, chosen, weights) for task, chosen in tasks.items()}
        reasons = {task: reason for task, reason in found.items() if reason}
        if reasons and len(reasons) == len(tasks):
            reason = f"on none of the {len(tasks)} tasks: {reasons[next(iter(tasks))]}"
            if named:
                raise Failure(f"{name} cannot take part {reason}")
            told.append(Excluded("model", name, reason))
        else:
            told += [Excluded("model", f"{name} on {task}", reason) for task, reason in reasons.items()]
        for part in parts:
            part.untrained |= {(name, task) for task in reasons}
            if not any(model == name for _, model in part.pairs()):
                part.models.remove(name)
    selection.left_out += told
    if not any(part.models and part.tasks for part in selection.parts):
        hint = told[0].reason if told else "name data sets that suit their protocols"
        raise Failure(f"none of the models can be run on any of the tasks: {hint}")


def _leave_out_protocols(selection: Selection, kinds: set[str]) -> None:
    """Protocols for a kind of data of which there is none in the run."""
    for part in selection.parts:
        if not part.tasks and part.kind not in kinds:
            reason = f"it needs a {KINDS[part.kind]}, and none takes part"
            selection.left_out.append(Excluded("protocol", part.experiment.protocol, reason))


def _unusable(name: str, chosen: SelectedTask, weights: str) -> str | None:
    """Why a model that is trained on each task cannot be run on one, or None."""
    files = files_of(name, chosen.task.name, weights)
    if not files:
        return f"it has no weights; train it: python -m benchmark train {name} --datasets {chosen.source}"
    for file in files:
        if said_of_training(file).get("splits", chosen.splits) != chosen.splits:
            return f"{file} was trained on another split of the subjects; train it into another --output"
    return None


def _spread(found: list[Any], most: int | None) -> list[Any]:
    """So many at most, evenly spaced, so that small runs see different data sets and cohorts."""
    if most is None or len(found) <= most:
        return found
    return [found[number * len(found) // most] for number in range(most)]


def _counts(data: TaskData | ScanData) -> dict[str, int]:
    return {split: int((data.split == split).sum()) for split in data.SPLITS}
