"""Common parts of all formats of a user's own data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np

from segbench.datasets.examples import Example, Facts
from segbench.datasets.files.images import MASK_SUFFIXES, MaskReader
from segbench.datasets.files.labels import Labels, labels_by_value
from segbench.datasets.files.volumes import read_volume
from segbench.datasets.importing.formats.case import Case, ImportOptions
from segbench.datasets.importing.formats.pictures import picture
from segbench.datasets.importing.formats.stacks import Stack, named_subjects, select_slices, stacks
from segbench.datasets.importing.formats.subjects import EACH, with_clean_subjects
from segbench.datasets.importing.formats.volumes import is_volume, named_by_file, slices
from segbench.datasets.task import DataError, name_part
from segbench.text import count_of

T = TypeVar("T")


class FormatReader(ABC):
    """A `segbench.datasets.examples.Reader` of a general format; a subclass lists the cases.

    If neither the data nor the options name labels, every value of the masks except 0 is a label, named by
    the value, or ``foreground`` if there is only one value. All masks are then read twice.
    """

    name: ClassVar[str]
    layout: ClassVar[str]  # the files that the format consists of, in a few words
    names_masks: ClassVar[bool] = False  # whether the names of masks say to which image they belong

    def __init__(self, options: ImportOptions) -> None:
        self.options = options
        self.masks = MaskReader()
        self.facts = Facts(EACH + "image")

    @abstractmethod
    def fits(self, folder: Path) -> bool:
        """Whether a folder has this format, judged by names of files."""

    @abstractmethod
    def list_cases(self, folder: Path) -> list[Case]:
        """List the cases in order, without opening an image, and set ``facts``."""

    def cases(self, folder: Path) -> Sequence[Case | Stack]:
        cases = self.labelled_cases(folder)
        return self._stacks(cases, folder) if self.options.rule else cases

    def labelled_cases(self, folder: Path) -> list[Case]:
        """List the cases with the labels of all masks; errors as of `Reader.cases`."""
        if self.options.mask_suffix and not self.names_masks:
            raise DataError(f"{folder} itself says which mask belongs to an image; leave out --mask-suffix")
        cases = self.list_cases(folder)
        if not cases:
            raise DataError(f"{folder} does not have {self.layout} ({self.name})")
        cases = with_clean_subjects(cases, stated=not self.facts.subjects.startswith(EACH))
        if self.options.axes and not any(is_volume(case.image) for case in cases):
            raise DataError(f"{folder} contains 2D images; --axes is for volumes, leave it out")
        masks = [mask for case in cases for mask in case.masks]
        for path in (mask.path for mask in masks):
            if not is_volume(path) and path.suffix.lower() not in MASK_SUFFIXES:
                raise DataError(
                    f"{path} is not one of the types for masks ({', '.join(MASK_SUFFIXES)}); convert it"
                )
        if self.options.labels is None:
            cases = [case._replace(masks=tuple(map(named_by_file, case.masks))) for case in cases]
            masks = [mask for case in cases for mask in case.masks]
        unnamed = [mask.path for mask in masks if mask.labels is None]
        if unnamed:
            labels = self.options.labels or _labels_by_value(unnamed, self.masks)
            cases = [
                case._replace(masks=tuple(m if m.labels else m._replace(labels=labels) for m in case.masks))
                for case in cases
            ]
        _require_distinct_names(cases, folder)
        return cases

    def _stacks(self, cases: Sequence[Case], folder: Path) -> Sequence[Case | Stack]:
        """Gather the slices of each subject, by names with the number of a slice if nothing else says it."""
        pictures = sum(not is_volume(case.image) for case in cases)
        if pictures and self.facts.subjects.startswith(EACH):
            cases = named_subjects(cases)
            self.facts = self.facts._replace(subjects="the names of the images without the slice's number")
        found = stacks(cases)
        subjects = {case.subject for case in cases}
        if pictures and (len(found) == len(cases) or len(subjects) == 1):
            raise DataError(
                f"{folder}: --rule takes one slice of each subject, and here {len(cases)} images are of "
                f"{count_of(len(subjects), 'subject')}; name the subjects (subjects.csv, --subject-pattern) "
                "or leave out --rule"
            )
        return found

    def examples(self, case: Case | Stack) -> Iterator[Example]:
        if isinstance(case, Stack):
            yield from select_slices(case, self.options.rule or "maxslice", self.masks)
        elif is_volume(case.image):
            yield from slices(case, self.options.axes, self.options.rule)
        else:
            yield picture(case, self.masks)


def merge_option(option: str, value: T | None, stored: T | None, source: Path) -> T | None:
    """Return an option's value or the value stored in the data; DataError if there are both."""
    if value is not None and stored is not None:
        raise DataError(f"{source} already states this; leave out --{option}")
    return stored if value is None else value


def of_folders(names: Iterable[str]) -> str:
    """Describe a split that folders state; empty if none does."""
    folders = [f"{name}/" for name in dict.fromkeys(names) if name]
    if len(folders) < 2:
        return "".join(f"the folder {name}" for name in folders)
    return f"the folders {', '.join(folders[:-1])} and {folders[-1]}"


def _labels_by_value(masks: Iterable[Path], reader: MaskReader) -> Labels:
    def read(path: Path) -> np.ndarray:
        return read_volume(path).values if is_volume(path) else reader.read(path)

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
