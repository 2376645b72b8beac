"""What may be wrong with a data set, looked for before anything is measured on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segbench.datasets.checks.across import Across
from segbench.datasets.checks.intensities import DECILES, deciles, intensities
from segbench.datasets.checks.labels import labels
from segbench.datasets.checks.leaks import leaks
from segbench.datasets.checks.orientation import orientation
from segbench.datasets.checks.sizes import sizes
from segbench.datasets.checks.stored import files, recorded
from segbench.datasets.checks.view import Finding, View, views
from segbench.datasets.importing import ImportedDataset
from segbench.datasets.registry import open_dataset
from segbench.datasets.task import DataError, Task

Check = Callable[[View], Iterable[Finding]]
OF_PICTURES: tuple[Check, ...] = (leaks, intensities)
OF_LABELS: tuple[Check, ...] = (sizes, labels, orientation)
Track = Callable[[list[Task]], Iterable[Task]]


@dataclass(frozen=True)
class Verified:
    """What was found in a data set.

    Attributes
    ----------
    name : str
    tasks : list of dict
        Of each task: images, subjects, images of each split, the label's share of the picture (smallest,
        median, largest) and the nine deciles of the intensities.
    pictures : int
        Distinct pictures of all tasks.
    findings : list of Finding
        Errors first; those of a kind together, in the order of the tasks.
    """

    name: str
    tasks: list[dict[str, Any]]
    pictures: int
    findings: list[Finding]

    def count(self, severity: str) -> int:
        """How many findings are as severe."""
        return sum(found.severity == severity for found in self.findings)

    def as_rows(self) -> dict[str, Any]:
        """All of it as plain lists and dictionaries."""
        return asdict(self)


def check(view: View) -> Iterator[Finding]:
    """All findings in one label of one task."""
    for look in (*OF_PICTURES, *OF_LABELS):
        yield from look(view)


def verify(name: str, root: Path | None, track: Track = lambda tasks: tasks) -> Verified:
    """Look through all tasks of a data set, with one of them in memory at a time.

    What is about the pictures and not their labels is said once, at the first task that shows it.

    Parameters
    ----------
    name : str
        As `segbench.datasets.registry.source` takes it.
    root : Path
        The data folder.
    track : callable
        Wraps the tasks, for a progress bar.

    Raises
    ------
    UnknownName
        If there is no such data set.
    DataError
        If it is not there. A task that cannot be loaded is a finding.
    """
    dataset = open_dataset(name, root)
    tasks = dataset.tasks()
    findings, summaries, across = list(recorded(dataset)), [], Across()
    for task in track(tasks):
        try:
            data = dataset.load(task)
            of_image = files(root or Path(), task) if isinstance(dataset.source, ImportedDataset) else ()
        except DataError as error:
            findings.append(Finding("error", "task cannot be loaded", str(error), task.name))
            continue
        for view in views(data, of_image):
            summaries.append(summary(view))
            across.add(view)
            findings += (row for look in OF_PICTURES for row in across.unsaid(view, look(view)))
            findings += (row for look in OF_LABELS for row in look(view))
        del data, view
    findings += across.findings()
    order = ("error", "warning", "note")
    findings.sort(key=lambda row: (order.index(row.severity), row.what))
    return Verified(dataset.name, summaries, across.pictures, findings)


def summary(view: View) -> dict[str, Any]:
    """A row about a task: counts, the label's size and the deciles of the intensities."""
    area = view.labels.mean((1, 2))
    return {
        "task": view.task.name,
        "images": len(view.images),
        "subjects": len(np.unique(view.subjects)),
        "split": {name: int((view.split == name).sum()) for name in view.splits},
        "area": [round(float(share), 4) for share in (area.min(), np.median(area), area.max())],
        "deciles": dict(zip(map(str, DECILES), np.round(deciles(view).mean(0), 3).tolist(), strict=True)),
    }
