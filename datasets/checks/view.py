"""What the checks look at and what they say."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, SupportsInt

import cv2
import numpy as np

from segbench.datasets.scans import ScanData
from segbench.datasets.task import Task, TaskData

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """Something to look at.

    Attributes
    ----------
    severity : {"error", "warning", "note"}
        An error makes results wrong or a run fail; a warning probably does; a note is good to know.
    what : str
        A few words, the same for all findings of a kind.
    advice : str
        What to do.
    task : str
        Empty where it is about the whole data set.
    images : tuple of int
        Indices in the task.
    subjects, files : tuple of str
        Those of the images, as far as they are known.
    numbers : mapping of str to float or str
        What was measured.
    """

    severity: Severity
    what: str
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
        The splits that there can be.
    files : sequence of str
        The file of each image, or empty.
    sets : bool
        Whether it is a structure of scans, of which all that a subject has are one set.
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
        """Of every picture; equal only where the pictures are."""
        return _digests(self.images)

    @cached_property
    def label_digests(self) -> list[bytes]:
        """Of every label."""
        return _digests(self.labels)

    def finding(
        self, severity: Severity, what: str, advice: str, images: Iterable[SupportsInt] = (), **numbers: Any
    ) -> Finding:
        """A finding about this task, or about some of its images."""
        chosen = tuple(int(image) for image in images)
        return Finding(
            severity,
            what,
            advice,
            self.task.name,
            chosen,
            tuple(str(self.subjects[image]) for image in chosen),
            tuple(self.files[image] for image in chosen) if len(self.files) else (),
            {key: round(n, 3) if isinstance(n, float) else n for key, n in numbers.items()},
        )


def views(data: TaskData | ScanData, files: Sequence[str] = ()) -> Iterator[View]:
    """The one label of a task, or the structures of scans one after another."""
    rest = (data.subjects, data.split, data.SPLITS, files)
    if not isinstance(data, ScanData):
        yield View(data.task, data.images[:, 0], data.labels[:, 0], *rest)
        return
    for value, structure in enumerate(data.structures, 1):
        task = dataclasses.replace(data.task, label=structure)
        yield View(task, data.images[:, 0], data.labels[:, 0] == value, *rest, sets=True)


def thumbnails(pictures: np.ndarray, side: int) -> np.ndarray:
    """Pictures (N, H, W) by the mean over areas, float32 (N, side, side)."""
    small = [cv2.resize(p.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA) for p in pictures]
    return np.stack(small)


def standard(pictures: np.ndarray) -> np.ndarray:
    """Rows of mean 0 and norm 1, so that their products are correlations; constant rows become 0."""
    rows = pictures.reshape(len(pictures), -1)
    rows = rows - rows.mean(1, keepdims=True)
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(norm > 1e-6, rows / np.maximum(norm, 1e-6), 0)


def spread(values: np.ndarray) -> float:
    """The median distance from the median, as a standard deviation of normal values."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _digests(pictures: np.ndarray) -> list[bytes]:
    return [hashlib.sha256(np.ascontiguousarray(picture).tobytes()).digest() for picture in pictures]
