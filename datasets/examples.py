"""Examples: images with their masks, read from a data set's released files before any preprocessing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from segbench.datasets.task import DataError
from segbench.text import suggestion

FileCase = tuple[str, dict[str, Path]]
"""A case of some files: its name, and its files by kind, such as ``image`` and ``label map``."""

SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Split of each name that data sets use."""


class Example(NamedTuple):
    """An image and its masks before any preprocessing: one image of as many tasks as there are masks.

    Attributes
    ----------
    file : Path
        The image file, for error messages.
    subject : str
    image : array (H, W), or (H, W, C) with 1 to 4 channels, of any range
    masks : mapping of each label to a bool array (H, W); empty masks are left out of the task
    cohort, modality, axis : str
        The other parts of the name of the task.
    split : str or None
        ``train``, ``val`` or ``test`` where the data set defines splits.
    unused : tuple of int
        Values of the mask file, besides 0, that belong to no label. Of several examples of one mask file,
        only the first has them.
    """

    file: Path
    subject: str
    image: np.ndarray
    masks: Mapping[str, np.ndarray]
    cohort: str = "all"
    modality: str = "unknown"
    axis: str = "0"
    split: str | None = None
    unused: tuple[int, ...] = ()


class Facts(NamedTuple):
    """How a reader understood a data set; import prints it.

    Attributes
    ----------
    subjects : str
        Where subjects come from, such as ``the column patient_id``.
    split : str
        Where the split comes from, such as ``the folders train/ and test/``; empty if none is stated.
    columns : tuple of str
        Columns of a table that were not used.
    """

    subjects: str = "the names in the release"
    split: str = ""
    columns: tuple[str, ...] = ()


class Reader(Protocol):
    """Reader of one layout. Cases are read in parallel: a case holds the files of one subject at most.

    After `cases`, an attribute ``facts`` (`Facts`) says how the reader understood the data set.
    """

    @property
    def facts(self) -> Facts: ...

    def cases(self, folder: Path) -> Sequence[Any]:
        """List what can be read independently (files of a subject, a pair of files); open no image.

        Raises
        ------
        DataError
            If `folder` has another layout, or a file has no partner.
        """
        ...

    def examples(self, case: Any) -> Iterable[Example]:
        """Read the images of a case.

        Raises
        ------
        DataError
            If a file cannot be used; the message names it.
        """
        ...


def named_split(name: str, where: str) -> str:
    """Translate a data set's name of a split to ``train``, ``val`` or ``test``; DataError if unknown."""
    if name.lower() not in SPLIT_NAMES:
        hint = suggestion(name.lower(), dict.fromkeys(SPLIT_NAMES.values()), 0.6)
        raise DataError(f"{where} names the split {name!r}; {hint}")
    return SPLIT_NAMES[name.lower()]


def two_splits(subject: str, *places: tuple[Path, str | None]) -> DataError:
    """Make the error for a subject that is in two splits; `places` are two files and the split of each."""
    one, other = (f"{split or 'none'} by {file}" for file, split in places)
    return DataError(f"subject {subject} is in two splits, {one} and {other}; a subject belongs to one")


def wrong_layout(folder: Path, title: str, file: str) -> DataError:
    """Make the error for a folder that holds no file of a data set; `file` is one of its layout."""
    return DataError(f"{folder} is not {title}: it holds no {file}; give the folder of the unpacked data set")
