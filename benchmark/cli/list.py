"""``list``: models, protocols, data sets, tasks or figures that can be chosen."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from segbench.benchmark.cli.options import DATA_ROOT, FORMAT, command_of
from segbench.text import amount, join_names

if TYPE_CHECKING:
    from segbench.datasets.catalogue import Entry
    from segbench.datasets.registry import Source

Row = dict[str, Any]


def _models(_: str | None) -> list[Row]:
    from segbench.models.registry import MODELS, capabilities, facts, title

    rows = []
    for name in MODELS.names():
        declared = asdict(capabilities(name))
        declared["prompts"] = list(declared["prompts"]) if declared["interactive"] else []
        own = {"title": title(name), **facts(name), **_described(MODELS.get(name))}
        rows.append({"name": name, **declared, **own})
    return rows


def _protocols(_: str | None) -> list[Row]:
    from segbench.benchmark.study import find_protocol
    from segbench.protocols.registry import PROTOCOLS

    protocols = [(name, find_protocol(name)) for name in PROTOCOLS.names()]
    return [
        {"name": name, "version": p.version, "max_steps": p.max_steps, "data": p.data_kind}
        | {"unit": p.unit, "title": p.title or name, **_described(type(p))}
        for name, p in protocols
    ]


def _described(kind: object) -> Row:
    """Return the description of a class: the first line of its docstring."""
    return {"description": (getattr(kind, "__doc__", None) or "").strip().partition("\n")[0]}


def _datasets(data_root: str | None) -> list[Row]:
    from segbench.benchmark.settings import resolve_root
    from segbench.datasets.catalogue import entry
    from segbench.datasets.registry import DATASETS, dataset_names, open_dataset, variants

    root, rows = resolve_root(data_root), []
    for name in dataset_names(root):
        dataset, known = open_dataset(name, root), entry(name)
        own = _described(type(dataset.source)) if name in DATASETS else {"description": ""}
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
                "title": known.name if known else name,
                **({"description": known.description} if known else own),
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
# What a line for people shows; JSON has everything.
SHOWN = {
    "models": ("name", "description"),
    "protocols": ("name", "max_steps", "description"),
    "datasets": ("name", "installed", "kind", "description", "trained_on_by", "how"),
    "tasks": ("name",),
    "figures": ("name", "title"),
}


def _list(kind: str, format: str, data_root: str | None) -> None:
    rows = KINDS[kind](data_root)
    if format == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    for row, line in zip(rows, _lines(rows, SHOWN[kind]), strict=True):
        click.echo(line)
        if kind == "models":
            width = shutil.get_terminal_size().columns
            click.echo(
                textwrap.fill(_model_facts(row), width, initial_indent="    ", subsequent_indent="    ")
            )
    if kind == "models":
        click.echo("Licence and training data are of official weights; those of bundled ones: models/bundled")


def _lines(rows: list[Row], columns: Sequence[str]) -> list[str]:
    """Return a line per row with aligned columns."""
    cells = [[_cell(key, row) for key in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True) if width).rstrip()
        for row in cells
    ]


def _cell(key: str, row: Row) -> str:
    """Return a value for people."""
    value = row[key]
    if key == "max_steps":
        return amount(value, row["unit"]) if value else "no interactions"
    if key == "installed":
        return "installed" if value else "not installed"
    if key == "trained_on_by":
        return f"training data of {join_names(value.split(), most=1)}" if value else ""
    return str(value)


def _model_facts(row: Row) -> str:
    """Return what a model takes, its licence, and what its official weights were trained on."""
    others = {"in_context": "context", "setwise": "sets", "automatic": "scans"}
    taken = [*row["prompts"], *(noun for fact, noun in others.items() if row[fact])] or ["images"]
    return f"{', '.join(taken)} | licence: {row['licence']} | trained on: {row['trained_on']}"


command = command_of(
    "list",
    _list,
    "List models, protocols, data sets, tasks or figures.",
    "python -m benchmark list models --format json",
    click.Argument(["kind"], type=click.Choice(list(KINDS))),
    FORMAT,
    DATA_ROOT,
)
