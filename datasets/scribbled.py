"""Images on which people have drawn: a task with the scribbles of several annotators on each image."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from segbench.datasets.task import DataError, TaskData


@dataclass(frozen=True, eq=False)
class ScribbledData(TaskData):
    """All images of one task, each with the scribbles of the same annotators.

    Attributes
    ----------
    scribbles : float32 array (N, annotators, 2, H, W) in [0, 1]
        What each has drawn on the structure, then on the background.

    Raises
    ------
    DataError
        As `TaskData`, and if the scribbles are not as said above.
    """

    scribbles: np.ndarray

    def __post_init__(self) -> None:
        super().__post_init__()
        count, _, *size = self.images.shape
        found = self.scribbles
        if found.dtype != np.float32 or found.ndim != 5 or found.shape[1] == 0:
            raise DataError(f"{self.task}: scribbles must be float32 (N, annotators, 2, H, W)")
        if (found.shape[0], *found.shape[2:]) != (count, 2, *size):
            raise DataError(
                f"{self.task}: scribbles {found.shape} do not belong to images {self.images.shape}"
            )
        if not np.isfinite(found).all() or found.min() < 0 or found.max() > 1:
            raise DataError(f"{self.task}: values of scribbles must be finite and lie in [0, 1]")

    @property
    def annotators(self) -> int:
        """How many people have drawn on each image."""
        return int(self.scribbles.shape[1])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over all that `TaskData` counts, and the scribbles."""
        digest = hashlib.sha256(super().fingerprint.encode())
        digest.update(repr(self.scribbles.shape).encode())
        digest.update(np.ascontiguousarray(self.scribbles).tobytes())
        return digest.hexdigest()
