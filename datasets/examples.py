"""What data sets are read as: pictures with their masks, case by case, as their authors released them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from segbench.datasets.task import DataError

SPLITS_AS_NAMED = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
"""What data sets call the three splits."""


class Example(NamedTuple):
    """A picture and its masks before any preprocessing: an image of as many tasks as there are masks.

    Attributes
    ----------
    file : Path
        What errors name.
    subject : str
    image : array (H, W), or (H, W, C) with 1 to 4 channels, of any range
    masks : mapping of each label to a bool array (H, W); empty ones are left out of the label's task
    cohort, modality, axis : str
        The other parts of the task's name.
    split : str or None
        ``train``, ``val`` or ``test`` where the data set itself says so.
    """

    file: Path
    subject: str
    image: np.ndarray
    masks: Mapping[str, np.ndarray]
    cohort: str = "all"
    modality: str = "unknown"
    axis: str = "0"
    split: str | None = None


class Reader(Protocol):
    """Reads one layout. Cases are read side by side, so one holds no more than a subject's files."""

    def cases(self, folder: Path) -> Sequence[Any]:
        """What can be read on its own (a subject's folder, a pair of files), in order; no image is opened.

        Raises
        ------
        DataError
            If `folder` has another layout, or a file lacks its partner.
        """
        ...

    def examples(self, case: Any) -> Iterable[Example]:
        """The pictures of a case.

        Raises
        ------
        DataError
            If a file cannot be used; the message names it.
        """
        ...


def named_split(name: str, where: str) -> str:
    """``train``, ``val`` or ``test``, however a data set calls it; DataError for another name."""
    if name.lower() not in SPLITS_AS_NAMED:
        raise DataError(f"{where} names the split {name!r}; name train, val or test")
    return SPLITS_AS_NAMED[name.lower()]
