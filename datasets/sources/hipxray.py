"""HipXRay, X-ray images of hip joints (Gut, Mendeley Data, 2021), evaluation data of both papers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from segbench.datasets.examples import Example
from segbench.datasets.files.volumes import read_volume
from segbench.datasets.importing import PublicDataset
from segbench.datasets.sources.files import files, matched
from segbench.datasets.task import DataError

LABELS = {"femur": 1, "ilium": 2}


class HipXRay(PublicDataset):
    """140 pictures of a hip joint, with the femur and the ilium.

    ``images/image_NNN.nii.gz`` and ``labels/label_NNN.nii.gz``, NIfTI files with a single slice. All pictures
    that we know of are taller than wide, so the longer axis is what runs down, whichever is stored first.
    The release's page does not say which value is which bone. MedScribble shows the smallest value of each
    data set, and of this one the femur; so 1 is taken for the femur and 2 for the ilium, and a picture whose
    femur does not lie below its ilium is refused. Every picture is a subject of its own.
    """

    name = "hipxray"

    def cases(self, folder: Path) -> list[tuple[str, dict[str, Path]]]:
        """The number and the files of each picture."""
        images = files(folder, "images/*.nii.gz")
        if not images:
            raise DataError(f"{folder} is not HipXRay; there is no images/image_001.nii.gz in it")
        labels = files(folder, "labels/*.nii.gz")
        return matched(lambda file: re.sub(r"\D", "", file.name), {"image": images, "label map": labels})

    def examples(self, case: tuple[str, dict[str, Path]]) -> Iterator[Example]:
        number, found = case
        image, numbers = _picture(found["image"]), _picture(found["label map"])
        masks = {label: numbers == value for label, value in LABELS.items()}
        rows = {label: np.nonzero(mask)[0] for label, mask in masks.items() if mask.any()}
        if len(rows) == len(LABELS) and rows["femur"].mean() <= rows["ilium"].mean():
            raise DataError(
                f"{found['label map']} has 1, the femur, above 2, the ilium; turn it or remove it"
            )
        yield Example(found["image"], number, image, masks, modality="X-Ray")


def _picture(file: Path) -> np.ndarray:
    """The only slice of a volume, (H, W)."""
    values = read_volume(file).values
    if values.shape[2] != 1:
        raise DataError(f"{file} holds {values.shape[2]} slices instead of one picture; fetch it again")
    picture = values[..., 0]
    return picture.T if picture.shape[0] < picture.shape[1] else picture
