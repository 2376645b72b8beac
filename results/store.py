"""Runs on disk: a folder of finished units and a manifest, safe against crashes and concurrent writers.

::

    run/
      manifest.json                     settings of the run and where it came from
      units/<key>/steps.parquet         one row per prediction
                  images.parquet        one row per image
                  timings.parquet       column ``seconds`` of ``images``; apart, as clocks do not repeat
                  pictures.parquet      one row per prediction of the images whose masks are kept
                  unit.json             description and SHA-256 of all of them but the clock's
      damaged/<key>-N                   units whose checksum failed, set aside
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import re
import shutil
import socket
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from results.schema import IMAGE_KEY, IMAGES, PICTURES, STEP_KEY, STEPS, typed

FORMAT = 2
DAY = 86400.0  # seconds
TIMINGS = {"seconds": IMAGES["seconds"]}
UNTIMED = {name: kind for name, kind in IMAGES.items() if name not in TIMINGS}
COLUMNS = {"steps": STEPS, "images": UNTIMED, "timings": TIMINGS, "pictures": PICTURES}
KEYS = {"steps": STEP_KEY, "images": IMAGE_KEY, "pictures": STEP_KEY}
CHECKED = tuple(KEYS)
ARROW = {
    "string": pa.string(),
    "int32": pa.int32(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "object": pa.binary(),
}

log = logging.getLogger(__name__)


class StoreError(ValueError):
    """A run cannot be written or read; the message is one sentence that says what to do."""


class Run:
    """An existing run folder.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    StoreError
        If the folder holds no readable run.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.settings: dict[str, Any] = self.manifest()["settings"]

    @classmethod
    def open_or_create(cls, path: str | Path, settings: dict[str, Any]) -> Run:
        """Open the run of these settings, or begin it in a new or empty folder.

        Parameters
        ----------
        path : str or Path
        settings : dict
            All that every unit of the run shares, of JSON types.

        Raises
        ------
        StoreError
            If the folder cannot be written, holds a run with other settings, or holds other files.
        """
        path, settings = Path(path), json.loads(json.dumps(settings))
        with _refusal(path):
            path.mkdir(parents=True, exist_ok=True)
            if not (path / "manifest.json").exists():
                if any(not entry.name.startswith(".tmp-") for entry in path.iterdir()):
                    raise StoreError(f"{path} holds files that are no run; choose another or an empty folder")
                _replace(path / "manifest.json", _json({"format": FORMAT, "settings": settings}))
            run = cls(path)
            differing = differences(run.settings, settings)
            if differing:
                raise StoreError(
                    f"{path} holds a run with other settings ({differing} now); "
                    "choose another output folder or the same settings"
                )
            (path / "units").mkdir(exist_ok=True)
            _clean(path)
            _clean(path / "units")
            probe = _temporary(path)
            probe.mkdir()
            probe.rmdir()
        return run

    def manifest(self) -> dict[str, Any]:
        """The manifest as it is on disk."""
        file = self.path / "manifest.json"
        try:
            manifest = json.loads(file.read_text(encoding="utf-8"))
            if manifest["format"] != FORMAT:
                raise StoreError(
                    f"{self.path} holds a run of format {manifest['format']}, and this program reads format "
                    f"{FORMAT}; run it anew in another folder, or read it with the program that wrote it"
                )
            if isinstance(manifest["settings"], dict):
                return manifest
        except (FileNotFoundError, NotADirectoryError):
            raise StoreError(f"{self.path} holds no run; name a folder that a run has written") from None
        except OSError as error:
            raise StoreError(
                f"cannot read {file} ({error.strerror or error}); check its permissions"
            ) from error
        except StoreError:
            raise
        except (ValueError, KeyError, TypeError):
            pass
        raise StoreError(f"{file} is damaged; start the run anew in another folder")

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Replace the manifest atomically; the format number and the settings of the run stay.

        Raises
        ------
        StoreError
            If it cannot be written; the old one is then still in place.
        """
        with _refusal(self.path):
            own = {"format": FORMAT, "settings": self.settings}
            _replace(self.path / "manifest.json", _json(manifest | own))

    def units(self) -> list[str]:
        """Keys of the units on disk, sorted."""
        folder = self.path / "units"
        if not folder.is_dir():
            return []
        return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))

    def has(self, key: str) -> bool:
        """Whether the unit is complete; a damaged one is set aside under ``damaged/`` with a warning."""
        folder = self.path / "units" / key
        if not folder.exists():
            return False
        try:
            read_unit(folder, COLUMNS)
        except StoreError:
            self._set_aside(folder)
            return False
        return True

    def write(
        self,
        key: str,
        description: dict[str, Any],
        steps: pd.DataFrame,
        images: pd.DataFrame,
        pictures: pd.DataFrame | None = None,
    ) -> None:
        """Store a finished unit: all of it or nothing. Of several writers of one key the first wins.

        Parameters
        ----------
        key : str
            Name of the unit; a valid folder name.
        description : dict
            What the unit is, of JSON types. Units can be read together if their ``identity``, a dict, agrees
            wherever they name the same.
        steps, images, pictures : DataFrame
            Columns of `results.schema.STEPS`, `results.schema.IMAGES` and `results.schema.PICTURES`, rows in
            any order.

        Raises
        ------
        StoreError
            If it cannot be written, for example because the disk is full.
        """
        images = images.sort_values(list(IMAGE_KEY), kind="stable")
        frames = {
            "steps": steps.sort_values(list(STEP_KEY), kind="stable"),
            "images": images,
            "timings": images,
            "pictures": typed([], PICTURES) if pictures is None else pictures,
        }
        frames["pictures"] = frames["pictures"].sort_values(list(STEP_KEY), kind="stable")
        files = {f"{name}.parquet": _parquet(frames[name], columns) for name, columns in COLUMNS.items()}
        sums = {name: hashlib.sha256(files[f"{name}.parquet"]).hexdigest() for name in CHECKED}
        files["unit.json"] = _json({"key": key, "description": description, "sha256": sums})
        units = self.path / "units"
        temporary, final = _temporary(units), units / key
        try:
            with _refusal(self.path):
                temporary.mkdir(parents=True)
                for name, content in files.items():
                    _write(temporary / name, content)
                _sync(temporary)
                if not final.exists():
                    _publish(temporary, final)
                _sync(units)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _set_aside(self, folder: Path) -> None:
        with _refusal(self.path):
            damaged = self.path / "damaged"
            damaged.mkdir(exist_ok=True)
            number = sum(entry.name.startswith(f"{folder.name}-") for entry in damaged.iterdir()) + 1
            aside = damaged / f"{folder.name}-{number}"
            try:
                folder.rename(aside)
            except FileNotFoundError:  # another process was faster
                return
        log.warning("unit %s was damaged; it is kept as %s and will be computed again", folder.name, aside)


def read_unit(folder: Path, names: Iterable[str]) -> dict[str, pa.Table]:
    """Some tables of a unit by name, after a look at the checksums of all."""
    try:
        sums = json.loads((folder / "unit.json").read_bytes())["sha256"]
        contents = {name: (folder / f"{name}.parquet").read_bytes() for name in COLUMNS}
        if all(hashlib.sha256(contents[name]).hexdigest() == sums[name] for name in CHECKED):
            tables = {name: _table(contents[name], COLUMNS[name]) for name in names}
            if len({len(tables[name]) for name in ("images", "timings") if name in tables}) <= 1:
                return tables
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        pass
    raise damaged_unit(folder)


def _table(content: bytes, columns: dict[str, str]) -> pa.Table:
    text = [name for name, kind in columns.items() if kind == "string"]
    return pq.read_table(pa.BufferReader(content), page_checksum_verification=True, read_dictionary=text)


def damaged_unit(folder: Path) -> StoreError:
    return StoreError(f"unit {folder} is damaged; start the run again, which computes it anew")


def _parquet(frame: pd.DataFrame, columns: dict[str, str]) -> bytes:
    """Parquet bytes that depend on the rows alone: no index, no pandas metadata, one codec."""
    schema = pa.schema([(name, ARROW[kind]) for name, kind in columns.items()])
    table = pa.Table.from_pandas(frame[list(columns)], schema=schema, preserve_index=False)
    buffer = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata(None),
        buffer,
        compression="zstd",
        store_schema=False,
        write_page_checksum=True,
    )
    return buffer.getvalue()


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, sort_keys=True) + "\n").encode()


def differences(one: dict[str, Any], other: dict[str, Any]) -> str:
    """The settings that differ, each with both values; empty if none does."""
    keys = [key for key in sorted(one | other) if one.get(key) != other.get(key)]
    return "; ".join(f"{key}: {one.get(key)!r} there, {other.get(key)!r}" for key in keys)


@contextmanager
def _refusal(path: Path) -> Iterator[None]:
    """Turn what the file system says into one sentence."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(
            f"cannot write {path} ({reason}); free some space or choose another folder"
        ) from error


def _temporary(folder: Path) -> Path:
    """A fresh name that says who writes, so that leftovers can be told from work in progress."""
    return folder / f".tmp-{os.getpid()}-{uuid.uuid4().hex}@{socket.gethostname()}"


def _clean(folder: Path) -> None:
    """Remove what killed writers left: their process on this machine is gone, or a day has passed."""
    for entry in folder.glob(".tmp-*"):
        name = re.fullmatch(r"\.tmp-(\d+)-\w+@(.*)", entry.name)
        gone = name is not None and name[2] == socket.gethostname() and not _alive(int(name[1]))
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


def _replace(file: Path, content: bytes) -> None:
    temporary = _temporary(file.parent)
    try:
        _write(temporary, content)
        temporary.replace(file)
        _sync(file.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _publish(temporary: Path, final: Path) -> None:
    """Give a complete unit its name, unless another writer has done so meanwhile."""
    try:
        temporary.rename(final)
    except OSError:
        if not final.exists():
            raise


def _sync(folder: Path) -> None:
    """Make a rename survive a power cut, where the system lets a folder be opened."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
