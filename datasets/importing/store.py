"""The compact store of imported data sets: preprocessed arrays in Parquet, and a manifest without any image.

``ROOT/imported/NAME`` holds ``images.parquet`` (every distinct picture once, 16 bits a pixel),
``examples.parquet`` (a row per picture and label: whose it is, which file it came from, the mask's bits) and
``manifest.json`` (who is in which split, the tasks, and checksums of the content and of the split).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from segbench.datasets.preprocess import SIDE
from segbench.datasets.splits import digest_of
from segbench.datasets.task import DataError, Task, TaskData

if TYPE_CHECKING:
    import pyarrow

FORMAT = 1
FOLDER = "imported"
MANIFEST, IMAGES, EXAMPLES = "manifest.json", "images.parquet", "examples.parquet"
LEVELS = 65535  # an image's [0, 1] in 16 bits: off by 8e-6 at most, and the same on machines that round apart
GROUP = 64  # rows that are written and read at once
PAUSES = (0.01, 0.1)  # seconds; for a moment nothing is there while one import replaces another
TRIES = 5  # to open the files of one import while others replace it
TEMPORARY, LOCK = ".import-", "lock"
HASHED = ("cohort", "modality", "axis", "label", "subject")  # and not where the files lie
ROW = (*HASHED, "file")


class Stored(NamedTuple):
    """A preprocessed picture with one label: the columns of `ROW`, uint16 (SIDE, SIDE), bool (SIDE, SIDE)."""

    row: dict[str, str]
    pixels: np.ndarray
    mask: np.ndarray


def folder_of(root: Path, name: str) -> Path:
    """Where an imported data set lies."""
    return root / FOLDER / name


def imported_names(root: Path | None) -> list[str]:
    """Names of the data sets that have been imported into a data folder."""
    if root is None:
        return []
    return sorted(file.parent.name for file in (root / FOLDER).glob(f"[!.]*/{MANIFEST}"))


def read_manifest(root: Path, name: str) -> dict[str, Any]:
    """What is known of an imported data set without opening an image.

    Raises
    ------
    DataError
        If it has not been imported, or its manifest is damaged or of another version.
    """
    file = folder_of(root, name) / MANIFEST
    try:
        found: dict[str, Any] = json.loads(_text(file))
        version = found["format"]
        if version == FORMAT:
            _assert_whole(found, name)
    except FileNotFoundError:
        raise DataError(
            f"{name} has not been imported into {root}; run `python -m benchmark data import {name} PATH` "
            "with the folder of its files"
        ) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise damaged(file, name, error) from error
    if version != FORMAT:
        raise DataError(f"{file} is of version {version}, not {FORMAT}; import {name} again with --replace")
    return found


def _assert_whole(manifest: Mapping[str, Any], name: str) -> None:
    """ValueError, TypeError, KeyError or AttributeError unless a manifest says what is read of it.

    It may have been edited, or be a stranger's.
    """
    if not set(manifest["subjects"].values()) <= {*TaskData.SPLITS}:
        raise ValueError("its subjects are not each in train, val or test")
    if any(Task(*task.split("/")).dataset != name for task in manifest["tasks"]):
        raise ValueError(f"it lists tasks of another data set than {name}")
    if not isinstance(manifest["content"] + manifest["split"], str):
        raise ValueError("its checksums are no text")


def _text(file: Path) -> str:
    for pause in PAUSES:
        with suppress(FileNotFoundError):
            return file.read_text(encoding="utf-8")
        time.sleep(pause)
    return file.read_text(encoding="utf-8")


def damaged(place: Path, name: str, error: object) -> DataError:
    """The error of a data set, or a file of it, that cannot be read."""
    return DataError(f"{place} is damaged ({error}); import {name} again with --replace")


@contextmanager
def opened(root: Path, name: str) -> Iterator[tuple[dict[str, Any], dict[str, pyarrow.NativeFile]]]:
    """The manifest and the open tables of one import, also while another one replaces it.

    Raises
    ------
    DataError
        As of `read_manifest`; or if a table cannot be opened.
    """
    import pyarrow as pa

    folder = folder_of(root, name)
    why = OSError("it is replaced all the time")
    for _ in range(TRIES):
        manifest = read_manifest(root, name)
        with ExitStack() as files:
            try:
                tables = {
                    table: files.enter_context(pa.OSFile(str(folder / table))) for table in (IMAGES, EXAMPLES)
                }
            except OSError as error:
                why = error
                continue
            if read_manifest(root, name) == manifest:
                yield manifest, tables
                return
    raise damaged(folder, name, why)


def tasks(manifest: Mapping[str, Any]) -> list[Task]:
    """The tasks that a manifest lists."""
    return [Task(*name.split("/")) for name in manifest["tasks"]]


def load(root: Path, task: Task) -> TaskData:
    """The data of one task.

    Raises
    ------
    DataError
        As of `read_manifest`; or if it has no such task, or its arrays are damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = folder_of(root, task.dataset)
    parts = [(part, "==", getattr(task, part)) for part in ("cohort", "modality", "axis", "label")]
    with opened(root, task.dataset) as (manifest, tables):
        if task.name not in manifest["tasks"]:
            raise DataError(f"{task} is no task of {task.dataset}; `list tasks` names them")
        try:
            rows = pq.read_table(tables[EXAMPLES], filters=parts)
            chosen = rows["image"].to_pylist()
            pictures = pq.read_table(tables[IMAGES], filters=[("image", "in", set(chosen))])
            place = {image: i for i, image in enumerate(pictures["image"].to_pylist())}
            pixels = _array(pictures["pixels"], "<u2", SIDE**2)[[place[image] for image in chosen]]
            masks = np.unpackbits(_array(rows["mask"], np.uint8, SIDE**2 // 8), axis=1)
            subjects = rows["subject"].to_pylist()
        except (OSError, ValueError, TypeError, KeyError, pa.ArrowException) as error:
            raise damaged(folder, task.dataset, error) from error
    unknown = sorted(set(subjects) - set(manifest["subjects"]))
    if unknown:
        raise DataError(f"{folder / MANIFEST} was edited: it lacks {unknown[0]}; import {task.dataset} again")
    shape = (len(chosen), 1, SIDE, SIDE)
    return TaskData(
        task,
        (pixels / np.float32(LEVELS)).reshape(shape),
        masks.astype(bool).reshape(shape),
        np.array(subjects),
        np.array([manifest["subjects"][subject] for subject in subjects]),
    )


def hashed(row: Mapping[str, str], key: bytes, mask: bytes) -> bytes:
    """What the checksum of the content takes of a picture with one label.

    Parameters
    ----------
    row : the columns of `HASHED`
    key : SHA-256 of the picture's pixels
    mask : the mask's bits
    """
    return "".join(f"{part}\0" for part in (*(row[name] for name in HASHED), key.hex())).encode() + mask


class Writer:
    """Adds pictures to a data set that is being imported; keeps no picture in memory.

    Attributes
    ----------
    file_of : dict
        The first file of each subject.
    """

    def __init__(self, folder: Path) -> None:
        import pyarrow as pa

        text = [(name, pa.string()) for name in ROW]
        self._images = _Table(folder / IMAGES, [("image", pa.int32()), ("pixels", pa.binary())])
        self._examples = _Table(
            folder / EXAMPLES, [*text, ("image", pa.int32()), ("area", pa.int32()), ("mask", pa.binary())]
        )
        self._number: dict[bytes, int] = {}  # of each picture's SHA-256
        self._content = hashlib.sha256()
        self._counts: Counter[tuple[str, str]] = Counter()
        self.file_of: dict[str, str] = {}

    def add(self, stored: Stored) -> None:
        """One picture with one label; a picture that came before is not stored again."""
        pixels, mask = stored.pixels.astype("<u2").tobytes(), np.packbits(stored.mask).tobytes()
        key = hashlib.sha256(pixels).digest()
        if key not in self._number:
            self._number[key] = len(self._number)
            self._images.add({"image": self._number[key], "pixels": pixels})
        area = int(np.count_nonzero(stored.mask))
        self._examples.add(stored.row | {"image": self._number[key], "area": area, "mask": mask})
        self._content.update(hashed(stored.row, key, mask))
        subject = stored.row["subject"]
        self.file_of.setdefault(subject, stored.row["file"])
        self._counts["/".join(stored.row[name] for name in ROW[:4]), subject] += 1

    def manifest(self, name: str, split: Mapping[str, str], **said: Any) -> dict[str, Any]:
        """What the manifest says, once all pictures are there; closes the tables.

        Parameters
        ----------
        name : str
        split : mapping of each subject to its split
        **said
            More to remember.
        """
        self.close()
        found: dict[str, dict[str, int]] = {}
        for (task, subject), count in self._counts.items():
            entry = found.setdefault(f"{name}/{task}", dict.fromkeys(TaskData.SPLITS, 0))
            entry[split[subject]] += count
        return {
            "format": FORMAT,
            "name": name,
            **said,
            "tasks": found,
            "pictures": len(self._number),
            "content": self._content.hexdigest(),
            "split": digest_of(split),
            "subjects": dict(sorted(split.items())),
        }

    def close(self) -> None:
        """Write what is left and close the files."""
        self._images.close()
        self._examples.close()


@contextmanager
def being_written(target: Path, replace: bool) -> Iterator[Path]:
    """A folder beside `target` that takes its place when all went well; otherwise nothing has changed.

    Raises
    ------
    DataError
        If `target` exists and is not to be replaced, or the disk cannot take it.
    """
    _clean(target.parent)
    if target.exists() and not replace:
        raise _there(target)
    missing = [folder for folder in target.parents if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=target.parent, prefix=TEMPORARY) as folder,
            Path(folder, LOCK).open("w") as lock,
        ):
            _locked(lock)
            new, old = Path(folder, "new"), Path(folder, "old", target.name)
            new.mkdir()
            yield new
            _put(new, target, old if replace else None)
    except OSError as error:
        where = error.filename or target.parent
        raise DataError(f"{where}: {error.strerror or error}; nothing was changed in {target}") from error
    finally:
        with suppress(OSError):  # the first one holds what was written
            for created in missing:
                created.rmdir()


def _put(new: Path, target: Path, old: Path | None) -> None:
    """Move `new` to `target`; what is there goes to `old`, or stays where there is no such place."""
    if old is not None:
        old.parent.mkdir()
        with suppress(FileNotFoundError):
            target.rename(old)
    try:
        new.rename(target)  # of an import that was put there meanwhile, it fails
    except OSError as error:
        if target.exists():
            raise _there(target) from error
        if old is not None and old.exists():
            old.rename(target)
        raise


def _there(target: Path) -> DataError:
    return DataError(f"{target} is there already; import with --replace, or under another name")


def _locked(file: IO[str]) -> bool:
    """Whether this process has a file's lock now, which the system takes back however the process ends."""
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another one has it, or the file system knows no locks
        return False
    return True


def _clean(parent: Path) -> None:
    """Remove what killed imports left; what one had just moved away goes back to its place."""
    for file in parent.glob(f"{TEMPORARY}*/{LOCK}"):
        with suppress(OSError), file.open("w") as lock:
            if _locked(lock):
                for old in file.parent.glob("old/*"):
                    if not (parent / old.name).exists():
                        old.rename(parent / old.name)
                shutil.rmtree(file.parent)


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Put the manifest beside the arrays."""
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


class _Table:
    """A Parquet file that grows by groups of rows."""

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


def _array(column: pyarrow.ChunkedArray, dtype: Any, length: int) -> np.ndarray:
    """A column of bytes as an array with so many numbers in a row; ValueError where a row has fewer."""
    return np.stack([np.frombuffer(value.as_py(), dtype, length) for value in column])
