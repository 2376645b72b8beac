"""Writing an imported data set, in a folder that replaces the earlier import at once or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from segbench.datasets.importing.store import EXAMPLES, FORMAT, GROUP, IMAGES, MANIFEST, ROW, hashed
from segbench.datasets.splits import digest_of, dominant_subject
from segbench.datasets.task import DataError, TaskData

TEMPORARY, LOCK = ".import-", "lock"


class Picture(NamedTuple):
    """A preprocessed picture with one label.

    Attributes
    ----------
    row : dict
        The columns of `ROW`.
    pixels : uint16 array (SIDE, SIDE)
    mask : bool array (SIDE, SIDE)
    dice : float
        Of the mask with the original one (`segbench.datasets.preprocess.resolution_dice`).
    """

    row: dict[str, str]
    pixels: np.ndarray
    mask: np.ndarray
    dice: float = 1.0


class Writer:
    """Writes pictures of a data set that is being imported; keeps no picture in memory."""

    def __init__(self, folder: Path) -> None:
        import pyarrow as pa

        text = [(name, pa.string()) for name in ROW]
        self._images = _Table(folder / IMAGES, [("image", pa.int32()), ("pixels", pa.binary())])
        self._examples = _Table(
            folder / EXAMPLES, [*text, ("image", pa.int32()), ("area", pa.int32()), ("mask", pa.binary())]
        )
        self._number: dict[bytes, int] = {}  # of each picture's SHA-256
        self._content = hashlib.sha256()
        self._counts: Counter[tuple[str, str]] = Counter()  # of tasks and subjects
        self._dice: dict[str, list[float]] = {}  # of the pictures of each task
        self.file_of: dict[str, str] = {}  # the first file of each subject

    def add(self, picture: Picture) -> None:
        """Add a picture with one label; equal pictures are stored once."""
        pixels, mask = picture.pixels.astype("<u2").tobytes(), np.packbits(picture.mask).tobytes()
        key = hashlib.sha256(pixels).digest()
        if key not in self._number:
            self._number[key] = len(self._number)
            self._images.add({"image": self._number[key], "pixels": pixels})
        area = int(np.count_nonzero(picture.mask))
        self._examples.add(picture.row | {"image": self._number[key], "area": area, "mask": mask})
        self._content.update(hashed(picture.row, key, mask))
        subject = picture.row["subject"]
        self.file_of.setdefault(subject, picture.row["file"])
        task = "/".join(picture.row[name] for name in ROW[:4])
        self._counts[task, subject] += 1
        self._dice.setdefault(task, []).append(picture.dice)

    def manifest(self, name: str, split: Mapping[str, str], **entries: Any) -> dict[str, Any]:
        """Close the tables and return the manifest, with further entries; `split` maps each subject."""
        self._images.close()
        self._examples.close()
        tasks: dict[str, dict[str, int]] = {}
        train: dict[str, dict[str, int]] = {}
        for (task, subject), count in self._counts.items():
            counts = tasks.setdefault(f"{name}/{task}", dict.fromkeys(TaskData.SPLITS, 0))
            counts[split[subject]] += count
            if split[subject] == "train":
                train.setdefault(f"{name}/{task}", {})[subject] = count
        dominant = {task: dominant_subject(counts) for task, counts in train.items()}
        return {
            "format": FORMAT,
            "name": name,
            **entries,
            "tasks": tasks,
            "resolution": {f"{name}/{task}": _mean_and_worst(dice) for task, dice in self._dice.items()},
            "dominant": {
                task: {"subject": subject, "images": train[task][subject], "subjects": len(train[task])}
                for task, subject in dominant.items()
                if subject is not None
            },
            "pictures": len(self._number),
            "content": self._content.hexdigest(),
            "split": digest_of(split),
            "subjects": dict(sorted(split.items())),
        }


def _mean_and_worst(dice: Sequence[float]) -> dict[str, float]:
    return {"mean": round(sum(dice) / len(dice), 3), "worst": round(min(dice), 3)}


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest of an import."""
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


@contextmanager
def replacement_of(target: Path, replace: bool) -> Iterator[Path]:
    """Yield an empty folder that becomes `target` at the end; after an error nothing has changed.

    DataError if `target` exists and `replace` is False, or the disk cannot be written.
    """
    _remove_abandoned(target.parent)
    if target.exists() and not replace:
        raise _exists(target)
    missing = [folder for folder in target.parents if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=target.parent, prefix=TEMPORARY) as folder,
            Path(folder, LOCK).open("w") as lock,
        ):
            _try_lock(lock)
            new, old = Path(folder, "new"), Path(folder, "old", target.name)
            new.mkdir()
            yield new
            _move(new, target, old if replace else None)
    except OSError as error:
        path = error.filename or target.parent
        raise DataError(f"{path}: {error.strerror or error}; nothing was changed in {target}") from error
    finally:
        with suppress(OSError):  # the first folder is not empty after a success
            for created in missing:
                created.rmdir()


def _move(new: Path, target: Path, old: Path | None) -> None:
    """Move `new` to `target`, and an earlier `target` to `old`; without `old`, it must not exist."""
    try:
        if old is not None:
            old.parent.mkdir()
            with suppress(FileNotFoundError):
                target.rename(old)
        _rename_to_free(new, target)
    finally:  # also after an interrupt
        if old is not None and old.exists() and not target.exists():
            old.rename(target)


def _rename_to_free(new: Path, target: Path) -> None:
    """Rename a folder; DataError if another import has made `target` meanwhile."""
    try:
        new.rename(target)
    except OSError as error:
        if target.exists():
            raise _exists(target) from error
        raise


def _exists(target: Path) -> DataError:
    return DataError(f"{target} exists already; import with --replace, or under another name")


def _try_lock(file: IO[str]) -> bool:
    """Lock a file for this process, if possible; the system releases it however the process ends."""
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another process has it, or the file system has no locks
        return False
    return True


def _remove_abandoned(parent: Path) -> None:
    """Remove the folders of killed imports; an import that one had moved away is put back."""
    for file in parent.glob(f"{TEMPORARY}*/{LOCK}"):
        with suppress(OSError), file.open("w") as lock:
            if _try_lock(lock):
                for old in file.parent.glob("old/*"):
                    if not (parent / old.name).exists():
                        old.rename(parent / old.name)
                shutil.rmtree(file.parent)


class _Table:
    """A Parquet file that is written in groups of rows."""

    def __init__(self, file: Path, columns: Iterable[tuple[str, Any]]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._schema = pa.schema(list(columns))
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) == GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
            self._rows = []
