"""Cases of all formats of a user's own data, and what the user states about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from segbench.datasets.files.labels import Labels
from segbench.datasets.files.slices import Rule
from segbench.datasets.folder import subject_of


class MaskFile(NamedTuple):
    """A mask or label map and its labels; None where the data do not name them."""

    path: Path
    labels: Labels | None


class Case(NamedTuple):
    """An image or volume, its masks, and the known fields of `Example`."""

    image: Path
    masks: tuple[MaskFile, ...]
    subject: str
    cohort: str = "all"
    modality: str = "unknown"
    split: str | None = None

    def fields(self) -> dict[str, Any]:
        """The fields that all examples of the case share, without the subject."""
        return {"cohort": self.cohort, "modality": self.modality, "split": self.split}


@dataclass(frozen=True)
class ImportOptions:
    """What the user states because the data do not; None where nothing is stated.

    Attributes
    ----------
    labels : mapping of labels to values in the masks
    modality : str
    subject_pattern : str
        A regular expression with one group, the subject, searched in an image's name without suffix.
    axes : mapping of names to axes of volumes
    rule : {"maxslice", "midslice"}, the slice of a volume
    """

    labels: Labels | None = None
    modality: str | None = None
    subject_pattern: str | None = None
    axes: Mapping[str, int] | None = None
    rule: Rule | None = None

    def subject(self, name: str, file: Path) -> str:
        """The subject of an image with this name: the name itself unless a pattern is given."""
        return name if self.subject_pattern is None else subject_of(name, self.subject_pattern, file)
