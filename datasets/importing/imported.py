"""Data sets that `data import` has read into the compact store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from segbench.datasets.examples import Example, Facts
from segbench.datasets.importing.store import (
    EXAMPLES,
    IMAGES,
    LEVELS,
    MANIFEST,
    damaged,
    folder_of,
    imported_names,
    open_tables,
    read_manifest,
)
from segbench.datasets.preprocess import SIDE
from segbench.datasets.task import DataError, Task, TaskData

if TYPE_CHECKING:
    import pyarrow


class ImportedDataset:
    """A data set of the store: a user's own, by its name."""

    name: str

    def __init__(self, name: str) -> None:
        self.name = name

    def installed(self, root: Path | None) -> bool:
        return self.name in imported_names(root)

    def tasks(self, root: Path | None) -> list[Task]:
        return [Task(*name.split("/")) for name in read_manifest(root or Path(), self.name)["tasks"]]

    def load(self, task: Task, root: Path | None) -> TaskData:
        """Load one task; DataError if there is no such task or its arrays are damaged."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        root = root or Path()
        folder = folder_of(root, self.name)
        parts = [(part, "==", getattr(task, part)) for part in ("cohort", "modality", "axis", "label")]
        with open_tables(root, self.name) as (manifest, tables):
            if task.name not in manifest["tasks"]:
                raise DataError(f"{self.name} has no task {task}; `list tasks` lists them")
            try:
                rows = pq.read_table(tables[EXAMPLES], filters=parts)
                images = rows["image"].to_pylist()
                pictures = pq.read_table(tables[IMAGES], filters=[("image", "in", set(images))])
                row_of = {image: i for i, image in enumerate(pictures["image"].to_pylist())}
                pixels = _to_array(pictures["pixels"], "<u2", SIDE**2)[[row_of[image] for image in images]]
                masks = np.unpackbits(_to_array(rows["mask"], np.uint8, SIDE**2 // 8), axis=1)
                subjects, names = rows["subject"].to_pylist(), _short_names(rows["file"].to_pylist())
            except (OSError, ValueError, TypeError, KeyError, pa.ArrowException) as error:
                raise damaged(folder, self.name, error) from error
        split = manifest["subjects"]
        unknown = sorted(set(subjects) - set(split))
        if unknown:
            file = folder / MANIFEST
            raise DataError(f"{file} was edited: it lacks {unknown[0]}; import {self.name} again")
        shape = (len(images), 1, SIDE, SIDE)
        return TaskData(
            task,
            (pixels / np.float32(LEVELS)).reshape(shape),
            masks.astype(bool).reshape(shape),
            np.array(subjects),
            np.array([split[subject] for subject in subjects]),
            names=names,
        )


class PublicDataset(ImportedDataset):
    """A public data set in the layout in which its authors released it (a `Reader`).

    A subclass has ``name`` and the two methods of a reader; with ``archives`` it can be fetched. The labels
    ``second_reader``, which a second person drew, are tasks of a `SecondReader` instead.
    """

    version = 1  # increases when the same files would give other pictures
    facts = Facts()
    second_reader: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__(self.name)

    def tasks(self, root: Path | None) -> list[Task]:
        return [task for task in super().tasks(root) if task.label not in self.second_reader]

    def cases(self, folder: Path) -> Sequence[Any]:
        raise NotImplementedError

    def examples(self, case: Any) -> Iterable[Example]:
        raise NotImplementedError


class SecondReader:
    """The tasks of a public data set whose labels a second person drew: ``NAME@second-reader``."""

    def __init__(self, dataset: PublicDataset) -> None:
        self.name, self.dataset = f"{dataset.name}@second-reader", dataset

    def installed(self, root: Path | None) -> bool:
        return self.dataset.installed(root)

    def tasks(self, root: Path | None) -> list[Task]:
        tasks = ImportedDataset.tasks(self.dataset, root)
        return [
            replace(task, dataset=self.name) for task in tasks if task.label in self.dataset.second_reader
        ]

    def load(self, task: Task, root: Path | None) -> TaskData:
        """Load one task; errors as of the data set."""
        data = self.dataset.load(replace(task, dataset=self.dataset.name), root)
        return replace(data, task=task)


def _short_names(files: Sequence[str]) -> np.ndarray:
    """Names of files without the folders that all of them are in, str array (N,)."""
    paths = [PurePosixPath(file) for file in files]
    folders = (folder for path in paths[:1] for folder in path.parents)
    shared = next((folder for folder in folders if all(p.is_relative_to(folder) for p in paths)), None)
    return np.array([(path.relative_to(shared) if shared else path).as_posix() for path in paths])


def _to_array(column: pyarrow.ChunkedArray, dtype: Any, length: int) -> np.ndarray:
    """A column of bytes as an array of `length` numbers per row; ValueError if a row has fewer."""
    return np.stack([np.frombuffer(value.as_py(), dtype, length) for value in column])
