"""What all formats of anybody's own data have in common: cases of an image file and its mask files."""

from __future__ import annotations

import csv
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from datasets.examples import Example
from datasets.folder import MOST_LABELS
from datasets.images import MASK_SUFFIXES, read_image, read_mask
from datasets.task import DataError, name_part
from datasets.volumes import AXES, Rule, Volume, read_label_map, read_volume, slices, turned

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


@dataclass(frozen=True)
class Given:
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


class OwnData(ABC):
    """A `datasets.examples.Reader` of a general format. A subclass lists the cases.

    Without labels that are said or given, every value of the masks but 0 is a label of that name, or
    ``foreground`` if there is one value only; the masks are then read once more, before all others.
    """

    name: ClassVar[str]
    layout: ClassVar[str]  # what it looks for, in a few words

    def __init__(self, given: Given) -> None:
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
        if not unnamed:
            return found
        labels = self.given.labels or labels_by_value(unnamed)
        return [
            case._replace(masks=tuple(m if m.labels else m._replace(labels=labels) for m in case.masks))
            for case in found
        ]

    def examples(self, case: Case) -> Iterator[Example]:
        if is_volume(case.image):
            yield from self._slices(case)
        else:
            yield _picture(case)

    def subject_of(self, name: str, file: Path) -> str:
        """The subject of an image of that name: the name itself unless a pattern is given."""
        pattern = self.given.subject_pattern
        if pattern is None:
            return name
        try:
            match = re.search(pattern, name)
        except re.error as error:
            raise DataError(f"{pattern!r} is no regular expression ({error}); correct it") from error
        if match is None or match.re.groups != 1 or not match[1]:
            raise DataError(f"{pattern!r} finds no subject in {name} ({file}); it needs one group that does")
        return match[1]

    def _slices(self, case: Case) -> Iterator[Example]:
        axes = self.given.axes or AXES
        place = turned if axes.items() <= AXES.items() else _as_stored
        image = read_volume(case.image)
        for path, labels in case.masks:
            numbers, values = _numbered(read_label_map(path, image), labels or {})
            yield from slices(
                place(image),
                place(numbers),
                values,
                case.subject,
                axes,
                self.given.rule or "maxslice",
                cohort=case.cohort,
                modality=case.modality,
                split=case.split,
            )


def is_volume(path: Path) -> bool:
    """Whether a path is a volume's: by its ending, or a folder, which holds a DICOM series."""
    return path.name.lower().endswith(VOLUMES) or path.is_dir()


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


def named_values(pairs: Iterable[tuple[str, str]], where: str | Path) -> Labels:
    """Labels from pairs of a value and a name; values of one name are one label.

    Raises
    ------
    DataError
        If a value is no whole number above 0, is named twice or has no name.
    """
    found: dict[str, tuple[int, ...]] = {}
    for value, label in pairs:
        if not value.strip().isdecimal() or not int(value) or not label.strip():
            raise DataError(f"{where}: {value}={label} names no label; give each value from 1 on a name")
        if any(int(value) in values for values in found.values()):
            raise DataError(f"{where} names value {value} twice; keep one name")
        name = name_part(label.strip())
        found[name] = (*found.get(name, ()), int(value))
    if not found:
        raise DataError(f"{where} names no label; give each value from 1 on a name")
    return found


def read_labels(file: Path) -> Labels:
    """Labels from a CSV file with the columns ``value`` and ``label``; errors as of `named_values`."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            pairs = [(row["value"] or "", row["label"] or "") for row in csv.DictReader(lines)]
    except KeyError as error:
        raise DataError(f"{file} lacks the column {error}; its columns are value,label") from error
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{file} cannot be read ({error}); save it as CSV in UTF-8") from error
    return named_values(pairs, file)


def labels_by_value(masks: Iterable[Path]) -> Labels:
    """Labels named by the values that masks hold, ``foreground`` where there is only one.

    Raises
    ------
    DataError
        If a mask cannot be read, or there are no values or too many.
    """
    import pandas as pd

    values: set[int] = set()
    for path in masks:
        numbers = read_volume(path).values if is_volume(path) else read_mask(path)
        values |= {int(value) for value in pd.unique(np.ravel(numbers, order="K")) if value > 0}
        if len(values) > MOST_LABELS:
            raise DataError(
                f"{path} brings the masks to more than {MOST_LABELS} values; save one whole number per "
                "label, or name the labels with --labels"
            )
    if not values:
        raise DataError("every mask is empty; mark each label with a whole number from 1")
    return {"foreground" if len(values) == 1 else str(value): (value,) for value in sorted(values)}


def _picture(case: Case) -> Example:
    image = read_image(case.image)
    masks: dict[str, np.ndarray] = {}
    for path, labels in case.masks:
        numbers = read_mask(path)
        if numbers.shape != image.shape[:2]:
            one, other = ("x".join(map(str, shape)) for shape in (numbers.shape, image.shape[:2]))
            raise DataError(f"{path} is {one} and its image {case.image} {other}; make them match")
        for label, values in (labels or {}).items():
            mask = np.isin(numbers, values) if values else numbers != 0
            masks[label] = masks[label] | mask if label in masks else mask
    said: dict[str, Any] = {"cohort": case.cohort, "modality": case.modality, "split": case.split}
    return Example(case.image, case.subject, image, masks, **said)


def _numbered(numbers: Volume, labels: Labels) -> tuple[Volume, Labels]:
    """A label map and labels that all have values."""
    if all(labels.values()):
        return numbers, labels
    return replace(numbers, values=(numbers.values != 0).astype(np.uint8)), dict.fromkeys(labels, (1,))


def _as_stored(volume: Volume) -> Volume:
    return volume
