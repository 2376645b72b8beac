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
    without_partners,
)
from segbench.datasets.files.images import IMAGE_SUFFIXES, MASK_SUFFIXES
from segbench.datasets.files.labels import Labels, labels_from_pairs
from segbench.datasets.files.tables import read_text
from segbench.datasets.importing.formats.base import FormatReader, merge_option, of_folders
from segbench.datasets.importing.formats.case import Case, MaskFile
from segbench.datasets.importing.formats.pairs import Pair, named_pictures, pair_stem, with_suffix
from segbench.datasets.importing.formats.subjects import EACH, Subjects
from segbench.datasets.importing.formats.volumes import is_volume
from segbench.datasets.task import DataError
from segbench.text import suggestion

KINDS = ("image", "mask")  # their names in errors
SETTINGS = {"name": str, "cohort": str, "modality": str, "subject_pattern": str, "labels": dict}


class FolderReader(FormatReader):
    """Images in ``images/``, and in ``masks/`` a mask of the same stem for each.

    Folders may have other usual names (`segbench.datasets.files.finding`), and lie in folders of a split.
    Instead of masks with one value per label, ``masks/<label>/`` may contain a binary mask of that label for
    every image with it. At any depth, names may tell images from masks instead
    (`segbench.datasets.importing.formats.pairs`); a folder of them is a subject, unless it is the only one.
    ``dataset.toml`` states what `Folder` describes, ``subjects.csv`` the subjects.
    """

    name = "folder"
    layout = "images/ and masks/ with 2D files, or 2D files NAME and NAME_mask (or another --mask-suffix)"
    names_masks = True

    def fits(self, folder: Path) -> bool:
        parts = find_parts(folder)
        if parts:
            return not any(is_volume(path) for part in parts for path in visible(part.images))
        return bool(named_pictures(folder, self.options.mask_suffix).images)

    def list_cases(self, folder: Path) -> list[Case]:
        settings, file = read_settings(folder / "dataset.toml"), folder / "dataset.toml"
        fields, labels = self._stated(settings, file)
        pattern = settings.get("subject_pattern")
        given = merge_option("subject-pattern", self.options.subject_pattern, pattern, file)
        subjects = Subjects(folder, given, file if pattern else None)
        parts = find_parts(folder)
        if parts and not any(path.is_dir() for part in parts for path in visible(part.images)):
            pairs = [pair for part in parts for pair in _pairs(part, self.options.mask_suffix)]
        else:
            pairs = named_pictures(folder, self.options.mask_suffix).pairs(KINDS)
        if not folder.is_dir():
            raise DataError(f"there is no folder {folder}; give the one that contains images/ and masks/")
        if not pairs:
            missing = folder / ("masks" if (folder / "images").is_dir() else "images")
            raise DataError(f"there is no folder {missing}; put the 2D {missing.name} of the data set there")
        cases = []
        for pair in pairs:
            if labels and pair.masks[0].labels:
                raise DataError(
                    f"{pair.masks[0].path.parent} names a label already; name no labels elsewhere"
                )
            subject = subjects.of(pair.image, pair.image.stem, pair.subject())
            split = named_split(pair.split, str(folder)) if pair.split else None
            masks = tuple(mask._replace(labels=mask.labels or labels) for mask in pair.masks)
            cases.append(Case(pair.image, masks, subject, **fields, split=split))
        origin = subjects.origin
        if origin.startswith(EACH) and any(pair.place for pair in pairs):
            origin = "the folders of the images"
        self.facts = Facts(origin, of_folders(pair.split for pair in pairs))
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
            raise DataError(f"{file} has an unknown key {key!r}; {suggestion(key, SETTINGS)}")
        if not isinstance(value, SETTINGS[key]) or not value:
            raise DataError(f"{file}: {key} must be a non-empty {'table' if key == 'labels' else 'text'}")
    return settings


def _pairs(part: Part, suffix: str | None) -> list[Pair]:
    """Pairs of a folder of images and one of masks, in the order of the images."""

    def name_of(path: Path) -> str:
        return pair_stem(path, suffix)

    images = _list_files(part.images, IMAGE_SUFFIXES, "images")
    if not images:
        raise DataError(f"{part.images} is empty; put the 2D images of the data set there")
    masks: dict[Path, list[MaskFile]] = {image: [] for image in images}
    folders = [path for path in visible(part.masks) if path.is_dir()]
    for folder in folders:
        files = with_suffix(_list_files(folder, MASK_SUFFIXES, "masks"), suffix)
        image_of = match_names(name_of, images, files)
        if lone := [path for path in files if path not in image_of]:
            raise without_partners(name_of, lone, images, f"image in {part.images}")
        for path in files:
            masks[image_of[path]].append(MaskFile(path, {folder.name: ()}))
    if folders:
        _require_no_others(part.masks, folders)
        if lone := [image for image, found in masks.items() if not found]:
            raise without_partners(name_of, lone, (), f"mask in any folder of {part.masks}")
    else:
        files = with_suffix(_list_files(part.masks, MASK_SUFFIXES, "masks"), suffix)
        for image, mask in pair_files(name_of, images, files, KINDS):
            masks[image].append(MaskFile(mask, None))
    return [Pair(image, tuple(found), image.stem, part.split) for image, found in masks.items()]


def _require_no_others(masks: Path, folders: list[Path]) -> None:
    for path in visible(masks):
        if path.suffix.lower() in MASK_SUFFIXES and path not in folders:
            raise DataError(f"{path} lies beside folders of labels; put it into one of them")


def _list_files(folder: Path, suffixes: tuple[str, ...], kind: str) -> list[Path]:
    """List the files of a folder without hidden ones; DataError if one is a folder or of another type."""
    files = visible(folder)
    for path in files:
        if path.is_dir():
            raise DataError(f"{path} is a folder; put its files into {folder} itself")
        if path.suffix.lower() not in suffixes:
            raise DataError(f"{path} is not one of the types for {kind} ({', '.join(suffixes)}); convert it")
    return files
