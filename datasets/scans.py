"""Scans of subjects with labels of all their structures, for automatic segmentation (InterConv, section 4.2).

A set consists of all scans of one subject.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segbench.datasets.task import DataError, ImageData

ALL = "all-structures"  # label of the task of a data set of scans

FREESURFER = {
    2: "left-cerebral-white-matter",
    3: "left-cerebral-cortex",
    4: "left-lateral-ventricle",
    5: "left-inferior-lateral-ventricle",
    10: "left-thalamus",
    11: "left-caudate",
    12: "left-putamen",
    14: "3rd-ventricle",
    16: "brain-stem",
    17: "left-hippocampus",
    28: "left-ventral-dc",
    41: "right-cerebral-white-matter",
    42: "right-cerebral-cortex",
    43: "right-lateral-ventricle",
    44: "right-inferior-lateral-ventricle",
    49: "right-thalamus",
    50: "right-caudate",
    51: "right-putamen",
    53: "right-hippocampus",
    60: "right-ventral-dc",
}
"""The twenty structures of the brain on coronal slices (InterConv, Table 2), by FreeSurfer's numbers."""

STRUCTURES = tuple(FREESURFER.values())
"""The name of label k is ``STRUCTURES[k - 1]``."""


@dataclass(frozen=True, eq=False)
class ScanData(ImageData):
    """All scans of one collection; labels are uint8.

    The label of `task` is `ALL`. In `labels`, 0 is the background and k the structure ``structures[k - 1]``.
    Scans of one subject are in the order of its sessions. Of the splits, ``stopping-val`` ends a training and
    ``val`` (the paper's Performance-Val) selects a configuration.

    Attributes
    ----------
    structures : tuple of str

    Raises
    ------
    DataError
        As of `ImageData`, or if a label has no structure or a subject has two splits.
    """

    kind = "scans"
    SPLITS = ("train", "stopping-val", "val", "test")
    LABEL_TYPE = np.uint8

    structures: tuple[str, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.labels.max() > len(self.structures):
            raise DataError(f"{self.task}: label {self.labels.max()} has no name")
        for subject in np.unique(self.subjects):
            if len(splits := set(self.split[self.subjects == subject])) > 1:
                raise DataError(f"{self.task}: subject {subject} is in {' and '.join(sorted(splits))}")

    @property
    def classes(self) -> int:
        """Number of structures, and one for the background."""
        return 1 + len(self.structures)

    def sets(self, split: str) -> list[np.ndarray]:
        """Indices of the scans of each subject of one split; subjects in the order of their names."""
        chosen = self.indices(split)
        return [chosen[self.subjects[chosen] == name] for name in np.unique(self.subjects[chosen])]

    def _names(self) -> tuple[str, ...]:
        return (self.task.name, *self.structures)
