"""Data sets by name: built in, from a plug-in, or a folder of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from datasets.lookup import Registry
from datasets.task import DataError, Task

EMBEDDED = {"tasks": "phantoms", "scans": "brain-phantom"}
"""The data set of each kind that is drawn, not read: always there, so never counted as installed."""

DATASETS = Registry(
    kind="dataset",
    builtin={
        "wbc": "datasets.sources.wbc:WBC",
        "oasis3-t2star": "datasets.sources.oasis3:OASIS3T2Star",
        "oasis3-t2tse": "datasets.sources.oasis3:OASIS3T2TSE",
        "adni-flair": "datasets.sources.adni:ADNIFLAIR",
        "phantoms": "datasets.phantoms:Phantoms",
        "brain-phantom": "datasets.sources.brain_phantom:BrainPhantom",
    },
    group="segbench.datasets",
)


@runtime_checkable
class Source(Protocol):
    """A data set; a class without constructor arguments. `root` is the folder that holds all data sets.

    A source that can be downloaded has a method ``fetch(root) -> Path`` besides. One whose ``kind`` is
    ``scans`` loads `ScanData`; without that attribute it is of kind ``tasks`` and loads `TaskData`.
    """

    name: str

    def installed(self, root: Path | None) -> bool:
        """Whether the files are there."""
        ...

    def tasks(self, root: Path | None) -> list[Task]:
        """The tasks, without loading images; DataError where the files are absent."""
        ...

    def load(self, task: Task, root: Path | None) -> Any:
        """`TaskData` or `ScanData` of one task; DataError where the files are absent or unusable."""
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


def kind(name: str) -> str:
    """What a data set is made of: ``tasks`` or ``scans``; names and errors as in `source`."""
    return _kind(source(name))


def installed(root: Path | None, kind: str | None = None) -> list[str]:
    """Names of the evaluation data sets whose files are under `root`, of one kind or of all.

    Never the embedded ones.
    """
    found = {name: source(name) for name in DATASETS.names() if name not in EMBEDDED.values()}
    return [name for name, s in found.items() if kind in (None, _kind(s)) and s.installed(root)]


def load(name: str, root: Path | None = None) -> list[Any]:
    """All tasks of a data set, each as `TaskData` or `ScanData`; names and errors as in `source`."""
    found = source(name)
    return [found.load(task, root) for task in found.tasks(root)]


def _kind(found: Source) -> str:
    return getattr(found, "kind", "tasks")
