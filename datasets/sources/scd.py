"""SCD, sets of cardiac MRI that the Cardiac Atlas Project distributes, evaluation data of both papers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from segbench.datasets.examples import Example
from segbench.datasets.files.volumes import STORED, read_label_map, read_volume, slices, without_outliers
from segbench.datasets.importing import PublicDataset
from segbench.datasets.sources.files import files, required
from segbench.datasets.sources.sunnybrook import Study, studies
from segbench.datasets.task import DataError


class SCD(PublicDataset):
    """Slices of the heart in six cohorts, each with one label.

    ``LAS`` (Tobon-Gomez et al., IEEE TMI 34(7), 2015): ``CASE/image.mhd`` and the left atrium,
    ``CASE/gt_binary.mhd``; cases without the latter are the challenge's test and left out.

    ``LAF_Pre`` and ``LAF_Post``, before and after ablation (Karim et al., JCMR 15:105, 2013): ``de_a_N.nrrd``
    and the left atrium ``la_seg_a_N.nrrd``, with ``b`` in place of ``a`` after it. Whether a number is one
    person in both is not known, so it is one subject.

    ``VIS_human`` and ``VIS_pig`` (Karim et al., Medical Image Analysis 30, 2016): ``pN_de.nrrd`` and the
    myocardium ``pN_myo.nrrd``, below a folder with ``human`` or ``pig`` in its name.

    ``Sunnybrook``: see `segbench.datasets.sources.sunnybrook`.

    Slices are those stored, of each subject the one with the largest label. Cohorts and the names of the
    volumes' files are as documented by MegaMedical, the collection that both papers are built on. It has the
    first five; the papers count 100 scans and do not say of which.
    """

    name = "scd"

    def cases(self, folder: Path) -> list[_Pair | Study]:
        found: list[_Pair | Study] = [*_pairs(folder), *studies(folder)]
        if not found:
            raise DataError(
                f"{folder} is not SCD; there are no contours-manual/IRCCI-expert, gt_binary.mhd, de_a_1.nrrd "
                "or p1_de.nrrd in it"
            )
        return found

    def examples(self, case: _Pair | Study) -> Iterator[Example]:
        return case.examples()


class _Cohort(NamedTuple):
    """Volumes of a kind, found by one file; what of its name makes that of the image and of the label map."""

    name: str
    people: str  # whose numbers these are
    label: str
    modality: str
    pattern: str
    image: tuple[str, str]
    truth: tuple[str, str]


SAME = ("", "")
COHORTS = (
    _Cohort("LAS", "LAS", "left-atrium", "MRI", "gt_binary.mhd", ("gt_binary", "image"), SAME),
    _Cohort("LAF_Pre", "LAF", "left-atrium", "LGE-MRI", "de_a_*.nrrd", SAME, ("de_", "la_seg_")),
    _Cohort("LAF_Post", "LAF", "left-atrium", "LGE-MRI", "de_b_*.nrrd", SAME, ("de_", "la_seg_")),
    _Cohort("VIS_human", "human", "myocardium", "LGE-MRI", "p*_de.nrrd", SAME, ("_de", "_myo")),
    _Cohort("VIS_pig", "pig", "myocardium", "LGE-MRI", "p*_de.nrrd", SAME, ("_de", "_myo")),
)


class _Pair(NamedTuple):
    """A volume and its label map."""

    cohort: _Cohort
    image: Path
    truth: Path

    def examples(self) -> Iterator[Example]:
        image = without_outliers(read_volume(self.image))
        truth = read_label_map(self.truth, image)
        shown = replace(truth, values=(truth.values > 0).astype(np.uint8))
        name, people, label, modality, *_ = self.cohort
        number = re.sub(r"\D", "", self.image.stem) or self.image.parent.name
        subject = f"{people}-{number}"
        yield from slices(image, shown, {label: 1}, subject, STORED, cohort=name, modality=modality)


def _pairs(folder: Path) -> Iterator[_Pair]:
    for cohort in COHORTS:
        for file in files(folder, cohort.pattern):
            if not cohort.name.startswith("VIS_") or _species(file, folder) == cohort.people:
                image, truth = (file.with_name(file.name.replace(*c)) for c in (cohort.image, cohort.truth))
                yield _Pair(cohort, required(image, file), required(truth, file))


def _species(file: Path, folder: Path) -> str:
    place = folder.resolve().name / file.parent.relative_to(folder)
    found = re.findall("human|pig", place.as_posix().lower())
    if not found:
        raise DataError(f"{file} is in no folder of people or pigs; put it into one called human or pig")
    return str(found[-1])
