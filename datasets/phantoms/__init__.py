"""Embedded evaluation data: eleven tasks drawn procedurally, for machines without a real data set.

They look like what MultiverSeg is evaluated on (Table 2) and stand in for it where nothing is installed.
They are evaluation data: the generator of training tasks in `models` shares nothing with them.
"""

from __future__ import annotations

import hashlib
import importlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from segbench.datasets.phantoms.drawing import SIDE
from segbench.datasets.splits import split_by_subject
from segbench.datasets.task import DataError, Task, TaskData

SUBJECTS = 120
VERSION = 1  # part of every key: a change of any drawing is a change of the version

COHORTS = {
    "heart": ("cine-MRI", ("left-ventricle", "right-ventricle")),
    "breast": ("Ultrasound", ("lesion",)),
    "hip": ("X-Ray", ("femur",)),
    "chest": ("X-Ray", ("lungs", "heart")),
    "jaw": ("X-Ray", ("teeth",)),
    "retina": ("Optical camera", ("vessels",)),
    "blood": ("Microscopy", ("nucleus", "cytoplasm")),
    "spine": ("T2-weighted MRI", ("vertebrae",)),
}


class Phantoms:
    """The embedded data set ``phantoms``: 8 cohorts of 120 subjects, 11 tasks.

    A subject is one image. Its picture depends on the cohort and its number alone, so it is the same in
    every run and on every machine.
    """

    name = "phantoms"

    def installed(self, root: Path | None = None) -> bool:
        """Always true: nothing has to be on disk."""
        return True

    def tasks(self, root: Path | None = None) -> list[Task]:
        """All tasks, without drawing any picture."""
        return [
            Task(self.name, cohort, modality, "0", label)
            for cohort, (modality, labels) in COHORTS.items()
            for label in labels
        ]

    def load(self, task: Task, root: Path | None = None) -> TaskData:
        """Images float32 (120, 1, 128, 128) in [0, 1], labels, subjects and split of one task.

        Tasks of one cohort share images, subjects and split. The arrays are read-only.

        Raises
        ------
        DataError
            If `task` is none of these tasks.
        """
        if task not in self.tasks():
            raise DataError(f"{task} is no phantom task; `list tasks` names them")
        images, masks = _cohort(task.cohort)
        subjects = np.array([f"{task.cohort}-{i:03d}" for i in range(SUBJECTS)])
        split = split_by_subject(subjects, f"{self.name}/{task.cohort}")
        return TaskData(task, images, masks[task.label], subjects, split)


def generator(*key: str | int) -> np.random.Generator:
    """The generator of a key, the same on every machine."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return np.random.default_rng(np.random.SeedSequence(list(digest)))


@lru_cache(maxsize=2)
def _cohort(cohort: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Images (n, 1, H, W) of a cohort and its masks by label; kept because labels share them."""
    draw = importlib.import_module(f"segbench.datasets.phantoms.{cohort}").draw
    images = np.empty((SUBJECTS, 1, SIDE, SIDE), np.float32)
    masks = {label: np.empty(images.shape, bool) for label in COHORTS[cohort][1]}
    for i in range(SUBJECTS):
        picture, labels = draw(generator("phantoms", VERSION, cohort, i))
        images[i, 0] = picture
        for label, mask in labels.items():
            masks[label][i, 0] = mask
    for array in (images, *masks.values()):
        array.setflags(write=False)
    return images, masks
