"""PanDental, panoramic X-rays of the jaws (Abdi et al., Journal of Medical Imaging 2(4), 2015)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from segbench.datasets.download import Archive
from segbench.datasets.examples import Example
from segbench.datasets.files.images import read_image
from segbench.datasets.importing import PublicDataset
from segbench.datasets.sources.files import files, matched
from segbench.datasets.task import DataError

# Folder of each label, by cohort.
COHORTS = {
    "v1": {"teeth": "Original_Masks"},
    "v2": {"mandible": "Segmentation1", "mandible-2": "Segmentation2"},
}
LEFT_OUT = frozenset(map(str, (19, 39, 64, 65, 68, 70, 76, 78, 79, 98, 106, 107, 109, 111, 112, 113, 116)))


class _Case(NamedTuple):
    cohort: str
    number: str
    files: dict[str, Path]


class PanDental(PublicDataset):
    """116 X-rays with the mandible, as two experts drew it, and the teeth; evaluation data of both papers.

    Cohort ``v2`` is the release (Mendeley Data, hxt48yk462, version 2): ``Images/N.png`` and, black outside
    the mandible, ``Segmentation1/N.png`` and ``Segmentation2/N.png``. The papers' label is the first,
    ``mandible``; the other expert's is ``mandible-2``. MegaMedical, the collection that both papers are
    built on, leaves 17 pictures out of this cohort without saying why; so does this, and 99 remain.

    Cohort ``v1`` is the teeth, drawn later on all 116 (Helli and Hamamci, Duzce University Journal of Science
    and Technology 10(1), 2022): their ``Original_Masks.zip``, which is not in the release, unpacked into a
    folder ``Original_Masks`` beside a folder ``Images`` with the release's pictures. Where it is absent there
    is no such cohort. Together they are the papers' 215 scans. The same number is the same person.
    """

    name = "pandental"
    # Link and checksum are those that torch-em, a public library, records.
    archives = (
        Archive(
            "https://data.mendeley.com/public-files/datasets/hxt48yk462/files/"
            "c2df1e1e-9939-4197-9bac-1eb697a64094/file_downloaded",
            2_000_000_000,
            "4ab6f670428df8052ae04aef82011050cd5ad4805f4d28d32fea523880752cf3",
        ),
    )

    def cases(self, folder: Path) -> list[_Case]:
        found = [case for cohort in COHORTS for case in _cases(cohort, folder)]
        if not found:
            raise DataError(f"{folder} is not PanDental; there is no Segmentation1/1.png in it")
        return found

    def examples(self, case: _Case) -> Iterator[Example]:
        paths = dict(case.files)
        file = paths.pop("image")
        masks = {label: _drawn(path) for label, path in paths.items()}
        yield Example(file, case.number, read_image(file), masks, cohort=case.cohort, modality="X-Ray")


def _cases(cohort: str, folder: Path) -> Iterator[_Case]:
    first = files(folder, f"{next(iter(COHORTS[cohort].values()))}/*.png")
    for place in sorted({file.parents[1] for file in first}):
        names = {"image": "Images"} | COHORTS[cohort]
        kinds = {kind: files(place, f"{name}/*.png") for kind, name in names.items()}
        for number, found in matched(lambda file: file.stem, kinds):
            if cohort == "v1" or number not in LEFT_OUT:
                yield _Case(cohort, number, found)


def _drawn(file: Path) -> np.ndarray:
    """Where a picture is not black, whatever its alpha channel says."""
    picture = read_image(file)
    if picture.ndim == 2:
        return picture > 0
    return np.any(picture[..., :3] if picture.shape[2] > 2 else picture[..., :1], axis=2)
