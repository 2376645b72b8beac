"""Checks across all tasks of a data set; only a hash of each image and label is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from segbench.datasets.checks.view import Finding, View

Splits = dict[str, str]  # the first task in each split


class CrossTaskChecks:
    """Collect the tasks of a data set, and find what only shows in all of them together."""

    def __init__(self) -> None:
        self._subjects: dict[str, Splits] = {}
        self._images: dict[bytes, tuple[str, Splits]] = {}
        self._masks: dict[str, dict[bytes, bytes]] = {}
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

    def new_findings(self, view: View, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Yield findings about images, except those of an earlier task with the same images."""
        for finding in findings:
            key = (finding.title, tuple(view.digests[image] for image in finding.images))
            if key not in self._reported:
                self._reported.add(key)
                yield finding

    def findings(self) -> Iterator[Finding]:
        """Find subjects and images in two splits of different tasks, and labels that are equal."""
        for subject, splits in self._subjects.items():
            if len(set(splits.values())) > 1:
                yield Finding(
                    "warning",
                    "subject in two splits of different tasks",
                    "give different people different names, or one person one split",
                    subjects=(subject,),
                    numbers=splits,
                )
        for subject, splits in self._images.values():
            if len(set(splits.values())) > 1 and len(set(self._subjects[subject].values())) == 1:
                yield Finding(
                    "warning",
                    "image in two splits of different tasks",
                    "put it under one subject in all tasks",
                    subjects=(subject,),
                    numbers=splits,
                )
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
