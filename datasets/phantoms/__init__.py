"""Embedded data: procedurally drawn images for machines without a real data set.

`Phantoms` look like the evaluation data of MultiverSeg (Table 2) and are never trained on: the generator of
training tasks in `segbench.models.training` shares no code with them. `BrainPhantom` looks like the
longitudinal MRI of InterConv (section 4.2) and has a training split.
"""

from __future__ import annotations

import hashlib
import importlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from segbench.datasets.phantoms import brain
from segbench.datasets.phantoms.drawing import SIDE
from segbench.datasets.scans import ALL, STRUCTURES, ScanData
from segbench.datasets.splits import split_by_subject
from segbench.datasets.task import DataError, Task, TaskData

VERSION = 1  # part of every random key: grows whenever a drawing changes

SUBJECTS = 120  # of each cohort
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

BRAIN_SUBJECTS = {"train": 200, "stopping-val": 25, "val": 25, "test": 50}
MAX_SESSIONS = 12
DECAY = 0.8  # ratio of subjects with k + 1 sessions to subjects with k, as in InterConv's Fig. 8


class Embedded:
    """A data set without files."""

    def installed(self, root: Path | None = None) -> bool:
        """Return True: embedded data need no files."""
        return True


class Phantoms(Embedded):
    """Drawn images: 8 cohorts of 120 subjects, 11 tasks.

    An image depends on its cohort and number only, and is the same in every run and on every machine.
    """

    name = "phantoms"

    def tasks(self, root: Path | None = None) -> list[Task]:
        """List all tasks without drawing an image."""
        return [
            Task(self.name, cohort, modality, "0", label)
            for cohort, (modality, labels) in COHORTS.items()
            for label in labels
        ]

    def load(self, task: Task, root: Path | None = None) -> TaskData:
        """Draw the images of one task, float32 (120, 1, 128, 128) in [0, 1].

        Tasks of one cohort share images, subjects and split. The arrays are read-only.

        Raises
        ------
        DataError
            If the data set has no such task.
        """
        if task not in self.tasks():
            raise DataError(f"{task} is no phantom task; `list tasks` prints all tasks")
        images, masks = _draw_cohort(task.cohort)
        subjects = np.array([f"{task.cohort}-{i:03d}" for i in range(SUBJECTS)])
        split = split_by_subject(subjects, f"{self.name}/{task.cohort}")
        return TaskData(task, images, masks[task.label], subjects, split)


class BrainPhantom(Embedded):
    """Drawn scans of 300 brains in 1 to 12 sessions.

    A scan depends on the numbers of its subject and session only, and is the same on every machine.
    """

    name = "brain-phantom"
    data_type = ScanData

    def tasks(self, root: Path | None = None) -> list[Task]:
        """List the only task without drawing an image."""
        return [Task(self.name, "longitudinal", "MR", "coronal", ALL)]

    def load(self, task: Task, root: Path | None = None) -> ScanData:
        """Draw all scans, float32 (N, 1, 80, 96) in [0, 1], once per process; the arrays are read-only.

        Raises
        ------
        DataError
            If the data set has no such task.
        """
        if [task] != self.tasks():
            raise DataError(f"{task} is no task of {self.name}; `list tasks` prints all tasks")
        return _draw_scans(task)


def subject_generator(*key: str | int) -> np.random.Generator:
    """Make the random generator of a subject; it is the same on every machine."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return np.random.default_rng(np.random.SeedSequence(list(digest)))


@lru_cache(maxsize=2)
def _draw_cohort(cohort: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Draw the images (n, 1, H, W) of a cohort and its masks by label; cached because tasks share them."""
    draw = importlib.import_module(f"segbench.datasets.phantoms.{cohort}").draw
    images = np.empty((SUBJECTS, 1, SIDE, SIDE), np.float32)
    masks = {label: np.empty(images.shape, bool) for label in COHORTS[cohort][1]}
    for i in range(SUBJECTS):
        images[i, 0], labels = draw(subject_generator(Phantoms.name, VERSION, cohort, i))
        for label, mask in labels.items():
            masks[label][i, 0] = mask
    for array in (images, *masks.values()):
        array.setflags(write=False)
    return images, masks


@lru_cache(maxsize=1)
def _draw_scans(task: Task) -> ScanData:
    share = DECAY ** np.arange(MAX_SESSIONS)
    subjects, images, labels = [], [], []
    for i in range(sum(BRAIN_SUBJECTS.values())):
        rng = subject_generator(task.dataset, VERSION, i)
        sessions = 1 + int(rng.choice(MAX_SESSIONS, p=share / share.sum()))
        subject_images, subject_labels = brain.draw(rng, sessions)
        subjects += [f"brain-{i:03d}"] * sessions
        images.append(subject_images)
        labels.append(subject_labels)
    arrays = np.concatenate(images)[:, None], np.concatenate(labels)[:, None]
    for array in arrays:
        array.setflags(write=False)
    names = np.array(subjects)
    split = split_by_subject(names, task.dataset, BRAIN_SUBJECTS)
    return ScanData(task, *arrays, names, split, STRUCTURES)
