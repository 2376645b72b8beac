"""DRIVE, retinal vessels (Staal et al., IEEE TMI 23(4), 2004)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from segbench.datasets.examples import Example, Facts, FileCase, wrong_layout
from segbench.datasets.files.finding import find_files, match_files
from segbench.datasets.files.images import open_image, read_region
from segbench.datasets.importing import PublicDataset


class DRIVE(PublicDataset):
    """20 fundus photographs with manually drawn vessels: the training part of DRIVE.

    ``training/images/NN_training.tif`` and ``training/1st_manual/NN_manual1.gif``, 255 in vessels.
    ``training/mask`` is the field of view of the camera, not a label. The vessels of ``test`` are no longer
    released, and the papers' 20 scans are those of ``training``. Every image is a subject of its own.
    """

    name = "drive"
    facts = Facts("each image")

    def cases(self, folder: Path) -> list[FileCase]:
        images = find_files(folder, "images/*_training.tif")
        if not images:
            raise wrong_layout(folder, "DRIVE", "training/images/21_training.tif")
        parents = {image.parents[1] for image in images}
        vessels = [f for f in find_files(folder, "1st_manual/*_manual1.gif") if f.parents[1] in parents]
        kinds = {"image": images, "manual vessels": vessels}
        return match_files(lambda file: file.name.split("_")[0], kinds)

    def examples(self, case: FileCase) -> Iterator[Example]:
        number, files = case
        image = open_image(files["image"])
        vessels = read_region(files["manual vessels"], image)
        yield Example(files["image"], number, image.pixels, {"vessels": vessels}, modality="Optical camera")
