"""``list``: what there is to choose from."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

Row = dict[str, Any]


def _models(_: Path) -> list[Row]:
    from models.registry import MODELS

    return [{"name": name, **asdict(MODELS.get(name).capabilities)} for name in MODELS.names()]


def _protocols(_: Path) -> list[Row]:
    from protocols.registry import PROTOCOLS

    found = [(name, PROTOCOLS.get(name)) for name in PROTOCOLS.names()]
    return [
        {"name": name, "version": p.version, "max_steps": p.max_steps, "data": getattr(p, "kind", "tasks")}
        for name, p in found
    ]


def _datasets(root: Path) -> list[Row]:
    from datasets.registry import DATASETS, kind, source

    return [
        {"name": name, "installed": source(name).installed(root), "kind": kind(name)}
        for name in DATASETS.names()
    ]


def _tasks(root: Path) -> list[Row]:
    from datasets.registry import DATASETS, source

    present = [s for s in map(source, DATASETS.names()) if s.installed(root)]
    return [{"name": task.name, **asdict(task)} for s in present for task in s.tasks(root)]


def _figures(_: Path) -> list[Row]:
    from reports.registry import get, names

    return [{"name": name, "title": get(name).title} for name in names()]


KINDS = {
    "models": _models,
    "protocols": _protocols,
    "datasets": _datasets,
    "tasks": _tasks,
    "figures": _figures,
}


def _list(kind: str, format: str, data_root: str | None) -> None:
    from benchmark.settings import resolve_root

    rows = KINDS[kind](resolve_root(data_root))
    if format == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        name = row.pop("name")
        # A task's name says all of its parts.
        click.echo("  ".join([f"{name:<20}", *(_told(k, v) for k, v in row.items() if str(v) not in name)]))


def _told(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return name if value else f"not {name}"
    return value if isinstance(value, str) else f"{name} {value}"


command = click.Command(
    "list",
    callback=_list,
    help="List models, protocols, datasets, tasks or figures.",
    params=[
        click.Argument(["kind"], type=click.Choice(list(KINDS))),
        click.Option(["--format"], type=click.Choice(["text", "json"]), default="text", help="For whom."),
        click.Option(["--data-root"], metavar="DIR", help="Folder of the data sets."),
    ],
)
