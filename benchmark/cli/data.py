"""``data``: get data sets, bring in your own, and check them."""

from __future__ import annotations

import shutil
import signal
from contextlib import suppress
from pathlib import Path

import click

from segbench.benchmark.cli import data_import, data_preview, data_verify
from segbench.errors import Failure, UsageError


@click.group(help="Get data sets, bring in your own, and check them.")
def command() -> None:
    # What a command has begun is cleared away as after Ctrl-C.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    click.get_current_context().call_on_close(lambda: signal.signal(signal.SIGTERM, before))


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
    from segbench.benchmark.settings import resolve_root
    from segbench.datasets.download import download_folder, pending_checksums
    from segbench.datasets.download import fetch as fetch_archives
    from segbench.datasets.registry import find_source

    root = resolve_root(data_root)
    found = find_source(name, root)
    archives = getattr(found, "archives", ())
    if urls and not archives:
        raise UsageError(f"{name} cannot be taken from another link; leave out --url")
    folder, there = download_folder(root, found.name), found.installed(root)
    records = pending_checksums(archives, folder)
    if hasattr(found, "fetch"):
        place = found.fetch(root, urls) if urls else found.fetch(root)
    elif archives:
        place = folder / "unpacked"
        if not there and (urls or not place.is_dir()):
            new = fetch_archives(archives, folder / "new", folder, urls)
            shutil.rmtree(place, ignore_errors=True)
            new.rename(place)
        if not there and hasattr(found, "examples"):
            _import(name, place, root, records)
    else:
        raise Failure(_by_hand(name, hasattr(found, "examples")))
    click.echo(f"{name} is already in {root}" if there else place)
    for record in records:
        if record.exists():
            click.echo(f"first download, its checksum is now in {record}: no published one is known")


def _import(name: str, place: Path, root: Path, records: list[Path]) -> None:
    """Import what was unpacked; of wrong files that only a first checksum vouches for, nothing is kept."""
    from segbench.datasets.task import DataError

    try:
        data_import.import_data(name, place, data_root=root)
    except DataError as error:
        if not records or getattr(error.__cause__, "errno", None):  # the disk's fault
            raise
        shutil.rmtree(place)
        for record in records:
            record.unlink(missing_ok=True)
        with suppress(OSError):  # another download is there
            for folder in (place.parent, place.parent.parent):
                folder.rmdir()
        raise Failure(f"what was fetched is not {name}, and was removed: {error}") from error


def _by_hand(name: str, imported: bool) -> str:
    """How to get a data set that this command does not download."""
    from segbench.datasets.catalogue import entry

    known = entry(name)
    if known is None:
        return f"{name} cannot be downloaded; it is embedded or your own"
    then = f" Then run `python -m benchmark data import {name} FOLDER`." if imported else ""
    return f"{name} cannot be downloaded by this command; from {known.link}: {known.steps}{then}"
