"""Unpacking what came from elsewhere: only plain files, only into one folder, no more than was agreed."""

from __future__ import annotations

import stat
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TypeVar

from segbench.datasets.task import DataError

CHUNK = 1 << 20  # bytes that memory holds at once
ENTRIES = 500_000  # files and folders of an archive at most
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
PAGES = (b"<!doctype html", b"<html")

Entry = tuple[str, IO[bytes] | None]  # name, and content if it is a file
T = TypeVar("T")


class _Refused(Exception):
    """Why an archive is not unpacked."""


class _Damaged(Exception):
    """Why an archive cannot be read."""


def unpack(path: Path, folder: Path, name: str, link: str, limit: int) -> None:
    """Unpack an archive into a folder; a file of another kind is copied into it.

    The kind is told by the content: zip, or tar, also compressed. Sizes are counted while unpacking; what the
    archive says of itself is not relied on. After an error `folder` may hold a part of the files.

    Parameters
    ----------
    path : Path
        The archive.
    folder : Path
        May exist; its files are never overwritten.
    name : str
        What the archive is called where it comes from.
    link : str
        What errors name.
    limit : int
        Bytes that the files may take.

    Raises
    ------
    DataError
        If the archive is damaged, encrypted or empty, is too large, or has an entry that is no plain file or
        lies outside `folder`.
    OSError
        If the files cannot be written.
    """
    try:
        _write(_entries(path, name), folder.resolve(), limit)
    except _Refused as error:
        raise DataError(f"the archive {link} {error}; not unpacked") from None
    except _Damaged as error:
        raise DataError(f"what {link} gave is no intact archive ({error}); fetch it again") from error


def _write(entries: Iterator[Entry], folder: Path, limit: int) -> None:
    written = files = 0
    for count, (name, content) in enumerate(_intact(entries), 1):
        if count > ENTRIES:
            raise _Refused(f"has more than {ENTRIES} entries")
        place = _place(folder, name)
        if content is None:
            continue
        with _new(place, name) as file:
            for chunk in _intact(_chunks(content)):
                written += len(chunk)
                if written > limit:
                    raise _Refused(f"unpacks to more than {limit} bytes")
                file.write(chunk)
        files += 1
    if not files:
        raise _Refused("holds no file")


def _chunks(content: IO[bytes]) -> Iterator[bytes]:
    while chunk := content.read(CHUNK):
        yield chunk


def _intact(parts: Iterable[T]) -> Iterator[T]:
    """The same; readers of archives raise almost anything at damaged ones."""
    try:
        yield from parts
    except (_Refused, _Damaged):
        raise
    except Exception as error:
        raise _Damaged(str(error) or type(error).__name__) from error


def _place(folder: Path, name: str) -> Path:
    """Where an entry belongs; some archives made on Windows have backslashes."""
    try:
        place = (folder / name.replace("\\", "/")).resolve()
    except ValueError:  # a null byte
        place = Path()
    if not place.is_relative_to(folder):
        raise _Refused(f"has an unsafe entry, {name!r}")
    return place


def _new(place: Path, name: str) -> IO[bytes]:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        return place.open("xb")
    except (FileExistsError, NotADirectoryError):
        raise _Refused(f"has an entry in the place of another, {name!r}") from None


def _entries(path: Path, name: str) -> Iterator[Entry]:
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(b"PK"):
        yield from _zip_entries(path)
    elif _is_tar(path):
        yield from _tar_entries(path)
    elif any(page in head.lower() for page in PAGES):
        raise _Damaged("a web page")
    elif not head or name.lower().endswith(ARCHIVES):
        raise _Damaged("neither zip nor tar" if head else "an empty file")
    else:
        with path.open("rb") as content:
            yield name, content


def _is_tar(path: Path) -> bool:
    """Whether a tar has an entry; a file of zeros would be one without any."""
    try:
        with tarfile.open(path) as file:
            return file.next() is not None
    except tarfile.ReadError:
        return False


def _zip_entries(path: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(path) as file:
        for entry in file.infolist():
            if entry.flag_bits & 1:
                raise _Refused("is encrypted")
            if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _Refused(f"has an unsafe entry, {entry.filename!r}")
            if entry.is_dir():
                yield entry.filename, None
                continue
            with file.open(entry) as content:
                yield entry.filename, content


def _tar_entries(path: Path) -> Iterator[Entry]:
    with tarfile.open(path) as file:
        for entry in file:
            if not (entry.isfile() or entry.isdir()):
                raise _Refused(f"has an unsafe entry, {entry.name!r}")
            yield entry.name, file.extractfile(entry)
        # A damaged header looks like the end; there are zeros, or nothing, and compression's own checksum.
        stream = file.fileobj
        assert stream is not None
        stream.seek(file.offset)
        if stream.read(CHUNK)[:512].strip(b"\0"):
            raise _Damaged("a header")
