"""The compact store of imported data sets: preprocessed arrays in Parquet, and a manifest without images.

``ROOT/imported/NAME`` contains ``images.parquet`` (every distinct picture once, 16 bits per pixel),
``examples.parquet`` (a row per picture and label: subject, original file, bits of the mask) and
``manifest.json`` (the split of each subject, the tasks, and checksums of the content and of the split).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.datasets.task import DataError, Task, TaskData

if TYPE_CHECKING:
    import pyarrow

FORMAT = 1
FOLDER = "imported"
MANIFEST, IMAGES, EXAMPLES = "manifest.json", "images.parquet", "examples.parquet"
LEVELS = 65535  # an image's [0, 1] in 16 bits: an error of 8e-6 at most, the same on every machine
GROUP = 64  # rows that are written and read at once
PAUSES = (0.01, 0.1)  # seconds; while one import replaces another, the files are missing for a moment
ATTEMPTS = 5  # to open the files of one import while others replace it
HASHED = ("cohort", "modality", "axis", "label", "subject")  # columns in the checksum of the content
ROW = (*HASHED, "file")


def folder_of(root: Path, name: str) -> Path:
    """The folder of an imported data set."""
    return root / FOLDER / name


def imported_names(root: Path | None) -> list[str]:
    """Names of the data sets that have been imported into a data folder."""
    if root is None:
        return []
    return sorted(file.parent.name for file in (root / FOLDER).glob(f"[!.]*/{MANIFEST}"))


def read_manifest(root: Path, name: str) -> dict[str, Any]:
    """Read the manifest; DataError if there is none, or it is damaged or of another version."""
    file = folder_of(root, name) / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(_read_text(file))
        version = manifest["format"]
        if version == FORMAT:
            _require_valid(manifest, name)
    except FileNotFoundError:
        raise DataError(
            f"{name} has not been imported into {root}; run `python -m benchmark data import {name} PATH` "
            "with the folder of its files"
        ) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise damaged(file, name, error) from error
    if version != FORMAT:
        raise DataError(f"{file} is of version {version}, not {FORMAT}; import {name} again with --replace")
    return manifest


def _require_valid(manifest: Mapping[str, Any], name: str) -> None:
    """Raise an error if a manifest, which anyone may have edited, lacks what is read from it."""
    if not set(manifest["subjects"].values()) <= {*TaskData.SPLITS}:
        raise ValueError("its subjects are not each in train, val or test")
    if any(Task(*task.split("/")).dataset != name for task in manifest["tasks"]):
        raise ValueError(f"it lists tasks of another data set than {name}")
    if not isinstance(manifest["content"] + manifest["split"], str):
        raise ValueError("its checksums are not text")


def _read_text(file: Path) -> str:
    for pause in PAUSES:
        with suppress(FileNotFoundError):
            return file.read_text(encoding="utf-8")
        time.sleep(pause)
    return file.read_text(encoding="utf-8")


def damaged(path: Path, name: str, error: object) -> DataError:
    """The error for a data set, or a file of it, that cannot be read."""
    return DataError(f"{path} is damaged ({error}); import {name} again with --replace")


@contextmanager
def open_tables(root: Path, name: str) -> Iterator[tuple[dict[str, Any], dict[str, pyarrow.NativeFile]]]:
    """Open the manifest and the tables of one import, even while another import replaces it.

    DataError as of `read_manifest`, or if a table cannot be opened.
    """
    import pyarrow as pa

    folder = folder_of(root, name)
    reason = OSError("other imports replace it all the time")
    for _ in range(ATTEMPTS):
        manifest = read_manifest(root, name)
        with ExitStack() as files:
            try:
                tables = {
                    table: files.enter_context(pa.OSFile(str(folder / table))) for table in (IMAGES, EXAMPLES)
                }
            except OSError as error:
                reason = error
                continue
            if read_manifest(root, name) == manifest:
                yield manifest, tables
                return
    raise damaged(folder, name, reason)


def hashed(row: Mapping[str, str], key: bytes, mask: bytes) -> bytes:
    """The bytes of a picture with one label in the checksum of the content.

    They consist of the columns `HASHED` of its row, the SHA-256 of its pixels, and the bits of its mask.
    """
    return "".join(f"{part}\0" for part in (*(row[name] for name in HASHED), key.hex())).encode() + mask
