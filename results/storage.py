"""Storage of runs: a folder on a local or shared disk, or an address in an object store.

Both publish a unit as a whole or not at all, and the first of several writers wins. A folder renames a
complete temporary folder. An object store cannot rename: ``unit.json`` is written last and makes the unit
valid. Other files lie under the checksum of ``unit.json``, which separates files of concurrent writers::

    units/<key>/unit.json
                <first 16 digits of its SHA-256>/steps.parquet ...
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from segbench.files import require_regular
from segbench.results.atomic import link, remove_leftovers, sync, temporary_path, write

UNIT_FILE = "unit.json"


class Storage(Protocol):
    """A folder of files with units below ``units``; names are relative paths with slashes.

    Methods raise `OSError`; `FileNotFoundError` if a file or unit is absent.

    Attributes
    ----------
    address : Path of a folder, or the address as it was given
    """

    address: Path | str

    def read(self, name: str) -> bytes: ...

    def create(self, name: str, content: bytes) -> None:
        """Write a file unless it exists."""

    def replace(self, name: str, content: bytes) -> None:
        """Write a file in one step: readers see the old or the new content."""

    def prepare(self) -> None:
        """Make the folder, remove leftovers of killed writers, and test that it can be written."""

    def units(self) -> list[str]:
        """Names of the published units, sorted."""

    def finished(self, unit: str) -> bool:
        """Whether a unit has been published."""

    def read_unit(self, unit: str, names: Iterable[str]) -> dict[str, bytes]:
        """``unit.json`` of a published unit, and the named files."""

    def publish(self, unit: str, files: dict[str, bytes]) -> None:
        """Store a unit: all files, including ``unit.json``, or none. An existing unit stays."""

    def quarantine(self, unit: str) -> Path | str | None:
        """Move a unit to ``damaged``; return its new address, or None if another process has moved it."""

    def _names(self, folder: str) -> set[str]:
        """Names directly below a folder; none if it does not exist."""

    def has_foreign_files(self) -> bool:
        """Whether there are units, or files that do not belong to a run."""
        ours = ("manifest.json", "units")
        foreign = (name for name in self._names("") if name not in ours and not name.startswith(".tmp-"))
        return any(foreign) or bool(self.units())

    def _damaged_name(self, unit: str) -> str:
        """A new name below ``damaged``, numbered after those of earlier damaged units of the same key."""
        names = (name.removeprefix(f"{unit}-") for name in self._names("damaged"))
        numbers = (int(name) for name in names if name.isdecimal())
        return f"damaged/{unit}-{max(numbers, default=0) + 1}"


def open_storage(address: str | Path) -> Storage:
    """Return the storage of a path, ``file:///...``, or an address that fsspec knows (``s3://bucket/run``).

    Raises
    ------
    OSError
        If the address is not valid, or the package for this kind of store (such as s3fs) is not installed.
    """
    parts = urlsplit(str(address)) if isinstance(address, str) else None
    if parts is None or "://" not in str(address):
        return Folder(Path(address))
    if parts.scheme in ("file", "local") and not parts.netloc:
        return Folder(Path(parts.path))
    return Bucket(str(address))


class Folder(Storage):
    """A folder on a disk, local or shared (NFS)."""

    def __init__(self, path: Path) -> None:
        self.path = self.address = path

    def read(self, name: str) -> bytes:
        return require_regular(self.path / name).read_bytes()

    def create(self, name: str, content: bytes) -> None:
        self._write(name, content, link)

    def replace(self, name: str, content: bytes) -> None:
        self._write(name, content, Path.replace)

    def _write(self, name: str, content: bytes, publish: Callable[[Path, Path], object]) -> None:
        file = self.path / name
        temporary = temporary_path(file.parent)
        try:
            write(temporary, content)
            publish(temporary, file)
            sync(file.parent)
        finally:
            temporary.unlink(missing_ok=True)

    def prepare(self) -> None:
        units = self.path / "units"
        units.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.path)
        remove_leftovers(units)
        probe = temporary_path(self.path)
        probe.mkdir()
        probe.rmdir()

    def units(self) -> list[str]:
        folder = self.path / "units"
        if folder.is_file():
            raise OSError(f"{folder} is not a folder")
        with suppress(FileNotFoundError), os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and entry.name[0] != ".")
        return []

    def finished(self, unit: str) -> bool:
        return (self.path / "units" / unit).exists()

    def read_unit(self, unit: str, names: Iterable[str]) -> dict[str, bytes]:
        return {name: self.read(f"units/{unit}/{name}") for name in (UNIT_FILE, *names)}

    def publish(self, unit: str, files: dict[str, bytes]) -> None:
        units = self.path / "units"
        temporary, final = temporary_path(units), units / unit
        try:
            temporary.mkdir(parents=True)
            for name, content in files.items():
                write(temporary / name, content)
            sync(temporary)
            if not final.exists():
                try:
                    temporary.rename(final)
                except OSError:  # unless another writer was faster
                    if not final.exists():
                        raise
            sync(units)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def quarantine(self, unit: str) -> Path | None:
        (self.path / "damaged").mkdir(exist_ok=True)
        try:
            return (self.path / "units" / unit).rename(self.path / self._damaged_name(unit))
        except FileNotFoundError:
            return None

    def _names(self, folder: str) -> set[str]:
        path = self.path / folder
        return {entry.name for entry in path.iterdir()} if path.exists() else set()


class Bucket(Storage):
    """A prefix in an object store, through fsspec."""

    def __init__(self, address: str) -> None:
        import fsspec

        self.address = address.rstrip("/")
        if not address.partition("://")[2].strip("/") or address.startswith("file:"):
            raise OSError(f"{address} is not an address of a store: it names no bucket and no full path")
        try:
            self.files, self.root = fsspec.url_to_fs(self.address, use_listings_cache=False)
        except Exception as error:
            raise OSError(f"{self.address} is not an address of a store: {error}") from error

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

    def units(self) -> list[str]:
        paths = (name.split("/") for name in self._below("units"))
        return sorted(path[0] for path in paths if len(path) == 2 and path[1] == UNIT_FILE)

    def finished(self, unit: str) -> bool:
        with _as_os_error():
            return bool(self.files.isfile(self._path(f"units/{unit}/{UNIT_FILE}")))

    def read_unit(self, unit: str, names: Iterable[str]) -> dict[str, bytes]:
        description = self.read(f"units/{unit}/{UNIT_FILE}")
        paths = {self._path(f"{_folder_of(unit, description)}/{name}"): name for name in names}
        with _as_os_error():
            contents = self.files.cat(list(paths)) if paths else {}  # all at the same time
        return {UNIT_FILE: description} | {paths[path]: content for path, content in contents.items()}

    def publish(self, unit: str, files: dict[str, bytes]) -> None:
        if self.finished(unit):
            return
        folder = _folder_of(unit, files[UNIT_FILE])
        others = {self._path(f"{folder}/{name}"): files[name] for name in files if name != UNIT_FILE}
        with _as_os_error():
            self.files.pipe(others)
        self.create(f"units/{unit}/{UNIT_FILE}", files[UNIT_FILE])

    def quarantine(self, unit: str) -> str | None:
        name = self._damaged_name(unit)
        try:
            with _as_os_error():
                self.files.mv(self._path(f"units/{unit}/{UNIT_FILE}"), self._path(f"{name}/{UNIT_FILE}"))
        except FileNotFoundError:
            return None
        return f"{self.address}/{name}"

    def _names(self, folder: str) -> set[str]:
        return {name.split("/")[0] for name in self._below(folder)}

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}".rstrip("/")

    def _below(self, folder: str) -> list[str]:
        """All files below a folder, relative to it."""
        start = self._path(folder)
        with _as_os_error():
            self.files.invalidate_cache()
            return [path[len(start) :].lstrip("/") for path in self.files.find(start)]


def _folder_of(unit: str, description: bytes) -> str:
    """Where an object store keeps the files that belong to a ``unit.json``."""
    return f"units/{unit}/{hashlib.sha256(description).hexdigest()[:16]}"


@contextmanager
def _as_os_error() -> Iterator[None]:
    """Turn the libraries' own errors, such as for missing credentials, into an `OSError`."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{error}") from error
