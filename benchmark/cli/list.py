"""``list``: models, protocols, data sets, tasks or figures that can be chosen."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from segbench.benchmark.cli.options import DATA_ROOT, FORMAT, command_of

if TYPE_CHECKING:
    from segbench.datasets.catalogue import Entry
    from segbench.datasets.registry import Source

Row = dict[str, Any]


def _models(_: str | None) -> list[Row]:
    from segbench.models.registry import MODELS, capabilities

    return [{"name": name, **asdict(capabilities(name))} for name in MODELS.names()]


def _protocols(_: str | None) -> list[Row]:
    from segbench.benchmark.study import find_protocol
    from segbench.protocols.registry import PROTOCOLS

    protocols = [(name, find_protocol(name)) for name in PROTOCOLS.names()]
    return [
        {"name": name, "version": p.version, "max_steps": p.max_steps, "data": p.data_kind}
        for name, p in protocols
    ]


def _datasets(data_root: str | None) -> list[Row]:
    from segbench.benchmark.settings import resolve_root
    from segbench.datasets.catalogue import entry
    from segbench.datasets.registry import dataset_names, open_dataset, variants

    root, rows = resolve_root(data_root), []
    for name in dataset_names(root):
        dataset, known = open_dataset(name, root), entry(name)
        rows.append(
            {
                "name": name,
                "installed": dataset.installed,
                "kind": dataset.kind,
                "licence": known.licence if known else "",
                "variants": " ".join(variants(name)),
                "trained_on_by": " ".join(known.trained_on_by) if known else "",
                "how": _instructions(name, dataset.source, known),
                "link": known.link if known else "",
            }
        )
    return rows


def _instructions(name: str, source: Source, entry: Entry | None) -> str:
    """Return how to get a data set, as briefly as possible."""
    from segbench.datasets.registry import EMBEDDED

    if name in EMBEDDED.values():
        return "embedded"
    if hasattr(source, "fetch") or getattr(source, "archives", None):
        return f"python -m benchmark data fetch {name}"
    steps = [f"get it from {entry.link}"] if entry else []
    if hasattr(source, "examples"):
        steps.append(f"python -m benchmark data import {name} FOLDER")
    return ", then: ".join(steps)


def _tasks(data_root: str | None) -> list[Row]:
    from segbench.benchmark.settings import resolve_root
    from segbench.datasets.registry import dataset_names, open_dataset

    root = resolve_root(data_root)
    datasets = [open_dataset(name, root) for name in dataset_names(root)]
    tasks = [task for dataset in datasets if dataset.installed for task in dataset.tasks()]
    return [{"name": task.name, **asdict(task)} for task in tasks]


def _figures(_: str | None) -> list[Row]:
    from segbench.reports.registry import get, names

    return [{"name": name, "title": get(name).title} for name in names()]


KINDS = {
    "models": _models,
    "protocols": _protocols,
    "datasets": _datasets,
    "tasks": _tasks,
    "figures": _figures,
}


def _list(kind: str, format: str, data_root: str | None) -> None:
    rows = KINDS[kind](data_root)
    if format == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    for line in _lines(rows):
        click.echo(line)


def _lines(rows: list[Row]) -> list[str]:
    """Return a line per row with aligned columns."""
    cells = [[_cell(key, value, row["name"]) for key, value in row.items()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True) if width).rstrip()
        for row in cells
    ]


def _cell(key: str, value: Any, name: str) -> str:
    """Return a value for people; empty if another column of the line contains it."""
    # The name of a task contains its parts, and `how` contains the link if a person needs it.
    if key == "link" or (key != "name" and value in name.split("/")):
        return ""
    if key == "trained_on_by":
        return "training data" if value else ""
    if isinstance(value, bool):
        return key if value else f"not {key}"
    return value if isinstance(value, str) else f"{key} {value}"


command = command_of(
    "list",
    _list,
    "List models, protocols, data sets, tasks or figures.",
    "python -m benchmark list models --format json",
    click.Argument(["kind"], type=click.Choice(list(KINDS))),
    FORMAT,
    DATA_ROOT,
)
