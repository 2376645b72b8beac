"""Import: cases are read and preprocessed in parallel and written to the store one after another."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from segbench.datasets.examples import Example, Reader, named_split
from segbench.datasets.files.tables import read_columns
from segbench.datasets.importing.store import LEVELS, folder_of
from segbench.datasets.importing.writer import Picture, Writer, replacement_of, write_manifest
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
    """Read a data set into ``ROOT/imported/NAME``; after an error nothing has changed.

    Memory contains as many cases as there are workers and a few preprocessed ones, whatever their total. The
    result does not depend on the number of workers.

    Parameters
    ----------
    name : str
        New name of the data set.
    reader : Reader
        Reader of the layout.
    folder : Path
        The data set's files, or a table that names them.
    root : Path
        The data folder.
    split : mapping of each subject to ``train``, ``val`` or ``test``, optional
        For example another laboratory's. By default the split that the examples name, or if they name none
        60/20/20 over all subjects, keyed by `name` (MultiverSeg, appendix B.1).
    replace : bool
        Whether to replace an earlier import of that name.
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
        In one sentence that names the file at fault.
    """
    cases = reader.cases(folder)
    if not cases:
        raise DataError(f"{folder} contains nothing of {name}; see docs/data.md for its layout")
    with replacement_of(folder_of(root, name), replace) as new:
        writer = Writer(new)
        prepared = _read_in_parallel(partial(_prepare_case, reader, folder), cases, workers)
        named, empty = _write(writer, track(prepared, len(cases)))
        if not writer.file_of:
            raise DataError(f"{folder}: no mask shows a label, so {name} would be empty")
        splits = _split_subjects(name, writer.file_of, named or None if split is None else split)
        version = {"reader": type(reader).__name__, "version": getattr(reader, "version", 1)}
        manifest = writer.manifest(name, splits, **version, empty=empty)
        write_manifest(new, manifest)
    return manifest


def read_split(file: Path) -> dict[str, str]:
    """Read the split of subjects from the manifest of an import or a CSV file with columns subject and split.

    Raises
    ------
    DataError
        If the file cannot be read, names no subject or one twice, or is a manifest whose checksum does not
        match.
    """
    if file.suffix.lower() == ".json":
        split = _read_split_of_manifest(file)
    else:
        split = {}
        for subject, name in read_columns(file, "subject", "split"):
            if subject in split:
                raise DataError(f"{file} names subject {subject} twice; keep one row of it")
            split[subject] = named_split(name, f"{file}, subject {subject},")
    if not split:
        raise DataError(f"{file} names no subject; give a split of the data's subjects, or leave out --split")
    return split


def _read_split_of_manifest(file: Path) -> dict[str, str]:
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        split, checksum = manifest["subjects"], manifest["split"]
        if not isinstance(split, dict) or not set(split.values()) <= set(TaskData.SPLITS):
            raise ValueError("its subjects are not each in train, val or test")
        changed = digest_of(split) != checksum
    except KeyError as error:
        raise DataError(f"{file} lacks {error}; give the manifest of an import or a CSV file") from error
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise DataError(
            f"{file} cannot be read as a split ({error}); give the manifest of an import"
        ) from error
    if changed:
        raise DataError(f"{file} was edited: its subjects do not have its checksum; use the original")
    return split


def _read_in_parallel(read: Callable[[Any], Any], cases: Iterable[Any], workers: int) -> Iterator[Any]:
    """Yield the content of each case in order, with at most two cases per worker in memory."""
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


def _prepare_case(reader: Reader, folder: Path, case: Any) -> list[tuple[Example, list[Picture]]]:
    """Preprocess a case: its examples without their arrays, and the pictures to store for each."""
    return [
        (example._replace(image=np.empty(0), masks={}), _preprocess(example, folder))
        for example in reader.examples(case)
    ]


def _preprocess(example: Example, folder: Path) -> list[Picture]:
    name = str(example.file)
    pixels = np.rint(prepare_image(example.image, name)[0] * LEVELS).astype(np.uint16)
    shape = np.asarray(example.image).shape[:2]
    base = folder.parent if folder.is_file() else folder
    file = example.file.relative_to(base) if example.file.is_relative_to(base) else example.file
    row = {part: name_part(getattr(example, part)) for part in ("cohort", "modality", "axis")}
    row |= {"subject": example.subject, "file": file.as_posix()}
    try:
        "".join((*example.masks, *row.values())).encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{name!a} or its subject or label is not UTF-8; rename the file") from error
    return [
        Picture(row | {"label": name_part(label)}, pixels, prepare_mask(mask, shape, name)[0])
        for label, mask in example.masks.items()
    ]


def _write(
    writer: Writer, cases: Iterable[list[tuple[Example, list[Picture]]]]
) -> tuple[dict[str, str], dict[str, int]]:
    """Store pictures with a label; return the splits that examples name, and empty pictures per label."""
    first: dict[str, Example] = {}  # of each subject
    empty: Counter[str] = Counter()
    for example, pictures in (pair for case in cases for pair in case):
        _require_one_split(first.setdefault(example.subject, example), example)
        for picture in pictures:
            if picture.mask.any():
                writer.add(picture)
            else:
                empty[picture.row["label"]] += 1
    named = {subject: example.split for subject, example in first.items() if example.split is not None}
    return named, dict(sorted(empty.items()))


def _require_one_split(first: Example, example: Example) -> None:
    """DataError if an example names another split than the first of its subject, or an unknown one."""
    if first.split != example.split:
        raise DataError(
            f"subject {example.subject} is in two splits, {first.split or 'none'} by {first.file} and "
            f"{example.split or 'none'} by {example.file}; a subject belongs to one"
        )
    if example.split is not None and example.split not in TaskData.SPLITS:
        raise DataError(f"{example.file} is in the split {example.split!r}; name train, val or test")


def _split_subjects(name: str, file_of: Mapping[str, str], split: Mapping[str, str] | None) -> dict[str, str]:
    """The split of every stored subject."""
    subjects = sorted(file_of)
    if split is None:
        drawn = split_by_subject(np.array(subjects), key=name)
        return dict(zip(subjects, map(str, drawn), strict=True))
    for subject in subjects:
        if subject not in split:
            raise DataError(f"no split is given for subject {subject} ({file_of[subject]}); add it")
    return {subject: split[subject] for subject in subjects}
