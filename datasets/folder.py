"""A user's own 2D data: a folder with images/ and masks/."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segbench.datasets.files.images import (
    IMAGE_SUFFIXES,
    MASK_SUFFIXES,
    LabelledImage,
    pair,
    read_mask,
    task_from_files,
)
from segbench.datasets.task import DataError, Task, TaskData, name_part

KEYS = {"name": str, "cohort": str, "modality": str, "subject_pattern": str, "labels": dict}
MOST_LABELS = 64  # more values than this without a list of labels is a picture, not a mask


class Folder:
    """Data set ``folder:PATH``.

    ``PATH/images`` holds PNG, TIFF, BMP, GIF, JPEG or NPY, ``PATH/masks`` a mask of the same stem for each.
    Masks with one value besides 0 make one task, ``foreground``; with several, each value is a task. Some
    masks of 0 and 1 beside others of 0 and 255 are refused unless ``labels`` names the values. Every image
    is its own subject unless ``PATH/subjects.csv`` (columns ``file`` and ``subject``) or a pattern says
    otherwise. ``PATH/dataset.toml`` may give, all optional::

        name = "knees"                       # default: the folder's name
        cohort = "clinic-a"                  # default: all
        modality = "X-Ray"                   # default: unknown
        subject_pattern = "^(p[0-9]+)_"      # one group, searched in the file name without suffix
        labels = {1 = "femur", 2 = "tibia"}  # other values then belong to no label

    Raises
    ------
    DataError
        From every method but `installed`, in one sentence that names the file at fault.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self._settings = _settings(self.path / "dataset.toml")
        self.name = name_part(self._settings.get("name", self.path.name))

    def installed(self, root: Path | None) -> bool:
        return (self.path / "images").is_dir() and (self.path / "masks").is_dir()

    def tasks(self, root: Path | None) -> list[Task]:
        """One task per label, in the order of the mask values. Reads the masks, not the images."""
        cohort, modality = (
            name_part(self._settings.get(key, default))
            for key, default in (("cohort", "all"), ("modality", "unknown"))
        )
        return [Task(self.name, cohort, modality, "0", label) for label in self._labels()]

    def load(self, task: Task, root: Path | None) -> TaskData:
        return task_from_files(task, self._files(), self._labels()[task.label])

    def _files(self) -> list[LabelledImage]:
        pairs = pair(
            listing(self.path / "images", IMAGE_SUFFIXES), listing(self.path / "masks", MASK_SUFFIXES)
        )
        subjects = self._subjects([image for image, _ in pairs])
        return [LabelledImage(image, mask, subjects[image.name]) for image, mask in pairs]

    def _labels(self) -> dict[str, int]:
        """Mask value of each label."""
        files = self._files()
        given = self._settings.get("labels")
        if given is not None:
            return _given_labels(given, self.path / "dataset.toml")
        return labels_by_value((file.mask for file in files), read_mask)

    def _subjects(self, images: list[Path]) -> dict[str, str]:
        """Subject of each file name."""
        table, pattern = self.path / "subjects.csv", self._settings.get("subject_pattern")
        if table.exists() and pattern is not None:
            raise DataError(
                f"{table} and subject_pattern in dataset.toml both name subjects; keep one of them"
            )
        if table.exists():
            return _subjects_from_table(images, table)
        if pattern is not None:
            return _subjects_from_pattern(images, pattern, self.path / "dataset.toml")
        return {image.name: image.stem for image in images}


