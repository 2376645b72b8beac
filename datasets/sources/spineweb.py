"""SpineWeb, Dataset 7, MRI of the lower spine (Zheng et al., Medical Image Analysis 35, 2017)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from segbench.datasets.files.finding import find_files
from segbench.datasets.files.slices import AXES
from segbench.datasets.sources.volume_pairs import VolumePairs


class SpineWeb(VolumePairs):
    """Sagittal slices of 15 subjects with the largest area of intervertebral discs, T2-weighted.

    ``IVD_Challenge_Data/SubjectNN`` holds ``SubjectNN.nii`` and ``SubjectNN_Label.nii``, as documented by the
    collection of both papers. All nonzero values are one label.

    The tables of the papers call the label vertebrae. The release and its article are about the discs
    between the vertebrae, and MedScribble's annotators drew thin discs: the label is named after the discs.
    """

    name = "spineweb"
    title = "SpineWeb's Dataset 7"
    example_file = "SubjectNN/SubjectNN.nii"
    labels: ClassVar = {"intervertebral-discs": 1}
    merged = True
    cohort = "Dataset7"
    modality = "T2-weighted MRI"
    axes: ClassVar = {"sagittal": AXES["sagittal"]}

    def find(self, folder: Path) -> tuple[set[Path], set[Path]]:
        files = find_files(folder, "Subject*/Subject*.nii*")
        volumes = {file for file in files if file.name.endswith((".nii", ".nii.gz"))}
        label_maps = {file for file in volumes if file.name.split(".")[0].endswith("_Label")}
        return volumes - label_maps, label_maps

    def key(self, path: Path) -> str:
        return path.parent.name
