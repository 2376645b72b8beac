"""A user's own 2D data: a folder with images/ and masks/."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segbench.datasets.examples import Example, two_splits
from segbench.datasets.importing.formats.case import Case, ImportOptions
from segbench.datasets.importing.formats.folder import FolderReader, read_settings
from segbench.datasets.preprocess import preprocess
from segbench.datasets.splits import split_by_subject
from segbench.datasets.task import DataError, Task, TaskData, name_part
from segbench.paths import expanded

MAX_SHOWN = 5  # values that belong to no label


class Folder:
    """Data set ``folder:PATH``, which `FolderReader` reads in place.

    ``PATH/images`` contains PNG, TIFF, BMP, GIF, JPEG or NPY files, ``PATH/masks`` a mask of the same stem
    for each. Masks with one value besides 0 are one task, ``foreground``; with several, each value is a task.
    Every image is a subject unless ``PATH/subjects.csv`` (columns ``file`` and ``subject``) or a pattern
    names subjects. ``PATH/dataset.toml`` may contain, all optional::

        name = "knees"                       # default: the folder's name
        cohort = "clinic-a"                  # default: all
        modality = "X-Ray"                   # default: unknown
        subject_pattern = "^(p[0-9]+)_"      # one group, searched in the file name without suffix
        labels = {1 = "femur", 2 = "tibia"}  # other values then belong to no label

    Raises
    ------
    DataError
        From every method but `installed`, in one sentence that names the file at fault.
    """

    def __init__(self, path: Path) -> None:
        self.path = expanded(path).resolve()
        self.name = name_part(read_settings(self.path / "dataset.toml").get("name", self.path.name))

    def installed(self, root: Path | None) -> bool:
        try:
            return FolderReader(ImportOptions()).fits(self.path)
        except DataError:  # it is there; the other methods tell what is wrong
            return True

    def tasks(self, root: Path | None) -> list[Task]:
        """One task per label, in the order of the mask values; reads the masks, not the images."""
        cases = FolderReader(ImportOptions()).labelled_cases(self.path)
        labels = dict.fromkeys(label for case in cases for mask in case.masks for label in mask.labels or ())
        cohort, modality = name_part(cases[0].cohort), name_part(cases[0].modality)
        return [Task(self.name, cohort, modality, "0", name_part(label)) for label in labels]

    def load(self, task: Task, root: Path | None) -> TaskData:
        """Load one task.

        All images are split; images without the label are then left out, because interactions on them cannot
        be simulated.
        """
        reader = FolderReader(ImportOptions())
        cases = reader.labelled_cases(self.path)
        split = self._split(cases)
        images, labels, kept, unused = [], [], [], set[int]()
        for number, case in enumerate(cases):
            for example in reader.examples(_with_masks_of(case, task.label)):
                unused.update(example.unused)
                for mask in _masks_of(example, task.label):
                    image, label = preprocess(example.image, mask, str(case.image))
                    if label.any():
                        images.append(image)
                        labels.append(label)
                        kept.append(number)
        if not kept:
            raise DataError(f"{task}: the data set is empty, no mask shows the label")
        if unused:
            values = ", ".join(map(str, sorted(unused)[:MAX_SHOWN])) + (
                ", ..." if len(unused) > MAX_SHOWN else ""
            )
            warnings.warn(
                f"{self.path}: {values} in the masks belong to no label, and are not used", stacklevel=2
            )
        subjects = np.array([case.subject for case in cases])
        names = np.array([case.image.name for case in cases])
        arrays = np.stack(images), np.stack(labels)
        return TaskData(task, *arrays, subjects[kept], split[kept], names=names[kept])

    def _split(self, cases: Sequence[Case]) -> np.ndarray:
        """The split of each case, of its folder or drawn."""
        if not cases[0].split:
            return split_by_subject(np.array([case.subject for case in cases]), key=self.name)
        first: dict[str, Case] = {}
        for case in cases:
            other = first.setdefault(case.subject, case)
            if other.split != case.split:
                raise two_splits(case.subject, (other.image, other.split), (case.image, case.split))
        return np.array([case.split for case in cases])


def _with_masks_of(case: Case, label: str) -> Case:
    """The case with the mask files of one label, by its name in tasks, only."""
    masks = [mask for mask in case.masks if any(name_part(name) == label for name in mask.labels or ())]
    return case._replace(masks=tuple(masks))


def _masks_of(example: Example, label: str) -> list[np.ndarray]:
    return [mask for name, mask in example.masks.items() if name_part(name) == label]
