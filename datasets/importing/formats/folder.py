"""``folder``: 2D images in images/ and their masks in masks/, the layout of `Folder`."""

from __future__ import annotations

from pathlib import Path

from segbench.datasets.files.images import IMAGE_SUFFIXES, MASK_SUFFIXES, by_stem
from segbench.datasets.folder import Folder, listing
from segbench.datasets.importing.formats.base import (
    Case,
    FormatReader,
    ImportOptions,
    MaskFile,
    is_volume,
    only_one,
    stem,
    visible,
)
from segbench.datasets.task import DataError


class Pictures(FormatReader):
    """The layout of ``folder:PATH``, with its ``dataset.toml`` and ``subjects.csv``.

    Instead of masks with a value for each label, ``masks/<label>/`` may hold a binary mask of that label for
    every image that shows it.
    """

    name = "folder"
    layout = "images/ and masks/ with 2D files"

    @staticmethod
    def fits(folder: Path) -> bool:
        images, masks = folder / "images", folder / "masks"
        return images.is_dir() and masks.is_dir() and not any(map(is_volume, visible(images)))

    def listed(self, folder: Path) -> list[Case]:
        return _Listing(folder, self.given).cases()


class _Listing(Folder):
    """The files of a folder, with what is given besides its settings."""

    def __init__(self, path: Path, given: ImportOptions) -> None:
        super().__init__(path)
        self.path, self._given = path, given  # errors and the store name files as they were given
        said, where = self._settings, path / "dataset.toml"
        only_one("subject-pattern", given.subject_pattern, said.get("subject_pattern"), where)
        only_one("labels", given.labels, said.get("labels"), where)
        modality = only_one("modality", given.modality, said.get("modality"), where)
        self._said = {"cohort": said.get("cohort", "all"), "modality": modality or "unknown"}

    def cases(self) -> list[Case]:
        said = self._said
        folders = [path for path in visible(self._masks()) if path.is_dir()]
        if folders:
            return [Case(image, masks, subject, **said) for image, masks, subject in self._by_label(folders)]
        files = self._files()
        labels = self._given.labels or {label: (value,) for label, value in self._labels().items()}
        return [Case(f.image, (MaskFile(f.mask, labels),), f.subject, **said) for f in files]

    def _subjects(self, images: list[Path]) -> dict[str, str]:
        if self._given.subject_pattern is None:
            return super()._subjects(images)
        table = self.path / "subjects.csv"
        only_one("subject-pattern", self._given.subject_pattern, table.exists() or None, table)
        return {image.name: self._given.subject_of(stem(image), image) for image in images}

    def _masks(self) -> Path:
        masks = self.path / "masks"
        if not masks.is_dir():
            raise DataError(f"there is no folder {masks}; put the 2D masks of the data set there")
        return masks

    def _by_label(self, folders: list[Path]) -> list[tuple[Path, tuple[MaskFile, ...], str]]:
        """Images, the masks of each and its subject; a folder of masks is a label."""
        if self._given.labels or "labels" in self._settings:
            raise DataError(f"{folders[0]} names a label already; name no labels elsewhere")
        image_of = by_stem(listing(self.path / "images", IMAGE_SUFFIXES))
        images = list(image_of.values())
        masks: dict[str, list[MaskFile]] = {name: [] for name in image_of}
        for folder in folders:
            for path in visible(folder):
                if path.suffix.lower() not in MASK_SUFFIXES or stem(path) not in image_of:
                    raise DataError(f"{path} is no mask of an image in {self.path / 'images'}; remove it")
                masks[stem(path)].append(MaskFile(path, {folder.name: ()}))
        for name, found in masks.items():
            if not found:
                raise DataError(f"{image_of[name]} has no mask in any folder of {folders[0].parent}; add one")
        subjects = self._subjects(images)
        return [(image, tuple(masks[stem(image)]), subjects[image.name]) for image in images]
