"""``data remove``: remove an imported or fetched data set from the data folder."""

from __future__ import annotations

import sys

import click

from segbench.benchmark.cli.options import DATA_ROOT, command_of
from segbench.errors import UsageError
from segbench.text import significant


def _remove(name: str, yes: bool, data_root: str | None) -> None:
    from segbench.benchmark.settings import resolve_root
    from segbench.datasets.removal import removable, remove, size_of

    folders = removable(name, resolve_root(data_root))
    for folder in folders:
        click.echo(f"{folder}  {significant(size_of(folder) / 1e6, 3)} MB")
    if not yes and not sys.stdin.isatty():
        raise UsageError("nothing was removed; add --yes to remove these folders without a question")
    if yes or click.confirm("Remove these folders?"):
        remove(folders)
        click.echo(f"removed {name}")
    else:
        click.echo("nothing was removed")


command = command_of(
    "remove",
    _remove,
    "Remove an imported or fetched data set.\n\nThe command shows what `data import` and `data fetch` have "
    "written into the data folder, asks, and removes it. The files that were imported stay.",
    "python -m benchmark data remove mydata",
    click.Argument(["name"]),
    click.Option(["--yes"], is_flag=True, help="Remove without a question."),
    DATA_ROOT,
)
