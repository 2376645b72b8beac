"""A data set and models small enough to run the whole tool in a second, used by name as ``toys:Class``."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from segbench.datasets.scans import ALL, ScanData
from segbench.datasets.task import Task, TaskData
from segbench.models.weights import trained_files, training_metadata
from segbench.protocols.adapter import Capabilities
from segbench.protocols.annotators import CenterClicks
from segbench.protocols.sequential import Sequential

SIDE = 32
COUNTS = {"train": 6, "val": 2, "test": 6}


class Toys:
    """Bright rectangles of one or two parts on a dark ground: two tasks of 14 subjects."""

    name = "toys"
    counts = COUNTS

    def installed(self, root):
        return True

    def tasks(self, root):
        return [Task(self.name, "drawn", "synthetic", "0", label) for label in ("one", "two")]

    def load(self, task, root):
        rng = np.random.default_rng(len(task.label) + ord(task.label[0]))
        count = sum(self.counts.values())
        labels = np.zeros((count, 1, SIDE, SIDE), bool)
        for label in labels[:, 0]:
            for part in range(2 if task.label == "two" else 1):
                row, column = rng.integers(2, 14), rng.integers(2, 8) + 14 * part
                label[row : row + rng.integers(6, 14), column : column + rng.integers(5, 8)] = True
        noise = rng.uniform(0, 0.3, labels.shape)
        images = (noise + np.where(labels, 0.6, 0.1)).astype(np.float32)
        split = np.repeat(list(self.counts), list(self.counts.values()))
        return TaskData(task, images, labels, np.array([f"s{i:02d}" for i in range(count)]), split)


class Many(Toys):
    """The same with enough test images for sets."""

    name = "many"
    counts = COUNTS | {"test": 9}


class Scans:
    """Two collections of scans of two structures; each of the two test subjects has two."""

    name, data_type = "scans", ScanData

    def installed(self, root):
        return True

    def tasks(self, root):
        return [Task(self.name, cohort, "MR", "0", ALL) for cohort in ("first", "second")]

    def load(self, task, root):
        labels = np.zeros((6, 1, 16, 16), np.uint8)
        labels[..., :6], labels[..., 9:] = 1, 2
        names = np.array(["a", "a", "b", "b", "c", "d"])
        split = np.array(["test"] * 4 + ["val", "train"])
        return ScanData(task, (labels / 2).astype(np.float32), labels, names, split, ("one", "two"))


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


class Wide(Brush):
    """Takes several images at once, and a context that it looks at."""

    capabilities = Capabilities(interactive=True, in_context=True)
    micro_batch = 6

    def predict(self, query):
        seen = 0 if query.context is None else query.context.labels.mean(1) * (query.image > 0.45)
        return seen - 0.2 if query.interactions is None else super().predict(query) + seen


class Forgetful(Brush):
    """Fails at some time."""

    left = 10

    def predict(self, query):
        Forgetful.left -= 1
        if Forgetful.left < 0:
            raise RuntimeError("out of memory")
        return super().predict(query)


class Own(Sequential):
    """A protocol that changes the records of another."""

    def prepare(self, *arguments):
        group = super().prepare(*arguments)

        def collect(results):
            records = group.collect(results)
            for row in records.steps:
                row["kind"] = "own"
            return records

        return replace(group, collect=collect)


class Journal(Sequential):
    """Notes each unit whose computation begins, as an empty file."""

    def prepare(self, data, adapter, simulations, *arguments):
        Path(os.environ["TOYS_JOURNAL"], f"{data.task.label} {simulations[0]}").touch()
        return super().prepare(data, adapter, simulations, *arguments)


JOURNAL = Journal("journal", CenterClicks(), max_steps=3)
OWN = Own("own", CenterClicks(), max_steps=2)


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


class SetBrush(Brush):
    """Paints around the marks of all images of a set."""

    capabilities = Capabilities(interactive=True, setwise=True)

    def predict(self, query):
        marks = query.interactions.positive.split(list(query.sets))
        pooled = torch.cat([part.amax(dim=0, keepdim=True).expand_as(part) for part in marks])
        return F.max_pool2d(pooled, 9, stride=1, padding=4) * (query.image > 0.45) - 0.25


class Trained:
    """Labels by brightness, and multiplies its logits by the number in its file, which must be above 0."""

    capabilities = Capabilities(automatic=True, needs_training=True, setwise=True)

    def __init__(self, factor):
        self.factor = factor

    @classmethod
    def create(cls, name, weights, device, precision):
        return cls(float(trained_files(name, Path(weights))[0].read_text()))

    def predict(self, query):
        assert query.sets is not None
        return -self.factor * (query.image * 2 - torch.arange(3).reshape(1, 3, 1, 1)).abs()


class Learner:
    """Supervised: labels by brightness above the number in the header of its file."""

    capabilities = Capabilities(needs_training=True)

    def __init__(self, threshold):
        self.threshold = threshold

    @classmethod
    def create(cls, name, weights, device, precision):
        return cls(training_metadata(Path(weights))["threshold"])

    def predict(self, query):
        return query.image - self.threshold
