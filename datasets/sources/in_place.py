"""Small public data sets that are read from their released files, without an import."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from segbench.datasets.download import Archive, download_folder, fetch, verify
from segbench.datasets.task import DataError
from segbench.files import write_file


class InPlace(ABC):
    """A data set in a folder below the data folder, or in the data folder itself.

    Attributes
    ----------
    name : str
    folders : tuple of str
        Where the data set may lie below the data folder, the usual folder first.
    archives : tuple of Archive
    unpacked, inner : str
        Where `fetch` puts the content of the archives, and the folder of the data set in it.
    """

    name: ClassVar[str]
    folders: ClassVar[tuple[str, ...]]
    archives: ClassVar[tuple[Archive, ...]]
    unpacked: ClassVar[str]
    inner: ClassVar[str] = ""

    @staticmethod
    @abstractmethod
    def is_complete(folder: Path) -> bool:
        """Whether a folder holds the data set."""

    def installed(self, root: Path | None) -> bool:
        return self.find(root) is not None

    def find(self, root: Path | None) -> Path | None:
        """The folder that holds the data set, or None."""
        folders = [*(root / folder for folder in self.folders), root] if root else []
        return next(filter(self.is_complete, folders), None)

    def require(self, root: Path | None) -> Path:
        """The folder that holds the data set; DataError with instructions if there is none."""
        folder = self.find(root)
        if folder is None:
            raise DataError(
                f"{self.name} is not {'installed' if root is None else f'under {root}'}; run `python -m "
                f"benchmark data fetch {self.name}`, or give the parent of {self.folders[0]} as --data-root"
            )
        return folder

    def fetch(self, root: Path, urls: Sequence[str] = ()) -> Path:
        """Download the data set into `root`, or verify an existing one.

        Parameters
        ----------
        root : Path
        urls : sequence of str
            Links that replace the official ones, one for each archive.

        Returns
        -------
        Path
            The folder of the data set.

        Raises
        ------
        DataError
            If the files cannot be fetched, or differ from the recorded checksum.
        """
        folder = self.find(root)
        if folder is None:
            target = fetch(self.archives, root / self.unpacked, download_folder(root, self.name), urls)
            write_file(self._record(root), f"{self.unpacked}\n")
            return target / self.inner
        verify(self.archives, folder.parent if self.inner else folder)
        return folder

    def fetched(self, root: Path) -> list[Path]:
        """The folder that `fetch` has made, which may be removed; none if the user has put it there."""
        return [root / self.unpacked] if self._record(root).is_file() else []

    def _record(self, root: Path) -> Path:
        return download_folder(root, self.name) / "unpacked.txt"
