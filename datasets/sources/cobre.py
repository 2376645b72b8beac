"""COBRE, MRI of the brain (Aine et al., Neuroinformatics 15, 2017), test data of MultiverSeg."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from segbench.datasets.examples import Example
from segbench.datasets.files.volumes import (
    AXES,
    read_label_map,
    read_volume,
    slices,
    turned,
    without_outliers,
)
from segbench.datasets.importing import PublicDataset
from segbench.datasets.scans import FREESURFER
from segbench.datasets.sources.files import files
from segbench.datasets.sources.volume_pairs import Scan, scans
from segbench.datasets.task import DataError

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


class COBRE(PublicDataset):
    """Coronal slices of T1-weighted scans: of each of 45 labels the largest.

    COBRE is released as scans without label maps; the papers' are FreeSurfer's (Fischl, NeuroImage 62,
    2012). So first run ``recon-all -i SCAN -s SUBJECT -all`` on each scan. What is read is the folder that
    ``SUBJECTS_DIR`` names: ``SUBJECT/mri/norm.mgz``, the head's normalized brain at 1 mm, and
    ``SUBJECT/mri/aseg.mgz``. FreeSurfer's templates (``fsaverage...``) are left out. Scans named
    ``SUBJECT_ses-...`` are of one subject. Volumes are turned into one orientation.

    The paper counts 45 labels (Table 2) and names none. FreeSurfer's table of ``aseg`` has 49 numbers; left
    out are the four for hypointensities of one side, so that 45 remain. Small structures do not show in
    every brain. Which release of COBRE and of FreeSurfer the paper used, and whether it aligned the heads
    first, is not known.
    """

    name = "cobre"

    def cases(self, folder: Path) -> list[Scan]:
        found = [f for f in files(folder, "mri/*.mgz") if not f.parent.parent.name.startswith("fsaverage")]
        images, truth = ([f for f in found if f.name == name] for name in ("norm.mgz", "aseg.mgz"))
        if not images:
            raise DataError(
                f"{folder} holds no SUBJECT/mri/norm.mgz; run FreeSurfer's recon-all on the scans of COBRE "
                "and name the folder of its results"
            )
        return scans(images, truth, lambda path: path.parent.parent.name)

    def examples(self, case: Scan) -> Iterator[Example]:
        image = without_outliers(read_volume(case.image))
        labels = read_label_map(case.labels, image)
        yield from slices(
            turned(image),
            turned(labels),
            {label: number for number, label in ASEG.items()},
            case.subject.split("_ses-")[0],
            {"coronal": AXES["coronal"]},
            modality="T1-weighted MRI",
        )
