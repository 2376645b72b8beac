"""What all formats of anybody's own data have in common: cases of an image file and its mask files."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from segbench.datasets.examples import Example
from segbench.datasets.files.images import IMAGE_SUFFIXES, MASK_SUFFIXES, read_image, read_mask
from segbench.datasets.files.volumes import (
    AXES,
    Rule,
    Volume,
    read_label_map,
    read_volume,
    shows,
    slices,
    turned,
)
from segbench.datasets.folder import is_number, labels_by_value, read_columns
from segbench.datasets.task import DataError, name_part

VOLUMES = (".nii.gz", ".nii", ".mgz", ".mgh", ".hdr", ".mha", ".mhd", ".nrrd", ".nhdr")
T = TypeVar("T")

Labels = Mapping[str, tuple[int, ...]]
"""The values in a mask that each label has; no value stands for all but 0."""


class MaskFile(NamedTuple):
    """A mask or label map, and what its values mean; None where the data do not say."""

    path: Path
    labels: Labels | None


class Case(NamedTuple):
    """An image or volume, its masks, and the parts of `Example` that are known of it."""

    image: Path
    masks: tuple[MaskFile, ...]
    subject: str
    cohort: str = "all"
    modality: str = "unknown"
    split: str | None = None

    def said(self) -> dict[str, Any]:
        """The fields of `Example` that it shares with all its pictures, the subject aside."""
        return {"cohort": self.cohort, "modality": self.modality, "split": self.split}


@dataclass(frozen=True)
class ImportOptions:
    """What the data do not say themselves; None where nothing is said.

    Attributes
    ----------
    labels : mapping of labels to values in the masks
    modality : str
    subject_pattern : str
        A regular expression with one group, the subject, that is searched in an image's name without ending.
    axes : mapping of names to axes, of volumes
    rule : {"maxslice", "midslice"}, of volumes
    """

    labels: Labels | None = None
    modality: str | None = None
    subject_pattern: str | None = None
    axes: Mapping[str, int] | None = None
    rule: Rule | None = None

    def subject_of(self, name: str, file: Path) -> str:
        """The subject of an image of that name: the name itself unless a pattern is given."""
        pattern = self.subject_pattern
        if pattern is None:
            return name
        try:
            match = re.search(pattern, name)
        except re.error as error:
            raise DataError(f"{pattern!r} is no regular expression ({error}); correct it") from error
        if match is None or match.re.groups != 1 or not match[1]:
            raise DataError(f"{pattern!r} finds no subject in {name} ({file}); it needs one group that does")
        return match[1]


class FormatReader(ABC):
    """A `segbench.datasets.examples.Reader` of a general format. A subclass lists the cases.

    Without labels that are said or given, every value of the masks but 0 is a label of that name, or
    ``foreground`` if there is one value only; the masks are then read once more, before all others.
    """

    name: ClassVar[str]
    layout: ClassVar[str]  # what it looks for, in a few words

    def __init__(self, given: ImportOptions) -> None:
        self.given = given

    @staticmethod
    @abstractmethod
    def fits(folder: Path) -> bool:
        """Whether something looks like this format; no file is opened."""

    @abstractmethod
    def listed(self, folder: Path) -> list[Case]:
        """The cases, in order; no image is opened."""

    def cases(self, folder: Path) -> Sequence[Case]:
        found = self.listed(folder)
        if not found:
            raise DataError(f"{folder} does not have {self.layout} ({self.name})")
        if (self.given.axes or self.given.rule) and not any(is_volume(case.image) for case in found):
            raise DataError(f"{folder} holds 2D images; --axes and --rule are of volumes, leave them out")
        for path in (mask.path for case in found for mask in case.masks):
            if not is_volume(path) and path.suffix.lower() not in MASK_SUFFIXES:
                raise DataError(f"{path} is of no type for masks ({', '.join(MASK_SUFFIXES)}); convert it")
        unnamed = [mask.path for case in found for mask in case.masks if mask.labels is None]
        if unnamed:
            labels = self.given.labels or _by_value(unnamed)
            found = [
                case._replace(masks=tuple(m if m.labels else m._replace(labels=labels) for m in case.masks))
                for case in found
            ]
        _assert_distinct(found, folder)
        return found

    def examples(self, case: Case) -> Iterator[Example]:
        if is_volume(case.image):
            yield from self._slices(case)
        else:
            yield _picture(case)

    def _slices(self, case: Case) -> Iterator[Example]:
        axes = self.given.axes or AXES
        place = turned if axes.items() <= AXES.items() else _as_stored
        image = read_volume(case.image)
        rule, said = self.given.rule or "maxslice", case.said()
        for numbers, values in _label_maps(case.masks, image):
            unseen = {(axis, label) for axis in axes for label in values}
            for found in slices(place(image), place(numbers), values, case.subject, axes, rule, **said):
                unseen -= {(found.axis, label) for label in found.masks}
                yield found
            for axis, label in sorted(unseen):  # so that they are counted, without a picture
                nothing = np.zeros((1, 1), bool)
                yield Example(case.image, case.subject, nothing, {label: nothing}, axis=axis, **said)


def is_volume(path: Path) -> bool:
    """Whether a path is a volume's: by its ending, or a folder without 2D pictures, as of a DICOM series."""
    if not path.is_dir():
        return path.name.lower().endswith(VOLUMES)
    return not any(file.suffix.lower() in IMAGE_SUFFIXES for file in path.iterdir())


