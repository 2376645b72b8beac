"""ACDC, cine-MRI of the heart (Bernard et al., IEEE TMI 37, 2018), evaluation data of both papers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from segbench.datasets.download import Archive
from segbench.datasets.examples import Example
from segbench.datasets.files.volumes import STORED, read_label_map, read_volume, slices, without_outliers
from segbench.datasets.importing import PublicDataset
from segbench.datasets.sources.files import files
from segbench.datasets.sources.volume_pairs import Scan, scans
from segbench.datasets.task import DataError

LABELS = {"right-ventricle": 1, "myocardium": 2, "left-ventricle": 3}


class ACDC(PublicDataset):
    """Short-axis slices of 99 patients at the end of diastole.

    ``training/patientNNN`` holds the first frame, ``patientNNN_frame01.nii.gz``, and its label map
    ``patientNNN_frame01_gt.nii.gz``. Slices are acquired one by one, so only these are used, as they are
    stored: of each label the largest. Intensities are cut by `without_outliers`.

    The first frame is the end of diastole of every patient but 090, who has no label map of it and is left
    out: hence the 99 scans of the papers (MultiverSeg, Table 2). ``testing``, whose label maps came later
    than the collection that both papers use, is left out too.
    """

    name = "acdc"
    # Made when it is asked for, so its bytes may differ from one time to the next.
    archives = (
        Archive(
            "https://humanheart-project.creatis.insa-lyon.fr/database/api/v1/collection/"
            "637218c173e9f0047faa00fb/download",
            10_000_000_000,
        ),
    )

    def cases(self, folder: Path) -> list[Scan]:
        frames = [f for f in files(folder, "patient*/patient*_frame01*.nii.gz") if _trained_on(f)]
        if not frames:
            raise DataError(
                f"{folder} is not ACDC; no training/patientNNN/patientNNN_frame01.nii.gz is in it"
            )
        truth = [frame for frame in frames if frame.name.endswith("_gt.nii.gz")]
        return scans(set(frames) - set(truth), truth, lambda path: path.parent.name)

    def examples(self, case: Scan) -> Iterator[Example]:
        image = without_outliers(read_volume(case.image))
        labels = read_label_map(case.labels, image)
        yield from slices(
            image, labels, LABELS, case.subject, STORED, cohort="Challenge2017", modality="cine-MRI"
        )


def _trained_on(frame: Path) -> bool:
    return frame.parent.parent.name != "testing"
