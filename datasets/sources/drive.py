"""DRIVE, retinal vessels (Staal et al., IEEE TMI 23(4), 2004), evaluation data of both papers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from segbench.datasets.examples import Example
from segbench.datasets.files.images import read_image
from segbench.datasets.importing import PublicDataset
from segbench.datasets.sources.files import files, matched, region
from segbench.datasets.task import DataError


class DRIVE(PublicDataset):
    """20 photographs of the eye's background with all vessels drawn by hand: DRIVE's training part.

    ``training/images/NN_training.tif`` and ``training/1st_manual/NN_manual1.gif``, 255 where a vessel is.
    ``training/mask`` is the camera's field of view and no label. The vessels of ``test`` are no longer
    released, and the papers' 20 scans are those of ``training``, so ``test`` is not read. Every picture is a
    subject of its own.
    """

    name = "drive"

    def cases(self, folder: Path) -> list[tuple[str, dict[str, Path]]]:
        """The number and the files of each picture."""
        images = files(folder, "images/*_training.tif")
        if not images:
            raise DataError(f"{folder} is not DRIVE; there is no training/images/21_training.tif in it")
        places = {image.parents[1] for image in images}
        drawn = [f for f in files(folder, "1st_manual/*_manual1.gif") if f.parents[1] in places]
        return matched(lambda file: file.name.split("_")[0], {"image": images, "manual vessels": drawn})

    def examples(self, case: tuple[str, dict[str, Path]]) -> Iterator[Example]:
        number, found = case
        image = read_image(found["image"])
        vessels = region(found["manual vessels"], found["image"], image.shape[:2])
        yield Example(found["image"], number, image, {"vessels": vessels}, modality="Optical camera")
