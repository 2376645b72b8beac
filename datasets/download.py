"""Fetching public archives: nothing unverified and nothing half-written is ever taken for a data set."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from segbench.datasets.task import DataError
from segbench.datasets.transfer import forget, transfer
from segbench.datasets.unpack import unpack


@dataclass(frozen=True)
class Archive:
    """A public file that holds a data set or a part of it: a zip, a tar, or a plain file.

    Attributes
    ----------
    url : str
        Its official link.
    limit : int
        Bytes that it may take, and what it unpacks to.
    sha256 : str or None
        Its SHA-256. Where none is known, that of the first download is recorded, and later ones must have it.
    patterns : tuple of str
        If there are any, `sha256` is the `checksum` of the unpacked files that match these globs. For an
        archive of a branch, which is packed anew now and then, so that its own bytes do not tell.
    """

    url: str
    limit: int
    sha256: str | None = None
    patterns: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The name at the end of the link."""
        return PurePosixPath(unquote(urlsplit(self.url).path)).name


def fetch(archives: Sequence[Archive], target: Path, folder: Path, urls: Sequence[str] = ()) -> Path:
    """Download archives, verify and unpack them, and move what they hold into place.

    A download that broke off goes on where it stopped, in the same call or a later one. Archives are removed
    once they are in place.

    Parameters
    ----------
    archives : sequence of Archive
    target : Path
        Folder that will hold what they hold together, less a single enclosing folder; must not exist yet.
    folder : Path
        Where unfinished downloads lie, and the checksums of first ones; see `downloads`.
    urls : sequence of str
        Links to take instead of the official ones, one for each archive: http, https, or file (on disk).

    Returns
    -------
    Path
        `target`

    Raises
    ------
    DataError
        If a link cannot be reached, `target` exists or cannot be written, or an archive is damaged, unsafe
        or not the one that was recorded. Then there is no new `target`; unfinished downloads stay.
    """
    if target.exists():
        raise DataError(f"{target} exists but is incomplete; remove it and fetch again")
    links = list(urls) or [archive.url for archive in archives]
    if len(links) != len(archives):
        official = ", ".join(archive.url for archive in archives)
        raise DataError(f"as many links are needed as there are archives, in this order: {official}")
    coming = [_Coming(archive, url, folder) for archive, url in zip(archives, links, strict=True)]
    with _writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        for one in coming:
            one.download()
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as temporary:
            unpacked = Path(temporary, "unpacked")
            for one in coming:
                one.unpack(unpacked)
            content = _content(unpacked)
            for one in coming:
                one.accept(content)
            content.rename(target)
        for one in coming:
            forget(one.part)
    return target


def verify(archives: Iterable[Archive], folder: Path) -> None:
    """Compare what was fetched with what was recorded of it.

    Raises
    ------
    DataError
        If files are absent, changed or too many.
    """
    for archive in archives:
        if archive.patterns and checksum(folder, archive.patterns) != archive.sha256:
            raise DataError(f"the files in {folder} differ from the released ones; remove it and fetch again")


def downloads(root: Path, name: str) -> Path:
    """Where unfinished downloads of a data set lie, and the checksums of first ones."""
    return root / "downloads" / name


def first_records(archives: Iterable[Archive], folder: Path) -> list[Path]:
    """The files of that folder in which `fetch` will record a checksum, as none is known."""
    records = [_record(archive, folder) for archive in archives if archive.sha256 is None]
    return [record for record in records if not record.exists()]


def checksum(folder: Path, patterns: Iterable[str]) -> str:
    """SHA-256 of the listing that ``sha256sum`` prints for the files matching `patterns`, sorted by name."""
    files = sorted({p.relative_to(folder).as_posix() for pattern in patterns for p in folder.glob(pattern)})
    lines = "".join(_line(folder / name, name) for name in files)
    return hashlib.sha256(lines.encode()).hexdigest()


class _Coming:
    """An archive on its way from a link into a folder."""

    def __init__(self, archive: Archive, url: str, folder: Path) -> None:
        self.archive, self.url = archive, url
        self.part = folder / f"{archive.file}.part"
        self.record = _record(archive, folder)
        self.file = _on_disk(url) or self.part
        self.line = ""  # its checksum, as in the record

    def download(self) -> None:
        """Get all its bytes; the known checksum must be theirs."""
        if self.file == self.part:
            transfer(self.url, self.part, self.archive.limit)
        if self.archive.patterns:
            return
        self.line = _line(self.file, self.archive.file)
        if self.archive.sha256 is None:
            if self.record.is_file() and self.line != self.record.read_text(encoding="utf-8"):
                raise self._refused(
                    f"is not the file that was fetched first (checksum); if a new release is meant, remove "
                    f"{self.record} and fetch again"
                )
        elif self.line.split()[0] != self.archive.sha256:
            raise self._refused("is not the recorded file (checksum); not installed")

    def unpack(self, folder: Path) -> None:
        try:
            unpack(self.file, folder, self.archive.file, self.url, self.archive.limit)
        except DataError:
            self._drop()
            raise

    def accept(self, content: Path) -> None:
        """Compare what all archives hold together, and record the checksum of a first download."""
        if self.archive.patterns:
            if checksum(content, self.archive.patterns) != self.archive.sha256:
                raise self._refused("does not hold the recorded files (checksum); not installed")
        elif self.archive.sha256 is None:
            self.record.parent.mkdir(parents=True, exist_ok=True)
            self.record.write_text(self.line, encoding="utf-8")

    def _refused(self, why: str) -> DataError:
        self._drop()
        return DataError(f"what {self.url} gave {why}")

    def _drop(self) -> None:
        """Remove what nobody should go on with, but no file of the user's."""
        if self.file == self.part:
            forget(self.part)


def _record(archive: Archive, folder: Path) -> Path:
    return folder / f"{archive.file}.sha256"


def _line(file: Path, name: str) -> str:
    """What ``sha256sum`` prints for a file."""
    with file.open("rb") as stream:
        return f"{hashlib.file_digest(stream, 'sha256').hexdigest()}  {name}\n"


def _on_disk(url: str) -> Path | None:
    """The file that a ``file:`` link means; None for a link of the network."""
    parts = urlsplit(url)
    if parts.scheme in ("http", "https"):
        return None
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise DataError(f"{url} is no link that can be fetched; give one with http:, https: or file:")
    path = Path(url2pathname(parts.path))
    if not (path.is_file() and os.access(path, os.R_OK)):
        raise DataError(f"there is no file {path} that can be read; give another link than {url}")
    return path


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """What a disk refuses, in one sentence; a folder made for nothing goes again."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DataError(
                f"the disk of {folder} is full; free some space and run the same command again, finished "
                "downloads are kept"
            ) from error
        raise DataError(f"cannot write to {folder} ({error.strerror}); choose another folder") from error
    finally:
        with suppress(OSError):  # the first one holds what was written
            for created in missing:
                created.rmdir()


def _content(unpacked: Path) -> Path:
    """The folder itself, or the single folder that it wraps."""
    inside = list(unpacked.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else unpacked
