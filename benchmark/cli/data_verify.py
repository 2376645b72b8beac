"""``data verify``: find leaks and faulty labels of a data set before anything is measured on it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING, Any

import click

from segbench.benchmark.cli.options import DATA_ROOT, FORMAT, command_of
from segbench.text import count_of, significant

if TYPE_CHECKING:
    from segbench.datasets.checks import DatasetReport, Finding
    from segbench.datasets.task import Task

MAX_SHOWN = 5  # findings of a kind
SEVERITIES = ("error", "warning", "note")


def _verify(name: str, data_root: str | None, format: str) -> None:
    from segbench.benchmark.settings import resolve_root
    from segbench.datasets.checks import verify

    verified = verify(name, resolve_root(data_root), _with_bar)
    if format == "json":
        click.echo(json.dumps(verified.as_dict(), indent=1, ensure_ascii=False))
    else:
        for line in lines(verified):
            click.echo(line)
    click.get_current_context().exit(1 if verified.count("error") else 0)


def lines(verified: DatasetReport) -> Iterator[str]:
    """Yield the summary, a line per task, then the findings; long lists are cut."""
    counts = [count_of(verified.count(severity), severity) for severity in SEVERITIES]
    size = [count_of(len(verified.tasks), "task"), count_of(verified.distinct_images, "distinct image")]
    yield f"{verified.name}: {', '.join(size + counts)}"
    for row in verified.tasks:
        split = ", ".join(f"{name} {count}" for name, count in row["split"].items())
        low, median, high = (significant(100 * share, 2) for share in row["area"])
        yield f"  {row['task']}: {split}; label {low} to {high}% of the picture, median {median}%"
    for (severity, what, advice), rows in groupby(verified.findings, _kind):
        group = list(rows)
        yield f"{severity}: {what}: {advice}"
        yield from (f"    {text}" for text in map(_line, group[:MAX_SHOWN]) if text)
        if len(group) > MAX_SHOWN:
            yield f"    and {len(group) - MAX_SHOWN} more; --format json lists all"


def _kind(finding: Finding) -> tuple[str, str, str]:
    return finding.severity, finding.title, finding.advice


def _line(finding: Finding) -> str:
    """Return where a finding is, its subjects, images and files, and the measured numbers."""
    images = [f"image {image}" for image in finding.images]
    groups = zip_longest(finding.subjects, images, finding.files)
    subjects = " and ".join(f"{subject}{_in_brackets(rest)}" for subject, *rest in groups)
    numbers = (f"{name.replace('_', ' ')} {value}" for name, value in finding.numbers.items())
    return "; ".join(filter(None, [finding.task, subjects, *numbers]))


def _in_brackets(parts: Iterable[str | None]) -> str:
    text = ", ".join(filter(None, parts))
    return f" ({text})" if text else ""


def _with_bar(tasks: list[Task]) -> Iterable[Any]:
    from tqdm import tqdm

    return tqdm(tasks, unit="task", disable=None, leave=False)


command = command_of(
    "verify",
    _verify,
    "Find leaks and faulty labels.\n\nThe exit status is 1 if there is an error.",
    "python -m benchmark data verify wbc",
    click.Argument(["name"]),
    DATA_ROOT,
    FORMAT,
)
