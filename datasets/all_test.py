"""A data set all of whose images count as test, for models that were trained on none of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from segbench.datasets.task import ImageData, Task, base_name
from segbench.randomness import keyed_generator

ALL, ALL_BUT_ONE = "all", "all-but-one"
"""Endings of the names of these data sets; the second keeps one subject for the train split."""


def original(name: str) -> str:
    """Return the name of a data set with its own split: ``wbc`` of ``wbc@all``."""
    base, _, ending = name.rpartition("@")
    return base if ending in (ALL, ALL_BUT_ONE) else name


def with_all_test(name: str, keep_one: bool) -> str:
    """Return the name of a data set whose images are all test, such as ``wbc@all``.

    Parameters
    ----------
    name : str
    keep_one : bool
        Whether one subject of each task stays in the train split: ``wbc@all-but-one``.
    """
    return f"{original(name)}@{ALL_BUT_ONE if keep_one else ALL}"


def is_all_test(dataset: str) -> bool:
    """Return whether the images of a data set, by its name in tasks, are all test."""
    return dataset.endswith(f"@{ALL}")


class AllTest:
    """View of a data set, whose tasks are of the data set ``NAME@all``.

    Parameters
    ----------
    source : Source
    keep_one : bool
        Whether the images of one subject of each task are train, as long as the task has another subject. It
        is drawn among the subjects with the fewest images, by a generator keyed by data set and cohort.
    """

    def __init__(self, source: Any, keep_one: bool) -> None:
        self.source, self.keep_one = source, keep_one
        self.name = with_all_test(source.name, keep_one)
        if hasattr(source, "data_type"):
            self.data_type = source.data_type

    def installed(self, root: Path | None) -> bool:
        return bool(self.source.installed(root))

    def tasks(self, root: Path | None) -> list[Task]:
        return [_renamed(task) for task in self.source.tasks(root)]

    def load(self, task: Task, root: Path | None) -> Any:
        data = self.source.load(next(t for t in self.source.tasks(root) if _renamed(t) == task), root)
        split = np.full(len(data.images), "test")
        if self.keep_one and len(set(data.subjects)) > 1:
            split = np.where(data.subjects == _kept_subject(data), "train", split)
        return replace(data, task=task, split=split)


def _renamed(task: Task) -> Task:
    return replace(task, dataset=f"{task.dataset}@{ALL}")


def _kept_subject(data: ImageData) -> str:
    subjects, counts = np.unique(data.subjects, return_counts=True)
    rng = keyed_generator(0, base_name(data.task.dataset), data.task.cohort, "subject that stays train")
    return str(rng.choice(subjects[counts == counts.min()]))
