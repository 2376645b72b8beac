"""Where runs lie: a folder on a local or shared disk, or an address in an object store.

Both publish a unit as a whole or not at all, and the first of several writers wins. A folder does it by
renaming a complete folder. An object store has no such rename, so there ``unit.json`` is put last and makes
the unit; its other files lie under the checksum of that text, so that other writers' never mix with them::

    units/<key>/unit.json
                <first 16 digits of its SHA-256>/steps.parquet ...
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import socket
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

DAY = 86400.0  # seconds
MARK = "unit.json"


class Storage(Protocol):
    """A folder of files with units below ``units``; paths are relative, with slashes.

    Errors are `OSError`, `FileNotFoundError` where something is absent.
    """

    @property
    def address(self) -> Path | str:
        """The path of a folder, else the address as it was given."""

    def read(self, name: str) -> bytes: ...

    def create(self, name: str, content: bytes) -> None:
        """Write a file, unless there is one."""

    def replace(self, name: str, content: bytes) -> None:
        """Write a file in one step: readers see the old or the new one."""

    def prepare(self) -> None:
        """Make the folder, remove what killed writers left, and make sure that it can be written."""

    def strangers(self) -> bool:
        """Whether it holds more than a run that was begun and has no unit yet."""

    def units(self) -> list[str]:
        """Names of the finished units, sorted."""

    def finished(self, unit: str) -> bool:
        """Whether a unit has been published."""

    def read_unit(self, unit: str, names: Iterable[str]) -> dict[str, bytes]:
        """``unit.json`` of a finished unit, and some of its files."""

    def publish(self, unit: str, files: dict[str, bytes]) -> None:
        """Store a unit: all files or none. They must include ``unit.json``."""

    def set_aside(self, unit: str) -> Path | str | None:
        """Move what makes it a unit under ``damaged``; its new address, or None if another was faster."""


def place(address: str | Path) -> Storage:
    """The place of an address: a path, ``file:///...``, or what fsspec knows, such as ``s3://bucket/run``."""
    parts = urlsplit(str(address)) if isinstance(address, str) else None
    if parts is None or "://" not in str(address):
        return Folder(Path(address))
    if parts.scheme in ("file", "local") and not parts.netloc:
        return Folder(Path(parts.path))
    return Bucket(str(address))


class Folder:
    """A folder on a disk, local or shared (NFS)."""

    def __init__(self, path: Path) -> None:
        self.path = self.address = path

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def create(self, name: str, content: bytes) -> None:
        self._write(name, content, _link)

    def replace(self, name: str, content: bytes) -> None:
        self._write(name, content, Path.replace)

    def _write(self, name: str, content: bytes, put: Any) -> None:
        file = self.path / name
        temporary = _temporary(file.parent)
        try:
            _write(temporary, content)
            put(temporary, file)
            _sync(file.parent)
        finally:
            temporary.unlink(missing_ok=True)

    def prepare(self) -> None:
        units = self.path / "units"
        units.mkdir(parents=True, exist_ok=True)
        _clean(self.path)
        _clean(units)
        probe = _temporary(self.path)
        probe.mkdir()
        probe.rmdir()

    def strangers(self) -> bool:
        names = {entry.name for entry in self.path.iterdir()} if self.path.exists() else set()
        return _strange(names) or bool(self.units())

    def units(self) -> list[str]:
        folder = self.path / "units"
        if folder.is_file():
            raise OSError(f"{folder} is no folder")
        with suppress(FileNotFoundError), os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and entry.name[0] != ".")
        return []

    def finished(self, unit: str) -> bool:
        return (self.path / "units" / unit).exists()

    def read_unit(self, unit: str, names: Iterable[str]) -> dict[str, bytes]:
        return {name: self.read(f"units/{unit}/{name}") for name in (MARK, *names)}

    def publish(self, unit: str, files: dict[str, bytes]) -> None:
        units = self.path / "units"
        temporary, final = _temporary(units), units / unit
        try:
            temporary.mkdir(parents=True)
            for name, content in files.items():
                _write(temporary / name, content)
            _sync(temporary)
            if not final.exists():
                _rename(temporary, final)
            _sync(units)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def set_aside(self, unit: str) -> Path | None:
        damaged = self.path / "damaged"
        damaged.mkdir(exist_ok=True)
        name = _next(unit, (entry.name for entry in damaged.iterdir()))
        try:
            return (self.path / "units" / unit).rename(damaged / name)
        except FileNotFoundError:
            return None


