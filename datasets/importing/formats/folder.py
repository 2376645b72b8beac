"""``folder``: 2D images in one folder and their masks in another."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segbench.datasets.examples import Facts, named_split
from segbench.datasets.files.finding import (
    Part,
    find_parts,
    match_names,
    pair_files,
    visible,
    without_partner,
)
from segbench.datasets.files.images import IMAGE_SUFFIXES, MASK_SUFFIXES
from segbench.datasets.files.labels import Labels, labels_from_pairs
from segbench.datasets.files.tables import read_text
from segbench.datasets.importing.formats.base import FormatReader, merge_option, of_folders
from segbench.datasets.importing.formats.case import Case, MaskFile
from segbench.datasets.importing.formats.subjects import Subjects
from segbench.datasets.importing.formats.volumes import is_volume, stem
from segbench.datasets.task import DataError

SETTINGS = {"name": str, "cohort": str, "modality": str, "subject_pattern": str, "labels": dict}


class FolderReader(FormatReader):
    """Images in ``images/``, and in ``masks/`` a mask of the same stem for each.

    Folders may have other usual names (`segbench.datasets.files.finding`), and lie in folders of a split.
    Instead of masks with one value per label, ``masks/<label>/`` may contain a binary mask of that label for
    every image with it. ``dataset.toml`` states what `Folder` describes, ``subjects.csv`` the subjects.
    """

    name = "folder"
    layout = "images/ and masks/ with 2D files"

    @staticmethod
    def fits(folder: Path) -> bool:
        parts = find_parts(folder)
        return bool(parts) and not any(is_volume(path) for part in parts for path in visible(part.images))

    def list_cases(self, folder: Path) -> list[Case]:
        settings, file = read_settings(folder / "dataset.toml"), folder / "dataset.toml"
        fields, labels = self._stated(settings, file)
        pattern = settings.get("subject_pattern")
        given = merge_option("subject-pattern", self.options.subject_pattern, pattern, file)
        subjects = Subjects(folder, given, file if pattern else None)
        parts = find_parts(folder)
        if not parts:
            missing = folder / ("masks" if (folder / "images").is_dir() else "images")
            raise DataError(f"there is no folder {missing}; put the 2D {missing.name} of the data set there")
        cases = []
        for part in parts:
            split = named_split(part.split, str(folder)) if part.split else None
            for image, masks in _files(part, labels):
                default = f"{part.split}/{image.stem}" if part.split else image.stem
                subject = subjects.of(image, image.stem, default)
                cases.append(Case(image, masks, subject, **fields, split=split))
        self.facts = Facts(subjects.origin, of_folders(part.split for part in parts))
        return cases

    def _stated(self, settings: Mapping[str, Any], file: Path) -> tuple[dict[str, str], Labels | None]:
        """Cohort and modality, and the labels if they are named, by the settings or the options."""
        modality = merge_option("modality", self.options.modality, settings.get("modality"), file)
        names = settings.get("labels", {})
        labels = (
            labels_from_pairs(((value, str(name)) for value, name in names.items()), file) if names else None
        )
        fields = {"cohort": settings.get("cohort", "all"), "modality": modality or "unknown"}
        return fields, merge_option("labels", self.options.labels, labels, file)


def read_settings(file: Path) -> Mapping[str, Any]:
    """Read a ``dataset.toml``; there may be none.

    DataError if it cannot be read, or has a key or type that is not in `SETTINGS`.
    """
    if not file.exists():
        return {}
    try:
        settings = tomllib.loads(read_text(file))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file} cannot be read ({error}); correct it") from error
    for key, value in settings.items():
        if key not in SETTINGS:
            raise DataError(f"{file} has an unknown key {key!r}; known: {', '.join(SETTINGS)}")
        if not isinstance(value, SETTINGS[key]) or not value:
            raise DataError(f"{file}: {key} must be a non-empty {'table' if key == 'labels' else 'text'}")
    return settings


def _files(part: Part, labels: Labels | None) -> list[tuple[Path, tuple[MaskFile, ...]]]:
    """Images in order, and the masks of each."""
    images = _list_files(part.images, IMAGE_SUFFIXES, "images")
    if not images:
        raise DataError(f"{part.images} is empty; put the 2D images of the data set there")
    folders = [path for path in visible(part.masks) if path.is_dir()]
    if folders:
        return _files_by_label(images, folders, labels)
    masks = _list_files(part.masks, MASK_SUFFIXES, "masks")
    pairs = pair_files(stem, images, masks, ("image", "mask"))
    return [(image, (MaskFile(mask, labels),)) for image, mask in sorted(pairs)]


def _files_by_label(
    images: list[Path], folders: list[Path], labels: Labels | None
) -> list[tuple[Path, tuple[MaskFile, ...]]]:
    """Images in order, and the masks of each, which lie in one folder per label."""
    if labels:
        raise DataError(f"{folders[0]} names a label already; name no labels elsewhere")
    masks: dict[Path, list[MaskFile]] = {image: [] for image in images}
    for path in visible(folders[0].parent):
        if path.suffix.lower() in MASK_SUFFIXES and path not in folders:
            raise DataError(f"{path} lies beside folders of labels; put it into one of them")
    for folder in folders:
        files = _list_files(folder, MASK_SUFFIXES, "masks")
        image_of = match_names(stem, images, files)
        for path in files:
            if path not in image_of:
                raise without_partner(stem, path, images, f"image in {images[0].parent}")
            masks[image_of[path]].append(MaskFile(path, {folder.name: ()}))
    for image, found in masks.items():
        if not found:
            raise DataError(f"{image} has no mask in any folder of {folders[0].parent}; add one")
    return [(image, tuple(found)) for image, found in masks.items()]


def _list_files(folder: Path, suffixes: tuple[str, ...], kind: str) -> list[Path]:
    """List the files of a folder without hidden ones; DataError if one is a folder or of another type."""
    files = visible(folder)
    for path in files:
        if path.is_dir():
            raise DataError(f"{path} is a folder; put its files into {folder} itself")
        if path.suffix.lower() not in suffixes:
            raise DataError(f"{path} is not one of the types for {kind} ({', '.join(suffixes)}); convert it")
    return files
