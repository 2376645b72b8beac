"""COBRE, MRI of the brain (Aine et al., Neuroinformatics 15, 2017)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from segbench.datasets.examples import Facts
from segbench.datasets.files.finding import find_files
from segbench.datasets.files.slices import AXES
from segbench.datasets.scans import FREESURFER
from segbench.datasets.sources.volume_pairs import VolumePairs

ASEG = FREESURFER | {
    7: "left-cerebellum-white-matter",
    8: "left-cerebellum-cortex",
    13: "left-pallidum",
    15: "4th-ventricle",
    18: "left-amygdala",
    24: "csf",
    26: "left-accumbens-area",
    30: "left-vessel",
    31: "left-choroid-plexus",
    46: "right-cerebellum-white-matter",
    47: "right-cerebellum-cortex",
    52: "right-pallidum",
    54: "right-amygdala",
    58: "right-accumbens-area",
    62: "right-vessel",
    63: "right-choroid-plexus",
    72: "5th-ventricle",
    77: "wm-hypointensities",
    80: "non-wm-hypointensities",
    85: "optic-chiasm",
    251: "cc-posterior",
    252: "cc-mid-posterior",
    253: "cc-central",
    254: "cc-mid-anterior",
    255: "cc-anterior",
}
"""Name of each of the 45 numbers of FreeSurfer's ``aseg.mgz``."""


class COBRE(VolumePairs):
    """Coronal slices of T1-weighted scans with 45 labels.

    COBRE is released without label maps; those of the papers are FreeSurfer's (Fischl, NeuroImage 62, 2012).
    Run ``recon-all -i SCAN -s SUBJECT -all`` on each scan first, and import the folder ``SUBJECTS_DIR``. Its
    ``SUBJECT/mri/norm.mgz`` (normalized brain at 1 mm) and ``SUBJECT/mri/aseg.mgz`` are read. FreeSurfer's
    templates (``fsaverage...``) are left out. Scans named ``SUBJECT_ses-...`` belong to one subject.

    The paper counts 45 labels (Table 2) without names. FreeSurfer's table of ``aseg`` has 49 numbers; without
    the four for hypointensities of one side, 45 remain. Small structures are not visible in every brain. The
    paper does not state the releases of COBRE and FreeSurfer, or whether it aligned the heads.
    """

    name = "cobre"
    facts = Facts("the names of the folders, without _ses-...")
    title = "a folder of FreeSurfer's results (recon-all) for COBRE"
    example_file = "SUBJECT/mri/norm.mgz"
    labels: ClassVar = {label: number for number, label in ASEG.items()}
    modality = "T1-weighted MRI"
    axes: ClassVar = {"coronal": AXES["coronal"]}

    def find(self, folder: Path) -> tuple[list[Path], list[Path]]:
        files = [f for f in find_files(folder, "mri/*.mgz") if not self.key(f).startswith("fsaverage")]
        return [f for f in files if f.name == "norm.mgz"], [f for f in files if f.name == "aseg.mgz"]

    def key(self, path: Path) -> str:
        return path.parent.parent.name

    def subject(self, key: str) -> str:
        return key.split("_ses-")[0]
