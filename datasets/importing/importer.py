"""Importing: cases are read and preprocessed side by side and go one after another into the store."""

from __future__ import annotations

import csv
import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from segbench.datasets.examples import Example, Reader, named_split
from segbench.datasets.importing import store
from segbench.datasets.preprocess import prepare_image, prepare_mask
from segbench.datasets.splits import digest_of, split_by_subject
from segbench.datasets.task import DataError, TaskData, name_part

Track = Callable[[Iterable[Any], int], Iterable[Any]]


def import_dataset(
    name: str,
    reader: Reader,
    folder: Path,
    root: Path,
    *,
    split: Mapping[str, str] | None = None,
    replace: bool = False,
    workers: int = 1,
    track: Track = lambda cases, _: cases,
) -> dict[str, Any]:
    """Read a data set into ``ROOT/imported/NAME``, or change nothing.

    Memory holds as many cases as there are workers, and a few preprocessed ones, however many there are. The
    result does not depend on the number of workers.

    Parameters
    ----------
    name : str
        How the data set is called from then on.
    reader : Reader
        Knows the layout.
    folder : Path
        The data set's files, or a table that names them.
    root : Path
        The data folder.
    split : mapping of each subject to ``train``, ``val`` or ``test``, optional
        For instance another laboratory's. Without it the examples' own, or where these name none 60/20/20
        over all subjects, keyed by `name` (MultiverSeg, appendix B.1).
    replace : bool
        Whether an import of that name may be replaced.
    workers : int
        Threads that read.
    track : callable
        Wraps the cases and their number, for a progress bar.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    DataError
        In one sentence that names the file at fault; the store is as it was.
    """
    cases = reader.cases(folder)
    if not cases:
        raise DataError(f"{folder} holds nothing of {name}; see docs/datasets.md for its layout")
    with store.being_written(store.folder_of(root, name), replace) as new:
        writer = store.Writer(new)
        found = _side_by_side(partial(_read, reader, folder), cases, workers)
        own, empty = _write(writer, track(found, len(cases)))
        if not writer.file_of:
            raise DataError(f"{folder}: no mask shows a label, so {name} would be empty")
        subjects = _splits(name, writer.file_of, own or None if split is None else split)
        version = {"reader": type(reader).__name__, "version": getattr(reader, "version", 1)}
        manifest = writer.manifest(name, subjects, **version, empty=dict(sorted(empty.items())))
        store.write_manifest(new, manifest)
    return manifest


def read_split(file: Path) -> dict[str, str]:
    """Who is in which split: by the manifest of an import, or a CSV file with the columns subject and split.

    Raises
    ------
    DataError
        If the file cannot be read, names no subject or one twice, or is a manifest whose checksum does not
        match.
    """
    try:
        found = _split_of_manifest(file) if file.suffix.lower() == ".json" else _split_of_table(file)
    except KeyError as error:
        raise DataError(f"{file} lacks {error}; give the manifest of an import or subject,split") from error
    except (OSError, ValueError, TypeError, RecursionError, csv.Error) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{file} cannot be read as a split ({error}); fetch it again") from error
    if not found:
        raise DataError(f"{file} names no subject; give a split of the data's subjects, or leave out --split")
    return found


def _split_of_table(file: Path) -> dict[str, str]:
    with file.open(newline="", encoding="utf-8-sig") as lines:
        rows = csv.DictReader(lines)
        for column in ("subject", "split"):
            if column not in (rows.fieldnames or ()):
                raise KeyError(column)
        pairs = [(row["subject"], row["split"] or "") for row in rows]
    found: dict[str, str] = {}
    for subject, split in pairs:
        if subject in found:
            raise DataError(f"{file} names subject {subject} twice; keep one row of it")
        found[subject] = named_split(split, f"{file}, subject {subject},")
    return found


def _split_of_manifest(file: Path) -> dict[str, str]:
    said = json.loads(file.read_text(encoding="utf-8"))
    found, checksum = said["subjects"], said["split"]
    if not isinstance(found, dict) or not set(found.values()) <= set(TaskData.SPLITS):
        raise ValueError("its subjects are not each in train, val or test")
    if digest_of(found) != checksum:
        raise DataError(f"{file} was edited: its subjects do not have its checksum; take the original")
    return found


def _side_by_side(read: Callable[[Any], Any], cases: Iterable[Any], workers: int) -> Iterator[Any]:
    """What is read of each case, in order; no more than two for each worker is there at a time."""
    pool = ThreadPoolExecutor(workers)
    waiting: deque[Future[Any]] = deque()
    try:
        for case in cases:
            waiting.append(pool.submit(read, case))
            if len(waiting) == 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _read(reader: Reader, folder: Path, case: Any) -> list[tuple[Example, list[store.Stored]]]:
    """A case's examples without their pictures, and what is stored of each."""
    return [(e._replace(image=np.empty(0), masks={}), _prepare(e, folder)) for e in reader.examples(case)]


def _write(
    writer: store.Writer, cases: Iterable[list[tuple[Example, list[store.Stored]]]]
) -> tuple[dict[str, str], Counter[str]]:
    """Store what shows a label; the splits that the data name, and how often each label is empty."""
    own = _OwnSplit()
    empty: Counter[str] = Counter()
    for example, stored in (found for case in cases for found in case):
        own.add(example)
        for one in stored:
            if one.mask.any():
                writer.add(one)
            else:
                empty[one.row["label"]] += 1
    return own.split, empty


def _prepare(example: Example, folder: Path) -> list[store.Stored]:
    name = str(example.file)
    pixels = np.rint(prepare_image(example.image, name)[0] * store.LEVELS).astype(np.uint16)
    shape = np.asarray(example.image).shape[:2]
    parts = {part: name_part(getattr(example, part)) for part in ("cohort", "modality", "axis")}
    base = folder.parent if folder.is_file() else folder
    file = example.file.relative_to(base) if example.file.is_relative_to(base) else example.file
    whose = {"subject": example.subject, "file": file.as_posix()}
    try:
        "".join((*example.masks, *parts.values(), *whose.values())).encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{name!a} or its subject or label is no UTF-8; rename the file") from error
    return [
        store.Stored(parts | {"label": name_part(label)} | whose, pixels, prepare_mask(mask, shape, name)[0])
        for label, mask in example.masks.items()
    ]


class _OwnSplit:
    """The splits that examples name for their subjects."""

    def __init__(self) -> None:
        self.split: dict[str, str] = {}
        self._said: dict[str, tuple[str | None, Path]] = {}

    def add(self, example: Example) -> None:
        said, file = self._said.setdefault(example.subject, (example.split, example.file))
        if said != example.split:
            raise DataError(
                f"subject {example.subject} is in two splits, {said or 'none'} by {file} and "
                f"{example.split or 'none'} by {example.file}; a subject belongs to one"
            )
        if example.split is not None:
            if example.split not in TaskData.SPLITS:
                raise DataError(f"{example.file} is in the split {example.split!r}; name train, val or test")
            self.split[example.subject] = example.split


def _splits(name: str, file_of: Mapping[str, str], given: Mapping[str, str] | None) -> dict[str, str]:
    """The split of every subject that is stored."""
    subjects = sorted(file_of)
    if given is None:
        drawn = split_by_subject(np.array(subjects), key=name)
        return dict(zip(subjects, map(str, drawn), strict=True))
    for subject in subjects:
        if subject not in given:
            raise DataError(f"no split is given for subject {subject} ({file_of[subject]}); add it")
    return {subject: given[subject] for subject in subjects}
