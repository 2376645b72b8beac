"""ADNI, clinical FLAIR scans of ageing brains, slices of 5 mm (InterConv, section 4.2)."""

from __future__ import annotations

from typing import ClassVar

from segbench.datasets.sources.registered import RegisteredScans


class ADNIFLAIR(RegisteredScans):
    """T2-FLAIR scans."""

    name = "adni-flair"
    cohort = "ADNI"
    modality = "FLAIR"
    folder = "adni"
    ending = "space-talairach_FLAIR.nii.gz"
    split_counts: ClassVar = {"train": 636, "stopping-val": 106, "val": 106, "test": 213}
