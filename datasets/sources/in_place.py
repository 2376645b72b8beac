"""Small public data sets that are read where they lie, without an import."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from segbench.datasets.task import DataError


class InPlace(ABC):
    """A data set in a folder of its own below the data folder, or in that folder itself."""

    name: ClassVar[str]
    places: ClassVar[tuple[str, ...]]  # below the data folder, where it may lie; the first is its usual name

    @staticmethod
    @abstractmethod
    def complete(folder: Path) -> bool:
        """Whether the data set lies in a folder."""

    def installed(self, root: Path | None) -> bool:
        return self.found(root) is not None

    def found(self, root: Path | None) -> Path | None:
        """The folder that holds the data set, or None."""
        folders = [*(root / place for place in self.places), root] if root else []
        return next(filter(self.complete, folders), None)

    def required(self, root: Path | None) -> Path:
        """The folder that holds the data set.

        Raises
        ------
        DataError
            If there is none; the message says how to get it.
        """
        found = self.found(root)
        if found is None:
            raise DataError(
                f"{self.name} is not {'installed' if root is None else f'under {root}'}; run `python -m "
                f"benchmark data fetch {self.name}`, or point --data-root at the folder that holds "
                f"{self.places[0]}"
            )
        return found
