"""Input and output of the checks."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, SupportsInt, get_args

import cv2
import numpy as np

from segbench.datasets.scans import ScanData
from segbench.datasets.task import Task, TaskData

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True)
class Finding:
    """A fault or an oddity of a data set.

    Attributes
    ----------
    severity : {"error", "warning", "note"}
        An error makes results wrong or a run fail, a warning may do so, a note is for information.
    title : str
        A few words, equal for all findings of a kind.
    advice : str
        What to do.
    task : str
        Empty for the whole data set.
    images : tuple of int
        Indices in the task.
    subjects, files : tuple of str
        Subjects and files of the images, if known.
    numbers : mapping of str to float or str
        Measured values.
    """

    severity: Severity
    title: str
    advice: str
    task: str = ""
    images: tuple[int, ...] = ()
    subjects: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    numbers: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class View:
    """One label of a task.

    Attributes
    ----------
    task : Task
    images : float32 array (N, H, W) in [0, 1]
    labels : bool array (N, H, W)
    subjects, split : str arrays (N,)
    splits : tuple of str
        All splits of this kind of data.
    files : sequence of str
        The file of each image, or empty.
    sets : bool
        Whether the images are scans; all scans of a subject are one set.
    """

    task: Task
    images: np.ndarray
    labels: np.ndarray
    subjects: np.ndarray
    split: np.ndarray
    splits: tuple[str, ...]
    files: Sequence[str] = ()
    sets: bool = False

    @cached_property
    def digests(self) -> list[bytes]:
        """Hash of each image."""
        return _digests(self.images)

    @cached_property
    def label_digests(self) -> list[bytes]:
        """Hash of each mask."""
        return _digests(self.labels)

    def finding(
        self, severity: Severity, title: str, advice: str, images: Iterable[SupportsInt] = (), **numbers: Any
    ) -> Finding:
        """Make a finding about this task, or about some of its images."""
        chosen = tuple(int(image) for image in images)
        return Finding(
            severity,
            title,
            advice,
            self.task.name,
            chosen,
            tuple(str(self.subjects[image]) for image in chosen),
            tuple(self.files[image] for image in chosen) if len(self.files) else (),
            {key: round(n, 3) if isinstance(n, float) else n for key, n in numbers.items()},
        )


def views(data: TaskData | ScanData, files: Sequence[str] = ()) -> Iterator[View]:
    """Yield the only label of a task, or each structure of scans."""
    shared = (data.subjects, data.split, data.SPLITS, files)
    if not isinstance(data, ScanData):
        yield View(data.task, data.images[:, 0], data.labels[:, 0], *shared)
        return
    for value, structure in enumerate(data.structures, 1):
        task = dataclasses.replace(data.task, label=structure)
        yield View(task, data.images[:, 0], data.labels[:, 0] == value, *shared, sets=True)


def thumbnails(images: np.ndarray, side: int) -> np.ndarray:
    """Shrink images (N, H, W) by the mean over areas, float32 (N, side, side)."""
    small = [cv2.resize(i.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA) for i in images]
    return np.stack(small)


def standardize(images: np.ndarray) -> np.ndarray:
    """Rows of mean 0 and norm 1, whose products are correlations; constant images become 0."""
    rows = images.reshape(len(images), -1)
    rows = rows - rows.mean(1, keepdims=True)
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(norm > 1e-6, rows / np.maximum(norm, 1e-6), 0)


def spread(values: np.ndarray) -> float:
    """Median distance from the median, scaled to the standard deviation of a normal distribution."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _digests(images: np.ndarray) -> list[bytes]:
    return [hashlib.sha256(np.ascontiguousarray(image).tobytes()).digest() for image in images]
