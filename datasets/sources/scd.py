"""SCD, cardiac MRI distributed by the Cardiac Atlas Project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from segbench.datasets.examples import Example, wrong_layout
from segbench.datasets.files.finding import find_files, require_file
from segbench.datasets.files.slices import STORED, cut_slices
from segbench.datasets.files.volumes import clip_outliers, read_label_map, read_volume
from segbench.datasets.importing import PublicDataset
from segbench.datasets.sources.sunnybrook import Study, studies
from segbench.datasets.task import DataError


class SCD(PublicDataset):
    """Slices of the heart in six cohorts, each with one label.

    ``LAS`` (Tobon-Gomez et al., IEEE TMI 34(7), 2015): ``CASE/image.mhd`` and the left atrium,
    ``CASE/gt_binary.mhd``; the challenge's test cases have no ``gt_binary.mhd`` and are left out.

    ``LAF_Pre`` and ``LAF_Post``, before and after ablation (Karim et al., JCMR 15:105, 2013): ``de_a_N.nrrd``
    and the left atrium ``la_seg_a_N.nrrd``, with ``b`` instead of ``a`` after ablation. Equal numbers
    may be the same person: each number is one subject.

    ``VIS_human`` and ``VIS_pig`` (Karim et al., Medical Image Analysis 30, 2016): ``pN_de.nrrd`` and the
    myocardium ``pN_myo.nrrd``, below a folder with ``human`` or ``pig`` in its name.

    ``Sunnybrook``: see `segbench.datasets.sources.sunnybrook`.

    Of each subject the stored slice with the largest label is used. Cohorts and file names are as documented
    by MegaMedical, the collection of both papers, which has the first five cohorts. The papers count 100
    scans and do not name the cohorts.
    """

    name = "scd"
    version = 2

    def cases(self, folder: Path) -> list[_Pair | Study]:
        cases: list[_Pair | Study] = [*_pairs(folder), *studies(folder)]
        if not cases:
            files = "contours-manual/IRCCI-expert, gt_binary.mhd, de_a_1.nrrd or p1_de.nrrd"
            raise wrong_layout(folder, "SCD", files)
        return cases

    def examples(self, case: _Pair | Study) -> Iterator[Example]:
        return case.examples()


class _Cohort(NamedTuple):
    """A cohort of volumes: a pattern of files, and how to turn their names into those of the pair."""

    name: str
    group: str  # first part of the names of subjects
    label: str
    modality: str
    pattern: str
    image: tuple[str, str]
    label_map: tuple[str, str]


UNCHANGED = ("", "")
COHORTS = (
    _Cohort("LAS", "LAS", "left-atrium", "MRI", "gt_binary.mhd", ("gt_binary", "image"), UNCHANGED),
    _Cohort("LAF_Pre", "LAF", "left-atrium", "LGE-MRI", "de_a_*.nrrd", UNCHANGED, ("de_", "la_seg_")),
    _Cohort("LAF_Post", "LAF", "left-atrium", "LGE-MRI", "de_b_*.nrrd", UNCHANGED, ("de_", "la_seg_")),
    _Cohort("VIS_human", "human", "myocardium", "LGE-MRI", "p*_de.nrrd", UNCHANGED, ("_de", "_myo")),
    _Cohort("VIS_pig", "pig", "myocardium", "LGE-MRI", "p*_de.nrrd", UNCHANGED, ("_de", "_myo")),
)


class _Pair(NamedTuple):
    """A volume and its label map."""

    cohort: _Cohort
    image: Path
    label_map: Path

    def examples(self) -> Iterator[Example]:
        image = read_volume(self.image)
        image = replace(image, values=clip_outliers(image.values))
        labels = read_label_map(self.label_map, image)
        labels = replace(labels, values=(labels.values > 0).astype(np.uint8))
        name, group, label, modality, *_ = self.cohort
        number = re.sub(r"\D", "", self.image.stem) or self.image.parent.name
        subject = f"{group}-{number}"
        yield from cut_slices(image, labels, {label: 1}, subject, STORED, cohort=name, modality=modality)


def _pairs(folder: Path) -> Iterator[_Pair]:
    for cohort in COHORTS:
        for file in find_files(folder, cohort.pattern):
            if not cohort.name.startswith("VIS_") or _species(file, folder) == cohort.group:
                image, label_map = (
                    file.with_name(file.name.replace(*c)) for c in (cohort.image, cohort.label_map)
                )
                yield _Pair(cohort, require_file(image, file), require_file(label_map, file))


def _species(file: Path, folder: Path) -> str:
    path = folder.resolve().name / file.parent.relative_to(folder)
    names = re.findall("human|pig", path.as_posix().lower())
    if not names:
        raise DataError(f"{file} is in no folder named human or pig; put it into one")
    return str(names[-1])
