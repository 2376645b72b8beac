"""Toy data sets for the choice of tasks, splits and images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from toys import Toys


class Uneven(Toys):
    """The task one has six test images, the task two has two."""

    name = "uneven"

    def load(self, task, root):
        data = super().load(task, root)
        test = data.indices("test")
        split = data.split.copy()
        split[test[2:] if task.label == "two" else []] = "train"
        return replace(data, split=split)


class Pairs(Toys):
    """Of the fourteen images, subject s0 has one, s1 to s3 have three each, and s4 has four."""

    name = "pairs"

    def load(self, task, root):
        data = super().load(task, root)
        subjects = np.array([f"s{min((i + 2) // 3, 4)}" for i in range(len(data))])
        return replace(data, subjects=subjects, split=np.where(subjects > "s2", "test", "train"))


class TestOnly(Toys):
    """Five test images a task, no others."""

    name = "test-only"
    counts = dict.fromkeys(["test"], 5)


class OneSubject(Toys):
    """Five train images of one subject a task, no others."""

    name = "one-subject"
    counts = dict.fromkeys(["train"], 5)

    def load(self, task, root):
        return replace(super().load(task, root), subjects=np.full(5, "s0"))
