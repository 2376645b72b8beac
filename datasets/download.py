"""Fetching a public archive: nothing unverified and nothing half-written ever lies under the data root."""

from __future__ import annotations

import hashlib
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from datasets.task import DataError


def fetch_archive(url: str, target: Path, patterns: Iterable[str], sha256: str, limit: int) -> Path:
    """Download a zip archive, unpack it, verify its files and move them into place.

    Parameters
    ----------
    url : str
        http or https link of the archive.
    target : Path
        Folder that will hold what the archive holds, less a single enclosing folder; must not exist yet.
    patterns : iterable of str
        Globs of the files that count, relative to `target`.
    sha256 : str
        Their `checksum`. An archive of a branch is packed anew now and then, so its own bytes do not tell.
    limit : int
        Bytes that the unpacked files may take.

    Returns
    -------
    Path
        `target`

    Raises
    ------
    DataError
        If the link cannot be reached, `target` exists or cannot be written, or the archive is damaged, unsafe
        or not the one that was recorded.
    """
    if target.exists():
        raise DataError(f"{target} exists but is incomplete; remove it and fetch again")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as folder:
            archive, unpacked = Path(folder, "archive.zip"), Path(folder, "unpacked")
            _download(url, archive, target)
            _unpack(archive, unpacked, limit, url)
            content = _content(unpacked)
            if checksum(content, patterns) != sha256:
                raise DataError(f"the files behind {url} are not the recorded ones (checksum); not installed")
            content.rename(target)
    except OSError as error:
        raise DataError(
            f"cannot write to {target.parent} ({error.strerror}); choose another folder"
        ) from error
    return target


def checksum(folder: Path, patterns: Iterable[str]) -> str:
    """SHA-256 of the listing that ``sha256sum`` prints for the files matching `patterns`, sorted by name."""
    files = sorted({p.relative_to(folder).as_posix() for pattern in patterns for p in folder.glob(pattern)})
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _download(url: str, archive: Path, target: Path) -> None:
    import requests
    from pooch import HTTPDownloader

    try:
        HTTPDownloader(progressbar=True, timeout=30)(url, str(archive), None)
    except requests.RequestException as error:
        raise DataError(
            f"cannot download {url} ({type(error).__name__}); check the network, or fetch the link elsewhere "
            f"and unpack it as {target}"
        ) from error


def _unpack(archive: Path, folder: Path, limit: int, url: str) -> None:
    try:
        with zipfile.ZipFile(archive) as file:
            entries = file.infolist()
            for entry in entries:
                inside = (folder / entry.filename).resolve().is_relative_to(folder.resolve())
                if not inside or stat.S_ISLNK(entry.external_attr >> 16):
                    raise DataError(
                        f"the archive {url} has an unsafe entry, {entry.filename!r}; not unpacked"
                    )
            if sum(entry.file_size for entry in entries) > limit:
                raise DataError(f"the archive {url} unpacks to more than {limit} bytes; not unpacked")
            file.extractall(folder)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
        raise DataError(f"what {url} gave is no intact zip archive ({error}); fetch again") from error


def _content(unpacked: Path) -> Path:
    """The folder itself, or the single folder that it wraps."""
    inside = list(unpacked.iterdir()) if unpacked.is_dir() else []
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else unpacked
