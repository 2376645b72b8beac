"""Data sets by name: built in, from a plug-in, imported, or a folder of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from segbench.datasets.importing import ImportedDataset
from segbench.datasets.importing.store import imported_names
from segbench.datasets.task import DataError, Task
from segbench.registry import PluginError, Registry, UnknownName

EMBEDDED = {"tasks": "phantoms", "scans": "brain-phantom"}
"""The data set of each kind that is drawn, not read: always there, so never counted as installed."""

DATASETS = Registry(
    kind="dataset",
    builtin={
        "acdc": "segbench.datasets.sources.acdc:ACDC",
        "btcv-cervix": "segbench.datasets.sources.btcv_cervix:BTCVCervix",
        "buid": "segbench.datasets.sources.buid:BUID",
        "cobre": "segbench.datasets.sources.cobre:COBRE",
        "drive": "segbench.datasets.sources.drive:DRIVE",
        "hipxray": "segbench.datasets.sources.hipxray:HipXRay",
        "pandental": "segbench.datasets.sources.pandental:PanDental",
        "scd": "segbench.datasets.sources.scd:SCD",
        "scr": "segbench.datasets.sources.scr:SCR",
        "spineweb": "segbench.datasets.sources.spineweb:SpineWeb",
        "stare": "segbench.datasets.sources.stare:STARE",
        "wbc": "segbench.datasets.sources.wbc:WBC",
        "medscribble": "segbench.datasets.sources.medscribble:MedScribble",
        "oasis3-t2star": "segbench.datasets.sources.oasis3:OASIS3T2Star",
        "oasis3-t2tse": "segbench.datasets.sources.oasis3:OASIS3T2TSE",
        "adni-flair": "segbench.datasets.sources.adni:ADNIFLAIR",
        "phantoms": "segbench.datasets.phantoms:Phantoms",
        "brain-phantom": "segbench.datasets.sources.brain_phantom:BrainPhantom",
    },
    group="segbench.datasets",
)


@runtime_checkable
class Source(Protocol):
    """A data set; a class without constructor arguments. `root` is the folder that holds all data sets.

    A source that can be downloaded has ``archives``, or a method ``fetch(root) -> Path`` that downloads what
    is absent and checks what is there; with both, the method is ``fetch(root, urls=())``. One whose ``kind``
    is ``scans`` loads `ScanData`, ``scribbles`` `ScribbledData`; without that attribute it is of kind
    ``tasks`` and loads `TaskData`.
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


def names(root: Path | None) -> list[str]:
    """Names of all data sets: the registered ones, and those that were imported into `root`."""
    return list(dict.fromkeys([*DATASETS.names(), *imported_names(root)]))


def source(name: str, root: Path | None = None) -> Source:
    """The data set of a name.

    Parameters
    ----------
    name : str
        A registered name, the name of a data set that was imported into `root`, ``folder:PATH`` or
        ``module:Class``.
    root : Path, optional
        The folder that holds all data sets.

    Raises
    ------
    UnknownName
        If there is no such name; the message names the nearest one.
    DataError
        If a plug-in's class is no source.
    PluginError
        If a plug-in cannot be imported or made.
    """
    if name.startswith("folder:"):
        from segbench.datasets.folder import Folder

        return Folder(Path(name.removeprefix("folder:")))
    try:
        make = DATASETS.get(name)
    except UnknownName as error:
        if name in imported_names(root):
            return ImportedDataset(name)
        raise UnknownName("dataset", name, names(root)) from error
    try:
        found = make()
    except TypeError as error:  # most likely it wants arguments
        if name in DATASETS.builtin:
            raise
        raise PluginError(
            f"the dataset {name} cannot be made ({error}); its class takes no arguments"
        ) from error
    if not isinstance(found, Source):
        raise DataError(f"{name} is no data source; its class needs name, installed, tasks and load")
    return found


def kind(name: str, root: Path | None = None) -> str:
    """What a data set is made of: ``tasks`` or ``scans``; names and errors as in `source`."""
    return kind_of(source(name, root))


def installed(root: Path | None, kind: str | None = None) -> list[str]:
    """Names of the evaluation data sets whose files are under `root`, of one kind or of all.

    Never the embedded ones.
    """
    found = {name: source(name, root) for name in names(root) if name not in EMBEDDED.values()}
    return [name for name, s in found.items() if kind in (None, kind_of(s)) and s.installed(root)]


def load(name: str, root: Path | None = None) -> list[Any]:
    """All tasks of a data set, each as `TaskData` or `ScanData`; names and errors as in `source`."""
    found = source(name, root)
    return [found.load(task, root) for task in found.tasks(root)]


def kind_of(found: Source) -> str:
    """What a data set is made of: ``tasks``, ``scans`` or ``scribbles``."""
    return getattr(found, "kind", "tasks")
