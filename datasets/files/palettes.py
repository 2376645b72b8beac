"""Label values of masks whose pixels are indices of a palette."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

import numpy as np

from segbench.datasets.task import DataError

Colour = tuple[int, ...]


def look_up(palette: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """The entries of a palette at some indices; those that it lacks are 0, as in viewers."""
    missing = max(0, int(indices.max(initial=0)) + 1 - len(palette))
    return np.concatenate([palette, np.zeros((missing, *palette.shape[1:]), palette.dtype)])[indices]


def is_gray(colours: np.ndarray) -> bool:
    return colours.shape[-1] in (1, 3) and bool((colours == colours[..., :1]).all())


class Palettes:
    """The palettes of the masks of one data set, in which a value has one colour and a colour one value.

    Many programs choose a palette for each file, in which the same index then means different labels. The
    methods may be called from several threads.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._colour_of: dict[int, tuple[Colour, Path]] = {}
        self._value_of: dict[Colour, tuple[int, Path, bytes]] = {}

    def values(self, path: Path, indices: np.ndarray, palette: np.ndarray) -> np.ndarray:
        """Translate the indices of a mask to label values.

        A palette of several grays yields its grays, another palette the indices. Black is the background:
        where index 0 is not black, the two are exchanged.

        Raises
        ------
        DataError
            If another mask has another colour for a value, or another value for a colour.
        """
        used = np.flatnonzero(np.bincount(indices.ravel()))
        colours = look_up(palette, used)
        values = used.copy()
        if is_gray(palette) and len(np.unique(palette)) > 1:
            values = colours[:, 0].astype(used.dtype)
            if np.array_equal(values, used):  # as a file without a palette
                return indices
        elif palette[0].any() and len(black := used[~colours.any(axis=1)]):
            values[used == 0] = black[0]
            values[~colours.any(axis=1)] = 0
        for value, colour in zip(values.tolist(), map(tuple, colours.tolist()), strict=True):
            self._require_same(path, value, colour, palette.tobytes())
        table = np.zeros(int(used.max(initial=0)) + 1, values.dtype)
        table[used] = values
        return table[indices]

    def _require_same(self, path: Path, value: int, colour: Colour, palette: bytes) -> None:
        with self._lock:
            first, other = self._colour_of.setdefault(value, (colour, path))
            if first != colour:
                raise DataError(
                    f"value {value} is the colour {colour} in {path} and {first} in {other}; save all masks "
                    "with one palette, or as gray"
                )
            known, other, same = self._value_of.setdefault(colour, (value, path, palette))
            if known != value and same != palette:
                raise DataError(
                    f"the colour {colour} is value {value} in {path} and {known} in {other}; save all masks "
                    "with one palette, or as gray"
                )
