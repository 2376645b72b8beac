"""Finding the files of a data set and matching those that belong together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from segbench.datasets.task import DataError

IGNORED = (".", "__MACOSX")


def find_files(folder: Path, pattern: str) -> list[Path]:
    """Find files at any depth whose path ends in a pattern, in order, without hidden ones.

    Links to folders are followed, each folder once.
    """
    found: list[Path] = []
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith(IGNORED))
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        paths = (Path(place, name) for name in names if not name.startswith(IGNORED))
        found += [path for path in paths if path.relative_to(folder).match(pattern)]
    return sorted(found)


def visible(folder: Path) -> list[Path]:
    """The content of a folder in order, without hidden files."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def require_file(file: Path, other: Path) -> Path:
    """Return a file that exists; else DataError, which also names the `other` file that belongs to it."""
    if not file.is_file():
        raise DataError(f"{file}, which belongs to {other}, is missing; unpack the data set again")
    return file


def match_files(
    key: Callable[[Path], str], kinds: Mapping[str, Iterable[Path]]
) -> list[tuple[str, dict[str, Path]]]:
    """Match files of several kinds by a key that their names share, in the order of the keys.

    `kinds` maps each kind, as errors call it, to its files. DataError if a file of another kind is missing or
    two files of one kind share a key.
    """
    by_kind = {kind: by_key(key, paths) for kind, paths in kinds.items()}
    for files in by_kind.values():
        for name, file in files.items():
            for kind, others in by_kind.items():
                if name not in others:
                    raise DataError(f"{file} has no {kind}; add it or remove the file")
    keys = sorted({name for files in by_kind.values() for name in files})
    return [(name, {kind: files[name] for kind, files in by_kind.items()}) for name in keys]


def by_key(key: Callable[[Path], str], paths: Iterable[Path]) -> dict[str, Path]:
    """Map keys to files, in the order of the paths; DataError if two files share a key."""
    files: dict[str, Path] = {}
    for path in sorted(paths):
        if path != files.setdefault(key(path), path):
            raise DataError(f"{files[key(path)]} and {path} both belong to {key(path)}; keep one of them")
    return files