def labels_by_value(masks: Iterable[Path], read: Callable[[Path], np.ndarray]) -> dict[str, int]:
    """Labels named by the values above 0 that masks hold, ``foreground`` where there is only one.

    Raises
    ------
    DataError
        As of `read`; or if values are no whole numbers, there are none or too many, or some masks have 1
        alone and others 255 alone, which may mean the same.
    """
    import pandas as pd

    first: dict[int, Path] = {}  # the mask that shows each value first
    most = 0
    for path in masks:
        numbers = np.ravel(read(path), order="K")
        native = numbers.astype(numbers.dtype.newbyteorder("="), copy=False)  # pandas takes no other
        values = pd.unique(native)
        values = values[values > 0]
        if np.isinf(values).any() or (values != np.rint(values)).any():
            raise DataError(f"{path} holds infinite values or values between the labels; save whole numbers")
        for value in values.tolist():
            first.setdefault(int(value), path)
        most = max(most, len(values))
        if len(first) > MOST_LABELS:
            raise DataError(
                f"{path} brings the masks to more than {MOST_LABELS} values; save one whole number per "
                "label, or name the labels in dataset.toml or with --labels"
            )
    if not first:
        raise DataError(f"{path.parent}: every mask is empty; mark each label with a whole number from 1")
    if most == 1 and first.keys() == {1, 255}:
        raise DataError(
            f"{first[1]} holds only 0 and 1, {first[255]} only 0 and 255; name both values: two names "
            "(--labels or dataset.toml) make two labels, --labels 1=x,255=x makes one"
        )
    return {"foreground" if len(first) == 1 else str(value): value for value in sorted(first)}


def _settings(path: Path) -> Mapping[str, Any]:
    if not path.exists():
        return {}
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read ({error}); correct it") from error
    for key, value in settings.items():
        if key not in KEYS:
            raise DataError(f"{path} has an unknown key {key!r}; known: {', '.join(KEYS)}")
        if not isinstance(value, KEYS[key]) or not value:
            raise DataError(f"{path}: {key} must be a non-empty {'table' if key == 'labels' else 'text'}")
    return settings


def is_number(text: str) -> bool:
    """Whether a text is a whole number that a mask can hold."""
    return text.isdecimal() and len(text) < 10


def _given_labels(labels: Mapping[str, Any], path: Path) -> dict[str, int]:
    named = {name_part(str(label)): int(value) for value, label in labels.items() if is_number(value)}
    if len(named) != len(labels):
        raise DataError(f"{path}: labels must give each integer mask value a name of its own")
    return named


def listing(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files of a folder, hidden ones aside; DataError if one is of no such type or is a folder."""
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; put the 2D {folder.name} of the data set there")
    files = [path for path in folder.iterdir() if not path.name.startswith(".")]
    for path in files:
        if path.is_dir():
            other = ", or import the data set if each folder is a label" if folder.name == "masks" else ""
            raise DataError(f"{path} is a folder; put its files into {folder} itself{other}")
        if path.suffix.lower() not in suffixes:
            raise DataError(
                f"{path} is of no type for {folder.name} ({', '.join(suffixes)}); convert or remove it"
            )
    if not files and folder.name == "images":
        raise DataError(f"{folder} is empty; put the 2D images of the data set there")
    return files


def read_columns(file: Path, one: str, other: str) -> list[tuple[str, str]]:
    """Two columns of a CSV file, whose only ones they should be.

    Raises
    ------
    DataError
        If the file cannot be read or lacks one of them.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            return [(row[one] or "", row[other] or "") for row in csv.DictReader(lines)]
    except KeyError as error:
        raise DataError(f"{file} lacks the column {error}; its columns are {one},{other}") from error
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{file} cannot be read ({error}); save it as CSV in UTF-8") from error


def _subjects_from_table(images: list[Path], table: Path) -> dict[str, str]:
    subjects = {name: subject for name, subject in read_columns(table, "file", "subject") if subject}
    for image in images:
        if image.name not in subjects:
            raise DataError(f"{table} names no subject for {image.name}; add a row for it")
    return subjects


def _subjects_from_pattern(images: list[Path], pattern: str, path: Path) -> dict[str, str]:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise DataError(f"{path}: subject_pattern is no regular expression ({error}); correct it") from error
    if expression.groups != 1:
        raise DataError(f"{path}: subject_pattern must have one group, the subject, not {expression.groups}")
    subjects = {}
    for image in images:
        match = expression.search(image.stem)
        if match is None or not match[1]:
            raise DataError(f"{path}: subject_pattern finds no subject in {image.name}; widen it")
        subjects[image.name] = match[1]
    return subjects
