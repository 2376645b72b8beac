"""``nifti``: volumes with label maps, NIfTI or another format of `segbench.datasets.files.volumes`."""

from __future__ import annotations

import re
from pathlib import Path

from segbench.datasets.importing.formats.base import (
    VOLUMES,
    Case,
    FormatReader,
    MaskFile,
    is_volume,
    stem,
    visible,
)
from segbench.datasets.sources.files import files, matched
from segbench.datasets.task import DataError

VOLUME, LABEL_MAP = "volume", "label map"  # as errors call them
MAPS = ("labels", "masks")
IN_PAIR = re.compile(r"(.+)_(?:(img|image)|(seg|label|mask))", re.IGNORECASE)


class Volumes(FormatReader):
    """Volumes with label maps in which every label has a value, in one of two layouts.

    ``images/`` and ``labels/`` (or ``masks/``) with files of the same name, endings aside; a folder in
    ``images/`` is a DICOM series. Each volume is its own subject. Or, anywhere below the folder, pairs
    ``NAME_img`` (or ``_image``) and ``NAME_seg`` (or ``_label``, ``_mask``); of pairs in subfolders, the path
    of the subfolder is the subject.
    """

    name = "nifti"
    layout = "volumes in images/ and labels/ (or masks/), or pairs NAME_img and NAME_seg"

    @staticmethod
    def fits(folder: Path) -> bool:
        images = folder / "images"
        if images.is_dir():
            return _maps(folder) is not None and any(map(is_volume, visible(images)))
        return bool(_in_pairs(folder))

    def listed(self, folder: Path) -> list[Case]:
        if not (folder / "images").is_dir():
            found = _in_pairs(folder)
            kinds = {
                kind: [path for path, parts in found.items() if parts[number]]
                for kind, number in ((VOLUME, 2), (LABEL_MAP, 3))
            }
            pairs = matched(lambda path: (path.parent.relative_to(folder) / found[path][1]).as_posix(), kinds)
        else:
            maps = _maps(folder)
            if maps is None:
                raise DataError(f"{folder} has images/ but no labels/ (or masks/); add the label maps")
            places = {VOLUME: folder / "images", LABEL_MAP: maps}
            pairs = matched(stem, {kind: filter(is_volume, visible(each)) for kind, each in places.items()})
        return [self._case(key, pair[VOLUME], pair[LABEL_MAP]) for key, pair in pairs]

    def _case(self, key: str, image: Path, mask: Path) -> Case:
        folder, _, name = key.rpartition("/")
        subject = self.given.subject_of(name, image) if self.given.subject_pattern or not folder else folder
        masks = (MaskFile(mask, None),)
        return Case(image, masks, subject, modality=self.given.modality or "unknown")


def _maps(folder: Path) -> Path | None:
    return next((folder / name for name in MAPS if (folder / name).is_dir()), None)


def _in_pairs(folder: Path) -> dict[Path, re.Match[str]]:
    """Volumes whose names say what they are, and the parts of these."""
    volumes = [path for path in files(folder, "*") if path.name.lower().endswith(VOLUMES)]
    parts = {path: IN_PAIR.fullmatch(stem(path)) for path in volumes}
    return {path: match for path, match in parts.items() if match}
