"""Finding the files of a data set and matching those that belong together."""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from segbench.datasets.examples import SPLIT_NAMES
from segbench.datasets.task import DataError
from segbench.text import join_names

IGNORED = (".", "__MACOSX", "Thumbs.db", "desktop.ini")  # starts of names that systems add

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "org", "original", "originals", "scans", "volumes")
MASK_FOLDERS = (
    *("masks", "mask", "labels", "label", "annotations", "annotation", "gt", "groundtruth"),
    *("segmentations", "segmentation", "segs", "seg", "labelmaps"),
)
"""Names of folders, in any capitals and with blanks, hyphens or underscores between the words."""

TEXTS = (".txt", ".json", ".xml", ".csv", ".md")  # a folder of these only holds no masks

IMAGE_WORDS = "img|image"
MASK_WORDS = "seg|segmentation|dseg|mask|masks|label|labels|labelmap|gt|groundtruth|annotation"
"""Words in names of files that say what a file is, as a part of a regular expression."""

_WORDS = rf"(?:{IMAGE_WORDS}|{MASK_WORDS})"
_KIND = re.compile(rf"^{_WORDS}[\W_]+(?=.)|(?<=.)[\W_]+{_WORDS}$")
MAX_NAMED = 5  # files that an error names


class Part(NamedTuple):
    """Folders of images and of their masks, and the name of the folder that states their split, or ``""``."""

    images: Path
    masks: Path
    split: str = ""


def find_files(folder: Path, pattern: str) -> list[Path]:
    """Find files at any depth whose path ends in a pattern, in order, without hidden ones.

    Links to folders are followed, each folder once.
    """
    found: list[Path] = []
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith(IGNORED))
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        paths = (Path(place, name) for name in names if not name.startswith(IGNORED))
        found += [path for path in paths if path.relative_to(folder).match(pattern)]
    return sorted(found)


def visible(folder: Path) -> list[Path]:
    """The content of a folder in order, without hidden files."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith(IGNORED))


def named_folders(folder: Path, names: Iterable[str]) -> list[Path]:
    """List the folders in a folder that have one of some names; capitals, blanks, - and _ do not count."""
    if not folder.is_dir():
        return []
    known = {*names}
    return [path for path in visible(folder) if plain_folder(path.name) in known and path.is_dir()]


def plain_folder(name: str) -> str:
    """The name of a folder without capitals, blanks, hyphens and underscores."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def find_parts(folder: Path) -> list[Part]:
    """Find the folders of images and of masks: in a folder, or in each of its folders that state a split.

    The folders of a split may also lie in those of the images and masks. None are found if the folder has
    another layout.

    Raises
    ------
    DataError
        If several folders may hold the images or the masks, or a split lacks one of them.
    """
    part = _find_part(folder)
    if part is not None:
        return _splits_of(part) or [part]
    found = {path: _find_part(path, path.name) for path in named_folders(folder, SPLIT_NAMES)}
    parts = [part for part in found.values() if part is not None]
    for path, part in found.items():
        if parts and part is None:
            raise DataError(f"{path} lacks a folder of images or of masks; add it or remove {path.name}")
    return parts


def _find_part(folder: Path, split: str = "") -> Part | None:
    images, masks = (_with_data(named_folders(folder, names)) for names in (IMAGE_FOLDERS, MASK_FOLDERS))
    for several, kind in ((images, "images"), (masks, "masks")):
        if images and masks and len(several) > 1:
            names = " and ".join(f"{path.name}/" for path in several)
            raise DataError(f"{folder} contains {names}, which may both hold the {kind}; keep one of them")
    return Part(images[0], masks[0], split) if images and masks else None


def _with_data(folders: list[Path]) -> list[Path]:
    """Of several folders, those that hold more than texts."""
    if len(folders) == 1:
        return folders
    return [folder for folder in folders if any(path.suffix.lower() not in TEXTS for path in visible(folder))]


def _splits_of(part: Part) -> list[Part]:
    """The parts of a part whose folders contain folders of splits; none if not both do."""
    images, masks = (
        {path.name.lower(): path for path in named_folders(each, SPLIT_NAMES)} for each in part[:2]
    )
    if not images or not masks:
        return []
    for one, other, place in ((images, masks, part.masks), (masks, images, part.images)):
        for name, path in one.items():
            if name not in other:
                raise DataError(f"{path} has no folder of its name in {place}; add it or remove {path.name}")
    for path in chain(visible(part.images), visible(part.masks)):
        if path not in chain(images.values(), masks.values()):
            raise DataError(f"{path} lies beside folders of a split; put it into one of them")
    return [Part(path, masks[name], path.name) for name, path in images.items()]


def require_file(file: Path, other: Path) -> Path:
    """Return a file that exists; else DataError, which also names the `other` file that belongs to it."""
    if not file.is_file():
        raise DataError(f"{file}, which belongs to {other}, is missing; add it or remove {other.name}")
    return file


