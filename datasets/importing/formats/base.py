"""Common parts of all formats of a user's own data: cases of an image file and its mask files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from segbench.datasets.examples import Example
from segbench.datasets.files.images import IMAGE_SUFFIXES, MASK_SUFFIXES, read_image, read_mask, read_mask_of
from segbench.datasets.files.labels import Labels, labels_by_value
from segbench.datasets.files.slices import AXES, Rule, cut_slices, has_value
from segbench.datasets.files.volumes import Volume, read_label_map, read_volume, reorient
from segbench.datasets.folder import subject_of
from segbench.datasets.task import DataError, name_part

VOLUME_SUFFIXES = (".nii.gz", ".nii", ".mgz", ".mgh", ".hdr", ".mha", ".mhd", ".nrrd", ".nhdr")
T = TypeVar("T")


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


class FormatReader(ABC):
    """A `segbench.datasets.examples.Reader` of a general format; a subclass lists the cases.

    If neither the data nor the options name labels, every value of the masks except 0 is a label, named by
    the value, or ``foreground`` if there is only one value. All masks are then read twice.
    """

    name: ClassVar[str]
    layout: ClassVar[str]  # the files that the format consists of, in a few words

    def __init__(self, options: ImportOptions) -> None:
        self.options = options

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
            yield from self._slices(case)
        else:
            yield _picture(case)

    def _slices(self, case: Case) -> Iterator[Example]:
        axes, rule = self.options.axes or AXES, self.options.rule or "maxslice"
        as_stored = not axes.items() <= AXES.items()
        stored = read_volume(case.image)
        image = stored if as_stored else reorient(stored)
        for stored_labels, values in _label_maps(case.masks, stored):
            labels = stored_labels if as_stored else reorient(stored_labels)
            missing = {(axis, label) for axis in axes for label in values}
            for example in cut_slices(image, labels, values, case.subject, axes, rule, **case.fields()):
                missing -= {(example.axis, label) for label in example.masks}
                yield example
            empty = np.zeros((1, 1), bool)
            for axis, label in sorted(missing):  # an example without a picture: the label counts as empty
                yield Example(case.image, case.subject, empty, {label: empty}, axis=axis, **case.fields())


def is_volume(path: Path) -> bool:
    """Whether a path is a volume: a file with its suffix, or a folder without 2D images (a DICOM series)."""
    if not path.is_dir():
        return path.name.lower().endswith(VOLUME_SUFFIXES)
    return not any(file.suffix.lower() in IMAGE_SUFFIXES for file in path.iterdir())


def stem(path: Path) -> str:
    """A file's name without suffix; ``.nii.gz`` is one suffix."""
    lower = path.name.lower()
    suffix = next((suffix for suffix in VOLUME_SUFFIXES if lower.endswith(suffix)), path.suffix)
    return path.name if path.is_dir() else path.name[: len(path.name) - len(suffix)]


def visible(folder: Path) -> list[Path]:
    """The content of a folder in order, without hidden files."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


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


def _picture(case: Case) -> Example:
    image = read_image(case.image)
    masks: dict[str, np.ndarray] = {}
    for path, labels in case.masks:
        numbers = read_mask_of(path, case.image, image.shape[:2])
        for label, values in (labels or {}).items():
            mask = _select(numbers, values)
            masks[label] = masks[label] | mask if label in masks else mask
    return Example(case.image, case.subject, image, masks, **case.fields())


def _label_maps(masks: Sequence[MaskFile], image: Volume) -> Iterator[tuple[Volume, Labels]]:
    """Yield the label maps of a volume and their labels.

    A label in several files, or without a value, has its own map: the union of its files.
    """
    files = Counter(label for mask in masks for label in mask.labels or ())
    parts: dict[str, list[tuple[Path, tuple[int, ...]]]] = {}
    for path, labels in masks:
        simple = {}
        for label, values in (labels or {}).items():
            if values and files[label] == 1:
                simple[label] = values
            else:
                parts.setdefault(label, []).append((path, values))
        if simple:
            yield read_label_map(path, image), simple
    for label, sources in parts.items():
        selected = (_select(read_label_map(path, image).values, values) for path, values in sources)
        yield replace(image, values=reduce(np.logical_or, selected)), {label: (1,)}


def _select(numbers: np.ndarray, values: tuple[int, ...]) -> np.ndarray:
    """Where a mask has one of some values; without values, where it is not 0."""
    return has_value(numbers, values) if values else numbers != 0
