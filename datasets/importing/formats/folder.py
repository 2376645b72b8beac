"""``folder``: 2D images in images/ and their masks in masks/, the layout of `Folder`."""

from __future__ import annotations

from pathlib import Path

from segbench.datasets.files.finding import by_key, visible
from segbench.datasets.files.images import IMAGE_SUFFIXES, MASK_SUFFIXES
from segbench.datasets.folder import Folder, list_files
from segbench.datasets.importing.formats.base import FormatReader, merge_option
from segbench.datasets.importing.formats.case import Case, ImportOptions, MaskFile
from segbench.datasets.importing.formats.volumes import is_volume, stem
from segbench.datasets.task import DataError


class FolderReader(FormatReader):
    """The layout of ``folder:PATH``, with its ``dataset.toml`` and ``subjects.csv``.

    Instead of masks with one value per label, ``masks/<label>/`` may contain a binary mask of that label for
    every image with it.
    """

    name = "folder"
    layout = "images/ and masks/ with 2D files"

    @staticmethod
    def fits(folder: Path) -> bool:
        images, masks = folder / "images", folder / "masks"
        return images.is_dir() and masks.is_dir() and not any(map(is_volume, visible(images)))

    def list_cases(self, folder: Path) -> list[Case]:
        return _FolderWithOptions(folder, self.options).cases()


class _FolderWithOptions(Folder):
    """The files of a folder; options complete its settings."""

    def __init__(self, path: Path, options: ImportOptions) -> None:
        super().__init__(path)
        self.path, self._options = path, options  # errors and the store name files as the user does
        settings, source = self._settings, path / "dataset.toml"
        merge_option("subject-pattern", options.subject_pattern, settings.get("subject_pattern"), source)
        merge_option("labels", options.labels, settings.get("labels"), source)
        modality = merge_option("modality", options.modality, settings.get("modality"), source)
        self._fields = {"cohort": settings.get("cohort", "all"), "modality": modality or "unknown"}

    def cases(self) -> list[Case]:
        masks = self.path / "masks"
        if not masks.is_dir():
            raise DataError(f"there is no folder {masks}; put the 2D masks of the data set there")
        folders = [path for path in visible(masks) if path.is_dir()]
        if folders:
            return self._cases_by_label(folders)
        files = self._files()
        labels = self._options.labels or {label: (value,) for label, value in self._labels().items()}
        return [Case(f.image, (MaskFile(f.mask, labels),), f.subject, **self._fields) for f in files]

    def _subjects(self, images: list[Path]) -> dict[str, str]:
        if self._options.subject_pattern is None:
            return super()._subjects(images)
        table = self.path / "subjects.csv"
        merge_option("subject-pattern", self._options.subject_pattern, table.exists() or None, table)
        return {image.name: self._options.subject(stem(image), image) for image in images}

    def _cases_by_label(self, folders: list[Path]) -> list[Case]:
        """Cases whose masks lie in one folder per label."""
        if self._options.labels or "labels" in self._settings:
            raise DataError(f"{folders[0]} names a label already; name no labels elsewhere")
        images = by_key(stem, list_files(self.path / "images", IMAGE_SUFFIXES))
        masks: dict[str, list[MaskFile]] = {name: [] for name in images}
        for folder in folders:
            for path in visible(folder):
                if path.suffix.lower() not in MASK_SUFFIXES or stem(path) not in images:
                    raise DataError(f"{path} is not a mask of an image in {self.path / 'images'}; remove it")
                masks[stem(path)].append(MaskFile(path, {folder.name: ()}))
        for name, files in masks.items():
            if not files:
                raise DataError(f"{images[name]} has no mask in any folder of {folders[0].parent}; add one")
        subjects = self._subjects([*images.values()])
        return [
            Case(image, tuple(masks[name]), subjects[image.name], **self._fields)
            for name, image in images.items()
        ]