def match_files(
    key: Callable[[Path], str], kinds: Mapping[str, Iterable[Path]]
) -> list[tuple[str, dict[str, Path]]]:
    """Match files of several kinds by a key that their names share, in the order of the keys.

    `kinds` maps each kind, as errors call it, to its files. DataError if a file of another kind is missing or
    two files of one kind share a key.
    """
    by_kind = {kind: by_key(key, paths) for kind, paths in kinds.items()}
    for files in by_kind.values():
        for kind, others in by_kind.items():
            lone = [file for name, file in files.items() if name not in others]
            if lone:
                raise without_partners(key, lone, (), kind)
    keys = sorted({name for files in by_kind.values() for name in files})
    return [(name, {kind: files[name] for kind, files in by_kind.items()}) for name in keys]


def pair_files(
    name_of: Callable[[Path], str], images: Iterable[Path], masks: Iterable[Path], kinds: tuple[str, str]
) -> list[tuple[Path, Path]]:
    """Pair images and masks by `match_names`, in the order of the images' names.

    `kinds` says how errors call them. DataError if files have no partner.
    """
    images, masks = [*images], [*masks]
    image_of = match_names(name_of, images, masks)
    matched = {*image_of, *image_of.values()}
    lone = [[path for path in sorted(paths) if path not in matched] for paths in (images, masks)]
    for files, others, kind in ((lone[0], lone[1], kinds[1]), (lone[1], lone[0], kinds[0])):
        if files:
            raise without_partners(name_of, files, others, kind)
    return sorted(((image, mask) for mask, image in image_of.items()), key=lambda pair: name_of(pair[0]))


def match_names(
    name_of: Callable[[Path], str], images: Iterable[Path], masks: Iterable[Path]
) -> dict[Path, Path]:
    """Find the image of each mask: that of the same name; masks without one are left out.

    Of the other files, those are matched whose names differ in capitals and in a word such as ``mask`` only,
    if there is one image and one mask of such a name.

    Raises
    ------
    DataError
        If two images, or two masks, have one name.
    """
    by_name, masks_by_name = (
        {**by_key(lambda path: _nfc(name_of(path)), paths)} for paths in (images, masks)
    )
    image_of = {mask: by_name.pop(name) for name, mask in masks_by_name.items() if name in by_name}
    rest = [mask for mask in masks_by_name.values() if mask not in image_of]
    similar_images, similar_masks = (_by_loose_name(name_of, paths) for paths in (by_name.values(), rest))
    for name, files in similar_masks.items():
        if len(files) == len(similar_images.get(name, ())) == 1:
            image_of[files[0]] = similar_images[name][0]
    return image_of


def without_partners(
    name_of: Callable[[Path], str], files: Sequence[Path], others: Iterable[Path], kind: str
) -> DataError:
    """Make the error for files that lack one of another kind, with a hint if another file may be meant."""
    names = {name_of(other): other for other in others}
    near, suffix = nearest(name_of(files[0]), names), shared_suffix([*map(name_of, files)], names)
    hint = f", or rename {near.name} if it is meant" if near else ""
    hint = f", or give --mask-suffix={suffix}" if suffix else hint
    if len(files) == 1:
        return DataError(f"{files[0]} has no {kind}; add it or remove the file{hint}")
    return DataError(f"{list_files(files)} have no {kind}; add one for each or remove the files{hint}")


def shared_suffix(names: Sequence[str], others: Iterable[str]) -> str:
    """The text, such as ``_lesion``, that follows each of several names in another one; else empty."""
    found = [
        {other.removeprefix(name) for other in others if re.match(re.escape(name) + r"[\W_]", other)}
        for name in names[:MAX_NAMED]
    ]
    return min(set.intersection(*found), default="") if len(found) > 1 else ""


def list_files(files: Sequence[Path]) -> str:
    """Name a few files, and the folder that holds them, for an error about all of them."""
    folder = os.path.commonpath([file.parent for file in files])
    if len(files) == 1:
        return str(files[0])
    return f"{folder}: {join_names([file.relative_to(folder).as_posix() for file in files], MAX_NAMED)}"


def nearest(name: str, files: Mapping[str, Path]) -> Path | None:
    """Find the file with the most similar name, if one is similar, by `loose_name`."""
    by_name = {loose_name(other): file for other, file in files.items()}
    near = difflib.get_close_matches(loose_name(name), by_name, 1, 0.8)
    return by_name[near[0]] if near else None


def loose_name(name: str) -> str:
    """A name, or a path, without capitals and without the words that say what the file is."""
    folder, slash, last = _nfc(name).casefold().rpartition("/")
    return folder + slash + _KIND.sub("", last)


def _by_loose_name(name_of: Callable[[Path], str], paths: Iterable[Path]) -> dict[str, list[Path]]:
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault(loose_name(name_of(path)), []).append(path)
    return groups


def _nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def by_key(key: Callable[[Path], str], paths: Iterable[Path]) -> dict[str, Path]:
    """Map keys to files, in the order of the paths; DataError if two files share a key."""
    files: dict[str, Path] = {}
    for path in sorted(paths):
        if path != files.setdefault(key(path), path):
            raise DataError(f"{files[key(path)]} and {path} both belong to {key(path)}; keep one of them")
    return files
