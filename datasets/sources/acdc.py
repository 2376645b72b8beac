"""ACDC, cine-MRI of the heart (Bernard et al., IEEE TMI 37, 2018), evaluation data of both papers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from datasets.examples import Example
from datasets.imported import Released
from datasets.task import DataError
from datasets.volumes import STORED, read_label_map, read_volume, slices

LABELS = {"right-ventricle": 1, "myocardium": 2, "left-ventricle": 3}


class ACDC(Released):
    """Short-axis slices of 100 (or with the test set 150) patients at the end of diastole.

    ``training/patientNNN`` (and ``testing/patientNNN``) hold ``Info.cfg``, whose line ``ED: F`` names the
    frame, the volume ``patientNNN_frameFF.nii.gz`` and its label map ``patientNNN_frameFF_gt.nii.gz``. Slices
    are acquired one by one, so only these are used, as they are stored: of each label the largest.
    """

    name = "acdc"

    def cases(self, folder: Path) -> list[Path]:
        found = sorted(file.parent for file in folder.rglob("patient*/Info.cfg"))
        if not found:
            raise DataError(f"{folder} is not ACDC; there is no training/patientNNN/Info.cfg in it")
        return found

    def examples(self, case: Path) -> Iterator[Example]:
        image = read_volume(case / f"{case.name}_frame{_frame(case / 'Info.cfg'):02d}.nii.gz")
        truth = image.file.with_name(image.file.name.replace(".nii.gz", "_gt.nii.gz"))
        labels = read_label_map(truth, image)
        yield from slices(
            image, labels, LABELS, case.name, STORED, cohort="Challenge2017", modality="cine-MRI"
        )


def _frame(info: Path) -> int:
    """Number of the frame at the end of diastole."""
    try:
        said = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        return int(said["ED"])
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{info} names no frame ED ({error}); fetch it again") from error
