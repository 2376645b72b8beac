"""``data``: get data sets, bring in your own, and check them."""

from __future__ import annotations

import click

from benchmark.cli import data_import, data_preview, data_verify
from benchmark.errors import Failure, Usage


@click.group(help="Get data sets, bring in your own, and check them.")
def command() -> None:
    pass


command.add_command(data_import.command)
command.add_command(data_verify.command)
command.add_command(data_preview.command)


@command.command(
    short_help="Download a data set, or check it.",
    help="Download a data set into the data folder, or check the one that is there.",
)
@click.argument("name")
@click.option("--data-root", metavar="DIR", help="Folder of the data sets.")
@click.option(
    "--url",
    "urls",
    metavar="URL",
    multiple=True,
    help="Link to take instead of the official one, http:, https: or file:; again for each further archive.",
)
def fetch(name: str, data_root: str | None, urls: tuple[str, ...]) -> None:
    from benchmark.settings import resolve_root
    from datasets.download import downloads, first_records
    from datasets.download import fetch as fetch_archives
    from datasets.registry import source

    root = resolve_root(data_root)
    found = source(name, root)
    archives = getattr(found, "archives", ())
    if urls and not archives:
        raise Usage(f"{name} cannot be taken from another link; leave out --url")
    folder, there = downloads(root, found.name), found.installed(root)
    records = first_records(archives, folder)
    if hasattr(found, "fetch"):
        place = found.fetch(root, urls) if urls else found.fetch(root)
    elif archives:
        place = folder / "unpacked"
        if not (there or place.is_dir()):
            fetch_archives(archives, place, folder, urls)
        if not there and hasattr(found, "examples"):
            data_import.import_data(name, place, data_root=root)
    else:
        raise Failure(_by_hand(name, hasattr(found, "examples")))
    click.echo(f"{name} is already in {root}" if there else place)
    for record in records:
        if record.exists():
            click.echo(f"first download, its checksum is now in {record}: no published one is known")


def _by_hand(name: str, imported: bool) -> str:
    """How to get a data set that this command does not download."""
    from datasets.catalogue import entry

    known = entry(name)
    if known is None:
        return f"{name} cannot be downloaded; it is embedded or your own"
    then = f" Then run `python -m benchmark data import {name} FOLDER`." if imported else ""
    return f"{name} cannot be downloaded by this command; from {known.link}: {known.steps}{then}"
