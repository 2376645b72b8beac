"""``list``: what there is to choose from."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segbench.benchmark.cli.options import DATA_ROOT

if TYPE_CHECKING:
    from segbench.datasets.catalogue import Entry
    from segbench.datasets.registry import Source

Row = dict[str, Any]


def _models(_: Path) -> list[Row]:
    from segbench.models.registry import MODELS

    return [{"name": name, **asdict(MODELS.get(name).capabilities)} for name in MODELS.names()]


def _protocols(_: Path) -> list[Row]:
    from segbench.protocols.registry import PROTOCOLS

    found = [(name, PROTOCOLS.get(name)) for name in PROTOCOLS.names()]
    return [
        {"name": name, "version": p.version, "max_steps": p.max_steps, "data": getattr(p, "kind", "tasks")}
        for name, p in found
    ]


def _datasets(root: Path) -> list[Row]:
    from segbench.datasets.catalogue import entry
    from segbench.datasets.registry import kind_of, names, source

    rows = []
    for name in names(root):
        found, known = source(name, root), entry(name)
        rows.append(
            {
                "name": name,
                "installed": found.installed(root),
                "kind": kind_of(found),
                "licence": known.licence if known else "",
                "how": _how(name, found, known),
                "link": known.link if known else "",
            }
        )
    return rows


def _how(name: str, found: Source, entry: Entry | None) -> str:
    """How to get a data set, as short as can be."""
    from segbench.datasets.registry import EMBEDDED

    if name in EMBEDDED.values():
        return "embedded"
    if hasattr(found, "fetch") or getattr(found, "archives", None):
        return f"python -m benchmark data fetch {name}"
    steps = [f"get it from {entry.link}"] if entry else []
    if hasattr(found, "examples"):
        steps.append(f"python -m benchmark data import {name} FOLDER")
    return ", then: ".join(steps)


def _tasks(root: Path) -> list[Row]:
    from segbench.datasets.registry import names, source

    present = [s for s in (source(name, root) for name in names(root)) if s.installed(root)]
    return [{"name": task.name, **asdict(task)} for s in present for task in s.tasks(root)]


def _figures(_: Path) -> list[Row]:
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
    from segbench.benchmark.settings import resolve_root

    rows = KINDS[kind](resolve_root(data_root))
    if format == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    for line in _lines(rows):
        click.echo(line)


def _lines(rows: list[Row]) -> list[str]:
    """A line per row, the columns aligned."""
    told = [[_told(key, value, row["name"]) for key, value in row.items()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*told, strict=True)]
    return [
        "  ".join(f"{part:<{width}}" for part, width in zip(parts, widths, strict=True) if width).rstrip()
        for parts in told
    ]


def _told(key: str, value: Any, name: str) -> str:
    """A value as people read it; nothing where the line says it elsewhere."""
    # A task's name says all of its parts, and `how` has the link where a person needs it.
    if key == "link" or (key != "name" and value in name.split("/")):
        return ""
    if isinstance(value, bool):
        return key if value else f"not {key}"
    return value if isinstance(value, str) else f"{key} {value}"


command = click.Command(
    "list",
    callback=_list,
    help="List models, protocols, datasets, tasks or figures.",
    params=[
        click.Argument(["kind"], type=click.Choice(list(KINDS))),
        click.Option(["--format"], type=click.Choice(["text", "json"]), default="text", help="For whom."),
        DATA_ROOT,
    ],
)
