"""``nifti``: volumes with label maps, in any format that `segbench.datasets.files.volumes` reads."""

from __future__ import annotations

from pathlib import Path

from segbench.datasets.examples import Facts, named_split
from segbench.datasets.files.finding import find_parts, pair_files, visible
from segbench.datasets.importing.formats.base import FormatReader, of_folders
from segbench.datasets.importing.formats.case import Case, MaskFile
from segbench.datasets.importing.formats.pairs import Pair, named_volumes, pair_stem, with_suffix
from segbench.datasets.importing.formats.subjects import EACH, Subjects
from segbench.datasets.importing.formats.volumes import is_volume

KINDS = ("volume", "label map")  # their names in errors


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
    names_masks = True

    def fits(self, folder: Path) -> bool:
        parts = find_parts(folder)
        if parts:
            return any(is_volume(path) for part in parts for path in visible(part.images))
        found = named_volumes(folder, self.options.mask_suffix)
        return bool(found.images or found.masks)

    def list_cases(self, folder: Path) -> list[Case]:
        subjects = Subjects(folder, self.options.subject_pattern, each="volume")
        modality = self.options.modality or "unknown"
        suffix = self.options.mask_suffix
        pairs = _pairs_in_folders(folder, suffix) or named_volumes(folder, suffix).pairs(KINDS)
        cases = []
        for pair in pairs:
            subject = subjects.of(pair.image, pair.name, pair.subject())
            split = named_split(pair.split, str(folder)) if pair.split else None
            cases.append(Case(pair.image, pair.masks, subject, modality=modality, split=split))
        origin = subjects.origin
        if origin.startswith(EACH) and any(pair.place for pair in pairs):
            origin = "the folders of the volumes"
        self.facts = Facts(origin, of_folders(pair.split for pair in pairs))
        return cases


def _pairs_in_folders(folder: Path, suffix: str | None) -> list[Pair]:
    """Pairs in a folder of volumes and one of label maps."""

    def name_of(path: Path) -> str:
        return pair_stem(path, suffix)

    pairs = []
    for part in find_parts(folder):
        images, masks = (filter(is_volume, visible(path)) for path in part[:2])
        found = pair_files(name_of, images, with_suffix(masks, suffix), KINDS)
        pairs += [Pair(image, (MaskFile(mask, None),), name_of(image), part.split) for image, mask in found]
    return pairs
