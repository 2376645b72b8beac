"""Runs: a folder of finished units and a manifest, safe against crashes and concurrent writers.

A run lies on a disk, as shown here, or in an object store under an address such as ``s3://bucket/run``
(`segbench.results.storage` describes the difference).

::

    run/
      manifest.json                     settings, versions, weights, data and commands
      units/<key>/steps.parquet         one row per prediction
                  images.parquet        one row per image
                  timings.parquet       column ``seconds`` of ``images``; separate, because times differ
                  seeds.parquet         one row per seed image
                  pictures.parquet      one row per prediction of the images whose masks are kept
                  unit.json             description, and SHA-256 of all tables except the timings
      damaged/<key>-N                   units whose checksum failed
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from segbench.errors import ADVICE, SegbenchError
from segbench.results.schema import COLUMNS, KEYS, from_parquet, parquet_rows, to_parquet, typed
from segbench.results.storage import UNIT_FILE, open_storage

FORMAT = 4
MALFORMED = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError),
    pa.ArrowException,
)
READERS = 8  # threads that wait for files of a slow disk or store

log = logging.getLogger(__name__)


class StoreError(SegbenchError, ValueError):
    """A run cannot be written or read; the message is one sentence that says what to do."""


class DamagedUnit(StoreError):
    """The files of a unit differ from what was written."""


def exists(address: str | Path) -> bool:
    """Whether there is a run, readable or not; a `StoreError` if the address cannot be reached."""
    try:
        with _one_sentence("read", address):
            open_storage(address).read("manifest.json")
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


class Run:
    """An existing run.

    Parameters
    ----------
    address : str or Path
        A folder, or an address such as ``s3://bucket/run``.

    Attributes
    ----------
    path : Path, or str of an object store
    settings : dict
        What all units of the run share.

    Raises
    ------
    StoreError
        If there is no readable run.
    """

    def __init__(self, address: str | Path) -> None:
        with _one_sentence("read", address):
            self.storage = open_storage(address)
        self.path = self.storage.address
        self.settings: dict[str, Any] = self.manifest()["settings"]

    @classmethod
    def open_or_create(cls, address: str | Path, settings: dict[str, Any]) -> Run:
        """Open the run with these settings, or start it in a new or empty folder.

        Parameters
        ----------
        address : str or Path
        settings : dict
            Everything that all units of the run share, of JSON types.

        Raises
        ------
        StoreError
            If the folder cannot be written, holds a run with other settings, or holds other files.
        """
        settings = json.loads(json.dumps(settings))
        with _one_sentence("write", address):
            storage = open_storage(address)
            if not exists(address):
                # Another process may have started a run here and written its manifest since the first look.
                if storage.has_foreign_files() and not exists(address):
                    raise StoreError(
                        f"{storage.address} holds files that do not belong to a run; "
                        "choose another or an empty folder"
                    )
                storage.prepare()
                storage.create("manifest.json", _json({"format": FORMAT, "settings": settings}))
            run = cls(address)
            differing = differences(run.settings, settings)
            if differing:
                raise StoreError(
                    f"{run.path} holds a run with other settings ({differing} now); "
                    "choose another output folder or the same settings"
                )
            storage.prepare()
        return run

    def manifest(self) -> dict[str, Any]:
        """Read the manifest."""
        try:
            with _one_sentence("read", self.path):
                manifest = json.loads(self.storage.read("manifest.json"))
            if manifest["format"] != FORMAT:
                raise StoreError(
                    f"{self.path} holds a run of format {manifest['format']}, and this program reads format "
                    f"{FORMAT}; run it again in another folder"
                )
            if isinstance(manifest["settings"], dict):
                return manifest
        except (FileNotFoundError, NotADirectoryError):
            raise StoreError(f"{self.path} holds no run; name a folder that a run has written") from None
        except StoreError:
            raise
        except MALFORMED:
            pass
        raise StoreError(f"{self.path}/manifest.json is damaged; run it again in another folder")

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Replace the manifest atomically; the format number and the settings of the run stay.

        Raises
        ------
        StoreError
            If it cannot be written; the old manifest stays.
        """
        with _one_sentence("write", self.path):
            fixed = {"format": FORMAT, "settings": self.settings}
            self.storage.replace("manifest.json", _json(manifest | fixed))

    def units(self) -> list[str]:
        """Keys of the finished units, sorted; `verify` checks their content."""
        with _one_sentence("read", self.path):
            return self.storage.units()

    def finished(self, key: str) -> bool:
        """Whether a unit has been stored; `verify` checks its content."""
        with _one_sentence("read", self.path):
            return self.storage.finished(key)

    def read(self, key: str, names: Iterable[str]) -> dict[str, pa.Table]:
        """Read tables of a unit by name (keys of `COLUMNS`), and ``timings``, after checking all checksums.

        Raises
        ------
        StoreError
            If the unit is damaged.
        """
        files = self._files(key, [f"{name}.parquet" for name in COLUMNS])
        contents = {name: files[f"{name}.parquet"] for name in COLUMNS}
        try:
            unit = json.loads(files[UNIT_FILE])
            sums = unit["sha256"] if unit["key"] == key else {}
            if all(hashlib.sha256(contents[name]).hexdigest() == sums[name] for name in KEYS):
                tables = {name: from_parquet(contents[name], COLUMNS[name]) for name in {*names, "timings"}}
                if len(tables["timings"]) == parquet_rows(contents["images"]):
                    return tables
        except MALFORMED:
            pass
        raise self._damaged(key)

    def description(self, key: str) -> dict[str, Any]:
        """The description of a unit that `write` was given.

        Raises
        ------
        StoreError
            If the unit is damaged.
        """
        content = self._files(key, [])[UNIT_FILE]
        try:
            unit = json.loads(content)
            if unit["key"] == key and isinstance(unit["description"], dict):
                description: dict[str, Any] = unit["description"]
                return description
        except MALFORMED:
            pass
        raise self._damaged(key)

    def _files(self, key: str, names: Iterable[str]) -> dict[str, bytes]:
        """Files of a unit. An absent file is damage; other errors of a disk or a network may pass."""
        try:
            return self.storage.read_unit(key, names)
        except (FileNotFoundError, NotADirectoryError):
            raise self._damaged(key) from None
        except OSError as error:
            raise StoreError(
                f"cannot read unit {self.path}/units/{key} ({error.strerror or error}); "
                "check the disk or the connection and try again"
            ) from error

    def _damaged(self, key: str) -> DamagedUnit:
        return DamagedUnit(f"unit {self.path}/units/{key} is damaged; repeat the command to compute it again")

    def verify(self, keys: Iterable[str]) -> list[str]:
        """Move damaged units to ``damaged/`` and return their keys."""
        with ThreadPoolExecutor(READERS) as pool:
            return [key for key, intact in pool.map(self._verified, keys) if not intact]

    def _verified(self, key: str) -> tuple[str, bool]:
        try:
            self.read(key, ())
            return key, True
        except DamagedUnit:
            with suppress(DamagedUnit):  # another run may have replaced it since
                self.read(key, ())
                return key, True
            with _one_sentence("write", self.path):
                moved = self.storage.quarantine(key)
            if moved is not None:  # else another process was faster
                log.warning("unit %s was damaged; it is kept as %s and will be computed again", key, moved)
            return key, False

    def write(
        self,
        key: str,
        description: dict[str, Any],
        steps: pd.DataFrame,
        images: pd.DataFrame,
        pictures: pd.DataFrame | None = None,
        seeds: pd.DataFrame | None = None,
    ) -> None:
        """Store a finished unit: all of it or nothing. Of several writers of one key the first wins.

        Parameters
        ----------
        key : str
            Name of the unit; a valid folder name.
        description : dict
            What the unit is, of JSON types. Units can be read together if all names that their ``identity``,
            a dict, share have equal values.
        steps, images, pictures, seeds : DataFrame
            Columns of `STEPS`, `IMAGES`, `PICTURES` and `UNTIMED` of `segbench.results.schema`, rows in any
            order.

        Raises
        ------
        StoreError
            If it cannot be written, for example because the disk is full.
        """
        given = {"steps": steps, "images": images, "pictures": pictures, "seeds": seeds}
        frames = {
            name: typed([], COLUMNS[name])
            if frame is None
            else frame.sort_values(list(KEYS[name]), kind="stable")
            for name, frame in given.items()
        }
        frames["timings"] = frames["images"]
        files = {f"{name}.parquet": to_parquet(frames[name], columns) for name, columns in COLUMNS.items()}
        sums = {name: hashlib.sha256(files[f"{name}.parquet"]).hexdigest() for name in KEYS}
        files[UNIT_FILE] = _json({"key": key, "description": description, "sha256": sums})
        with _one_sentence("write", self.path):
            self.storage.publish(key, files)


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, sort_keys=True) + "\n").encode()


def differences(one: dict[str, Any], other: dict[str, Any]) -> str:
    """The settings that differ, each with both values; empty if none does."""
    keys = [key for key in sorted(one | other) if one.get(key) != other.get(key)]
    return "; ".join(f"{key}: {one.get(key)!r} there, {other.get(key)!r}" for key in keys)


@contextmanager
def _one_sentence(verb: str, address: str | Path) -> Iterator[None]:
    """Turn an `OSError` into a `StoreError`; when reading, an absent file stays a `FileNotFoundError`."""
    advice = {
        "read": "check the address and its permissions",
        "write": "free some space or choose another folder",
    }
    try:
        yield
    except OSError as error:
        if verb == "read" and isinstance(error, FileNotFoundError | NotADirectoryError):
            raise
        known = ADVICE.get(error.errno or 0) if verb == "write" else None
        raise StoreError(
            f"cannot {verb} {address} ({error.strerror or error}); {known or advice[verb]}"
        ) from error
