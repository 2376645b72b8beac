"""BTCV Cervix, CT of the female pelvis (Landman et al., MICCAI workshop, 2015)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from segbench.datasets.files.finding import find_files
from segbench.datasets.sources.volume_pairs import VolumePairs


class BTCVCervix(VolumePairs):
    """Slices across all three axes of 30 scans.

    The archive ``CervixRawData.zip`` holds ``RawData/Training/img/NNNNNNN-Image.nii.gz`` with
    ``RawData/Training/label/NNNNNNN-Mask.nii.gz``. ``RawData/Testing`` has no masks and is left out.

    The window of -500 to 1000 HU is documented by the collection of both papers. MedScribble's images of
    these scans agree: water has a third of the full brightness.
    """

    name = "btcv-cervix"
    title = "BTCV Cervix"
    example_file = "RawData/Training/img/NNNNNNN-Image.nii.gz"
    labels: ClassVar = {"bladder": 1, "uterus": 2, "rectum": 3, "small-bowel": 4}
    cohort = "Cervix"
    modality = "CT"
    window = (-500, 1000)  # Hounsfield units

    def find(self, folder: Path) -> tuple[list[Path], list[Path]]:
        images = find_files(folder, "img/*-Image.nii.gz")
        training = [file for file in images if file.parent.parent.name != "Testing"]
        return training, find_files(folder, "label/*-Mask.nii.gz")

    def key(self, path: Path) -> str:
        return path.name.rsplit("-", 1)[0]
