"""Rows of the table of odd files: what people really have, and what the command must say or read."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np

from segbench.datasets.registry import open_dataset


class Odd(NamedTuple):
    """An odd input of one kind, and what becomes of it.

    Attributes
    ----------
    kind : str
        The kind of fault, in a few words; several rows share one.
    what : str
        This input.
    make : callable
        Writes the files into a folder, which is the working directory, and returns the command's words. The
        data folder is ``root``.
    refused : str
        A part of the one sentence if the command refuses; then nothing is left below ``root``.
    tells : tuple of str
        Parts of the output if the command succeeds.
    check : callable or None
        Examines what was read, given the data folder.
    during : callable
        Makes the context in which the command runs, such as a full disk.
    """

    kind: str
    what: str
    make: Callable[[Path], str]
    refused: str = ""
    tells: tuple[str, ...] = ()
    check: Callable[[Path], None] | None = None
    during: Callable[[], AbstractContextManager[object]] = nullcontext


def areas(root: Path, name: str = "own") -> dict[str, list[float]]:
    """Share of each image that each label of an imported data set covers, by the label's name."""
    dataset = open_dataset(name, root)
    return {task.label: dataset.load(task).labels.mean((1, 2, 3)).tolist() for task in dataset.tasks()}


def has_areas(tolerance: float = 0.01, **expected: float) -> Callable[[Path], None]:
    """Check that an imported data set has these labels and no other, of these mean shares of the image."""

    def check(root: Path) -> None:
        found = {label: float(np.mean(shares)) for label, shares in areas(root).items()}
        assert found.keys() == expected.keys()
        for label, share in expected.items():
            assert abs(found[label] - share) < tolerance, (label, found[label], share)

    return check


def has_splits(**expected: set[str]) -> Callable[[Path], None]:
    """Check the subjects of each split of an imported data set's tasks."""

    def check(root: Path) -> None:
        dataset = open_dataset("own", root)
        found: dict[str, set[str]] = {}
        for task in dataset.tasks():
            data = dataset.load(task)
            for subject, split in zip(data.subjects, data.split, strict=True):
                found.setdefault(str(split), set()).add(str(subject))
        assert found == expected

    return check
