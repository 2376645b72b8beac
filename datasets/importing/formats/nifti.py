"""``nifti``: volumes with label maps, in any format that `segbench.datasets.files.volumes` reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from segbench.datasets.examples import SPLIT_NAMES, Facts, named_split
from segbench.datasets.files.finding import (
    IMAGE_WORDS,
    MASK_WORDS,
    find_files,
    find_parts,
    loose_name,
    pair_files,
    visible,
)
from segbench.datasets.importing.formats.base import FormatReader, of_folders
from segbench.datasets.importing.formats.case import Case, MaskFile
from segbench.datasets.importing.formats.subjects import EACH, Subjects, without_sessions
from segbench.datasets.importing.formats.volumes import VOLUME_SUFFIXES, is_volume, stem

KINDS = ("volume", "label map")  # their names in errors
PAIR = re.compile(rf"(.+)[_.-](?:(?P<image>{IMAGE_WORDS})|(?P<mask>{MASK_WORDS}))", re.IGNORECASE)


class _Pair(NamedTuple):
    """A volume and its label map, its name, the folder of its subject and the one of its split, or ``""``."""

    image: Path
    mask: Path
    name: str
    split: str
    place: str = ""


class VolumeReader(FormatReader):
    """Volumes with label maps in which every label has a value, in one of two layouts.

    ``images/`` and ``labels/`` with files of the same name without suffix; a folder in ``images/`` is a DICOM
    series. Each volume is a subject. Or, at any depth, pairs ``NAME_img`` (or ``_image``, or ``NAME``) and
    ``NAME_seg`` (or another of `MASK_WORDS`). The subject of a pair in a subfolder is the path of the
    subfolder without the names of sessions, unless all pairs lie in one: each pair is then a subject. Folders
    named as splits, around either layout, are the split. ``subjects.csv`` may state the subjects.
    """

    name = "nifti"
    layout = "volumes in images/ and labels/ (or masks/), or pairs NAME_img and NAME_seg"

    @staticmethod
    def fits(folder: Path) -> bool:
        parts = find_parts(folder)
        if parts:
            return any(is_volume(path) for part in parts for path in visible(part.images))
        return any(_find_named(folder))

    def list_cases(self, folder: Path) -> list[Case]:
        subjects = Subjects(folder, self.options.subject_pattern, each="volume")
        modality = self.options.modality or "unknown"
        pairs = _pairs_in_folders(folder) or _named_pairs(folder)
        cases = []
        for image, mask, name, split, place in pairs:
            subject = subjects.of(image, name, place or "/".join(filter(None, (split, name))))
            named = named_split(split, str(folder)) if split else None
            cases.append(Case(image, (MaskFile(mask, None),), subject, modality=modality, split=named))
        origin = subjects.origin
        if origin.startswith(EACH) and any(pair.place for pair in pairs):
            origin = "the folders of the volumes"
        self.facts = Facts(origin, of_folders(pair.split for pair in pairs))
        return cases


def _pairs_in_folders(folder: Path) -> list[_Pair]:
    """Pairs in a folder of volumes and one of label maps."""
    pairs = []
    for part in find_parts(folder):
        images, masks = (filter(is_volume, visible(path)) for path in part[:2])
        found = pair_files(stem, images, masks, KINDS)
        pairs += [_Pair(image, mask, stem(image), part.split) for image, mask in found]
    return pairs


def _named_pairs(folder: Path) -> list[_Pair]:
    """Pairs at any depth whose names say which file is the label map."""
    images, masks = _find_named(folder)
    names = images | masks
    pairs = []
    for image, mask in pair_files(names.__getitem__, images, masks, KINDS):
        *folders, name = names[image].split("/")
        split = next((each for each in folders if each.lower() in SPLIT_NAMES), "")
        place = without_sessions(each for each in folders if each != split)
        pairs.append(_Pair(image, mask, name, split, place))
    if len({pair.place for pair in pairs}) == 1:  # a folder of many subjects
        return [pair._replace(place="") for pair in pairs]
    return pairs


def _find_named(folder: Path) -> tuple[dict[Path, str], dict[Path, str]]:
    """Volumes and label maps, and the path of each pair, which ends in its name."""
    volumes = [path for path in find_files(folder, "*") if path.name.lower().endswith(VOLUME_SUFFIXES)]
    kinds: dict[str, dict[Path, str]] = {"image": {}, "mask": {}, "": {}}
    for path in volumes:
        match = PAIR.fullmatch(stem(path))
        name = stem(path) if match is None else match[1]
        kind = "" if match is None else str(match.lastgroup)
        kinds[kind][path] = (path.parent.relative_to(folder) / name).as_posix()
    images, masks, others = kinds.values()
    wanted = {*map(loose_name, masks.values())} - {*map(loose_name, images.values())}
    return images | {path: name for path, name in others.items() if loose_name(name) in wanted}, masks
