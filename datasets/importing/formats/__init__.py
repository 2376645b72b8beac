"""Formats of a user's own data, recognised by their files; each has a `segbench.datasets.examples.Reader`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from segbench.datasets.files.finding import find_files, shared_suffix
from segbench.datasets.importing.formats.base import FormatReader
from segbench.datasets.importing.formats.case import ImportOptions
from segbench.datasets.importing.formats.folder import FolderReader
from segbench.datasets.importing.formats.nifti import VolumeReader
from segbench.datasets.importing.formats.nnunet import NNUNetReader
from segbench.datasets.importing.formats.pairs import PAIRED_SUFFIXES, without_suffix
from segbench.datasets.importing.formats.table import TableReader
from segbench.datasets.importing.formats.volumes import stem
from segbench.datasets.task import DataError
from segbench.registry import UnknownName

FORMATS: dict[str, type[FormatReader]] = {
    reader.name: reader for reader in (NNUNetReader, TableReader, FolderReader, VolumeReader)
}
"""Readers by name, in the order in which they are tried."""


def find_reader(path: Path, name: str | None = None, options: ImportOptions | None = None) -> FormatReader:
    """Find the reader of a user's own data, a folder or the file of a table.

    `name` is a format, by default the first one that fits. UnknownName for an unknown format; DataError if
    the path does not exist or fits none.
    """
    if name is not None and name not in FORMATS:
        raise UnknownName("format", name, list(FORMATS))
    if not path.exists():
        raise DataError(f"there is no {path}; give the folder of the data set")
    given = options or ImportOptions()
    readers = {each: reader(given) for each, reader in FORMATS.items() if name in (None, each)}
    found = next((reader for reader in readers.values() if name or reader.fits(path)), None)
    if found is not None:
        return found
    files = [file for file in find_files(path, "*") if file.name.lower().endswith(PAIRED_SUFFIXES)]
    if given.mask_suffix and files:
        raise without_suffix(files, given.mask_suffix)
    suffix = _suffix_of({stem(file) for file in files})
    if suffix:
        raise DataError(f"{path} has no known layout; give --mask-suffix={suffix} if this names the masks")
    layouts = "; ".join(f"{reader.layout} ({each})" for each, reader in FORMATS.items())
    raise DataError(f"{path} has no known layout; looked for: {layouts}")


def _suffix_of(names: Iterable[str]) -> str:
    """The text that follows each name in another one, such as ``_lesion``; empty if there is none."""
    known, shortest = sorted(names), list[str]()
    for name in known:
        if not shortest or not name.startswith(shortest[-1]):
            shortest.append(name)
    return shared_suffix(shortest, known)
