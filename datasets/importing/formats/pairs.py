"""Pairs of images and masks whose names, or whose folders, say which file is the mask."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from segbench.datasets.examples import SPLIT_NAMES
from segbench.datasets.files.dicom import DICOM_SUFFIXES
from segbench.datasets.files.finding import (
    IMAGE_FOLDERS,
    IMAGE_WORDS,
    MASK_FOLDERS,
    MASK_WORDS,
    find_files,
    loose_name,
    pair_files,
    plain_folder,
)
from segbench.datasets.files.images import IMAGE_SUFFIXES
from segbench.datasets.importing.formats.case import MaskFile
from segbench.datasets.importing.formats.subjects import without_sessions
from segbench.datasets.importing.formats.volumes import VOLUME_SUFFIXES, stem
from segbench.datasets.task import DataError
from segbench.text import join_names

KIND = re.compile(rf"(.+)[_.-](?:(?P<image>{IMAGE_WORDS})|(?P<mask>{MASK_WORDS}))", re.IGNORECASE)
PART = re.compile(rf"(.+)[_.-](?:{MASK_WORDS})[ _.-]?\d+", re.IGNORECASE)
PICTURE_SUFFIXES = tuple(suffix for suffix in IMAGE_SUFFIXES if suffix not in DICOM_SUFFIXES)
PAIRED_SUFFIXES = (*PICTURE_SUFFIXES, *VOLUME_SUFFIXES)


class Pair(NamedTuple):
    """An image and its masks, its name, the folder of its split and the one of its subject, or ``""``."""

    image: Path
    masks: tuple[MaskFile, ...]
    name: str
    split: str = ""
    place: str = ""

    def subject(self) -> str:
        """The subject if nothing else states it: the folder, or else the image."""
        return self.place or "/".join(filter(None, (self.split, self.name)))


def has_suffix(path: Path, suffix: str) -> bool:
    """Whether a name ends in ``--mask-suffix``, which may be given with or without the type of the file."""
    return stem(path).endswith(suffix) or path.name.endswith(suffix)


def pair_stem(path: Path, suffix: str | None) -> str:
    """The name that a mask shares with its image: its stem without ``--mask-suffix``."""
    if suffix and path.name.endswith(suffix):
        return path.name.removesuffix(suffix)
    return stem(path).removesuffix(suffix or "")


def with_suffix(masks: Iterable[Path], suffix: str | None) -> list[Path]:
    """The masks whose names end in ``--mask-suffix``, or all if none is given; DataError if none do."""
    files = [*masks]
    if suffix is None:
        return files
    found = [path for path in files if has_suffix(path, suffix)]
    if files and not found:
        raise without_suffix(files, suffix)
    return found


def without_suffix(files: Iterable[Path], suffix: str) -> DataError:
    """Make the error for files of which none ends in ``--mask-suffix``; it shows the names of two."""
    files = sorted(files)
    names = join_names([path.name for path in files[:2]])
    return DataError(
        f"no file in {files[0].parent} ends in {suffix}, which --mask-suffix names; the files there are "
        f"called {names}"
    )


class Named(NamedTuple):
    """Images and masks by their names: each has the path of its pair, which ends in the name of the pair.

    ``parts`` are further masks of a mask, by its path.
    """

    images: dict[Path, str]
    masks: dict[Path, str]
    parts: dict[str, list[Path]]

    def pairs(self, kinds: tuple[str, str]) -> list[Pair]:
        """Pair them; parameters and errors as of `pair_files`. Alone in a folder, each image is a subject."""
        names = self.images | self.masks
        found = pair_files(names.__getitem__, self.images, self.masks, kinds)
        pairs = []
        for image, mask in found:
            masks = tuple(MaskFile(path, None) for path in (mask, *self.parts.get(names[mask], ())))
            pairs.append(_placed(names[image], image, masks))
        if len({pair.place for pair in pairs}) == 1:
            return [pair._replace(place="") for pair in pairs]
        return pairs


def named_pictures(folder: Path, suffix: str | None) -> Named:
    """Find 2D files at any depth; none if no mask has an image.

    The mask of ``NAME`` or ``NAME_img`` is ``NAME_mask`` (or another of `MASK_WORDS`), or lies in a folder
    ``masks``. Further masks ``NAME_mask_1`` and so on are parts of it.
    """
    kinds = _by_kind(folder, PICTURE_SUFFIXES, suffix)
    images, masks = kinds["image"] | kinds[""], kinds["mask"]
    parts: dict[str, list[Path]] = {}
    for path, name in kinds["part"].items():
        if name in masks.values():
            parts.setdefault(name, []).append(path)
        else:
            images[path] = path.relative_to(folder).with_suffix("").as_posix()
    if not {*map(loose_name, images.values())} & {*map(loose_name, masks.values())}:
        return Named({}, {}, {})
    return Named(images, masks, parts)


def named_volumes(folder: Path, suffix: str | None) -> Named:
    """Find volumes and label maps at any depth, without volumes that have no label map."""
    kinds = _by_kind(folder, VOLUME_SUFFIXES, suffix)
    images, masks = kinds["image"], kinds["mask"]
    wanted = {*map(loose_name, masks.values())} - {*map(loose_name, images.values())}
    others = {path: name for path, name in kinds[""].items() if loose_name(name) in wanted}
    return Named(images | others, masks, {})


def _by_kind(folder: Path, suffixes: tuple[str, ...], suffix: str | None) -> dict[str, dict[Path, str]]:
    """Files by what they are; each has the path of its pair, which ends in its name."""
    kinds: dict[str, dict[Path, str]] = {kind: {} for kind in ("image", "mask", "part", "other mask", "")}
    for path in find_files(folder, "*"):
        if path.name.lower().endswith(suffixes):
            folders = path.relative_to(folder).parts[:-1]
            in_masks = any(plain_folder(each) in MASK_FOLDERS for each in folders)
            kind, name = _kind(path, suffix, in_masks)
            kept = [each for each in folders if plain_folder(each) not in (*IMAGE_FOLDERS, *MASK_FOLDERS)]
            kinds[kind][path] = "/".join((*kept, name))
    return kinds


def _kind(path: Path, suffix: str | None, in_masks: bool) -> tuple[str, str]:
    """What a file is, and its name without the word that says so."""
    match = KIND.fullmatch(stem(path))
    kind = "" if match is None else str(match.lastgroup)
    name = stem(path) if match is None else match[1]
    if suffix is not None and has_suffix(path, suffix):
        return "mask", pair_stem(path, suffix)
    if part := PART.fullmatch(stem(path)):
        kind, name = "part", part[1]
    if in_masks and kind != "part":
        kind = "mask"
    return ("other mask" if suffix is not None and kind in ("mask", "part") else kind), name


def _placed(path: str, image: Path, masks: tuple[MaskFile, ...]) -> Pair:
    """Read the folders of a pair's path: a split, and the subject without names of sessions."""
    *folders, name = path.split("/")
    split = next((each for each in folders if each.lower() in SPLIT_NAMES), "")
    return Pair(image, masks, name, split, without_sessions(each for each in folders if each != split))
