"""HipXRay, X-ray images of hip joints (Gut, Mendeley Data, 2021)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from segbench.datasets.examples import Example, Facts, FileCase, wrong_layout
from segbench.datasets.files.finding import find_files, match_files
from segbench.datasets.files.images import require_shape
from segbench.datasets.files.volumes import read_volume
from segbench.datasets.importing import PublicDataset
from segbench.datasets.task import DataError

LABELS = {"femur": 1, "ilium": 2}


class HipXRay(PublicDataset):
    """140 images of a hip joint, with the femur and the ilium.

    ``images/image_NNN.nii.gz`` and ``labels/label_NNN.nii.gz``, NIfTI files with a single slice. All known
    images are taller than wide: the longer axis runs down, in either order of storage. The page of the
    release does not name the values. MedScribble shows the smallest value of each data set, and here the
    femur: 1 is read as the femur and 2 as the ilium, and an image with the femur above the ilium is
    rejected. Every image is a subject of its own.
    """

    name = "hipxray"
    facts = Facts("each image")

    def cases(self, folder: Path) -> list[FileCase]:
        images = find_files(folder, "images/*.nii.gz")
        if not images:
            raise wrong_layout(folder, "HipXRay", "images/image_001.nii.gz")
        kinds = {"image": images, "label map": find_files(folder, "labels/*.nii.gz")}
        return match_files(lambda file: re.sub(r"\D", "", file.name), kinds)

    def examples(self, case: FileCase) -> Iterator[Example]:
        number, files = case
        image, values = _read_image(files["image"]), _read_image(files["label map"])
        require_shape(values, files["label map"], files["image"], image.shape)
        masks = {label: values == value for label, value in LABELS.items()}
        rows = {label: np.nonzero(mask)[0] for label, mask in masks.items() if mask.any()}
        if len(rows) == len(LABELS) and rows["femur"].mean() <= rows["ilium"].mean():
            raise DataError(f"{files['label map']} has the femur (1) above the ilium (2); turn or remove it")
        yield Example(files["image"], number, image, masks, modality="X-Ray")


def _read_image(file: Path) -> np.ndarray:
    """The only slice of a volume, (H, W)."""
    values = read_volume(file).values
    if values.shape[2] != 1:
        raise DataError(
            f"{file} holds {values.shape[2]} slices instead of one image; save one of them, or remove "
            "the file and its partner"
        )
    image = values[..., 0]
    return image.T if image.shape[0] < image.shape[1] else image
