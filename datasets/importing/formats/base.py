"""Common parts of all formats of a user's own data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np

from segbench.datasets.examples import Example, Facts
from segbench.datasets.files.images import MASK_SUFFIXES, read_mask
from segbench.datasets.files.labels import Labels, labels_by_value
from segbench.datasets.files.slices import AXES
from segbench.datasets.files.volumes import read_volume
from segbench.datasets.importing.formats.case import Case, ImportOptions
from segbench.datasets.importing.formats.pictures import picture
from segbench.datasets.importing.formats.volumes import is_volume, slices
from segbench.datasets.task import DataError, name_part

T = TypeVar("T")


class FormatReader(ABC):
    """A `segbench.datasets.examples.Reader` of a general format; a subclass lists the cases.

    If neither the data nor the options name labels, every value of the masks except 0 is a label, named by
    the value, or ``foreground`` if there is only one value. All masks are then read twice.
    """

    name: ClassVar[str]
    layout: ClassVar[str]  # the files that the format consists of, in a few words

    def __init__(self, options: ImportOptions) -> None:
        self.options = options
        self.facts = Facts("each image")

    @staticmethod
    @abstractmethod
    def fits(folder: Path) -> bool:
        """Whether a folder has this format, judged by names of files."""

    @abstractmethod
    def list_cases(self, folder: Path) -> list[Case]:
        """List the cases in order, without opening an image."""

    def cases(self, folder: Path) -> Sequence[Case]:
        cases = self.list_cases(folder)
        if not cases:
            raise DataError(f"{folder} does not have {self.layout} ({self.name})")
        if (self.options.axes or self.options.rule) and not any(is_volume(case.image) for case in cases):
            raise DataError(f"{folder} contains 2D images; --axes and --rule are for volumes, leave them out")
        masks = [mask for case in cases for mask in case.masks]
        for path, _ in masks:
            if not is_volume(path) and path.suffix.lower() not in MASK_SUFFIXES:
                raise DataError(
                    f"{path} is not one of the types for masks ({', '.join(MASK_SUFFIXES)}); convert it"
                )
        unnamed = [mask.path for mask in masks if mask.labels is None]
        if unnamed:
            labels = self.options.labels or _labels_by_value(unnamed)
            cases = [
                case._replace(masks=tuple(m if m.labels else m._replace(labels=labels) for m in case.masks))
                for case in cases
            ]
        _require_distinct_names(cases, folder)
        return cases

    def examples(self, case: Case) -> Iterator[Example]:
        if is_volume(case.image):
            yield from slices(case, self.options.axes or AXES, self.options.rule or "maxslice")
        else:
            yield picture(case)


def merge_option(option: str, value: T | None, stored: T | None, source: Path) -> T | None:
    """Return an option's value or the value stored in the data; DataError if there are both."""
    if value is not None and stored is not None:
        raise DataError(f"{source} already states this; leave out --{option}")
    return stored if value is None else value


def _labels_by_value(masks: Iterable[Path]) -> Labels:
    def read(path: Path) -> np.ndarray:
        return read_volume(path).values if is_volume(path) else read_mask(path)

    return {label: (value,) for label, value in labels_by_value(masks, read).items()}


def _require_distinct_names(cases: Iterable[Case], folder: Path) -> None:
    """DataError if a name is empty or two names would be equal in the names of tasks."""
    parts: dict[str, set[str]] = {
        "label": {label for case in cases for mask in case.masks for label in mask.labels or ()},
        "cohort": {case.cohort for case in cases},
        "modality": {case.modality for case in cases},
    }
    for part, names in parts.items():
        name_of: dict[str, str] = {}
        for name in sorted(names):
            if not name.strip():
                raise DataError(f"{folder}: a {part} has no name; give it one")
            other = name_of.setdefault(name_part(name), name)
            if other != name:
                raise DataError(
                    f"{folder}: {part} {other!r} and {part} {name!r} would both be {name_part(name)} in the "
                    "names of tasks; rename one of them"
                )