class Bucket:
    """A prefix in an object store, through fsspec; what a kind of store needs is one package, such as s3fs.

    Raises
    ------
    OSError
        If that package is not installed, or there is no such kind of store.
    """

    def __init__(self, address: str) -> None:
        import fsspec

        self.address = address.rstrip("/")
        if not address.partition("://")[2].strip("/") or address.startswith("file:"):
            raise OSError(f"{address} is no address of a store: it names no bucket or whole path")
        try:
            self.files, self.root = fsspec.url_to_fs(self.address, use_listings_cache=False)
        except Exception as error:
            raise OSError(f"{self.address} is no address of a store: {error}") from error

    def read(self, name: str) -> bytes:
        with _as_os_error():
            content: bytes = self.files.cat_file(self._path(name))
        return content

    def create(self, name: str, content: bytes) -> None:
        with _as_os_error(), suppress(FileExistsError):
            self.files.pipe_file(self._path(name), content, mode="create")

    def replace(self, name: str, content: bytes) -> None:
        with _as_os_error():
            self.files.pipe_file(self._path(name), content)

    def prepare(self) -> None:
        probe = f".tmp-{uuid.uuid4().hex}"
        self.replace(probe, b"")
        with _as_os_error():
            self.files.rm_file(self._path(probe))

    def strangers(self) -> bool:
        return _strange({name.split("/")[0] for name in self._below("")}) or bool(self.units())

    def units(self) -> list[str]:
        paths = (name.split("/") for name in self._below("units"))
        return sorted(path[0] for path in paths if len(path) == 2 and path[1] == MARK)

    def finished(self, unit: str) -> bool:
        with _as_os_error():
            return bool(self.files.isfile(self._path(f"units/{unit}/{MARK}")))

    def read_unit(self, unit: str, names: Iterable[str]) -> dict[str, bytes]:
        mark = self.read(f"units/{unit}/{MARK}")
        paths = {self._path(f"units/{unit}/{_sum(mark)}/{name}"): name for name in names}
        with _as_os_error():
            found = self.files.cat(list(paths)) if paths else {}  # all at the same time
        return {MARK: mark} | {paths[path]: content for path, content in found.items()}

    def publish(self, unit: str, files: dict[str, bytes]) -> None:
        if self.finished(unit):
            return
        mark, folder = files[MARK], f"units/{unit}/{_sum(files[MARK])}"
        others = {self._path(f"{folder}/{name}"): files[name] for name in files if name != MARK}
        with _as_os_error():
            self.files.pipe(others)
        self.create(f"units/{unit}/{MARK}", mark)

    def set_aside(self, unit: str) -> str | None:
        there = {name.split("/")[0] for name in self._below("damaged")}
        aside = f"damaged/{_next(unit, there)}"
        try:
            with _as_os_error():
                self.files.mv(self._path(f"units/{unit}/{MARK}"), self._path(f"{aside}/{MARK}"))
        except FileNotFoundError:
            return None
        return f"{self.address}/{aside}"

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}".rstrip("/")

    def _below(self, name: str) -> list[str]:
        """All files below a prefix, relative to it."""
        start = self._path(name)
        with _as_os_error():
            self.files.invalidate_cache()
            return [path[len(start) :].lstrip("/") for path in self.files.find(start)]


@contextmanager
def _as_os_error() -> Iterator[None]:
    """What the libraries of object stores raise besides, such as for missing credentials."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{error}") from error


def _strange(names: set[str]) -> bool:
    return any(name not in ("manifest.json", "units") and not name.startswith(".tmp-") for name in names)


def _next(unit: str, names: Iterable[str]) -> str:
    """A name for a damaged unit beside those of earlier ones."""
    numbers = (name.removeprefix(f"{unit}-") for name in names if name.startswith(f"{unit}-"))
    return f"{unit}-{max((int(number) for number in numbers if number.isdecimal()), default=0) + 1}"


def _sum(mark: bytes) -> str:
    return hashlib.sha256(mark).hexdigest()[:16]


@cache
def _machine() -> str:
    """Whose process numbers ours are: this host, since it was started, or a container of it."""
    parts = [socket.gethostname()]
    with suppress(OSError):  # Linux
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:12]


def _temporary(folder: Path) -> Path:
    """A fresh name that says who writes, so that leftovers can be told from work in progress."""
    return folder / f".tmp-{os.getpid()}-{uuid.uuid4().hex}@{_machine()}"


def _clean(folder: Path) -> None:
    """Remove what killed writers left: their process on this machine is gone, or a day has passed."""
    for entry in folder.glob(".tmp-*"):
        name = re.fullmatch(r"\.tmp-(\d+)-\w+@(.*)", entry.name)
        gone = name is not None and name[2] == _machine() and not _alive(int(name[1]))
        try:
            if gone or time.time() - entry.stat().st_mtime > DAY:
                if entry.is_dir():
                    shutil.rmtree(entry, ignore_errors=True)
                else:
                    entry.unlink()
        except FileNotFoundError:  # its writer has just finished
            continue


def _alive(pid: int) -> bool:
    if os.name != "posix":  # signal 0 is a question on POSIX systems only
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _write(file: Path, content: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _link(temporary: Path, file: Path) -> None:
    """Give a complete file its name, unless that is taken."""
    try:
        file.hardlink_to(temporary)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        if not file.exists():
            temporary.replace(file)


def _rename(temporary: Path, final: Path) -> None:
    """Give a complete unit its name, unless another writer has done so meanwhile."""
    try:
        temporary.rename(final)
    except OSError:
        if not final.exists():
            raise


def _sync(folder: Path) -> None:
    """Make a rename survive a power cut, where the system lets a folder be opened and synced."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
