"""Data sets by name: built in, from a plug-in, imported, or a folder of the user."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from segbench.datasets.all_test import ALL_BUT_ONE, AllTest, original
from segbench.datasets.importing import ImportedDataset
from segbench.datasets.importing.store import imported_names
from segbench.datasets.task import DataError, ImageData, Task, TaskData, base_name
from segbench.registry import PluginError, Registry, UnknownName, no_exit

EMBEDDED = {"tasks": "phantoms", "scans": "brain-phantom"}
"""The data set of each kind that is drawn, not read: always available, never listed as installed."""

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
        "pandental@second-reader": "segbench.datasets.sources.pandental:second_reader",
        "scd": "segbench.datasets.sources.scd:SCD",
        "scr": "segbench.datasets.sources.scr:SCR",
        "spineweb": "segbench.datasets.sources.spineweb:SpineWeb",
        "stare": "segbench.datasets.sources.stare:STARE",
        "stare@second-reader": "segbench.datasets.sources.stare:second_reader",
        "wbc": "segbench.datasets.sources.wbc:WBC",
        "wbc@scribbleprompt": "segbench.datasets.sources.wbc:ScribblePromptSplit",
        "wbc@universeg": "segbench.datasets.sources.wbc:UniverSegSplit",
        "medscribble": "segbench.datasets.sources.medscribble:MedScribble",
        "oasis3-t2star": "segbench.datasets.sources.registered:OASIS3T2Star",
        "oasis3-t2tse": "segbench.datasets.sources.registered:OASIS3T2TSE",
        "adni-flair": "segbench.datasets.sources.registered:ADNIFLAIR",
        "phantoms": "segbench.datasets.phantoms:Phantoms",
        "brain-phantom": "segbench.datasets.phantoms:BrainPhantom",
    },
    group="segbench.datasets",
)


@runtime_checkable
class Source(Protocol):
    """What a data set's class provides; the class is created without arguments.

    `root` is the folder that holds all data sets. ``installed`` tells whether the files are there, ``tasks``
    lists the tasks without loading images, and ``load`` returns the `TaskData` of one; the last two raise
    DataError where files are missing or unusable. A source that loads `ScanData` or `ScribbledData` instead
    names this class in the attribute ``data_type``. A source that can be downloaded has ``archives``, or a
    method ``fetch(root) -> Path`` that downloads missing files and verifies existing ones; with both, the
    method is ``fetch(root, urls=())``.
    """

    name: str

    def installed(self, root: Path | None) -> bool: ...

    def tasks(self, root: Path | None) -> list[Task]: ...

    def load(self, task: Task, root: Path | None) -> Any: ...


@dataclass(frozen=True)
class Dataset:
    """A data set and the folder that holds all data sets."""

    source: Source
    root: Path | None

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def kind(self) -> str:
        """``tasks``, ``scans`` or ``scribbles``, from the class that its tasks are loaded as."""
        data_type: type[ImageData] = getattr(self.source, "data_type", TaskData)
        return data_type.kind

    @property
    def installed(self) -> bool:
        """Whether the files are there."""
        with self._no_exit():
            return self.source.installed(self.root)

    def tasks(self) -> list[Task]:
        """List the tasks without loading images; DataError where the files are missing."""
        with self._no_exit():
            listed = self.source.tasks(self.root)
            tasks = list(listed) if isinstance(listed, Iterable) else [listed]
        for task in tasks:
            if not isinstance(task, Task):
                raise DataError(f"{self.name} lists {type(task).__name__}; its `tasks` must return Tasks")
        return tasks

    def load(self, task: Task) -> Any:
        """Load one task: `TaskData`, `ScanData` or `ScribbledData`; DataError where files are unusable."""
        with self._no_exit():
            data = self.source.load(task, self.root)
        if not isinstance(data, ImageData):
            raise DataError(
                f"{self.name} loads {type(data).__name__} for {task}; its `load` must return TaskData, "
                "ScanData or ScribbledData"
            )
        return data

    def _no_exit(self) -> AbstractContextManager[None]:
        return no_exit(f"the data set {self.name}")


def open_dataset(name: str, root: Path | None = None) -> Dataset:
    """Open the data set of a name in a data folder; parameters and errors as of `load_dataset`."""
    return Dataset(find_source(name, root), root)


def load_dataset(name: str, root: Path | None = None) -> list[Any]:
    """Load all tasks of a data set.

    Parameters
    ----------
    name : str
        A registered name, the name of a data set that was imported into `root`, ``folder:PATH`` or
        ``module:Class``.
    root : Path, optional
        The folder that holds all data sets.

    Returns
    -------
    list of TaskData, ScanData or ScribbledData

    Raises
    ------
    UnknownName
        If there is no such name; the message names the nearest one.
    PluginError
        If a plug-in cannot be imported or created.
    DataError
        If a plug-in's class is not a source, or files are missing or unusable.

    Examples
    --------
    >>> [data.task.label for data in load_dataset("phantoms")][:3]
    ['left-ventricle', 'right-ventricle', 'lesion']
    """
    dataset = open_dataset(name, root)
    return [dataset.load(task) for task in dataset.tasks()]


def dataset_names(root: Path | None) -> list[str]:
    """Names of all data sets, without variants: the registered ones and those imported into `root`."""
    registered = [name for name in DATASETS.names() if name == base_name(name)]
    return list(dict.fromkeys([*registered, *imported_names(root)]))


def variants(name: str) -> list[str]:
    """Names ``NAME@VARIANT`` of the variants of a data set: other splits, or other labels, of its files."""
    return [other for other in DATASETS.names() if other != name == base_name(other)]


def installed_datasets(root: Path | None, kind: str | None = None) -> list[str]:
    """Names of the data sets whose files are under `root`, of one kind or of all; no embedded ones."""
    names = [name for name in dataset_names(root) if name not in EMBEDDED.values()]
    datasets = {name: open_dataset(name, root) for name in names}
    return [name for name, data in datasets.items() if kind in (None, data.kind) and data.installed]


def find_source(name: str, root: Path | None = None) -> Source:
    """Find the source of a name; parameters and errors as of `load_dataset`."""
    if (base := original(name)) != name:
        return AllTest(find_source(base, root), keep_one=name.endswith(ALL_BUT_ONE))
    if name.startswith("folder:"):
        from segbench.datasets.folder import Folder

        return Folder(Path(name.removeprefix("folder:")))
    try:
        make = DATASETS.get(name)
    except UnknownName as error:
        if name in imported_names(root):
            return ImportedDataset(name)
        if ":" in name:
            raise
        folders = [f"folder:{name}"] if Path(name).is_dir() else []
        known = [*folders, *dataset_names(root), *variants(base_name(name))]
        raise UnknownName("dataset", name, known) from error
    try:
        with no_exit(f"the data set {name}"):
            source = make()
    except TypeError as error:  # the class probably requires arguments
        if name in DATASETS.builtin:
            raise
        raise PluginError(
            f"the dataset {name} cannot be created ({error}); its class must take no arguments"
        ) from error
    if not isinstance(source, Source):
        raise DataError(f"{name} is not a data source; its class needs name, installed, tasks and load")
    return source
