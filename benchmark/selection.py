"""What takes part in a run: the data sets, tasks, protocols and models, and what is left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmark.errors import Failure, Usage
from datasets.registry import installed, source
from datasets.task import Task, TaskData
from models.registry import MODELS
from protocols.config import Config
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
class Selection:
    """The protocols by name, and for each of them the models and tasks that take part."""

    protocols: dict[str, Any]
    models: dict[str, list[str]] = field(default_factory=dict)
    tasks: dict[str, list[ChosenTask]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    def all_models(self) -> list[str]:
        return list(dict.fromkeys(name for names in self.models.values() for name in names))

    def all_tasks(self) -> list[ChosenTask]:
        return list({c.task: c for chosen in self.tasks.values() for c in chosen}.values())


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
    protocols: Sequence[str],
    models: Sequence[str],
    datasets: Sequence[str],
    root: Path,
    config: Config,
) -> Selection:
    """Resolve all names and leave out what a protocol cannot use.

    Parameters
    ----------
    protocols, datasets : names
    models : names, or ``["all"]`` for every model that a protocol can use
    root : the data folder
    config : the protocol's settings, which decide how many test images a task needs

    Raises
    ------
    UnknownName
        If there is no such protocol, model or data set.
    Failure
        If a named model fits none of the protocols, or no task or model is left.
    """
    selection = Selection({name: PROTOCOLS.get(name) for name in protocols})
    _choose_models(selection, None if list(models) == ["all"] else models)
    _choose_tasks(selection, datasets, root, config)
    return selection


def _choose_models(selection: Selection, named: Sequence[str] | None) -> None:
    reasons: dict[str, str] = {}
    candidates = {name: _capabilities(name) for name in named or MODELS.names()}
    for protocol_name, protocol in selection.protocols.items():
        refused = {name: protocol.refuses(c) for name, c in candidates.items()}
        reasons |= {name: reason for name, reason in refused.items() if reason}
        selection.models[protocol_name] = [name for name, reason in refused.items() if not reason]
    for name in candidates:
        if name in selection.all_models():
            continue
        if named:
            raise Failure(f"{name} cannot take part in {', '.join(selection.protocols)}: {reasons[name]}")
        selection.left_out.append(LeftOut("model", name, reasons[name]))
    if not selection.all_models():
        raise Failure(f"no model can take part in {', '.join(selection.protocols)}")


def _capabilities(name: str) -> Any:
    adapter = MODELS.get(name)
    if not hasattr(adapter, "capabilities"):
        raise Failure(
            f"the model {name} is no adapter: it has no attribute `capabilities`; see docs/plugins.md"
        )
    return adapter.capabilities


def _choose_tasks(selection: Selection, datasets: Sequence[str], root: Path, config: Config) -> None:
    found = [(name, task) for name in datasets for task in source(name).tasks(root)]
    selection.tasks = {name: [] for name in selection.protocols}
    for name, task in found:
        data = source(name).load(task, root)
        chosen = ChosenTask(name, task, data.fingerprint, _counts(data))
        missing = {key: p.missing(data, config) for key, p in selection.protocols.items()}
        for protocol, reason in missing.items():
            if not reason:
                selection.tasks[protocol].append(chosen)
        for reason in dict.fromkeys(filter(None, missing.values())):
            told = reason.replace(f"{task.name} ", "it ", 1)
            selection.left_out.append(LeftOut("task", task.name, told))
    if not selection.all_tasks():
        tasks = [f"{left.name}: {left.reason}" for left in selection.left_out if left.kind == "task"]
        raise Failure(
            f"none of the {len(found)} tasks can be used, as {tasks[0] if tasks else 'there is none'}"
        )


def _counts(data: TaskData) -> dict[str, int]:
    return {split: len(data.indices(split)) for split in ("train", "val", "test")}
