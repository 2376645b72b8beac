"""Data sets that are read once, by `data import`, and used from the compact store from then on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from segbench.datasets.examples import Example
from segbench.datasets.importing import store
from segbench.datasets.task import Task, TaskData


class ImportedDataset:
    """A data set of the store; a user's own, by its name."""

    name: str

    def __init__(self, name: str) -> None:
        self.name = name

    def installed(self, root: Path | None) -> bool:
        return self.name in store.imported_names(root)

    def tasks(self, root: Path | None) -> list[Task]:
        return store.tasks(store.read_manifest(root or Path(), self.name))

    def load(self, task: Task, root: Path | None) -> TaskData:
        return store.load(root or Path(), task)


class PublicDataset(ImportedDataset):
    """A public data set in the layout in which its authors released it (a `Reader`).

    A subclass has ``name`` and the two methods of a reader; with ``archives`` it can be fetched.
    """

    version = 1  # grows when the same files would give other pictures

    def __init__(self) -> None:
        super().__init__(self.name)

    def cases(self, folder: Path) -> Sequence[Any]:
        raise NotImplementedError

    def examples(self, case: Any) -> Iterable[Example]:
        raise NotImplementedError
