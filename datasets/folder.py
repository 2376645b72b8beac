"""A user's own 2D data: a folder with images/ and masks/."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segbench.datasets.files.images import (
    IMAGE_SUFFIXES,
    MASK_SUFFIXES,
    LabelledImage,
    pair,
    read_mask,
    task_from_files,
)
from segbench.datasets.files.labels import is_number, labels_by_value
from segbench.datasets.files.tables import read_columns
from segbench.datasets.task import DataError, Task, TaskData, name_part

SETTINGS = {"name": str, "cohort": str, "modality": str, "subject_pattern": str, "labels": dict}


class Folder:
    """Data set ``folder:PATH``.

    ``PATH/images`` contains PNG, TIFF, BMP, GIF, JPEG or NPY files, ``PATH/masks`` a mask of the same stem
    for each. Masks with one value besides 0 are one task, ``foreground``; with several, each value is a task.
    If some masks contain 0 and 1 and others 0 and 255, ``labels`` must name the values. Every image is a
    subject unless ``PATH/subjects.csv`` (columns ``file`` and ``subject``) or a pattern names subjects.
    ``PATH/dataset.toml`` may contain, all optional::

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
        self._settings = _read_settings(self.path / "dataset.toml")
        self.name = name_part(self._settings.get("name", self.path.name))

    def installed(self, root: Path | None) -> bool:
        return (self.path / "images").is_dir() and (self.path / "masks").is_dir()

    def tasks(self, root: Path | None) -> list[Task]:
        """One task per label, in the order of the mask values; reads the masks, not the images."""
        cohort = name_part(self._settings.get("cohort", "all"))
        modality = name_part(self._settings.get("modality", "unknown"))
        return [Task(self.name, cohort, modality, "0", label) for label in self._labels()]

    def load(self, task: Task, root: Path | None) -> TaskData:
        return task_from_files(task, self._files(), self._labels()[task.label])

    def _files(self) -> list[LabelledImage]:
        images = list_files(self.path / "images", IMAGE_SUFFIXES)
        pairs = pair(images, list_files(self.path / "masks", MASK_SUFFIXES))
        subjects = self._subjects([image for image, _ in pairs])
        return [LabelledImage(image, mask, subjects[image.name]) for image, mask in pairs]

    def _labels(self) -> dict[str, int]:
        """Mask value of each label."""
        files = self._files()
        names = self._settings.get("labels")
        if names is None:
            return labels_by_value((file.mask for file in files), read_mask)
        labels = {name_part(str(name)): int(value) for value, name in names.items() if is_number(value)}
        if len(labels) != len(names):
            settings = self.path / "dataset.toml"
            raise DataError(f"{settings}: labels must give each integer mask value a different name")
        return labels

    def _subjects(self, images: list[Path]) -> dict[str, str]:
        """Subject of each file name."""
        table, settings = self.path / "subjects.csv", self.path / "dataset.toml"
        pattern = self._settings.get("subject_pattern")
        if table.exists() and pattern is not None:
            raise DataError(f"{table} and subject_pattern in {settings.name} both name subjects; keep one")
        if table.exists():
            subjects = {name: subject for name, subject in read_columns(table, "file", "subject") if subject}
            for image in images:
                if image.name not in subjects:
                    raise DataError(f"{table} names no subject for {image.name}; add a row for it")
            return subjects
        if pattern is not None:
            return {image.name: subject_of(image.stem, pattern, image, f"{settings}: ") for image in images}
        return {image.name: image.stem for image in images}


def subject_of(name: str, pattern: str, file: Path, source: str = "") -> str:
    """Find the subject in a name by a regular expression with one group.

    DataError, starting with `source`, if the pattern is invalid, does not have one group or does not match.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise DataError(f"{source}{pattern!r} is not a regular expression ({error}); correct it") from error
    if expression.groups != 1:
        raise DataError(f"{source}{pattern!r} must have one group, the subject, not {expression.groups}")
    match = expression.search(name)
    if match is None or not match[1]:
        raise DataError(f"{source}{pattern!r} finds no subject in {name} ({file}); change the pattern")
    return match[1]


def _read_settings(path: Path) -> Mapping[str, Any]:
    if not path.exists():
        return {}
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read ({error}); correct it") from error
    for key, value in settings.items():
        if key not in SETTINGS:
            raise DataError(f"{path} has an unknown key {key!r}; known: {', '.join(SETTINGS)}")
        if not isinstance(value, SETTINGS[key]) or not value:
            raise DataError(f"{path}: {key} must be a non-empty {'table' if key == 'labels' else 'text'}")
    return settings


def list_files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """List the files of a folder without hidden ones; DataError if one is a folder or of another type."""
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; put the 2D {folder.name} of the data set there")
    files = [path for path in folder.iterdir() if not path.name.startswith(".")]
    for path in files:
        if path.is_dir():
            hint = ", or import the data set if each folder is a label" if folder.name == "masks" else ""
            raise DataError(f"{path} is a folder; put its files into {folder} itself{hint}")
        if path.suffix.lower() not in suffixes:
            raise DataError(
                f"{path} is not one of the types for {folder.name} ({', '.join(suffixes)}); convert it"
            )
    if not files and folder.name == "images":
        raise DataError(f"{folder} is empty; put the 2D images of the data set there")
    return files
