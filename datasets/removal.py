"""Removal of imported and fetched data sets from the data folder; no other file of the user is touched."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from segbench.datasets.download import download_folder
from segbench.datasets.importing.store import folder_of
from segbench.datasets.registry import DATASETS, EMBEDDED, find_source
from segbench.datasets.sources.in_place import InPlace
from segbench.datasets.task import DataError, base_name


def removable(name: str, root: Path) -> list[Path]:
    """List the folders below the data folder that hold an imported or fetched data set.

    Parameters
    ----------
    name : str
        A registered name, or that of an imported data set.
    root : Path
        The data folder.

    Raises
    ------
    UnknownName
        If the data set is unknown.
    DataError
        If the data set has no file in the data folder, or has some that no command put there.
    """
    if name in EMBEDDED.values():
        raise DataError(f"{name} is drawn by the program, so there is nothing to remove")
    if base_name(name) != name:
        raise DataError(f"{name} is a variant of {base_name(name)}, and has no files of its own")
    source = find_source(name, root)
    if ":" in name or (name in DATASETS and name not in DATASETS.builtin):
        raise DataError(f"{name} is not in the data folder; remove its files yourself")
    fetched = source.fetched(root) if isinstance(source, InPlace) else []
    folders = [folder_of(root, name), *fetched, download_folder(root, name)]
    found = [folder for folder in folders if folder.exists()]
    for folder in found:
        if folder.resolve() != root.resolve() / folder.relative_to(root):
            raise DataError(f"{folder} leads to {folder.resolve()}; remove the link yourself")
    if not fetched and source.installed(root) and not folder_of(root, name).exists():
        raise DataError(
            f"the files of {name} in {root} were not put there by `data fetch`; remove them yourself"
        )
    if not found:
        raise DataError(f"{root} has no file of {name}, so there is nothing to remove")
    return found


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def remove(folders: Iterable[Path]) -> None:
    """Remove folders; each vanishes at once, so that an interrupted removal leaves no part of a data set."""
    for folder in folders:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".remove-") as temporary:
            folder.rename(Path(temporary, folder.name))
