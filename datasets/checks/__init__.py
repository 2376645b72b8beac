"""Checks of a data set for faults that would distort a measurement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segbench.datasets.checks.across import CrossTaskChecks
from segbench.datasets.checks.alignment import alignment
from segbench.datasets.checks.images import DECILES, deciles, intensities, leaks
from segbench.datasets.checks.labels import labels, sizes
from segbench.datasets.checks.orientation import orientation
from segbench.datasets.checks.stored import image_files, verify_files
from segbench.datasets.checks.view import SEVERITIES, Finding, View, views
from segbench.datasets.importing import ImportedDataset
from segbench.datasets.registry import open_dataset
from segbench.datasets.task import DataError, Task

__all__ = ["SEVERITIES", "DatasetReport", "Finding", "View", "check", "verify", "views"]

Check = Callable[[View], Iterable[Finding]]
IMAGE_CHECKS: tuple[Check, ...] = (leaks, intensities)
LABEL_CHECKS: tuple[Check, ...] = (sizes, labels, orientation, alignment)
Progress = Callable[[list[Task]], Iterable[Task]]


@dataclass(frozen=True)
class DatasetReport:
    """Summary and findings of a data set.

    Attributes
    ----------
    name : str
    tasks : list of dict
        For each task: images, subjects, images of each split, the share of the image that the label covers
        (smallest, median, largest) and the nine deciles of the intensities.
    distinct_images : int
        Number of distinct images in all tasks.
    findings : list of Finding
        Errors first, then by title, then by task.
    """

    name: str
    tasks: list[dict[str, Any]]
    distinct_images: int
    findings: list[Finding]

    def count(self, severity: str) -> int:
        """Number of findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def check(view: View) -> Iterator[Finding]:
    """Find faults in one label of one task."""
    for run_check in (*IMAGE_CHECKS, *LABEL_CHECKS):
        yield from run_check(view)


def verify(name: str, root: Path | None, progress: Progress = lambda tasks: tasks) -> DatasetReport:
    """Check all tasks of a data set, with one task in memory at a time.

    A fault of an image is reported once, at the first task with that image.

    Parameters
    ----------
    name : str
        As for `segbench.datasets.load_dataset`.
    root : Path
        The data folder.
    progress : callable
        Wraps the list of tasks, for a progress bar.

    Raises
    ------
    UnknownName
        If there is no such data set.
    DataError
        If the data set is not installed. A task that cannot be loaded is a finding.
    """
    dataset = open_dataset(name, root)
    tasks = dataset.tasks()
    findings, summaries, across = list(verify_files(dataset)), [], CrossTaskChecks()
    for task in progress(tasks):
        try:
            data = dataset.load(task)
            imported = isinstance(dataset.source, ImportedDataset)
            files = image_files(root or Path(), task) if imported else ()
        except DataError as error:
            findings.append(Finding("error", "task cannot be loaded", str(error), task.name))
            continue
        for view in views(data, files):
            summaries.append(_summarize(view))
            across.add(view)
            for run_check in IMAGE_CHECKS:
                findings += across.new_findings(view, run_check(view))
            for run_check in LABEL_CHECKS:
                findings += run_check(view)
        del data, view
    findings += across.findings()
    findings.sort(key=lambda finding: (SEVERITIES.index(finding.severity), finding.title))
    return DatasetReport(dataset.name, summaries, across.distinct_images, findings)


def _summarize(view: View) -> dict[str, Any]:
    area = view.labels.mean((1, 2))
    return {
        "task": view.task.name,
        "images": len(view.images),
        "subjects": len(np.unique(view.subjects)),
        "split": {name: int((view.split == name).sum()) for name in view.splits},
        "area": [round(float(share), 4) for share in (area.min(), np.median(area), area.max())],
        "deciles": dict(zip(map(str, DECILES), np.round(deciles(view).mean(0), 3).tolist(), strict=True)),
    }
