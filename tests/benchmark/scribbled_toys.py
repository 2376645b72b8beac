"""A data set on which two people have drawn, used as ``scribbled_toys:Class``; its numbers are known."""

from __future__ import annotations

import numpy as np
from toys import Brush

from segbench.datasets.scribbled import ScribbledData
from segbench.datasets.task import Task

SIDE = 32
SQUARE, UPPER = np.s_[8:24, 8:24], np.s_[8:16, 8:24]  # 256 pixels, and 128 of them


class Drawn:
    """Two tasks of three images of one bright square.

    The first person marks all of it, the second its upper half. Both draw a line of 24 pixels on the
    background.
    """

    name, data_type = "drawn", ScribbledData

    def installed(self, root):
        return True

    def tasks(self, root):
        return [Task(self.name, cohort, "synthetic", "0", "square") for cohort in ("first", "second")]

    def load(self, task, root):
        labels = np.zeros((3, 1, SIDE, SIDE), bool)
        labels[:, 0][:, *SQUARE] = True
        scribbles = np.zeros((3, 2, 2, SIDE, SIDE), np.float32)
        scribbles[:, 0, 0][:, *SQUARE] = 1
        scribbles[:, 1, 0][:, *UPPER] = 1
        scribbles[:, :, 1, 4:28, 2] = 1
        names, split = np.array(["a", "b", "c"]), np.array(["test"] * 3)
        return ScribbledData(task, labels.astype(np.float32), labels, names, split, scribbles=scribbles)


class Literal(Brush):
    """Segments what is marked as positive, and nothing else."""

    def predict(self, query):
        return query.interactions.positive - 0.5
