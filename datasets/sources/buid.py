"""BUID, breast ultrasound (Al-Dhabyani et al., Data in Brief 28, 2020)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from segbench.datasets.download import Archive
from segbench.datasets.examples import Example, Facts, wrong_layout
from segbench.datasets.files.finding import find_files, require_file
from segbench.datasets.files.images import open_image, read_region
from segbench.datasets.importing import PublicDataset
from segbench.datasets.task import DataError

COHORTS = ("benign", "malignant")


class BUID(PublicDataset):
    """647 images with a tumour, 437 of them benign and 210 malignant.

    ``Dataset_BUSI_with_GT/benign`` holds ``benign (N).png`` and its mask ``benign (N)_mask.png``; further
    tumours have masks ``benign (N)_mask_1.png`` and so on. All masks of an image are one label.
    ``malignant`` has the same layout. The 133 images of ``normal`` show no tumour and are left out. The
    release does not name patients: each image is a subject of its own, although some images in a row, such
    as malignant 3 to 9, show one tumour.
    """

    name = "buid"
    facts = Facts("each image")
    # Checksum recorded by torch-em, a public library.
    archives = (
        Archive(
            "https://scholar.cu.edu.eg/Dataset_BUSI.zip",
            1_000_000_000,
            "b2ce09f6063a31a73f628b6a6ee1245187cbaec225e93e563735691d68654de7",
        ),
    )

    def cases(self, folder: Path) -> list[tuple[Path, list[Path]]]:
        """Each image and its masks."""
        masks_of: dict[Path, list[Path]] = {}
        for file in (file for cohort in COHORTS for file in find_files(folder, f"{cohort}/{cohort} (*.png")):
            stem, mask, _ = file.stem.partition("_mask")
            masks_of.setdefault(file.with_name(f"{stem}.png"), []).extend([file] if mask else [])
        if not masks_of:
            raise wrong_layout(folder, "BUID", "benign/benign (1).png")
        for image, masks in masks_of.items():
            if not masks:
                raise DataError(f"{image} has no mask; add {image.stem}_mask.png or remove the image")
            require_file(image, masks[0])
        return list(masks_of.items())

    def examples(self, case: tuple[Path, list[Path]]) -> Iterator[Example]:
        file, masks = case
        image = open_image(file)
        tumour = np.any([read_region(mask, image) for mask in masks], axis=0)
        subject = file.stem.replace(" (", "-").rstrip(")")
        yield Example(
            file, subject, image.pixels, {"tumour": tumour}, cohort=file.parent.name, modality="Ultrasound"
        )
