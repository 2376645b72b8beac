"""Checks across all tasks of a data set; of each image and label, only hashes and a few numbers are kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np

from segbench.datasets.checks.exchanged import exchanged, properties
from segbench.datasets.checks.view import Finding, View
from segbench.datasets.files.tables import spelling

LOW, HIGH = range(1, 32), range(224, 256)  # values of masks near black and near white
MAX_BETWEEN = 0.1  # of the labelled area, for other values
Splits = dict[str, str]  # the first task in each split


class _Label(NamedTuple):
    """One label: a view without arrays, the row of each image by its hash, properties (N, 4), and area."""

    view: View
    rows: dict[bytes, int]
    properties: np.ndarray
    area: float


class CrossTaskChecks:
    """Collect the tasks of a data set, and find what only shows in all of them together."""

    def __init__(self) -> None:
        self._subjects: dict[str, Splits] = {}
        self._images: dict[bytes, tuple[str, Splits]] = {}
        self._masks: dict[str, dict[bytes, bytes]] = {}
        self._labels: dict[str, list[_Label]] = {}  # of each kind of image
        self._reported: set[tuple[str, tuple[bytes, ...]]] = set()

    @property
    def distinct_images(self) -> int:
        """Number of distinct images so far."""
        return len(self._images)

    def add(self, view: View) -> None:
        """Add a task."""
        task = view.task.name
        masks = self._masks.setdefault(task, {})
        rows = zip(view.subjects, view.split, view.digests, view.label_digests, strict=True)
        for subject, split, image, mask in rows:
            self._subjects.setdefault(str(subject), {}).setdefault(str(split), task)
            self._images.setdefault(image, (str(subject), {}))[1].setdefault(str(split), task)
            masks[image] = mask
        nothing = np.empty((0, 0, 0))
        light = dataclasses.replace(view, images=nothing, labels=nothing)
        index = {image: row for row, image in enumerate(view.digests)}
        label = _Label(light, index, properties(view), float(view.labels.mean((1, 2)).sum()))
        self._labels.setdefault(task.rpartition("/")[0], []).append(label)

    def new_findings(self, view: View, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Yield findings about images, except those of an earlier task with the same images."""
        for finding in findings:
            key = (finding.title, tuple(view.digests[image] for image in finding.images))
            if key not in self._reported:
                self._reported.add(key)
                yield finding

    def findings(self) -> Iterator[Finding]:
        """Find faults of subjects, images and labels that show in all tasks together."""
        yield from self._split_subjects()
        yield from self._names_of_subjects()
        yield from self._split_images()
        yield from self._equal_labels()
        for labels in self._labels.values():
            yield from _exchanged_labels(labels)
            yield from _shades_of_masks(labels)

    def _split_subjects(self) -> Iterator[Finding]:
        for subject, splits in self._subjects.items():
            if len(set(splits.values())) > 1:
                yield Finding(
                    "warning",
                    "subject in two splits of different tasks",
                    "give different people different names, or one person one split",
                    subjects=(subject,),
                    numbers=splits,
                )

    def _names_of_subjects(self) -> Iterator[Finding]:
        """Find subjects whose names differ in blanks or capitals only."""
        groups: dict[str, list[str]] = {}
        for subject in self._subjects:
            groups.setdefault(spelling(subject), []).append(subject)
        for names in groups.values():
            splits = sorted({split for name in names for split in self._subjects[name]})
            if len(names) > 1:
                yield Finding(
                    "error" if len(splits) > 1 else "warning",
                    "subjects whose names differ in blanks or capitals only",
                    "write one person's name in one way, and import again",
                    subjects=tuple(map(repr, names)),
                    numbers={"splits": " and ".join(splits)},
                )

    def _split_images(self) -> Iterator[Finding]:
        for subject, splits in self._images.values():
            if len(set(splits.values())) > 1 and len(set(self._subjects[subject].values())) == 1:
                yield Finding(
                    "warning",
                    "image in two splits of different tasks",
                    "put it under one subject in all tasks",
                    subjects=(subject,),
                    numbers=splits,
                )

    def _equal_labels(self) -> Iterator[Finding]:
        for (first, masks), (second, others) in combinations(self._masks.items(), 2):
            shared = masks.keys() & others.keys()
            if len(shared) > 1 and all(masks[image] == others[image] for image in shared):
                yield Finding(
                    "warning",
                    "two labels that are the same",
                    "check whether one structure has two names",
                    first,
                    numbers={"other": second, "images": len(shared)},
                )


def _exchanged_labels(labels: list[_Label]) -> Iterator[Finding]:
    """Find images in which two labels of one kind of image are exchanged."""
    for first, second in combinations(labels, 2):
        rows = np.array([(row, second.rows[i]) for i, row in first.rows.items() if i in second.rows], int)
        if not len(rows):
            continue
        found = exchanged(first.properties[rows[:, 0]], second.properties[rows[:, 1]])
        for row in rows[found, 0]:
            yield first.view.finding(
                "warning",
                "two labels may be exchanged",
                "compare its masks with those of other images; their values or colours may mean other labels",
                [row],
                other=second.view.task.label,
            )


def _shades_of_masks(labels: list[_Label]) -> Iterator[Finding]:
    """Find labels that are the shades of black and white of a compressed or blurred mask."""
    areas = {label.view.task.label: label.area for label in labels}
    if not all(name.isascii() and name.isdigit() for name in areas):
        return
    low, high = ({name for name in areas if int(name) in shades} for shades in (LOW, HIGH))
    between = sum(area for name, area in areas.items() if name not in low | high)
    if (len(high) > 1 or (low and high - {"255"})) and between <= MAX_BETWEEN * sum(areas.values()):
        yield Finding(
            "warning",
            "labels that are shades of white and black",
            'the masks were compressed or blurred; import them again with --labels "128-255=NAME"',
            labels[0].view.task.name.rpartition("/")[0],
            numbers={"labels": ", ".join(sorted(areas, key=int))},
        )
