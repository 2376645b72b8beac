"""Selection of what takes part in a run, with the reason for each exclusion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from segbench.benchmark.available import unavailable
from segbench.benchmark.dataset_choice import KINDS, matching_tasks
from segbench.benchmark.excluded import Excluded
from segbench.benchmark.study import Experiment, find_protocol
from segbench.benchmark.task_weights import read_training, weight_files
from segbench.datasets.all_test import is_all_test, with_all_test
from segbench.datasets.registry import EMBEDDED, open_dataset
from segbench.datasets.splits import digest
from segbench.datasets.task import ImageData, Task, base_name
from segbench.errors import Failure, UsageError
from segbench.models.named_weights import WITHOUT_PATH, weights_of
from segbench.models.registry import MODELS, capabilities, runs_by_default
from segbench.protocols.config import Config
from segbench.protocols.protocol import NO_TRAIN_IMAGE, Protocol
from segbench.text import render_command

NO_TEST_IMAGE = "it has no test image"


@dataclass(frozen=True)
class SelectedTask:
    """A task that takes part in a run."""

    source: str  # name of the data set
    task: Task
    fingerprint: str  # of the images and labels
    splits: str  # digest of the assignment of subjects to splits
    counts: dict[str, int]  # images of each split


@dataclass
class ExperimentPlan:
    """An experiment with the models and tasks that take part in it."""

    experiment: Experiment
    protocol: Protocol
    adapts: bool = False  # whether a task with fewer images than a simulation takes part with all of them
    models: list[str] = field(default_factory=list)
    tasks: list[SelectedTask] = field(default_factory=list)
    # Pairs of a model and the name of a task on which it has not been trained.
    untrained: set[tuple[str, str]] = field(default_factory=set)

    def pairs(self) -> Iterator[tuple[SelectedTask, str]]:
        """Return every task with every model that can run on it."""
        pairs = product(self.tasks, self.models)
        return ((task, model) for task, model in pairs if (model, task.task.name) not in self.untrained)

    def config_for(self, task: SelectedTask) -> Config:
        """Return the configuration for a task, in which small tasks may have shorter simulations."""
        config = self.experiment.config
        available = max(1, task.counts[config.split])
        shorter = self.adapts and self.protocol.ordered and available < (config.images or 0)
        return replace(config, images=available) if shorter else config

    def needs_train_images(self) -> bool:
        """Return whether any of the models gets a context that begins with images of the train split."""
        return any(self.protocol.needs_train_images(capabilities(name)) for name in self.models)

    def needed_split(self) -> str | None:
        """Return why the experiment needs another split than test, or None."""
        if self.experiment.config.split != "test":
            return "it segments images of that split"
        if self.protocol.per_training:
            return "its models are trained on the train split"
        if self.protocol.context == "ground-truth":
            return "its contexts are images of the train split"
        return None

    def unsupported_task(self, task: SelectedTask, data: ImageData) -> str | None:
        """Return the reason why a task does not suit the experiment, or None."""
        if self.needs_train_images() and not task.counts["train"]:
            if is_all_test(task.task.dataset):
                return f"it has {NO_TRAIN_IMAGE}, only one subject; name models that take no context"
            return f"it has {NO_TRAIN_IMAGE}; --split all keeps a subject for it"
        reason = self.protocol.unsupported_task(data, self.config_for(task))
        return reason and reason.replace(f"{data.task} ", "it ", 1)

    def simulations(self, requested: int) -> int:
        """Return the number of simulations that the protocol runs if `requested` are asked for."""
        return min(requested, self.protocol.max_simulations or requested)


@dataclass
class Selection:
    """The experiments of a run, every task that was examined, and what is excluded."""

    experiments: list[ExperimentPlan]
    examined: list[SelectedTask] = field(default_factory=list)
    excluded: list[Excluded] = field(default_factory=list)

    def models(self) -> list[str]:
        return list(dict.fromkeys(name for plan in self.experiments for name in plan.models))

    def tasks(self) -> list[SelectedTask]:
        return list({task.task: task for plan in self.experiments for task in plan.tasks}.values())

    def protocols(self) -> dict[str, Protocol]:
        return {plan.experiment.protocol: plan.protocol for plan in self.experiments}


def plan_experiments(experiments: Sequence[Experiment], adapts: bool = False) -> list[ExperimentPlan]:
    """Return each experiment with its protocol, without models and tasks; errors as of `find_protocol`."""
    return [ExperimentPlan(one, find_protocol(one.protocol), adapts) for one in experiments]


def data_kinds(experiments: Sequence[ExperimentPlan]) -> list[str]:
    """Return the kinds of data sets that the protocols of some experiments need."""
    return list(dict.fromkeys(plan.protocol.data_kind for plan in experiments))


def select(
    experiments: list[ExperimentPlan],
    models: Sequence[str],
    datasets: Sequence[str],
    root: Path,
    max_tasks: int | None = None,
    phantoms: Sequence[str] = (),
    weights: str = "bundled",
    tasks: Sequence[str] = (),
    all_test: bool = False,
) -> Selection:
    """Choose models and tasks for some experiments, and exclude what a protocol cannot use.

    Parameters
    ----------
    experiments : list of ExperimentPlan
        As `plan_experiments` returns them; models and tasks are added.
    models : sequence of str
        Names, or ``["all"]`` for every model that a protocol can use.
    datasets : sequence of str
    root : Path
        The data folder.
    max_tasks : int or None
        Maximum of tasks, evenly spaced over all tasks of a kind; None takes all.
    phantoms : sequence of str
        Labels of the embedded phantoms that take part; empty takes all. Without effect if tasks are named.
    weights : str
        ``bundled``, ``official``, a path or an address; or some of these by the names of networks.
    tasks : sequence of str
        Patterns, as of `matching_tasks`; empty takes all.
    all_test : bool
        Whether all images are test, except those of one subject where contexts begin with train images.

    Raises
    ------
    UnknownName
        If a model or data set is unknown, or a pattern matches no task.
    UsageError
        If all images are test, and all protocols need another split.
    Failure
        If a named model fits none of the protocols or has been trained on none of the tasks, or no task or
        model remains.
    """
    selection = Selection(experiments)
    if all_test:
        _exclude_other_splits(selection)
    named = None if list(models) == ["all"] else models
    _choose_models(selection, named, weights, all_test)
    if all_test:
        keep_one = any(plan.needs_train_images() for plan in selection.experiments)
        datasets = [with_all_test(name, keep_one) for name in datasets]
    kinds = {name: open_dataset(name, root).kind for name in datasets}
    found = _find_tasks(kinds, root, phantoms, tasks)
    _choose_tasks(selection, found, kinds, root, max_tasks)
    _exclude_untrained(selection, named, weights)
    _exclude_protocols(selection, {kinds[name] for name, _ in found})
    selection.experiments = [plan for plan in selection.experiments if plan.models and plan.tasks]
    return selection


def _exclude_other_splits(selection: Selection) -> None:
    """Exclude the experiments that need train or val images; refuse them if no other remains."""
    reasons: dict[str, str] = {}
    for plan in selection.experiments:
        if reason := plan.needed_split():
            split = plan.experiment.config.split
            reasons[plan.experiment.protocol + (f" on {split} images" if split != "test" else "")] = reason
    selection.experiments = [plan for plan in selection.experiments if not plan.needed_split()]
    if not selection.experiments:
        why = "; ".join(f"{protocol}: {reason}" for protocol, reason in reasons.items())
        raise UsageError(f"--split all leaves only test images ({why}); run without it")
    for name, reason in reasons.items():
        selection.excluded.append(Excluded("protocol", name, f"{reason}, and --split all leaves none"))


def _choose_models(selection: Selection, named: Sequence[str] | None, weights: str, all_test: bool) -> None:
    reasons: dict[str, str] = {}
    absent: dict[str, str] = {}  # by model, why it cannot be made
    candidates: list[str] = []
    for plan in selection.experiments:
        protocol, of_variant = plan.experiment.protocol, plan.experiment.models
        available = named or [name for name in MODELS.names() if runs_by_default(name, protocol)]
        candidates += available
        # A variant of the study names its models; those that were chosen for the run take part.
        if of_variant is not None:
            available = [name for name in of_variant if not named or name in named]
        for name in available:
            reason = plan.protocol.unsupported_model(capabilities(name))
            if not reason and all_test and capabilities(name).needs_training:
                reason = "it was trained on images of the train split, which --split all counts as test"
            if reason:
                reasons[name] = reason
            elif reason := unavailable(name, weights, among_others=not named):
                absent[name] = reason
            else:
                plan.models.append(name)
    reasons |= absent  # which can be helped
    chosen, protocols = selection.models(), ", ".join(selection.protocols())
    for name in (name for name in dict.fromkeys(candidates) if name not in chosen):
        reason = reasons.get(name, "no experiment of this run includes it")
        if named:
            raise Failure(f"{name} cannot take part in {protocols}: {reason}")
        selection.excluded.append(Excluded("model", name, reason))
    if not chosen:
        first = next((f" ({name}: {reason})" for name, reason in reasons.items()), "")
        raise Failure(f"no model can take part in {protocols}{first}")


def _find_tasks(
    datasets: Iterable[str], root: Path, phantoms: Sequence[str], patterns: Sequence[str]
) -> list[tuple[str, Task]]:
    """Return the tasks of some data sets that match the patterns, each after the name of its data set."""
    tasks = [(name, task) for name in datasets for task in open_dataset(name, root).tasks()]
    if patterns:
        matching = matching_tasks(patterns, [task for _, task in tasks])
        return [(name, task) for name, task in tasks if task in matching]
    left = phantoms and [name for name in datasets if base_name(name) == EMBEDDED["tasks"]]
    return [(name, task) for name, task in tasks if name not in left or task.label in phantoms]


def _choose_tasks(
    selection: Selection,
    found: Sequence[tuple[str, Task]],
    kinds: Mapping[str, str],
    root: Path,
    maximum: int | None,
) -> None:
    """Add to each experiment the tasks that its protocol can use, of data sets given with their kinds."""
    chosen: list[tuple[str, Task]] = []
    for of_kind in dict.fromkeys(kinds.values()):
        chosen += _spread([item for item in found if kinds[item[0]] == of_kind], maximum)
    _require_distinct(chosen)
    for name, task in chosen:
        data = open_dataset(name, root).load(task)
        counts = {split: int((data.split == split).sum()) for split in data.SPLITS}
        selected = SelectedTask(name, task, data.fingerprint, digest(data.subjects, data.split), counts)
        selection.examined.append(selected)
        # Protocols for another kind of data are asked only if no protocol is for this kind.
        plans = [plan for plan in selection.experiments if plan.protocol.data_kind == kinds[name]]
        reasons: dict[str, None] = {}
        for plan in plans or selection.experiments:
            if reason := plan.unsupported_task(selected, data):
                reasons[reason] = None
            else:
                plan.tasks.append(selected)
        selection.excluded += [Excluded("task", task.name, reason) for reason in reasons]
    if not selection.tasks():
        first = {one.reason: one.name for one in reversed(selection.excluded) if one.kind == "task"}
        why = "; ".join(f"{task}: {reason}" for reason, task in reversed(first.items()))
        of_preset = f" of the {maximum} that the preset takes" if len(chosen) < len(found) else ""
        free = any(plan.needed_split() is None for plan in selection.experiments)
        hint = "; --split all counts all images as test" if free and NO_TEST_IMAGE in first else ""
        raise Failure(
            f"no task{of_preset} can be used ({why or 'the data sets have none; name others by --datasets'})"
            f"{hint}"
        )


def _require_distinct(chosen: Sequence[tuple[str, Task]]) -> None:
    """Raise if two data sets have the same task, as records identify tasks by their names."""
    source_of: dict[Task, str] = {}
    for name, task in chosen:
        if source_of.setdefault(task, name) != name:
            raise Failure(
                f"{source_of[task]} and {name} both have the task {task}; rename one of them (a folder: by "
                "`name` in its dataset.toml)"
            )


def _exclude_untrained(selection: Selection, named: Sequence[str] | None, weights: str) -> None:
    """Exclude models that need training from the tasks on which they have not been trained."""
    excluded: list[Excluded] = []
    for model in selection.models():
        if not capabilities(model).needs_training:
            continue
        plans = [plan for plan in selection.experiments if model in plan.models and plan.tasks]
        tasks = {task.task.name: task for plan in plans for task in plan.tasks}
        unusable = {name: _unusable(model, task, weights) for name, task in tasks.items()}
        reasons = {name: reason for name, reason in unusable.items() if reason}
        if reasons and len(reasons) == len(tasks):
            reason = reasons[next(iter(tasks))]
            if named:
                raise Failure(f"{model} cannot take part: {reason}")
            excluded.append(Excluded("model", model, reason))
        else:
            excluded += [Excluded("model", f"{model} on {name}", why) for name, why in reasons.items()]
        for plan in plans:
            plan.untrained |= {(model, name) for name in reasons}
            if not any(name == model for _, name in plan.pairs()):
                plan.models.remove(model)
    selection.excluded += excluded
    if not any(plan.models and plan.tasks for plan in selection.experiments):
        hint = excluded[0].reason if excluded else "name data sets that suit their protocols"
        raise Failure(f"none of the models can be run on any of the tasks: {hint}")


def _unusable(model: str, task: SelectedTask, weights: str) -> str | None:
    """Return why the weights of a model for a task cannot be used, or None."""
    files = weight_files(model, task.task.name, weights)
    if not files:
        own = weights_of(weights, model)
        output = None if own in WITHOUT_PATH else own
        options = {"datasets": task.source, "output": output}
        return f"it has no weights; train it: {render_command('train', options, model)}"
    for file in files:
        if read_training(file).get("splits", task.splits) != task.splits:
            return (
                "its network was trained on another split of the subjects; train it into another --output "
                f"than {file}"
            )
    return None


def _exclude_protocols(selection: Selection, kinds: set[str]) -> None:
    """Exclude protocols for a kind of data that no data set of the run has."""
    for plan in selection.experiments:
        needed = plan.protocol.data_kind
        if not plan.tasks and needed not in kinds:
            reason = f"it needs a {KINDS[needed]}, and no such data set takes part"
            selection.excluded.append(Excluded("protocol", plan.experiment.protocol, reason))


def _spread(items: list[Any], maximum: int | None) -> list[Any]:
    """Return at most `maximum` items, evenly spaced, to include several data sets and cohorts."""
    if maximum is None or len(items) <= maximum:
        return items
    return [items[number * len(items) // maximum] for number in range(maximum)]
