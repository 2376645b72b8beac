"""Sunnybrook Cardiac Data, a cohort of SCD (Radau et al., The MIDAS Journal, 2009).

``SCD_ManualContours/SC-HF-I-01/contours-manual/IRCCI-expert/IM-0001-NNNN-icontour-manual.txt`` holds the
points of the endocardium, x and y in pixels, one a line. It belongs to picture NNNN of the patient's
short-axis series, ``SCD0000101/CINESAX_300/IM-0003-NNNN.dcm``, where ``scd_patientdata.csv`` says who
SCD0000101 is; or ``SC-HF-I-1/DICOM/IM-0001-NNNN.dcm``, as the challenge of 2009 had it.

The label is the left ventricle inside the endocardium. A pixel is inside where its centre is; the release
does not say where pixels have their centres, here at whole numbers. Of each patient the picture with the
largest contour is taken, so one at the end of diastole. Outer contours are not used; patients without
contours are left out, and so are contours without a picture, of which a warning says how many.
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
from segbench.datasets.sources.files import files
from segbench.datasets.task import DataError

CONTOURS = "contours-manual/IRCCI-expert/*-icontour-manual.txt"
TABLE = "scd_patientdata.csv"


class Study(NamedTuple):
    """A patient's contours, each with the file of its picture."""

    patient: str
    pictures: Mapping[Path, Path]

    def examples(self) -> Iterator[Example]:
        """The picture with the largest contour.

        Raises
        ------
        DataError
            If a contour or that picture cannot be read, or they do not fit each other.
        """
        from skimage.draw import polygon2mask

        contours = {file: _points(file) for file in self.pictures}
        largest = max(contours, key=lambda file: _area(contours[file]))
        points, file = contours[largest], self.pictures[largest]
        image = _pixels(file)
        if (points < -1).any() or (points > image.shape[::-1]).any():
            raise DataError(f"{largest} leaves its picture {file}; unpack both again")
        masks = {"left-ventricle": polygon2mask(image.shape, points[:, ::-1])}
        said = {"cohort": "Sunnybrook", "modality": "cine-MRI", "axis": "stored"}
        yield Example(file, self.patient, image, masks, **said)


def studies(folder: Path) -> Iterator[Study]:
    """All patients with contours.

    Raises
    ------
    DataError
        If there is no picture at all for a patient's contours.
    """
    contours: dict[str, dict[int, Path]] = {}
    for file in files(folder, CONTOURS):
        contours.setdefault(_patient(file.parents[2].name), {})[_number(file)] = file
    series = _series(folder, contours) if contours else {}
    lost: list[Path] = []
    for patient, drawn in contours.items():
        found = max(series.get(patient, [{}]), key=lambda one: (len(one.keys() & drawn.keys()), len(one)))
        pictures = {file: found[number] for number, file in drawn.items() if number in found}
        if not pictures:
            raise DataError(
                f"{min(drawn.values())} has no picture of {patient} below {folder}; unpack all parts and put "
                f"{TABLE} there, or remove it"
            )
        lost += [file for number, file in drawn.items() if number not in found]
        yield Study(patient, pictures)
    if lost:
        warnings.warn(
            f"left out, as their pictures are not there: {len(lost)} contours, {min(lost)} among them",
            stacklevel=2,
        )


def _series(folder: Path, patients: Collection[str]) -> dict[str, list[dict[int, Path]]]:
    """Numbered pictures of each folder that may be a patient's short-axis series."""
    names = _names(folder)
    series: dict[str, dict[Path, dict[int, Path]]] = {}
    for file in files(folder, "*[0-9].dcm"):
        for part in file.relative_to(folder).parts[:-1]:
            patient = _patient(names.get(part, part))
            if patient in patients and (part not in names or file.parent.name.startswith("CINESAX")):
                series.setdefault(patient, {}).setdefault(file.parent, {})[_number(file)] = file
    return {patient: list(found.values()) for patient, found in series.items()}


def _names(folder: Path) -> dict[str, str]:
    """The challenge's name of each patient of the Cardiac Atlas Project."""
    names: dict[str, str] = {}
    for file in files(folder, TABLE):
        try:
            with file.open(encoding="utf-8-sig", newline="") as lines:
                names |= {row["PatientID"]: row["OriginalID"] or "" for row in csv.DictReader(lines)}
        except (OSError, ValueError, KeyError, csv.Error) as error:
            raise DataError(
                f"{file} does not list PatientID and OriginalID ({error}); fetch it again"
            ) from error
    return names


def _patient(name: str) -> str:
    """A patient's name without the zero that some releases put before its number."""
    return re.sub(r"-0+(\d+)$", r"-\1", name.strip())


def _number(file: Path) -> int:
    """The picture's number: the last one in the file's name."""
    return int(re.findall(r"\d+", file.name)[-1])


def _points(file: Path) -> np.ndarray:
    """A contour's points (N, 2), x and y."""
    try:
        points = np.array([line.split() for line in file.read_text().splitlines() if line.strip()], float)
    except (OSError, ValueError) as error:
        raise DataError(f"{file} is no contour ({error}); unpack it again or remove it") from error
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3 or not np.isfinite(points).all():
        raise DataError(f"{file} is no contour, three or more lines with x and y; unpack it again")
    return points


def _area(points: np.ndarray) -> float:
    """Area of a polygon."""
    x, y = points.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _pixels(file: Path) -> np.ndarray:
    """The picture of a DICOM file, (H, W)."""
    import pydicom

    try:
        pixels = np.asarray(pydicom.dcmread(file).pixel_array)
    except Exception as error:  # damage shows as errors of pydicom and of its decoders alike
        told = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(f"{file} cannot be read as DICOM ({told}); unpack it again") from error
    if pixels.ndim != 2:
        raise DataError(f"{file} holds several pictures or colours (shape {pixels.shape}); unpack it again")
    return pixels
