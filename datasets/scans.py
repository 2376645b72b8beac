"""Scans of subjects with all their structures labelled: what automatic segmentation is tried on.

InterConv, section 4.2. A set is all the scans of one subject.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from segbench.datasets.task import DataError, Task

ScanSplit = Literal["train", "stopping-val", "val", "test"]
ALL = "all-structures"  # the label of a task that is about every structure at once


@dataclass(frozen=True, eq=False)
class ScanData:
    """All scans of one collection and their label maps.

    Attributes
    ----------
    task : Task
        Its label is `ALL`; the records name the structures.
    images : float32 array (N, 1, H, W) in [0, 1]
    labels : uint8 array (N, 1, H, W)
        0 is the background, k the structure ``structures[k - 1]``.
    subjects : str array (N,)
        Scans of one subject come in order of their sessions.
    split : str array (N,), each of `SPLITS`; a subject has one split
        ``stopping-val`` ends a training, ``val`` (the paper's Performance-Val) chooses a configuration.
    structures : tuple of str

    Raises
    ------
    DataError
        If shapes, types, values or splits are not as said above.
    """

    SPLITS: ClassVar[tuple[str, ...]] = ("train", "stopping-val", "val", "test")

    task: Task
    images: np.ndarray
    labels: np.ndarray
    subjects: np.ndarray
    split: np.ndarray
    structures: tuple[str, ...]

    def __post_init__(self) -> None:
        n = len(self.images)
        if n == 0:
            raise DataError(f"{self.task}: there is no scan")
        if self.images.dtype != np.float32 or self.labels.dtype != np.uint8:
            raise DataError(f"{self.task}: images must be float32 and labels uint8")
        if self.images.ndim != 4 or self.images.shape[1] != 1 or self.images.shape != self.labels.shape:
            raise DataError(
                f"{self.task}: images {self.images.shape} and labels {self.labels.shape} must share "
                "one shape (N, 1, H, W)"
            )
        if self.subjects.shape != (n,) or self.split.shape != (n,):
            raise DataError(f"{self.task}: subjects and split must have one entry per scan")
        if not np.isfinite(self.images).all() or self.images.min() < 0 or self.images.max() > 1:
            raise DataError(f"{self.task}: image values must be finite and lie in [0, 1]")
        if self.labels.max() > len(self.structures):
            raise DataError(f"{self.task}: label {self.labels.max()} has no name")
        if not set(self.split) <= set(self.SPLITS):
            raise DataError(f"{self.task}: splits must be {', '.join(self.SPLITS)}")
        for subject in np.unique(self.subjects):
            if len(found := set(self.split[self.subjects == subject])) > 1:
                raise DataError(f"{self.task}: subject {subject} is in {' and '.join(sorted(found))}")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def classes(self) -> int:
        """Structures and the background."""
        return 1 + len(self.structures)

    def indices(self, split: ScanSplit) -> np.ndarray:
        """Indices of the scans of one split, in order."""
        return np.flatnonzero(self.split == split)

    def sets(self, split: ScanSplit) -> list[np.ndarray]:
        """Indices of the scans of each subject of one split, subjects in order of their names."""
        chosen = self.indices(split)
        return [chosen[self.subjects[chosen] == name] for name in np.unique(self.subjects[chosen])]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over name, structures, arrays, subjects and split."""
        digest = hashlib.sha256("\0".join([self.task.name, *self.structures]).encode())
        digest.update(repr(self.images.shape).encode())
        for array in (self.images, self.labels):
            digest.update(np.ascontiguousarray(array).tobytes())
        for names in (self.subjects, self.split):
            digest.update("\0".join(map(str, names)).encode())
        return digest.hexdigest()


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
"""Name of each number in FreeSurfer's label maps, in the paper's order."""

STRUCTURES = tuple(FREESURFER.values())
"""The name of label k is ``STRUCTURES[k - 1]``."""
