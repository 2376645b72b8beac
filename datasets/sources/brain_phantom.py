"""Embedded longitudinal data: a coronal brain of three hundred subjects in one to twelve sessions.

They stand in for the clinical MRI of InterConv, section 4.2, where no such data are installed. Unlike the
phantoms of `segbench.datasets.phantoms` they are also trained on.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from segbench.datasets.phantoms import generator
from segbench.datasets.phantoms.brain import draw
from segbench.datasets.scans import ALL, STRUCTURES, ScanData
from segbench.datasets.splits import split_scans_by_subject
from segbench.datasets.task import DataError, Task

VERSION = 1  # part of every key: a change of the drawing is a change of the version
SUBJECTS = {"train": 200, "stopping-val": 25, "val": 25, "test": 50}
MOST_SESSIONS = 12
FALL = 0.8  # ratio of the numbers of subjects with k + 1 and with k sessions, as the paper's Fig. 8 falls


class BrainPhantom:
    """The embedded data set ``brain-phantom``: about 1,200 scans of 300 subjects, twenty structures.

    A scan depends on the numbers of its subject and session alone, so it is the same in every run and on
    every machine.
    """

    name = "brain-phantom"
    kind = "scans"

    def installed(self, root: Path | None = None) -> bool:
        """Always true: nothing has to be on disk."""
        return True

    def tasks(self, root: Path | None = None) -> list[Task]:
        """The one task, without drawing any picture."""
        return [Task(self.name, "longitudinal", "MR", "coronal", ALL)]

    def load(self, task: Task, root: Path | None = None) -> ScanData:
        """All scans, 80 x 96; drawn once in a process, the arrays are read-only.

        Raises
        ------
        DataError
            If `task` is not this task.
        """
        if [task] != self.tasks():
            raise DataError(f"{task} is no task of {self.name}; `list tasks` names it")
        return _scans(task)


@lru_cache(maxsize=1)
def _scans(task: Task) -> ScanData:
    share = FALL ** np.arange(MOST_SESSIONS)
    names, images, labels = [], [], []
    for i in range(sum(SUBJECTS.values())):
        rng = generator(task.dataset, VERSION, i)
        sessions = 1 + int(rng.choice(MOST_SESSIONS, p=share / share.sum()))
        pictures, maps = draw(rng, sessions)
        names += [f"brain-{i:03d}"] * sessions
        images.append(pictures)
        labels.append(maps)
    subjects = np.array(names)
    arrays = np.concatenate(images)[:, None], np.concatenate(labels)[:, None]
    for array in arrays:
        array.setflags(write=False)
    return ScanData(
        task, *arrays, subjects, split_scans_by_subject(subjects, task.dataset, SUBJECTS), STRUCTURES
    )
