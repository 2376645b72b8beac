"""``data preview``: a sheet of pictures and their labels for each task."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from segbench.benchmark.cli.options import DATA_ROOT, command_of
from segbench.errors import UsageError
from segbench.text import suggestion

if TYPE_CHECKING:
    from segbench.datasets.checks import View
    from segbench.datasets.registry import Dataset
    from segbench.datasets.task import Task

FOLDER = Path("reports/build/preview")
MAX_SHEETS = 8  # unless --task is given


def _preview(name: str, task: str, output: Path, data_root: str | None) -> None:
    from segbench.benchmark.settings import resolve_root
    from segbench.datasets.checks import check
    from segbench.datasets.registry import open_dataset
    from segbench.reports import preview

    dataset = open_dataset(name, resolve_root(data_root))
    # The structures of a scan are known only after it is loaded.
    tasks = [found for found in dataset.tasks() if dataset.kind == "scans" or task in found.name]
    count = 0
    for view in islice(_views(dataset, tasks, task), None if task else MAX_SHEETS):
        click.echo(preview.save(preview.sheet(view, list(check(view))), output, view))
        count += 1
    if not count:
        known = dict.fromkeys(part for each in dataset.tasks() for part in each.name.split("/")[1:])
        raise UsageError(f"no task of {name} has {task!r} in its name; {suggestion(task, known)}")
    if count == MAX_SHEETS and not task:
        total = f" of {len(tasks)}" if len(tasks) > MAX_SHEETS else ""
        click.echo(f"{MAX_SHEETS}{total} tasks, the maximum; --task TEXT draws all with TEXT in their names")


def _views(dataset: Dataset, tasks: list[Task], text: str) -> Iterator[View]:
    """Yield the labels whose task name contains a text."""
    from segbench.datasets.checks import views

    for task in tasks:
        data = dataset.load(task)
        yield from (view for view in views(data, data.names.tolist()) if text in view.task.name)


command = command_of(
    "preview",
    _preview,
    "Draw a sheet of pictures of each task.\n\nA sheet is a PNG file with pictures, labels and histograms. "
    "The command prints the files.",
    "python -m benchmark data preview wbc --task nucleus",
    click.Argument(["name"]),
    click.Option(
        ["--task"],
        metavar="TEXT",
        default="",
        help=f"Draw only tasks with this text in their names.  [default: the first {MAX_SHEETS} tasks]",
    ),
    click.Option(
        ["--output"],
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        default=FOLDER,
        help="Folder of the files.",
    ),
    DATA_ROOT,
)
