"""Finding and matching the files of a public data set's layout."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from segbench.datasets.files.images import read_mask
from segbench.datasets.task import DataError

LITTER = (".", "__MACOSX")


def files(folder: Path, pattern: str) -> list[Path]:
    """Files anywhere below a folder whose path ends in a pattern, in order; hidden ones are left out.

    Links to folders are followed, each folder once.
    """
    found: list[Path] = []
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith(LITTER))
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        paths = (Path(place, name) for name in names if not name.startswith(LITTER))
        found += [path for path in paths if path.relative_to(folder).match(pattern)]
    return sorted(found)


def required(file: Path, other: Path) -> Path:
    """A file, if it exists.

    Raises
    ------
    DataError
        If it does not; the message also names the `other` file that belongs to it.
    """
    if not file.is_file():
        raise DataError(f"{file}, which belongs to {other}, is missing; unpack the data set again")
    return file


def matched(
    key: Callable[[Path], str], kinds: Mapping[str, Iterable[Path]]
) -> list[tuple[str, dict[str, Path]]]:
    """Files of several kinds that belong together, in order of their keys.

    Parameters
    ----------
    key : callable
        What the names of files that belong together have in common.
    kinds : mapping of each kind, as errors call it, to its files

    Raises
    ------
    DataError
        If a file lacks its partner of another kind, or two of a kind share a key.
    """
    found = {kind: _by_key(key, paths) for kind, paths in kinds.items()}
    for one in found.values():
        for name, file in one.items():
            for kind, other in found.items():
                if name not in other:
                    raise DataError(f"{file} has no {kind}; add it or remove the file")
    keys = sorted({name for one in found.values() for name in one})
    return [(name, {kind: found[kind][name] for kind in found}) for name in keys]


def region(file: Path, image: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Where a mask file is not 0, bool (H, W).

    Raises
    ------
    DataError
        As of `segbench.datasets.files.images.read_mask`; or if the mask has not the image's `shape`, (H, W).
    """
    mask = read_mask(file) > 0
    if mask.shape != shape:
        one, other = ("x".join(map(str, size)) for size in (mask.shape, shape))
        raise DataError(f"{file} is {one} and its image {image} {other}; unpack the data set again")
    return mask


def _by_key(key: Callable[[Path], str], paths: Iterable[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in paths:
        if path != found.setdefault(key(path), path):
            raise DataError(f"{found[key(path)]} and {path} are both of {key(path)}; keep one of them")
    return found
