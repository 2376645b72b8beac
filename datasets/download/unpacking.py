"""Unpack untrusted archives: plain files only, inside one folder only, up to a size limit."""

from __future__ import annotations

import stat
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

from segbench.datasets.task import DataError

CHUNK = 1 << 20  # bytes in memory at once
MAX_ENTRIES = 500_000  # files and folders of an archive
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
HTML_STARTS = (b"<!doctype html", b"<html")

Entry = tuple[str, IO[bytes] | None]  # name, and content (None for a folder)
T = TypeVar("T")


class _Unsafe(Exception):
    """The reason to reject an archive."""


class _Damaged(Exception):
    """The reason why an archive cannot be read."""


def unpack(path: Path, folder: Path, name: str, link: str, limit: int) -> None:
    """Unpack an archive into a folder, or copy a file of another kind.

    The content decides the kind: zip, tar or compressed tar. Sizes are counted while unpacking; sizes in the
    headers of the archive are ignored. After an error `folder` may hold some of the files.

    Parameters
    ----------
    path : Path
        The archive.
    folder : Path
        May exist; its files are never overwritten.
    name : str
        File name of the archive at its origin.
    link : str
        Link for error messages.
    limit : int
        Most bytes of all files.

    Raises
    ------
    DataError
        If the archive is damaged, encrypted, empty or too large, or has an entry that is not a plain file or
        lies outside `folder`.
    OSError
        If the files cannot be written.
    """
    try:
        _write(_entries(path, name), folder.resolve(), limit)
    except _Unsafe as error:
        raise DataError(f"the archive {link} {error}; not unpacked") from None
    except _Damaged as error:
        raise DataError(f"{link} is not an intact archive ({error}); fetch it again") from error


def _write(entries: Iterator[Entry], folder: Path, limit: int) -> None:
    written = files = 0
    for count, (name, content) in enumerate(_intact(entries), 1):
        if count > MAX_ENTRIES:
            raise _Unsafe(f"has more than {MAX_ENTRIES} entries")
        path = _safe_path(folder, name)
        if content is None:
            continue
        with _create(path, name) as file:
            for chunk in _intact(iter(partial(content.read, CHUNK), b"")):
                written += len(chunk)
                if written > limit:
                    raise _Unsafe(f"unpacks to more than {limit} bytes")
                file.write(chunk)
        files += 1
    if not files:
        raise _Unsafe("holds no file")


def _intact(items: Iterable[T]) -> Iterator[T]:
    """Yield the items; readers raise almost any exception for a damaged archive."""
    try:
        yield from items
    except (_Unsafe, _Damaged):
        raise
    except Exception as error:
        raise _Damaged(str(error) or type(error).__name__) from error


def _safe_path(folder: Path, name: str) -> Path:
    """Path of an entry inside `folder`; archives from Windows may hold backslashes."""
    try:
        path = (folder / name.replace("\\", "/")).resolve()
    except ValueError:  # a null byte
        path = folder.parent
    if not path.is_relative_to(folder):
        raise _Unsafe(f"has an unsafe entry, {name!r}")
    return path


def _create(path: Path, name: str) -> IO[bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("xb")
    except (FileExistsError, NotADirectoryError):
        raise _Unsafe(f"has an entry that conflicts with another, {name!r}") from None


def _entries(path: Path, name: str) -> Iterator[Entry]:
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(b"PK"):
        yield from _zip_entries(path)
    elif _is_tar(path):
        yield from _tar_entries(path)
    elif any(start in head.lower() for start in HTML_STARTS):
        raise _Damaged("a web page")
    elif not head or name.lower().endswith(ARCHIVES):
        raise _Damaged("neither zip nor tar" if head else "an empty file")
    else:
        with path.open("rb") as content:
            yield name, content


def _is_tar(path: Path) -> bool:
    """Whether a file is a tar with an entry; a file of zeros is a tar without entries."""
    try:
        with tarfile.open(path) as file:
            return file.next() is not None
    except tarfile.ReadError:
        return False


def _zip_entries(path: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(path) as file:
        for entry in file.infolist():
            if entry.flag_bits & 1:
                raise _Unsafe("is encrypted")
            if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _Unsafe(f"has an unsafe entry, {entry.filename!r}")
            if entry.is_dir():
                yield entry.filename, None
                continue
            with file.open(entry) as content:
                yield entry.filename, content


def _tar_entries(path: Path) -> Iterator[Entry]:
    with tarfile.open(path) as file:
        for entry in file:
            if not (entry.isfile() or entry.isdir()):
                raise _Unsafe(f"has an unsafe entry, {entry.name!r}")
            yield entry.name, file.extractfile(entry)
        # tarfile takes a damaged header for the end. A real end is zeros or nothing.
        stream = file.fileobj
        assert stream is not None
        stream.seek(file.offset)
        if stream.read(CHUNK)[:512].strip(b"\0"):
            raise _Damaged("a header")
