"""SpineWeb, Dataset 7, MRI of the lower spine (Zheng et al., Medical Image Analysis 35, 2017).

Evaluation data of both papers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
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
from segbench.datasets.sources.files import files
from segbench.datasets.sources.volume_pairs import Scan, scans
from segbench.datasets.task import DataError


class SpineWeb(PublicDataset):
    """Sagittal slices of 15 subjects in which the labelled discs are largest, T2-weighted.

    ``IVD_Challenge_Data/SubjectNN`` holds ``SubjectNN.nii`` and ``SubjectNN_Label.nii``, as documented by the
    collection that both papers use. Whatever is labelled is one label, volumes are turned into one
    orientation.

    The papers' tables call the label vertebrae. The release, and the article that both papers cite for it,
    are about the discs between them, and people who marked the structures for MedScribble drew thin ones,
    with lines through what lies between: so the label is named after the discs.
    """

    name = "spineweb"

    def cases(self, folder: Path) -> list[Scan]:
        found = [f for f in files(folder, "Subject*/Subject*.nii*") if f.name.endswith((".nii", ".nii.gz"))]
        if not found:
            raise DataError(
                f"{folder} is not SpineWeb's Dataset 7; there is no SubjectNN/SubjectNN.nii in it"
            )
        truth = [file for file in found if file.name.split(".")[0].endswith("_Label")]
        return scans(set(found) - set(truth), truth, lambda path: path.parent.name)

    def examples(self, case: Scan) -> Iterator[Example]:
        image = without_outliers(read_volume(case.image))
        labels = read_label_map(case.labels, image)
        discs = replace(labels, values=labels.values != 0)
        yield from slices(
            turned(image),
            turned(discs),
            {"intervertebral-discs": 1},
            case.subject,
            {"sagittal": AXES["sagittal"]},
            cohort="Dataset7",
            modality="T2-weighted MRI",
        )