def stem(path: Path) -> str:
    """A file's name without ending; ``.nii.gz`` is one."""
    lower = path.name.lower()
    ending = next((ending for ending in VOLUMES if lower.endswith(ending)), path.suffix)
    return path.name if path.is_dir() else path.name[: len(path.name) - len(ending)]


def visible(folder: Path) -> list[Path]:
    """What is in a folder, in order, less hidden files."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def only_one(option: str, given: T | None, said: T | None, where: Path) -> T | None:
    """What an option gives or the data say.

    Raises
    ------
    DataError
        If both do.
    """
    if given is not None and said is not None:
        raise DataError(f"{where} says it already; leave out --{option}")
    return said if given is None else given


def labels_from_pairs(pairs: Iterable[tuple[str, str]], where: str | Path) -> Labels:
    """Labels from pairs of a value and a name; values of one name are one label.

    Raises
    ------
    DataError
        If a value is no whole number above 0, is named twice or has no name.
    """
    found: dict[str, tuple[int, ...]] = {}
    for value, label in pairs:
        if not is_number(value.strip()) or not int(value) or not label.strip():
            raise DataError(f"{where}: {value}={label} names no label; give each value from 1 on a name")
        if any(int(value) in values for values in found.values()):
            raise DataError(f"{where} names value {value} twice; keep one name")
        name = label.strip()
        found[name] = (*found.get(name, ()), int(value))
    if not found:
        raise DataError(f"{where} names no label; give each value from 1 on a name")
    return found


def read_labels(file: Path) -> Labels:
    """Labels from a CSV file with the columns ``value`` and ``label``; errors as of `labels_from_pairs`."""
    return labels_from_pairs(read_columns(file, "value", "label"), file)


def by_file(masks: Iterable[MaskFile]) -> tuple[MaskFile, ...]:
    """Masks of which each file is read once, but where it says a label or all of its values again."""
    found: dict[Path, dict[str, tuple[int, ...]]] = {}
    rest: list[MaskFile] = []
    for path, labels in masks:
        said = found.setdefault(path, {})
        if labels is None or said.keys() & labels.keys():
            rest.append(MaskFile(path, labels))
        else:
            said |= labels
    return (*(MaskFile(path, labels) for path, labels in found.items() if labels), *rest)


def _by_value(masks: Iterable[Path]) -> Labels:
    def read(path: Path) -> np.ndarray:
        return read_volume(path).values if is_volume(path) else read_mask(path)

    return {label: (value,) for label, value in labels_by_value(masks, read).items()}


def _assert_distinct(cases: Iterable[Case], folder: Path) -> None:
    """DataError if something has no name, or two names would be one in the names of tasks."""
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
        numbers = read_mask(path)
        if numbers.shape != image.shape[:2]:
            one, other = ("x".join(map(str, shape)) for shape in (numbers.shape, image.shape[:2]))
            raise DataError(f"{path} is {one} and its image {case.image} {other}; make them match")
        for label, values in (labels or {}).items():
            mask = _shown(numbers, values)
            masks[label] = masks[label] | mask if label in masks else mask
    return Example(case.image, case.subject, image, masks, **case.said())


def _label_maps(masks: Sequence[MaskFile], image: Volume) -> Iterator[tuple[Volume, Labels]]:
    """The label maps of a volume and what their values mean.

    A label of several files, or without a value, has a map of its own: wherever one of its files shows it.
    """
    files = Counter(label for mask in masks for label in mask.labels or ())
    merged: dict[str, list[tuple[Path, tuple[int, ...]]]] = {}
    for path, labels in masks:
        kept = {}
        for label, values in (labels or {}).items():
            if values and files[label] == 1:
                kept[label] = values
            else:
                merged.setdefault(label, []).append((path, values))
        if kept:
            yield read_label_map(path, image), kept
    for label, found in merged.items():
        shown = (_shown(read_label_map(path, image).values, values) for path, values in found)
        yield replace(image, values=reduce(np.logical_or, shown)), {label: (1,)}


def _shown(numbers: np.ndarray, values: tuple[int, ...]) -> np.ndarray:
    """Where a mask has some values; without any, where it is not 0."""
    return shows(numbers, values) if values else numbers != 0


def _as_stored(volume: Volume) -> Volume:
    return volume
