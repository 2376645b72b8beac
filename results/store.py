"""Runs: a folder of finished units and a manifest, safe against crashes and concurrent writers.

A run lies on a disk, as below, or in an object store, under an address such as ``s3://bucket/run``, where it
looks a little different (`segbench.results.storage`).

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
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from segbench.errors import SegbenchError
from segbench.results.schema import IMAGE_KEY, IMAGES, PICTURES, STEP_KEY, STEPS, typed
from segbench.results.storage import MARK, Storage, place

FORMAT = 2
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

READERS = 8  # threads that wait for files of a slow disk or store

log = logging.getLogger(__name__)


class StoreError(SegbenchError, ValueError):
    """A run cannot be written or read; the message is one sentence that says what to do."""


class DamagedUnit(StoreError):
    """A unit is not what was written."""


def exists(address: str | Path) -> bool:
    """Whether there is a run, readable or not.

    Raises
    ------
    StoreError
        If that cannot be asked.
    """
    try:
        with _refusal("read", address):
            place(address).read("manifest.json")
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

    Raises
    ------
    StoreError
        If there is no readable run.
    """

    def __init__(self, address: str | Path) -> None:
        with _refusal("read", address):
            self.place: Storage = place(address)
        self.path = self.place.address
        self.settings: dict[str, Any] = self.manifest()["settings"]

    @classmethod
    def open_or_create(cls, address: str | Path, settings: dict[str, Any]) -> Run:
        """Open the run of these settings, or begin it in a new or empty folder.

        Parameters
        ----------
        address : str or Path
        settings : dict
            All that every unit of the run shares, of JSON types.

        Raises
        ------
        StoreError
            If the folder cannot be written, holds a run with other settings, or holds other files.
        """
        settings = json.loads(json.dumps(settings))
        with _refusal("write", address):
            where = place(address)
            if not exists(address):
                # Another run may just have begun here, and its manifest come after the first look.
                if where.strangers() and not exists(address):
                    raise StoreError(
                        f"{where.address} holds files that are no run; choose another or an empty folder"
                    )
                where.prepare()
                where.create("manifest.json", _json({"format": FORMAT, "settings": settings}))
            run = cls(address)
            differing = differences(run.settings, settings)
            if differing:
                raise StoreError(
                    f"{run.path} holds a run with other settings ({differing} now); "
                    "choose another output folder or the same settings"
                )
            where.prepare()
        return run

    def manifest(self) -> dict[str, Any]:
        """The manifest as it is now."""
        try:
            with _refusal("read", self.path):
                manifest = json.loads(self.place.read("manifest.json"))
            if manifest["format"] != FORMAT:
                raise StoreError(
                    f"{self.path} holds a run of format {manifest['format']}, and this program reads format "
                    f"{FORMAT}; run it anew in another folder, or read it with the program that wrote it"
                )
            if isinstance(manifest["settings"], dict):
                return manifest
        except (FileNotFoundError, NotADirectoryError):
            raise StoreError(f"{self.path} holds no run; name a folder that a run has written") from None
        except StoreError:
            raise
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        raise StoreError(f"{self.path}/manifest.json is damaged; start the run anew in another folder")

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Replace the manifest atomically; the format number and the settings of the run stay.

        Raises
        ------
        StoreError
            If it cannot be written; the old one is then still in place.
        """
        with _refusal("write", self.path):
            own = {"format": FORMAT, "settings": self.settings}
            self.place.replace("manifest.json", _json(manifest | own))

    def units(self) -> list[str]:
        """Keys of the finished units, sorted; whether they are whole says `verify`."""
        with _refusal("read", self.path):
            return self.place.units()

    def finished(self, key: str) -> bool:
        """Whether a unit has been stored; whether it is whole says `verify`."""
        with _refusal("read", self.path):
            return self.place.finished(key)

    def read(self, key: str, names: Iterable[str]) -> dict[str, pa.Table]:
        """Some tables of a unit by name (`COLUMNS`) and ``timings``, after a look at the checksums of all.

        Raises
        ------
        StoreError
            If the unit is damaged.
        """
        files = self._files(key, [f"{name}.parquet" for name in COLUMNS])
        contents = {name: files[f"{name}.parquet"] for name in COLUMNS}
        try:
            said = json.loads(files[MARK])
            sums = said["sha256"] if said["key"] == key else {}
            if all(hashlib.sha256(contents[name]).hexdigest() == sums[name] for name in CHECKED):
                tables = {name: _table(contents[name], COLUMNS[name]) for name in {*names, "timings"}}
                if len(tables["timings"]) == _parquet_file(contents["images"]).metadata.num_rows:
                    return tables
        except (OSError, ValueError, KeyError, TypeError, RecursionError, pa.ArrowException):
            pass
        raise self._damaged(key)

    def description(self, key: str) -> dict[str, Any]:
        """What a unit is, as it was given to `write`.

        Raises
        ------
        StoreError
            If the unit is damaged.
        """
        mark = self._files(key, [])[MARK]
        try:
            said = json.loads(mark)
            if said["key"] == key and isinstance(said["description"], dict):
                description: dict[str, Any] = said["description"]
                return description
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        raise self._damaged(key)

    def _files(self, key: str, names: Iterable[str]) -> dict[str, bytes]:
        """Files of a unit; one that is not there is damage, what else a disk or a network says may pass."""
        try:
            return self.place.read_unit(key, names)
        except (FileNotFoundError, NotADirectoryError):
            raise self._damaged(key) from None
        except OSError as error:
            raise StoreError(
                f"cannot read unit {self.path}/units/{key} ({error.strerror or error}); "
                "check the disk or the connection and try again"
            ) from error

    def _damaged(self, key: str) -> DamagedUnit:
        return DamagedUnit(
            f"unit {self.path}/units/{key} is damaged; start the run again, which computes it anew"
        )

    def verify(self, keys: Iterable[str]) -> list[str]:
        """The damaged ones among some units, after they have been set aside under ``damaged/`` and named."""
        with ThreadPoolExecutor(READERS) as pool:
            return [key for key, whole in pool.map(self._verified, keys) if not whole]

    def _verified(self, key: str) -> tuple[str, bool]:
        try:
            self.read(key, ())
            return key, True
        except DamagedUnit:
            with suppress(DamagedUnit):  # another run may have mended it since
                self.read(key, ())
                return key, True
            with _refusal("write", self.path):
                aside = self.place.set_aside(key)
            if aside is not None:  # else another process was faster
                log.warning("unit %s was damaged; it is kept as %s and will be computed again", key, aside)
            return key, False

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
            Columns of `segbench.results.schema.STEPS`, `segbench.results.schema.IMAGES` and `segbench.results.schema.PICTURES`, rows in
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
        files[MARK] = _json({"key": key, "description": description, "sha256": sums})
        with _refusal("write", self.path):
            self.place.publish(key, files)


def _table(content: bytes, columns: dict[str, str]) -> pa.Table:
    text = [name for name, kind in columns.items() if kind == "string"]
    return _parquet_file(content, read_dictionary=text).read(use_threads=False)


def _parquet_file(content: bytes, **options: Any) -> pq.ParquetFile:
    """Opened for itself, which is several times faster for small files than `pq.read_table`."""
    return pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True, **options)


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
def _refusal(what: str, where: str | Path) -> Iterator[None]:
    """Turn what a file system or an object store says into one sentence; what is absent is not refused."""
    advice = {
        "read": "check the address and its permissions",
        "write": "free some space or choose another folder",
    }
    try:
        yield
    except OSError as error:
        if what == "read" and isinstance(error, FileNotFoundError | NotADirectoryError):
            raise
        raise StoreError(f"cannot {what} {where} ({error.strerror or error}); {advice[what]}") from error
