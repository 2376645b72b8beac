"""``data verify``: look for what is wrong with a data set before anything is measured on it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING, Any

import click

from segbench.benchmark.cli.options import DATA_ROOT
from segbench.text import count_of

if TYPE_CHECKING:
    from segbench.datasets.checks import Finding, Verified
    from segbench.datasets.task import Task

SHOWN = 5  # findings of a kind
SEVERITIES = ("error", "warning", "note")


def _verify(name: str, data_root: str | None, format: str) -> None:
    from segbench.benchmark.settings import resolve_root
    from segbench.datasets.checks import verify

    found = verify(name, resolve_root(data_root), _with_bar)
    if format == "json":
        click.echo(json.dumps(found.as_rows(), indent=1, ensure_ascii=False))
    else:
        for line in lines(found):
            click.echo(line)
    sys.exit(1 if found.count("error") else 0)


def lines(found: Verified) -> Iterator[str]:
    """What is told to people: the summary, the tasks, then what was found, long lists cut."""
    counts = [count_of(found.count(severity), severity) for severity in SEVERITIES]
    size = [count_of(len(found.tasks), "task"), count_of(found.pictures, "distinct picture")]
    yield f"{found.name}: {', '.join(size + counts)}"
    for row in found.tasks:
        split = ", ".join(f"{name} {count}" for name, count in row["split"].items())
        low, middle, high = (f"{100 * share:.2g}" for share in row["area"])
        yield f"  {row['task']}: {split}; label {low} to {high}% of the picture, median {middle}%"
    for (severity, what, advice), rows in groupby(found.findings, _kind):
        group = list(rows)
        yield f"{severity}: {what}: {advice}"
        yield from (f"    {text}" for text in map(_told, group[:SHOWN]) if text)
        if len(group) > SHOWN:
            yield f"    and {len(group) - SHOWN} more; --format json lists all"


def _kind(found: Finding) -> tuple[str, str, str]:
    return found.severity, found.what, found.advice


def _told(found: Finding) -> str:
    """Where it is, whose images they are, from which files, and what was measured."""
    known = [f"image {image}" for image in found.images]
    about = zip_longest(found.subjects, known, found.files)
    who = " and ".join(f"{subject}{_within(rest)}" for subject, *rest in about)
    return "; ".join(
        filter(None, [found.task, who, *(f"{k.replace('_', ' ')} {v}" for k, v in found.numbers.items())])
    )


def _within(parts: Iterable[str | None]) -> str:
    told = ", ".join(filter(None, parts))
    return f" ({told})" if told else ""


def _with_bar(tasks: list[Task]) -> Iterable[Any]:
    from tqdm import tqdm

    return tqdm(tasks, unit="task", disable=None, leave=False)


command = click.Command(
    "verify",
    callback=_verify,
    short_help="Look for leaks and faulty labels.",
    help="Look for leaks, faulty labels and odd pictures in a data set; exit status 1 if there is an error.",
    params=[
        click.Argument(["name"]),
        DATA_ROOT,
        click.Option(["--format"], type=click.Choice(["text", "json"]), default="text", help="For whom."),
    ],
)
