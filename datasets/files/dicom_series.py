"""Volumes in DICOM files: a series with a file for each slice, or a multi-frame file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from segbench.datasets.files.dicom import (
    DICOM_SUFFIXES,
    SEGMENTATIONS,
    read_header,
    read_pixels,
    require_pixels,
    rescale,
    scale_of,
    storage_class,
)
from segbench.datasets.task import DataError
from segbench.text import first_line

if TYPE_CHECKING:
    from pydicom import Dataset

RT_STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.3"
VOLUMES = (
    "1.2.840.10008.5.1.4.1.1.2.1",  # enhanced CT
    "1.2.840.10008.5.1.4.1.1.2.2",  # CT, converted
    "1.2.840.10008.5.1.4.1.1.4.1",  # enhanced MR
    "1.2.840.10008.5.1.4.1.1.4.4",  # MR, converted
    "1.2.840.10008.5.1.4.1.1.128.1",  # PET, converted
    "1.2.840.10008.5.1.4.1.1.130",  # enhanced PET
)
"""Storage classes (DICOM PS3.4 B.5) whose files contain a volume."""

GROUPS = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "SpacingBetweenSlices": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
}
"""Functional group of each attribute of a frame in a multi-frame file (DICOM PS3.3 C.7.6.16)."""

MAX_SIDEWAYS = 0.5
"""Largest distance of a slice from the line between the first and the last one, in pixels."""


class Frame(NamedTuple):
    """An image in a file, without its pixels; lengths are millimetres in DICOM's directions.

    Attributes
    ----------
    file : Path
    name : str
        The file, and the frame if it contains several.
    number : int
        Number in the file, from 0.
    size : (height, width)
    axes : array (2, 3)
        Steps from a pixel to the next one to the right, and to the one below.
    thickness : float
        Distance to the next slice, where positions do not tell.
    position : array (3,) or None
        Centre of the first pixel.
    scale : slope and intercept of the values, or None where the file has a lookup table
    dtype : numpy type that holds the values
    """

    file: Path
    name: str
    number: int
    size: tuple[int, int]
    axes: np.ndarray
    thickness: float
    position: np.ndarray | None
    scale: tuple[float, float] | None
    dtype: np.dtype[Any]

    @property
    def normal(self) -> np.ndarray:
        across = np.cross(*self.axes)
        return across / np.linalg.norm(across)


class Series(NamedTuple):
    """The frames of a volume in order, and the affine map (4, 4) from indices (x, y, z) as of `Volume`."""

    frames: Sequence[Frame]
    affine: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        height, width = self.frames[0].size
        return width, height, len(self.frames)

    def read(self) -> np.ndarray:
        """Read the values (X, Y, Z): the stored integers if no frame is rescaled, else floating point.

        Raises
        ------
        DataError
            If a file cannot be read or decoded, or is in colour.
        """
        values = np.empty(self.shape[::-1], np.result_type(*(frame.dtype for frame in self.frames)))
        last = None
        for z, frame in enumerate(self.frames):
            if frame.file != last:
                data, pixels = _read_slices(frame.file)
                last = frame.file
            values[z] = rescale(pixels[frame.number], frame.scale, data)
        return values.T


def is_dicom_volume(file: Path) -> bool:
    """Whether a DICOM file contains a volume or structures of one, by its storage class."""
    return storage_class(file) in (*SEGMENTATIONS, *VOLUMES, RT_STRUCTURES)


def open_series(path: Path) -> Series:
    """Find the frames of a multi-frame file, or of a folder with one series, and put them in order.

    Raises
    ------
    DataError
        If there is not exactly one series, a file is unreadable or a segmentation, frames differ in size,
        orientation or spacing, or they do not lie on a line at equal distances.
    """
    frames = [frame for file, header in _find_headers(path).items() for frame in _frames(file, header)]
    _require_alike(frames)
    first = frames[0]
    missing = [frame for frame in frames if frame.position is None]
    if missing and len(missing) < len(frames):
        raise DataError(f"{missing[0].name} has no position in its DICOM series; remove it")
    step = first.normal * first.thickness
    if len(frames) > 1 and not missing:
        frames, step = _in_order(frames)
    position = frames[0].position
    origin = np.zeros(3) if position is None else position
    affine = np.eye(4)
    affine[:3] = np.column_stack([*first.axes, step, origin])
    affine[:2] *= -1  # DICOM's millimetres increase to the left and back
    return Series(frames, affine)


def _find_headers(path: Path) -> dict[Path, Dataset]:
    """The headers of a file, or of the only series in a folder in the order of its numbers."""
    if not path.is_dir():
        return {path: read_header(path)}
    files = sorted(file for file in path.iterdir() if file.is_file())
    headers = {file: header for file in files if (header := _header_of_image(file)) is not None}
    series = {header.get("SeriesInstanceUID") for header in headers.values()}
    if len(series) != 1:
        raise DataError(f"{path} contains {len(series) or 'no'} DICOM series; keep the labelled one")
    for file in files:
        if file not in headers and file.suffix.lower() in DICOM_SUFFIXES:
            raise DataError(f"{file} is not a readable slice of its DICOM series; replace or remove it")
    return dict(sorted(headers.items(), key=lambda item: int(item[1].get("InstanceNumber") or 0)))


def _header_of_image(file: Path) -> Dataset | None:
    try:
        header = read_header(file)
    except Exception:  # not a DICOM file, or a damaged one
        return None
    return header if "Rows" in header else None


def _frames(file: Path, header: Dataset) -> list[Frame]:
    if header.get("SOPClassUID") in SEGMENTATIONS:
        raise DataError(f"{file} is a DICOM segmentation, not an image; put it where label maps belong")
    count = require_pixels(file, header)
    if count > 1 and "PerFrameFunctionalGroupsSequence" not in header:
        raise DataError(f"{file} contains {count} frames without positions; convert it with dcm2niix")
    return [_frame(file, header, index, count) for index in range(count)]


def _frame(file: Path, header: Dataset, index: int, count: int) -> Frame:
    values = {key: _attribute(header, index, key) for key in GROUPS}
    position = values["ImagePositionPatient"]
    right, down = np.array(values["ImageOrientationPatient"] or (1, 0, 0, 0, 1, 0), float).reshape(2, 3)
    between_rows, between_columns = map(
        float, values["PixelSpacing"] or header.get("ImagerPixelSpacing") or (1, 1)
    )
    scale = scale_of(header, values["RescaleSlope"], values["RescaleIntercept"])
    return Frame(
        file,
        f"{file} frame {index + 1}" if count > 1 else str(file),
        index,
        (header.Rows, header.Columns),
        np.array([right * between_columns, down * between_rows]),
        abs(float(values["SpacingBetweenSlices"] or values["SliceThickness"] or 1)),
        None if position is None else np.array(position, float),
        scale,
        _value_type(header, scale),
    )


def _attribute(header: Dataset, index: int, key: str) -> Any:
    """An attribute of a frame: of a multi-frame file its own, or the one that all frames share; or None."""
    groups = [header]
    if "PerFrameFunctionalGroupsSequence" in header:
        shared = header.get("SharedFunctionalGroupsSequence") or []
        both = (header.PerFrameFunctionalGroupsSequence[index], *shared)
        groups = [group for each in both for group in each.get(GROUPS[key]) or []]
    found = (group.get(key) for group in groups)
    return next((value for value in found if value not in (None, "", [])), None)


def _value_type(header: Dataset, scale: tuple[float, float] | None) -> np.dtype[Any]:
    """The stored type, or if values are rescaled a floating-point type that tells stored integers apart."""
    from pydicom.pixels.utils import pixel_dtype

    if "PixelRepresentation" not in header:  # stored as floating point
        return np.dtype(f"f{header.BitsAllocated // 8}")
    if scale is None:
        return np.dtype(np.float64)
    if scale == (1, 0):
        return pixel_dtype(header)
    slope, intercept = scale
    largest = np.float32(abs(intercept) + abs(slope) * 2.0**header.BitsStored)
    return np.dtype(np.float32 if np.spacing(largest) <= abs(slope) / 64 else np.float64)


def _require_alike(frames: Sequence[Frame]) -> None:
    """DataError if frames differ in size, orientation or spacing; names one of the rarer kind."""
    kinds = [(frame.size, *frame.axes.round(3).ravel()) for frame in frames]
    (common, _), *_ = Counter(kinds).most_common()
    usual = frames[kinds.index(common)]
    for frame in frames:
        if frame.size != usual.size:
            size, other = ("{1} x {0}".format(*sides) for sides in (frame.size, usual.size))
            raise DataError(
                f"{frame.name} is {size} and {usual.name} of the same DICOM series {other}; keep slices of "
                "one size"
            )
        if np.abs(frame.axes - usual.axes).max() > 1e-3 * np.abs(usual.axes).max():
            raise DataError(
                f"{frame.name} has another orientation or pixel spacing than {usual.name} of the same DICOM "
                "series; keep the slices of one orientation"
            )


def _in_order(frames: Sequence[Frame]) -> tuple[list[Frame], np.ndarray]:
    """Sort frames along their normal, and return the step (3,) from one to the next.

    Slices at unequal distances (10% is allowed for rounding) or beside each other raise DataError.
    """
    positions = np.array([frame.position for frame in frames])
    distances = positions @ frames[0].normal
    order = distances.argsort(kind="stable")
    frames, positions = [frames[i] for i in order], positions[order]
    steps = np.diff(distances[order])
    smallest, largest = int(steps.argmin()), int(steps.argmax())
    if steps[smallest] < 1e-3:
        first, second = frames[smallest].name, frames[smallest + 1].name
        raise DataError(
            f"{first} and {second} have the same position in a DICOM series; keep one slice per position"
        )
    if steps[largest] > 1.1 * steps[smallest]:
        raise DataError(
            f"slices are missing after {frames[largest].name}: the next one is {steps[largest]:.4g} mm "
            f"away, others of the DICOM series are {steps[smallest]:.4g} mm; download them again"
        )
    step = (positions[-1] - positions[0]) / (len(frames) - 1)
    sideways = np.linalg.norm(np.cross(positions - positions[0], step / np.linalg.norm(step)), axis=1)
    if sideways.max() > MAX_SIDEWAYS * np.linalg.norm(frames[0].axes, axis=1).min():
        raise DataError(
            f"{frames[int(sideways.argmax())].name} lies {sideways.max():.3g} mm beside the line of the "
            "other slices of its DICOM series; resample the series"
        )
    return frames, step


def _read_slices(file: Path) -> tuple[Dataset, np.ndarray]:
    try:
        data, pixels = read_pixels(file)
    except DataError:
        raise
    except Exception as error:  # pydicom and its decoders raise many types for damaged files
        raise DataError(
            f"{file} is not a readable slice of its DICOM series ({first_line(error)}); replace or remove it"
        ) from error
    if pixels.ndim == 4:
        raise DataError(f"{file} contains colours; save one real number per voxel")
    return data, pixels
