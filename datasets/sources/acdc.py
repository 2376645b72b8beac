"""ACDC, cine-MRI of the heart (Bernard et al., IEEE TMI 37, 2018)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from segbench.datasets.download import Archive
from segbench.datasets.files.finding import find_files
from segbench.datasets.files.slices import STORED
from segbench.datasets.sources.volume_pairs import VolumePairs


class ACDC(VolumePairs):
    """Short-axis slices of 99 patients at the end of diastole.

    ``training/patientNNN`` holds the first frame, ``patientNNN_frame01.nii.gz``, and its label map
    ``patientNNN_frame01_gt.nii.gz``. Slices are acquired one by one; only stored slices are used.

    The first frame is the end of diastole of every patient except 090, who has no label map of it and is
    left out: the 99 scans of the papers (MultiverSeg, Table 2). ``testing`` is left out: its label maps were
    released after the collection of both papers.
    """

    name = "acdc"
    title = "ACDC"
    example_file = "training/patientNNN/patientNNN_frame01.nii.gz"
    labels: ClassVar = {"right-ventricle": 1, "myocardium": 2, "left-ventricle": 3}
    cohort = "Challenge2017"
    modality = "cine-MRI"
    axes = STORED
    # The server packs this archive for every download, and its bytes may change.
    archives = (
        Archive(
            "https://humanheart-project.creatis.insa-lyon.fr/database/api/v1/collection/"
            "637218c173e9f0047faa00fb/download",
            10_000_000_000,
        ),
    )

    def find(self, folder: Path) -> tuple[set[Path], set[Path]]:
        files = find_files(folder, "patient*/patient*_frame01*.nii.gz")
        frames = {file for file in files if file.parent.parent.name != "testing"}
        label_maps = {file for file in frames if file.name.endswith("_gt.nii.gz")}
        return frames - label_maps, label_maps

    def key(self, path: Path) -> str:
        return path.parent.name
