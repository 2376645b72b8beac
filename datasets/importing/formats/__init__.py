"""Formats of anybody's own data, found by looking; a `segbench.datasets.examples.Reader` for each."""

from __future__ import annotations

from pathlib import Path

from segbench.datasets.importing.formats.base import (
    FormatReader,
    ImportOptions,
    labels_from_pairs,
    read_labels,
)
from segbench.datasets.importing.formats.folder import Pictures
from segbench.datasets.importing.formats.nifti import Volumes
from segbench.datasets.importing.formats.nnunet import NNUNet
from segbench.datasets.importing.formats.table import Table
from segbench.datasets.task import DataError
from segbench.registry import UnknownName

__all__ = ["FORMATS", "ImportOptions", "find_reader", "labels_from_pairs", "read_labels"]

FORMATS: dict[str, type[FormatReader]] = {each.name: each for each in (NNUNet, Table, Pictures, Volumes)}
"""By name, in the order in which they are looked for."""


def find_reader(path: Path, name: str | None = None, given: ImportOptions | None = None) -> FormatReader:
    """The reader of some data.

    Parameters
    ----------
    path : Path
        A folder, or the file of a table.
    name : str, optional
        Of its format; found by looking otherwise.
    given : ImportOptions, optional
        What the data do not say.

    Raises
    ------
    UnknownName
        If there is no format of that name.
    DataError
        If there is nothing, or nothing that is known.
    """
    if name is not None and name not in FORMATS:
        raise UnknownName("format", name, list(FORMATS))
    if not path.exists():
        raise DataError(f"there is no {path}; give the folder of the data set")
    if name is None:
        name = next((each for each, reader in FORMATS.items() if reader.fits(path)), None)
    if name is None:
        looked = "; ".join(f"{reader.layout} ({each})" for each, reader in FORMATS.items())
        raise DataError(f"{path} has no layout that is known; looked for: {looked}")
    return FORMATS[name](given or ImportOptions())
