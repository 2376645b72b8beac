"""A data set and models small enough to run the whole tool in a second, used by name as ``toys:Class``."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import torch
import torch.nn.functional as F

from datasets.task import Task, TaskData
from protocols.adapter import Capabilities

SIDE = 32
COUNTS = {"train": 6, "val": 2, "test": 6}


class Toys:
    """Bright rectangles of one or two parts on a dark ground: two tasks of 14 subjects."""

    name = "toys"

    def installed(self, root):
        return True

    def tasks(self, root):
        return [Task(self.name, "drawn", "synthetic", "0", label) for label in ("one", "two")]

    def load(self, task, root):
        rng = np.random.default_rng(len(task.label) + ord(task.label[0]))
        count = sum(COUNTS.values())
        labels = np.zeros((count, 1, SIDE, SIDE), bool)
        for label in labels[:, 0]:
            for part in range(2 if task.label == "two" else 1):
                row, column = rng.integers(2, 14), rng.integers(2, 8) + 14 * part
                label[row : row + rng.integers(6, 14), column : column + rng.integers(5, 8)] = True
        noise = rng.uniform(0, 0.3, labels.shape)
        images = (noise + np.where(labels, 0.6, 0.1)).astype(np.float32)
        split = np.repeat(list(COUNTS), list(COUNTS.values()))
        return TaskData(task, images, labels, np.array([f"s{i:02d}" for i in range(count)]), split)


class Empty(Toys):
    """A data set without tasks."""

    def tasks(self, root):
        return []


class Brush:
    """Paints around positive marks and erases around negative ones."""

    capabilities = Capabilities(interactive=True)

    def predict(self, query):
        marks = query.interactions
        grow = [F.max_pool2d(m, 9, stride=1, padding=4) for m in (marks.positive, marks.negative)]
        return grow[0] * (query.image > 0.45) - 2 * grow[1] - 0.25


class Slow(Brush):
    def predict(self, query):
        time.sleep(0.015)
        return super().predict(query)


class Broken(Brush):
    """Returns NaN."""

    def predict(self, query):
        return torch.full_like(query.image, float("nan"))


class Faulty(Brush):
    """Has a bug."""

    def predict(self, query):
        raise ZeroDivisionError("division by zero")


class Killed(Brush):
    """Dies as a process does that the system kills for its memory."""

    def predict(self, query):
        os.kill(os.getpid(), signal.SIGKILL)


class Automatic(Brush):
    """Takes no interactions."""

    capabilities = Capabilities(in_context=True)
