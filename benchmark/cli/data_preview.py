"""``data preview``: a sheet of pictures and their labels for each task."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from segbench.benchmark.cli.options import DATA_ROOT
from segbench.errors import UsageError

if TYPE_CHECKING:
    from segbench.datasets.checks import View
    from segbench.datasets.registry import Source
    from segbench.datasets.task import Task

FOLDER = Path("reports/build/preview")
MOST = 8  # sheets that nobody asked for by name


def _preview(name: str, task: str, output: Path, data_root: str | None) -> None:
    from segbench.benchmark.settings import resolve_root
    from segbench.datasets.checks import check
    from segbench.datasets.registry import kind_of, source
    from segbench.reports import preview

    root = resolve_root(data_root)
    found = source(name, root)
    scans = kind_of(found) == "scans"
    tasks = [each for each in found.tasks(root) if scans or task in each.name]
    drawn = 0
    for view in islice(_views(found, root, tasks, task), None if task else MOST):
        output.mkdir(parents=True, exist_ok=True)
        click.echo(preview.save(preview.sheet(view, list(check(view))), output, view))
        drawn += 1
    if not drawn:
        raise UsageError(f"no task of {name} has {task!r} in its name; `data verify {name}` lists them")
    if drawn == MOST and not task:
        of_all = f" of {len(tasks)}" if len(tasks) > MOST else ""
        click.echo(
            f"{MOST}{of_all} tasks, the most at once; --task TEXT draws all that have it in their names"
        )


def _views(found: Source, root: Path, tasks: list[Task], part: str) -> Iterator[View]:
    """The labels that have `part` in their names, one after another; scans say theirs once loaded."""
    from segbench.datasets.checks import views

    for task in tasks:
        yield from (view for view in views(found.load(task, root)) if part in view.task.name)


command = click.Command(
    "preview",
    callback=_preview,
    short_help="Draw a sheet of pictures of each task.",
    help="Draw pictures, labels and histograms of each task, a PNG file a task, and print the files.",
    params=[
        click.Argument(["name"]),
        click.Option(["--task"], metavar="TEXT", default="", help="Only tasks with this in their names."),
        click.Option(
            ["--output"],
            metavar="DIR",
            type=click.Path(path_type=Path, file_okay=False),
            default=FOLDER,
            help="Where the files go.",
        ),
        DATA_ROOT,
    ],
)
