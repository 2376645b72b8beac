"""Data sets by name: built in, from a plug-in, or a folder of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from datasets.lookup import Registry
from datasets.task import DataError, Task, TaskData

EMBEDDED = "phantoms"
"""The data set that is drawn, not read: always there, so never counted as installed."""

DATASETS = Registry(
    kind="dataset",
    builtin={"wbc": "datasets.sources.wbc:WBC", EMBEDDED: "datasets.phantoms:Phantoms"},
    group="segbench.datasets",
)


@runtime_checkable
class Source(Protocol):
    """A data set; a class without constructor arguments. `root` is the folder that holds all data sets.

    A source that can be downloaded has a method ``fetch(root) -> Path`` besides.
    """

    name: str

    def installed(self, root: Path | None) -> bool:
        """Whether the files are there."""
        ...

    def tasks(self, root: Path | None) -> list[Task]:
        """The tasks, without loading images; DataError where the files are absent."""
        ...

    def load(self, task: Task, root: Path | None) -> TaskData:
        """The images of one task; DataError where the files are absent or unusable."""
        ...


def source(name: str) -> Source:
    """The data set of a name.

    Parameters
    ----------
    name : str
        A registered name, ``folder:PATH`` or ``module:Class``.

    Raises
    ------
    UnknownName
        If there is no such name; the message names the nearest one.
    DataError
        If a plug-in's class is no source.
    """
    if name.startswith("folder:"):
        from datasets.folder import Folder

        return Folder(Path(name.removeprefix("folder:")))
    found = DATASETS.get(name)()
    if not isinstance(found, Source):
        raise DataError(f"{name} is no data source; its class needs name, installed, tasks and load")
    return found


def installed(root: Path | None) -> list[str]:
    """Names of the evaluation data sets whose files are under `root`; never the embedded phantoms."""
    return [name for name in DATASETS.names() if name != EMBEDDED and source(name).installed(root)]


def load(name: str, root: Path | None = None) -> list[TaskData]:
    """All tasks of a data set, loaded; names and errors as in `source`."""
    found = source(name)
    return [found.load(task, root) for task in found.tasks(root)]
