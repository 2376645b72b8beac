"""``data``: get the data sets."""

from __future__ import annotations

import click

from benchmark.errors import Failure


@click.group(help="Get the data sets.")
def command() -> None:
    pass


@command.command(help="Download a data set into the data folder.")
@click.argument("name")
@click.option("--data-root", metavar="DIR", help="Folder of the data sets.")
def fetch(name: str, data_root: str | None) -> None:
    from benchmark.settings import resolve_root
    from datasets.registry import source

    found, root = source(name), resolve_root(data_root)
    if not hasattr(found, "fetch"):
        raise Failure(f"{name} cannot be downloaded; it is embedded or your own")
    click.echo(f"{name} is already in {root}" if found.installed(root) else found.fetch(root))
