"""Choice of the data sets of a run or training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, replace
from fnmatch import fnmatchcase
from pathlib import Path

from segbench.datasets.registry import DATASETS, EMBEDDED, installed_datasets
from segbench.datasets.task import Task, base_name
from segbench.errors import Failure, UsageError
from segbench.registry import UnknownName
from segbench.text import split_names

KINDS = {
    "tasks": "evaluation data set",
    "scans": "data set of scans",
    "scribbles": "data set with people's scribbles",
}
DOWNLOADS = {"scribbles": "medscribble"}  # by kind of data: the data set that `data fetch` can download


def names(value: str | Iterable[str]) -> list[str]:
    """Return the names of a comma-separated list or a sequence, each once.

    The path of an existing ``folder:PATH`` may contain commas; the longest that exists is meant.
    """
    items = _split(value) if isinstance(value, str) else value
    stripped = list(dict.fromkeys(item.strip() for item in items if item.strip()))
    if not stripped:
        raise UsageError("a list of names is empty; give at least one name")
    return stripped


def _split(text: str) -> list[str]:
    items, rest = [], split_names(text)
    while rest:
        ends = range(len(rest), 0, -1)
        end = next((end for end in ends if _is_folder(",".join(rest[:end]))), 1)
        items.append(",".join(rest[:end]))
        del rest[:end]
    return items


def _is_folder(name: str) -> bool:
    kind, _, path = name.strip().partition(":")
    try:
        return kind == "folder" and Path(path).expanduser().is_dir()
    except (OSError, RuntimeError):  # too long, or of an unknown user
        return False


def choose_datasets(
    value: str | Sequence[str] | None,
    root: Path,
    kinds: Iterable[str] = ("tasks",),
    split_from: str | None = None,
) -> tuple[list[str], str]:
    """Return the names of the data sets, and a line that lists them with the reason of the choice.

    Without names: all installed data sets of each kind, or the embedded one if none is installed. With
    `split_from`, their variants of that name.

    Raises
    ------
    Failure
        If none is installed and none is embedded.
    UsageError
        If a data set has no such variant.
    """
    chosen, line = _choose(value, root, kinds)
    if split_from is None:
        return chosen, line
    chosen = [_with_split(name, split_from) for name in chosen]
    return chosen, f"Data sets: {', '.join(chosen)}"


def _with_split(name: str, split_from: str) -> str:
    """Return the name of the variant of a data set that has the split of public code."""
    known = [other for other in DATASETS.names() if other.endswith(f"@{split_from}")]
    for variant in (name, f"{name}@{split_from}"):
        if variant in known:
            return variant
    having = ",".join(map(base_name, known))
    raise UsageError(f"{name} has no split from {split_from}; name data sets that have: --datasets {having}")


def matching_tasks(patterns: Sequence[str], tasks: Sequence[Task]) -> set[Task]:
    """Return the tasks that match any of some shell patterns, whatever the case of letters.

    A pattern matches the full name of a task, with or without the variant of its data set, or one of its
    five parts: ``nucleus``, ``*ventricle`` and ``acdc/*``.

    Raises
    ------
    UnknownName
        If a pattern matches no task; the message names the nearest name.
    """
    matching: set[Task] = set()
    for pattern in patterns:
        found = {task for task in tasks if _matches(pattern, task)}
        if not found:
            named = [task.name for task in tasks]
            parts = [*(task.label for task in tasks), *(base_name(task.dataset) for task in tasks)]
            raise UnknownName("task", pattern, list(dict.fromkeys(named if "/" in pattern else parts)))
        matching |= found
    return matching


def _matches(pattern: str, task: Task) -> bool:
    base = replace(task, dataset=base_name(task.dataset))
    names = (task.name, base.name, *astuple(task), base.dataset)
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for name in names)


def _choose(value: str | Sequence[str] | None, root: Path, kinds: Iterable[str]) -> tuple[list[str], str]:
    if value is not None:
        chosen = names(value)
        return chosen, f"Data sets: {', '.join(chosen)}"
    chosen, reasons = [], []
    for of_kind in kinds:
        available = installed_datasets(root, of_kind)
        none = f"no {KINDS[of_kind]} is installed in {root}"
        if available:
            reasons.append(f"{', '.join(available)} (all that are installed in {root})")
        elif of_kind in EMBEDDED:
            available = [EMBEDDED[of_kind]]
            reasons.append(f"{available[0]} (embedded; {none})")
        else:
            reasons.append(f"{none}; get one: python -m benchmark data fetch {DOWNLOADS[of_kind]}")
        chosen += available
    if not chosen:
        raise Failure(reasons[0])
    return chosen, f"Data sets: {', '.join(reasons)}"
