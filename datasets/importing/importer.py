"""Import: cases are read and preprocessed in parallel and written to the store one after another."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from segbench.datasets.examples import Example, Facts, Reader, named_split, two_splits
from segbench.datasets.files.finding import MAX_NAMED
from segbench.datasets.files.tables import plain_name, read_columns, read_text
from segbench.datasets.importing.store import LEVELS, folder_of
from segbench.datasets.importing.writer import Picture, Writer, replacement_of, write_manifest
from segbench.datasets.preprocess import SIDE, prepare_image, prepare_mask, resolution_dice
from segbench.datasets.splits import SHARES, digest_of, split_by_subject
from segbench.datasets.task import DataError, TaskData, name_part
from segbench.text import join_names

MAX_VALUES = 5  # values that an error lists
Track = Callable[[Iterable[Any], int], Iterable[Any]]


def import_dataset(
    name: str,
    reader: Reader,
    folder: Path,
    root: Path,
    *,
    split: Mapping[str, str] | None = None,
    split_from: str = "the given split",
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
    split_from : str
        Where `split` comes from, in a few words for the manifest.
    replace : bool
        Whether to replace an earlier import of that name.
    workers : int
        Threads that read.
    track : callable
        Wraps the cases and their number, for a progress bar.

    Returns
    -------
    dict
        The manifest. ``subjects_from`` and ``split_from`` say where subjects and split come from,
        ``unused_columns`` lists columns of a table that were not used. ``unused_values`` counts the mask
        files with each value that belongs to no label; ``empty`` and ``vanished`` count, for each label, the
        images without it and those in which it has no pixel left after preprocessing. ``resolution`` has for
        each task the mean and worst Dice of the preprocessed labels with the originals, ``dominant`` the
        subject that has most train images of a task where contexts show hardly any other.

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
        read = partial(_prepare_case, reader, folder)
        with closing(_read_in_parallel(read, cases, workers)) as prepared:
            named, counts = _write(writer, track(prepared, len(cases)))
        if not writer.file_of:
            raise _nothing_left(folder, name, counts)
        facts: Facts = getattr(reader, "facts", Facts())
        if split is None and named:
            split, split_from = named, facts.split or "the data"
        splits, split_from = _split_subjects(name, writer.file_of, split, split_from)
        manifest = writer.manifest(
            name,
            splits,
            reader=type(reader).__name__,
            version=getattr(reader, "version", 1),
            subjects_from=facts.subjects,
            split_from=split_from,
            unused_columns=list(facts.columns),
            **counts,
        )
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
        manifest = json.loads(read_text(file))
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


def _read_in_parallel(read: Callable[[Any], Any], cases: Iterable[Any], workers: int) -> Generator[Any]:
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


class _Prepared(NamedTuple):
    """A preprocessed example.

    Attributes
    ----------
    example : Example
        Without its arrays.
    pictures : list of Picture
        One for each label that has a pixel.
    empty, vanished : list of str
        Labels whose mask was empty, and those that have no pixel left after preprocessing.
    """

    example: Example
    pictures: list[Picture]
    empty: list[str]
    vanished: list[str]


def _prepare_case(reader: Reader, folder: Path, case: Any) -> list[_Prepared]:
    return [_preprocess(example, folder) for example in reader.examples(case)]


def _preprocess(example: Example, folder: Path) -> _Prepared:
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
    prepared = _Prepared(example._replace(image=np.empty(0), masks={}), [], [], [])
    for label, mask in example.masks.items():
        label, reduced = name_part(label), prepare_mask(mask, shape, name)
        if reduced.any():
            dice = resolution_dice(mask, reduced)
            prepared.pictures.append(Picture(row | {"label": label}, pixels, reduced[0], dice))
        else:
            (prepared.vanished if mask.any() else prepared.empty).append(label)
    return prepared


def _write(
    writer: Writer, cases: Iterable[list[_Prepared]]
) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    """Store the pictures; return the splits that examples name, and counts of what is not stored."""
    first: dict[str, Example] = {}  # of each subject
    empty, vanished, unused = Counter[str](), Counter[str](), Counter[int]()
    for prepared in (prepared for case in cases for prepared in case):
        example = prepared.example
        _require_one_split(first.setdefault(example.subject, example), example)
        for picture in prepared.pictures:
            writer.add(picture)
        empty.update(prepared.empty)
        vanished.update(prepared.vanished)
        unused.update(example.unused)
    named = {subject: example.split for subject, example in first.items() if example.split is not None}
    values = {str(value): count for value, count in sorted(unused.items())}
    counts = {"unused_values": values, "empty": dict(sorted(empty.items()))}
    return named, counts | {"vanished": dict(sorted(vanished.items()))}


def _nothing_left(folder: Path, name: str, counts: Mapping[str, Mapping[str, int]]) -> DataError:
    if counts["unused_values"]:
        values = ", ".join(list(counts["unused_values"])[:MAX_VALUES])
        return DataError(
            f"{folder}: no mask shows a label; the masks contain {values}, which belong to none; name these "
            "values"
        )
    if counts["vanished"]:
        return DataError(
            f"{folder}: every label vanishes at {SIDE} x {SIDE}, so {name} would be empty; crop the images"
        )
    return DataError(f"{folder}: no mask shows a label, so {name} would be empty")


def _require_one_split(first: Example, example: Example) -> None:
    """DataError if an example names another split than the first of its subject, or an unknown one."""
    if first.split != example.split:
        raise two_splits(example.subject, (first.file, first.split), (example.file, example.split))
    if example.split is not None and example.split not in TaskData.SPLITS:
        raise DataError(f"{example.file} is in the split {example.split!r}; name train, val or test")


def _split_subjects(
    name: str, file_of: Mapping[str, str], split: Mapping[str, str] | None, split_from: str
) -> tuple[dict[str, str], str]:
    """The split of every stored subject, and where it comes from; it is drawn if none is given."""
    subjects = sorted(file_of)
    if split is None:
        drawn = split_by_subject(np.array(subjects), key=name)
        how = f"60/20/20 of the subjects, drawn for the name {name}"
        if len(subjects) < len(SHARES):
            how = f"all train, as there are fewer than {len(SHARES)} subjects"
        return dict(zip(subjects, map(str, drawn), strict=True)), how
    if lacking := [subject for subject in subjects if subject not in split]:
        raise _without_split(lacking, file_of, split, split_from)
    return {subject: split[subject] for subject in subjects}, split_from


def _without_split(
    subjects: Sequence[str], file_of: Mapping[str, str], split: Iterable[str], split_from: str
) -> DataError:
    subject = subjects[0]
    near = [other for other in split if plain_name(other) == plain_name(subject)]
    if near:
        return DataError(
            f"no split is given for subject {subject!r} ({file_of[subject]}), only for {near[0]!r} by "
            f"{split_from}; write the name in the same way"
        )
    if len(subjects) == 1:
        return DataError(
            f"no split is given for subject {subject} ({file_of[subject]}); add it to {split_from}"
        )
    names = join_names(subjects, MAX_NAMED)
    return DataError(f"no split is given for {len(subjects)} subjects, {names}; add them to {split_from}")
