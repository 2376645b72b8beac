"""``nifti``: volumes with label maps, in any format that `segbench.datasets.files.volumes` reads."""

from __future__ import annotations

import re
from pathlib import Path

from segbench.datasets.files.finding import find_files, match_files, visible
from segbench.datasets.importing.formats.base import FormatReader
from segbench.datasets.importing.formats.case import Case, MaskFile
from segbench.datasets.importing.formats.volumes import VOLUME_SUFFIXES, is_volume, stem
from segbench.datasets.task import DataError

VOLUME, LABEL_MAP = "volume", "label map"  # their names in errors
PAIR = re.compile(r"(.+)_(?:(img|image)|(seg|label|mask))", re.IGNORECASE)


class VolumeReader(FormatReader):
    """Volumes with label maps in which every label has a value, in one of two layouts.

    ``images/`` and ``labels/`` (or ``masks/``) with files of the same name without suffix; a folder in
    ``images/`` is a DICOM series. Each volume is a subject. Or, at any depth, pairs ``NAME_img`` (or
    ``_image``) and ``NAME_seg`` (or ``_label``, ``_mask``); the subject of pairs in a subfolder is the path
    of the subfolder.
    """

    name = "nifti"
    layout = "volumes in images/ and labels/ (or masks/), or pairs NAME_img and NAME_seg"

    @staticmethod
    def fits(folder: Path) -> bool:
        images = folder / "images"
        if images.is_dir():
            return _label_folder(folder) is not None and any(map(is_volume, visible(images)))
        return bool(_find_pairs(folder))

    def list_cases(self, folder: Path) -> list[Case]:
        if (folder / "images").is_dir():
            label_folder = _label_folder(folder)
            if label_folder is None:
                raise DataError(f"{folder} has images/ but no labels/ (or masks/); add the label maps")
            folders = {VOLUME: folder / "images", LABEL_MAP: label_folder}
            volumes = {kind: filter(is_volume, visible(path)) for kind, path in folders.items()}
            pairs = match_files(stem, volumes)
        else:
            names = _find_pairs(folder)

            def key_of(path: Path) -> str:
                return (path.parent.relative_to(folder) / names[path][1]).as_posix()

            kinds = {
                kind: [path for path, match in names.items() if match[group]]
                for kind, group in ((VOLUME, 2), (LABEL_MAP, 3))
            }
            pairs = match_files(
                lambda path: (path.parent.relative_to(folder) / names[path][1]).as_posix(), kinds
            )
        return [self._case(key, files[VOLUME], files[LABEL_MAP]) for key, files in pairs]

    def _case(self, key: str, image: Path, mask: Path) -> Case:
        folder, _, name = key.rpartition("/")
        by_name = self.options.subject_pattern or not folder
        subject = self.options.subject(name, image) if by_name else folder
        return Case(image, (MaskFile(mask, None),), subject, modality=self.options.modality or "unknown")


def _label_folder(folder: Path) -> Path | None:
    return next((folder / name for name in ("labels", "masks") if (folder / name).is_dir()), None)


def _find_pairs(folder: Path) -> dict[Path, re.Match[str]]:
    """Volumes whose names end in their kind, and the parts of these names."""
    volumes = [path for path in find_files(folder, "*") if path.name.lower().endswith(VOLUME_SUFFIXES)]
    matches = {path: PAIR.fullmatch(stem(path)) for path in volumes}
    return {path: match for path, match in matches.items() if match}
