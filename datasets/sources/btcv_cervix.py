"""BTCV Cervix, CT of the female pelvis, evaluation data of both papers.

Landman et al., MICCAI Multi-Atlas Labeling Beyond the Cranial Vault, workshop and challenge, 2015.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from segbench.datasets.examples import Example
from segbench.datasets.files.volumes import read_label_map, read_volume, slices, turned
from segbench.datasets.importing import PublicDataset
from segbench.datasets.sources.files import files
from segbench.datasets.sources.volume_pairs import Scan, scans
from segbench.datasets.task import DataError

LABELS = {"bladder": 1, "uterus": 2, "rectum": 3, "small-bowel": 4}
WINDOW = (-500, 1000)  # Hounsfield units


class BTCVCervix(PublicDataset):
    """Slices across all three axes of 30 scans: of each label the largest.

    The archive ``CervixRawData.zip`` holds ``RawData/Training/img/NNNNNNN-Image.nii.gz`` with
    ``RawData/Training/label/NNNNNNN-Mask.nii.gz``, and ``RawData/Testing``, which has no masks and is left
    out. Volumes are turned into one orientation.

    Intensities are cut to -500 to 1000 HU, as documented by the collection that both papers use;
    MedScribble's pictures of these scans, in which water lies a third of the way up, agree.
    """

    name = "btcv-cervix"

    def cases(self, folder: Path) -> list[Scan]:
        images = [f for f in files(folder, "img/*-Image.nii.gz") if f.parent.parent.name != "Testing"]
        masks = files(folder, "label/*-Mask.nii.gz")
        if not images:
            raise DataError(
                f"{folder} is not BTCV Cervix; there is no RawData/Training/img/NNNNNNN-Image.nii.gz in it"
            )
        return scans(images, masks, lambda path: path.name.rsplit("-", 1)[0])

    def examples(self, case: Scan) -> Iterator[Example]:
        image = read_volume(case.image)
        labels = read_label_map(case.labels, image)
        found = slices(turned(image), turned(labels), LABELS, case.subject, cohort="Cervix", modality="CT")
        for example in found:
            yield example._replace(image=example.image.clip(*WINDOW))
