"""Images with scribbles that people have drawn, several annotators per image."""

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
        Scribbles of each annotator on the structure, then on the background.

    Raises
    ------
    DataError
        As of `TaskData`, or if shape, type or values of the scribbles differ from these.
    """

    kind = "scribbles"

    scribbles: np.ndarray

    def __post_init__(self) -> None:
        super().__post_init__()
        count, _, *size = self.images.shape
        scribbles = self.scribbles
        if scribbles.dtype != np.float32 or scribbles.ndim != 5 or scribbles.shape[1] == 0:
            raise DataError(f"{self.task}: scribbles must be float32 (N, annotators, 2, H, W)")
        if (scribbles.shape[0], *scribbles.shape[2:]) != (count, 2, *size):
            raise DataError(
                f"{self.task}: scribbles {scribbles.shape} do not match images {self.images.shape}"
            )
        if not np.isfinite(scribbles).all() or scribbles.min() < 0 or scribbles.max() > 1:
            raise DataError(f"{self.task}: values of scribbles must be finite and lie in [0, 1]")

    @property
    def annotators(self) -> int:
        """Number of people who have drawn on each image."""
        return int(self.scribbles.shape[1])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the fingerprint of `TaskData` and the scribbles."""
        digest = hashlib.sha256(super().fingerprint.encode())
        digest.update(repr(self.scribbles.shape).encode())
        digest.update(np.ascontiguousarray(self.scribbles).tobytes())
        return digest.hexdigest()
