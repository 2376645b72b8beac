"""Importing: cases are read and preprocessed side by side and go one after another into the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from datasets import store
from datasets.examples import Example, Reader
from datasets.preprocess import prepare_image, prepare_mask
from datasets.splits import split_by_subject
from datasets.task import DataError, TaskData, name_part

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

    Memory holds as many cases as there are workers, however many there are. The result does not depend on the
    number of workers.

    Parameters
    ----------
    name : str
        How the data set is called from then on.
    reader : Reader
        Knows the layout.
    folder : Path
        The data set's files.
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
    from joblib import Parallel, delayed

    cases = reader.cases(folder)
    if not cases:
        raise DataError(f"{folder} holds nothing of {name}; see docs/datasets.md for its layout")
    with store.being_written(store.folder_of(root, name), replace) as new:
        writer, own = store.Writer(new), _OwnSplit()
        empty: Counter[str] = Counter()
        pool = Parallel(workers, prefer="threads", return_as="generator", pre_dispatch="2 * n_jobs")
        for found in track(pool(delayed(_read)(reader, case, folder) for case in cases), len(cases)):
            for example, stored in found:
                own.add(example)
                for one in stored:
                    if one.mask.any():
                        writer.add(one)
                    else:
                        empty[one.row["label"]] += 1
        if not writer.file_of:
            raise DataError(f"{folder}: no mask shows a label, so {name} would be empty")
        subjects = _splits(name, writer.file_of, own.split if split is None else split)
        version = {"reader": type(reader).__name__, "version": getattr(reader, "version", 1)}
        manifest = writer.manifest(name, subjects, **version, empty=dict(sorted(empty.items())))
        store.write_manifest(new, manifest)
    return manifest


def _read(reader: Reader, case: Any, folder: Path) -> list[tuple[Example, list[store.Stored]]]:
    """A case's examples without their pictures, and what is stored of each."""
    return [(e._replace(image=np.empty(0), masks={}), _prepare(e, folder)) for e in reader.examples(case)]


def _prepare(example: Example, folder: Path) -> list[store.Stored]:
    name = str(example.file)
    pixels = np.rint(prepare_image(example.image, name)[0] * store.LEVELS).astype(np.uint16)
    shape = np.asarray(example.image).shape[:2]
    parts = {part: name_part(getattr(example, part)) for part in ("cohort", "modality", "axis")}
    file = example.file.relative_to(folder) if example.file.is_relative_to(folder) else example.file
    whose = {"subject": example.subject, "file": file.as_posix()}
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


def _splits(name: str, file_of: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The split of every subject that is stored."""
    subjects = sorted(file_of)
    if not given:
        drawn = split_by_subject(np.array(subjects), key=name)
        return dict(zip(subjects, map(str, drawn), strict=True))
    for subject in subjects:
        if subject not in given:
            raise DataError(f"no split is given for subject {subject} ({file_of[subject]}); add it")
    return {subject: given[subject] for subject in subjects}
