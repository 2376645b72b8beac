"""Cases of all formats of a user's own data, and what the user states about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from segbench.datasets.files.labels import Labels, Values
from segbench.datasets.files.slices import Rule


class MaskFile(NamedTuple):
    """A mask or label map.

    Attributes
    ----------
    path : Path
    labels : mapping of labels to values, or None where the data do not name them
    declared : tuple of values, or None
        All values that the file may contain; None where the data do not say. Others are then counted.
    """

    path: Path
    labels: Labels | None
    declared: Values | None = None


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
    rule : {"maxslice", "midslice"}
        The slice of a volume, or of the pictures of a subject.
    mask_suffix : str
        What the names of masks have after those of their images, such as ``_lesion``.
    """

    labels: Labels | None = None
    modality: str | None = None
    subject_pattern: str | None = None
    axes: Mapping[str, int] | None = None
    rule: Rule | None = None
    mask_suffix: str | None = None
