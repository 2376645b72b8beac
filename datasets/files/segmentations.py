"""DICOM segmentations (SEG) as label maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from segbench.datasets.files.dicom import DICOM_SUFFIXES, SEGMENTATIONS, storage_class
from segbench.datasets.files.labels import Labels, Values, contains
from segbench.datasets.files.volumes import Volume, extend
from segbench.datasets.task import DataError
from segbench.text import first_line

if TYPE_CHECKING:
    from highdicom.seg import Segmentation

T = TypeVar("T")


def segmentation_file(path: Path) -> Path | None:
    """The DICOM segmentation that a path is or, as a folder, contains alone; None if it is something else."""
    if path.is_dir():
        files = [file for file in path.iterdir() if file.is_file() and not file.name.startswith(".")]
        return segmentation_file(files[0]) if len(files) == 1 else None
    if path.suffix.lower() in DICOM_SUFFIXES and path.is_file() and storage_class(path) in SEGMENTATIONS:
        return path
    return None


class Segments:
    """The segments of a DICOM segmentation.

    Raises
    ------
    DataError
        If highdicom is not installed, or the file cannot be read.
    """

    def __init__(self, file: Path) -> None:
        try:
            from highdicom.seg import segread
        except ImportError as error:
            raise DataError(
                f"{file} is a DICOM segmentation, which needs a package: pip install 'segbench[dicom]'"
            ) from error
        self.file = file
        self._content: Segmentation = self._try(lambda: segread(file))
        self.numbers = tuple(int(number) for number in self._content.segment_numbers if number)

    def labels(self) -> Labels:
        """The segments of each name that the file states."""
        labels: dict[str, tuple[int, ...]] = {}
        for number in self.numbers:
            name = str(self._content.get_segment_description(number).segment_label)
            labels[name] = (*labels.get(name, ()), number)
        return labels

    def unused(self, labels: Iterable[Labels]) -> tuple[int, ...]:
        """The numbers of the segments that belong to no label."""
        named = [values for each in labels for values in each.values()]
        return tuple(
            n for n in self.numbers if not any(not values or contains(values, n) for values in named)
        )

    def region(self, values: Values, image: Volume) -> Volume:
        """Where any of some segments lies in an image, bool (X, Y, Z); without values, any segment.

        Raises
        ------
        DataError
            If the slices form no volume, or do not lie in the image, or segments are probabilities.
        """
        chosen = [number for number in self.numbers if not values or contains(values, number)]
        if not chosen:
            return replace(image, values=np.zeros(image.values.shape, bool), file=self.file)
        part = self._try(lambda: self._content.get_volume(segment_numbers=chosen))
        region = np.asarray(part.array.any(-1))
        if (part.array != (part.array > 0)).any():
            raise DataError(f"{self.file} contains probabilities; save it as a binary segmentation")
        affine = np.diag([-1, -1, 1, 1]) @ part.affine  # DICOM's millimetres increase to the left and back
        return extend(Volume(region, affine, self.file), image)

    def _try(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except Exception as error:  # highdicom and pydicom raise many types
            raise DataError(
                f"{self.file} cannot be read as a DICOM segmentation ({first_line(error)}); save it as a "
                "label map"
            ) from error
