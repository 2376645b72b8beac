"""A segmentation task and its data, the unit in which both papers count (MultiverSeg, section 4 and B.1)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np

from segbench.errors import SegbenchError


def name_part(text: str) -> str:
    """Make a text one part of a task's name: slashes join the parts, and file names contain them."""
    return re.sub(r"[^\w.+-]+", "_", text)


def base_name(dataset: str) -> str:
    """Name of the data set of which another one is a variant: ``wbc`` of ``wbc@universeg``."""
    return dataset.partition("@")[0]


class DataError(SegbenchError, ValueError):
    """The data on disk cannot be used; the message is one sentence that says what to do."""


@dataclass(frozen=True, order=True)
class Task:
    """Name of a binary 2D task: (dataset, cohort, modality, axis, label)."""

    dataset: str
    cohort: str
    modality: str
    axis: str
    label: str

    @property
    def name(self) -> str:
        """The five parts joined by slashes, as in the ``task`` column of the records."""
        return "/".join((self.dataset, self.cohort, self.modality, self.axis, self.label))

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class ImageData:
    """Images, their labels and splits: the base of `TaskData` and `ScanData`.

    Attributes
    ----------
    task : Task
    images : float32 array (N, 1, H, W) in [0, 1]
    labels : array (N, 1, H, W) of `LABEL_TYPE`
    subjects : str array (N,)
    split : str array (N,), each of `SPLITS`; a subject has one split
    names : str array (N,), or empty if unknown
        File or slice of each image, for people who look for it. No result depends on it, nor the fingerprint.

    Raises
    ------
    DataError
        If shapes, types, values or splits differ from these.
    """

    kind: ClassVar[str]  # of the data sets that are loaded as this class
    SPLITS: ClassVar[tuple[str, ...]]
    LABEL_TYPE: ClassVar[type[np.generic]]

    task: Task
    images: np.ndarray
    labels: np.ndarray
    subjects: np.ndarray
    split: np.ndarray
    names: np.ndarray = field(default_factory=lambda: np.empty(0, str), kw_only=True)

    def __post_init__(self) -> None:
        n, label_type = len(self.images), np.dtype(self.LABEL_TYPE)
        if n == 0:
            raise DataError(f"{self.task}: the data set is empty")
        if self.images.dtype != np.float32 or self.labels.dtype != label_type:
            raise DataError(f"{self.task}: images must be float32 and labels {label_type}")
        if self.images.ndim != 4 or self.images.shape[1] != 1 or self.images.shape != self.labels.shape:
            raise DataError(
                f"{self.task}: images {self.images.shape} and labels {self.labels.shape} must share one "
                "shape (N, 1, H, W)"
            )
        if self.subjects.shape != (n,) or self.split.shape != (n,):
            raise DataError(f"{self.task}: subjects and split must have one entry per image")
        if self.names.shape not in ((n,), (0,)):
            raise DataError(f"{self.task}: names must have one entry per image, or none")
        if not np.isfinite(self.images).all():
            raise DataError(f"{self.task}: an image contains NaN or infinite values")
        if self.images.min() < 0 or self.images.max() > 1:
            raise DataError(f"{self.task}: image values must lie in [0, 1]")
        if not set(self.split) <= set(self.SPLITS):
            raise DataError(f"{self.task}: splits must be {', '.join(self.SPLITS[:-1])} or {self.SPLITS[-1]}")

    def __len__(self) -> int:
        return len(self.images)

    def indices(self, split: str) -> np.ndarray:
        """Indices of the images of one split, in order."""
        return np.flatnonzero(self.split == split)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of names, arrays, subjects and split; part of the key of a unit."""
        digest = hashlib.sha256("\0".join(self._names()).encode())
        digest.update(repr(self.images.shape).encode())
        digest.update(np.ascontiguousarray(self.images).tobytes())
        bits = np.packbits(self.labels) if self.labels.dtype == np.bool_ else self.labels
        digest.update(np.ascontiguousarray(bits).tobytes())
        for column in (self.subjects, self.split):
            digest.update("\0".join(map(str, column)).encode())
        return digest.hexdigest()

    def _names(self) -> tuple[str, ...]:
        return (self.task.name,)


@dataclass(frozen=True, eq=False)
class TaskData(ImageData):
    """All images of one task; labels are bool."""

    kind = "tasks"
    SPLITS = ("train", "val", "test")
    LABEL_TYPE = np.bool_
