"""``data``: download data sets, import your own, check and remove them."""

from __future__ import annotations

import shutil
import signal
from contextlib import suppress
from pathlib import Path

import click

from segbench.benchmark.cli import data_import, data_preview, data_remove, data_verify
from segbench.benchmark.cli.options import DATA_ROOT, command_of
from segbench.errors import Failure, UsageError


@click.group(
    help="Download data sets, import your own, check and remove them.",
    epilog="\b\nExample:\n  python -m benchmark data fetch wbc",
)
def command() -> None:
    # SIGTERM removes partial files in the same way as Ctrl-C.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    click.get_current_context().call_on_close(lambda: signal.signal(signal.SIGTERM, before))


def _fetch(name: str, data_root: str | None, urls: tuple[str, ...]) -> None:
    from segbench.benchmark.settings import resolve_root
    from segbench.datasets.download import download_folder, fetch, pending_checksums
    from segbench.datasets.registry import open_dataset
    from segbench.datasets.task import base_name

    root, name = resolve_root(data_root), base_name(name)  # a variant reads the files of its data set
    dataset = open_dataset(name, root)
    source, installed = dataset.source, dataset.installed
    archives = getattr(source, "archives", ())
    if urls and not archives:
        raise UsageError(f"{name} cannot be downloaded from another link; leave out --url")
    folder = download_folder(root, dataset.name)
    records = pending_checksums(archives, folder)
    if hasattr(source, "fetch"):
        target = source.fetch(root, urls) if urls else source.fetch(root)
    elif archives:
        target = folder / "unpacked"
        if not installed and (urls or not target.is_dir()):
            new = fetch(archives, folder / "new", folder, urls)
            shutil.rmtree(target, ignore_errors=True)
            new.rename(target)
        if not installed and hasattr(source, "examples"):
            _import(name, target, root, records)
    else:
        raise Failure(_manual_steps(name, hasattr(source, "examples")))
    click.echo(f"{name} is already in {root}" if installed else target)
    for record in records:
        if record.exists():
            click.echo(f"no checksum of {name} is published; that of this first download is now in {record}")


def _import(name: str, folder: Path, root: Path, records: list[Path]) -> None:
    """Import unpacked files; remove them if they are unusable and no published checksum confirms them."""
    from segbench.datasets.task import DataError

    try:
        data_import.import_data(name, folder, data_root=root)
    except DataError as error:
        if not records or getattr(error.__cause__, "errno", None):  # the disk failed, not the download
            raise
        shutil.rmtree(folder)
        for record in records:
            record.unlink(missing_ok=True)
        with suppress(OSError):  # the folder contains another download
            for empty in (folder.parent, folder.parent.parent):
                empty.rmdir()
        raise Failure(f"the downloaded files are not {name}, and were removed: {error}") from error


def _manual_steps(name: str, importable: bool) -> str:
    """Return how to get a data set that this command cannot download."""
    from segbench.datasets.catalogue import entry

    known = entry(name)
    if known is None:
        return f"{name} cannot be downloaded; it is embedded or your own"
    then = f" Then run `python -m benchmark data import {name} FOLDER`." if importable else ""
    return f"{name} cannot be downloaded by this command; from {known.link}: {known.steps}{then}"


fetch = command_of(
    "fetch",
    _fetch,
    "Download a data set.\n\nA data set that is in the data folder already is verified.",
    "python -m benchmark data fetch wbc",
    click.Argument(["name"]),
    DATA_ROOT,
    click.Option(
        ["--url", "urls"],
        metavar="URL",
        multiple=True,
        help="Link (http:, https: or file:) instead of the official one; once for each archive.",
    ),
)

for subcommand in (
    fetch,
    data_import.command,
    data_verify.command,
    data_preview.command,
    data_remove.command,
):
    command.add_command(subcommand)
