"""Fetch public archives: a data folder appears only once it is complete and verified."""

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

from segbench.datasets.download.transfers import discard, transfer
from segbench.datasets.download.unpacking import unpack
from segbench.datasets.task import DataError


@dataclass(frozen=True)
class Archive:
    """A public file with a data set or a part of one: a zip, a tar, or a plain file.

    Attributes
    ----------
    url : str
        The official link.
    limit : int
        Most bytes of the file, and of its unpacked content.
    sha256 : str or None
        SHA-256 of the file. None: the checksum of the first download is recorded, and later ones must agree.
    patterns : tuple of str
        With patterns, `sha256` is the `checksum` of the unpacked files that match these globs. Archives of a
        branch need this: hosts repack them, and their own bytes change.
    """

    url: str
    limit: int
    sha256: str | None = None
    patterns: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The file name at the end of the link."""
        return PurePosixPath(unquote(urlsplit(self.url).path)).name


def fetch(archives: Sequence[Archive], target: Path, folder: Path, urls: Sequence[str] = ()) -> Path:
    """Download, verify and unpack archives, then move their content to `target`.

    An interrupted download continues where it stopped, in the same call or a later one. Archives are deleted
    once their content is in place.

    Parameters
    ----------
    archives : sequence of Archive
    target : Path
        Folder for the joint content of all archives, without a single enclosing folder; must not exist.
    folder : Path
        Folder of unfinished downloads and recorded checksums; see `download_folder`.
    urls : sequence of str
        Links that replace the official ones, one for each archive: http, https, or file (on disk).

    Returns
    -------
    Path
        `target`

    Raises
    ------
    DataError
        If a link cannot be reached, `target` exists or cannot be written, or an archive is damaged, unsafe
        or differs from its checksum. `target` is then not created; unfinished downloads stay.
    """
    if target.exists():
        raise DataError(f"{target} exists but is incomplete; remove it and fetch again")
    links = list(urls) or [archive.url for archive in archives]
    if len(links) != len(archives):
        official = ", ".join(archive.url for archive in archives)
        raise DataError(f"as many links are needed as there are archives, in this order: {official}")
    downloads = [_Download(archive, url, folder) for archive, url in zip(archives, links, strict=True)]
    with _clear_write_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        for download in downloads:
            download.run()
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as temporary:
            unpacked = Path(temporary, "unpacked")
            for download in downloads:
                download.unpack(unpacked)
            entries = list(unpacked.iterdir())
            content = entries[0] if len(entries) == 1 and entries[0].is_dir() else unpacked
            for download in downloads:
                download.verify_content(content)
            content.rename(target)
        for download in downloads:
            discard(download.part)
    return target


def verify(archives: Iterable[Archive], folder: Path) -> None:
    """Compare fetched files with the recorded checksums.

    Raises
    ------
    DataError
        If files are missing, changed or added.
    """
    for archive in archives:
        if archive.patterns and checksum(folder, archive.patterns) != archive.sha256:
            raise DataError(f"the files in {folder} differ from the released ones; remove it and fetch again")


def download_folder(root: Path, name: str) -> Path:
    """Folder of the unfinished downloads and the recorded checksums of a data set."""
    return root / "downloads" / name


def pending_checksums(archives: Iterable[Archive], folder: Path) -> list[Path]:
    """List the checksum files that the next `fetch` into `folder` will write."""
    files = [_checksum_file(archive, folder) for archive in archives if archive.sha256 is None]
    return [file for file in files if not file.exists()]


def checksum(folder: Path, patterns: Iterable[str]) -> str:
    """SHA-256 of the output of ``sha256sum`` for the files that match `patterns`, sorted by name."""
    files = sorted({p.relative_to(folder).as_posix() for pattern in patterns for p in folder.glob(pattern)})
    lines = "".join(_checksum_line(folder / name, name) for name in files)
    return hashlib.sha256(lines.encode()).hexdigest()


class _Download:
    """One archive between its link and the unpacked folder."""

    def __init__(self, archive: Archive, url: str, folder: Path) -> None:
        self.archive, self.url = archive, url
        self.part = folder / f"{archive.file}.part"
        self.checksum_file = _checksum_file(archive, folder)
        self.file = _local_file(url) or self.part
        self.checksum_line = ""

    def run(self) -> None:
        """Download the missing bytes and compare the file with its checksum."""
        if self.file == self.part:
            transfer(self.url, self.part, self.archive.limit)
        if self.archive.patterns:
            return
        self.checksum_line = _checksum_line(self.file, self.archive.file)
        if self.archive.sha256 is None:
            record = self.checksum_file
            if record.is_file() and self.checksum_line != record.read_text(encoding="utf-8"):
                raise self._rejection(
                    "differs from the first download (checksum); to accept a new release, remove "
                    f"{record} and fetch again"
                )
        elif self.checksum_line.split()[0] != self.archive.sha256:
            raise self._rejection("differs from the recorded file (checksum) and was not installed")

    def unpack(self, folder: Path) -> None:
        try:
            unpack(self.file, folder, self.archive.file, self.url, self.archive.limit)
        except DataError:
            self._discard()
            raise

    def verify_content(self, content: Path) -> None:
        """Compare the joint content of all archives, and record the checksum of a first download."""
        if self.archive.patterns:
            if checksum(content, self.archive.patterns) != self.archive.sha256:
                raise self._rejection("does not hold the recorded files (checksum) and was not installed")
        elif self.archive.sha256 is None:
            self.checksum_file.parent.mkdir(parents=True, exist_ok=True)
            self.checksum_file.write_text(self.checksum_line, encoding="utf-8")

    def _rejection(self, reason: str) -> DataError:
        self._discard()
        return DataError(f"the file from {self.url} {reason}")

    def _discard(self) -> None:
        """Remove a bad download, but never a file of the user."""
        if self.file == self.part:
            discard(self.part)


def _checksum_file(archive: Archive, folder: Path) -> Path:
    return folder / f"{archive.file}.sha256"


def _checksum_line(file: Path, name: str) -> str:
    """The output of ``sha256sum`` for a file."""
    with file.open("rb") as stream:
        return f"{hashlib.file_digest(stream, 'sha256').hexdigest()}  {name}\n"


def _local_file(url: str) -> Path | None:
    """The path of a ``file:`` link; None for a link of the network."""
    parts = urlsplit(url)
    if parts.scheme in ("http", "https"):
        return None
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise DataError(f"{url} cannot be fetched; give a link with http:, https: or file:")
    path = Path(url2pathname(parts.path))
    if not (path.is_file() and os.access(path, os.R_OK)):
        raise DataError(f"{path} does not exist or cannot be read; give another link than {url}")
    return path


@contextmanager
def _clear_write_errors(folder: Path) -> Iterator[None]:
    """Turn errors of the disk into one sentence, and remove folders that stayed empty."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DataError(
                f"the disk of {folder} is full; free some space and repeat the command, finished "
                "downloads are kept"
            ) from error
        raise DataError(f"cannot write to {folder} ({error.strerror}); choose another folder") from error
    finally:
        with suppress(OSError):  # the first folder is not empty after a success
            for path in missing:
                path.rmdir()
