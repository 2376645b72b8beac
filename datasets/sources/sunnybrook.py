"""Sunnybrook Cardiac Data, a cohort of SCD (Radau et al., The MIDAS Journal, 2009).

``SCD_ManualContours/SC-HF-I-01/contours-manual/IRCCI-expert/IM-0001-NNNN-icontour-manual.txt`` holds the
points of the endocardium, x and y in pixels, one per line. It belongs to image NNNN of the patient's
short-axis series, ``SCD0000101/CINESAX_300/IM-0003-NNNN.dcm``; ``scd_patientdata.csv`` names the patient
SCD0000101. The release of the challenge (2009) has ``SC-HF-I-1/DICOM/IM-0001-NNNN.dcm``.

The label is the left ventricle inside the endocardium: pixels whose centres are inside. Pixels are counted
from 1: the challenge's evaluation fills the points with MATLAB's ``poly2mask``, and in real files (96
contours of five patients) the edge of the blood lies 1.0 pixels to the left of and 0.6 above the points if
these are counted from 0 (standard errors 0.2 and 0.1 over patients). No image is flipped or turned.

Of each patient the image with the largest contour is used, which lies at the end of diastole. It is clipped
to the middle 99% of its own positive values, so that it does not depend on the other images that a copy
has. Outer contours are ignored. Patients without contours and contours without an image are left out; a
warning gives the number of the latter.
"""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from segbench.datasets.examples import Example
from segbench.datasets.files.dicom import read_dicom_picture
from segbench.datasets.files.finding import find_files
from segbench.datasets.files.volumes import clip_outliers
from segbench.datasets.task import DataError

CONTOURS = "contours-manual/IRCCI-expert/*-icontour-manual.txt"
TABLE = "scd_patientdata.csv"


class Study(NamedTuple):
    """Contours of a patient, each with its image file."""

    patient: str
    images: Mapping[Path, Path]

    def examples(self) -> Iterator[Example]:
        """Read the image with the largest contour.

        Raises
        ------
        DataError
            If a contour or the image cannot be read, or the contour lies outside the image.
        """
        from skimage.draw import polygon2mask

        contours = {file: _read_points(file) for file in self.images}
        largest = max(contours, key=lambda file: _area(contours[file]))
        points, file = contours[largest], self.images[largest]
        image = read_dicom_picture(file)
        if (points < -1).any() or (points > image.shape[1::-1]).any():
            raise DataError(f"{largest} lies outside its image {file}; replace or remove the contour")
        masks = {"left-ventricle": polygon2mask(image.shape[:2], points[:, ::-1])}
        picture = clip_outliers(image)
        yield Example(file, self.patient, picture, masks, "Sunnybrook", "cine-MRI", "stored")


def studies(folder: Path) -> Iterator[Study]:
    """Find all patients with contours.

    Raises
    ------
    DataError
        If a patient's contours have no image at all.
    """
    contours: dict[str, dict[int, Path]] = {}
    for file in find_files(folder, CONTOURS):
        contours.setdefault(_patient(file.parents[2].name), {})[_number(file)] = file
    series = _find_series(folder, contours) if contours else {}
    missing: list[Path] = []
    for patient, numbered in contours.items():
        best = max(series.get(patient, [{}]), key=lambda s: (len(s.keys() & numbered.keys()), len(s)))
        images = {file: best[number] for number, file in numbered.items() if number in best}
        if not images:
            raise DataError(
                f"{min(numbered.values())} has no image of {patient} below {folder}; unpack all parts and "
                f"add {TABLE}, or remove it"
            )
        missing += [file for number, file in numbered.items() if number not in best]
        yield Study(patient, images)
    if missing:
        warnings.warn(
            f"left out for lack of an image: {len(missing)} contours, for example {min(missing)}",
            stacklevel=2,
        )


def _find_series(folder: Path, patients: Collection[str]) -> dict[str, list[dict[int, Path]]]:
    """Numbered images of each folder that may be the short-axis series of a patient."""
    names = _read_names(folder)
    series: dict[str, dict[Path, dict[int, Path]]] = {}
    for file in find_files(folder, "*[0-9].dcm"):
        for name in file.relative_to(folder).parts[:-1]:
            patient = _patient(names.get(name, name))
            if patient in patients and (name not in names or file.parent.name.startswith("CINESAX")):
                series.setdefault(patient, {}).setdefault(file.parent, {})[_number(file)] = file
    return {patient: list(folders.values()) for patient, folders in series.items()}


def _read_names(folder: Path) -> dict[str, str]:
    """Name in the challenge of each patient of the Cardiac Atlas Project."""
    names: dict[str, str] = {}
    for file in find_files(folder, TABLE):
        try:
            with file.open(encoding="utf-8-sig", newline="") as lines:
                names |= {row["PatientID"]: row["OriginalID"] or "" for row in csv.DictReader(lines)}
        except (OSError, ValueError, KeyError, csv.Error) as error:
            raise DataError(
                f"{file} does not list PatientID and OriginalID ({error}); save it as CSV with these columns"
            ) from error
    return names


def _patient(name: str) -> str:
    """Name of a patient without the leading zeros that some releases add to its number."""
    return re.sub(r"-0+(\d+)$", r"-\1", name.strip())


def _number(file: Path) -> int:
    """Number of an image: the last number in the file name."""
    return int(re.findall(r"\d+", file.name)[-1])


def _read_points(file: Path) -> np.ndarray:
    """Read the points (N, 2) of a contour, x and y; 0 is the centre of the first pixel."""
    try:
        points = np.array([line.split() for line in file.read_text().splitlines() if line.strip()], float)
    except (OSError, ValueError) as error:
        raise DataError(f"{file} is not a contour ({error}); replace or remove it") from error
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3 or not np.isfinite(points).all():
        raise DataError(f"{file} is not a contour of three or more lines with x and y; replace or remove it")
    return points - 1


def _area(points: np.ndarray) -> float:
    """Area of a polygon."""
    x, y = points.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
