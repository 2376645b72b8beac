"""OASIS-3, clinical T2-weighted scans of ageing brains (LaMontagne et al., 2019; InterConv, section 4.2)."""

from __future__ import annotations

from typing import ClassVar

from segbench.datasets.sources.registered import RegisteredScans


class OASIS3T2Star(RegisteredScans):
    """T2*-weighted scans."""

    name = "oasis3-t2star"
    cohort = "OASIS-3"
    modality = "T2star"
    folder = "oasis3"
    ending = "space-talairach_T2star.nii.gz"
    split_counts: ClassVar = {"train": 777, "stopping-val": 50, "val": 47, "test": 102}


class OASIS3T2TSE(RegisteredScans):
    """T2-weighted turbo spin echo scans."""

    name = "oasis3-t2tse"
    cohort = "OASIS-3"
    modality = "T2-TSE"
    folder = "oasis3"
    ending = "acq-TSE_space-talairach_T2w.nii.gz"
    split_counts: ClassVar = {"train": 780, "stopping-val": 49, "val": 48, "test": 99}
