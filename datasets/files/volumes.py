"""Volumes and their label maps, read from files and brought to one orientation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from segbench.datasets.files.dicom import DICOM_SUFFIXES, MAX_DENSITY
from segbench.datasets.files.dicom_series import open_series
from segbench.datasets.task import DataError

ORIENTATION = ("L", "P", "I")
"""Directions of the axes of a reoriented volume: to the patient's left, back and feet."""

MAX_VOXELS = 2**30
"""Largest number of voxels of a volume; a damaged or hostile header then cannot fill the memory."""

SINGLE_FILES = (".nii", ".nii.gz", ".mgz", ".mgh", ".mha")
"""Formats with header and voxels in one file, packed by zlib or not at all."""

MAX_SHIFT = 0.25
"""Largest distance between a label map and its image, in voxels: positions are rounded in many files, and a
corner taken for a centre is half a voxel."""

MAX_SKEW = 0.5
"""Largest deviation of axes from right angles, in degrees; slices are resized by the sides of voxels only."""


@dataclass(frozen=True, eq=False)
class Volume:
    """A volume and its position in space.

    Attributes
    ----------
    values : array (X, Y, Z)
    affine : float array (4, 4)
        Maps indices to millimetres that increase to the patient's right, front and head.
    file : Path
        The file that errors name.
    """

    values: np.ndarray
    affine: np.ndarray
    file: Path


def read_volume(path: Path) -> Volume:
    """Read a volume as stored: NIfTI, MGH or Analyze, MetaImage or NRRD, a multi-frame DICOM file, or a
    folder with one DICOM series.

    A 2D image is a volume of one slice. The thickness of an only slice is that of the shorter side of a
    pixel: files state 0, 1 or 999 mm.

    Raises
    ------
    DataError
        If it cannot be read, is not 3D (checked before its voxels are read), does not contain one real number
        per voxel, its voxels have no plausible size (a side of 0, or 100 times as long as another), or its
        axes are not at right angles; or as of `open_series`.
    """
    try:
        values, affine = _reader_of(path)(path)
    except DataError:
        raise
    except Exception as error:  # damaged files raise errors of gzip, zlib, nibabel or ITK
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise DataError(
            f"{path} cannot be read as a volume ({reason}); download it again or remove it"
        ) from error
    if values.dtype.kind not in "buif":
        raise DataError(f"{path} contains colours or complex numbers; save one real number per voxel")
    if 1 in values.shape:
        affine = _without_thickness(affine, values.shape.index(1))
    if not _is_plausible(affine):
        size = " x ".join(f"{side:.3g}" for side in np.linalg.norm(affine[:3, :3], axis=0))
        raise DataError(f"{path} has voxels of {size} mm or axes that coincide; correct its header")
    if (skew := _skew(affine)) > MAX_SKEW:
        raise DataError(
            f"{path} has axes {skew:.3g} degrees off right angles, as scans with a tilted gantry; resample "
            "it to right angles, for example with dcm2niix"
        )
    return Volume(values, affine, path)


def read_label_map(path: Path, image: Volume) -> Volume:
    """Read the label map of an image: as `read_volume`, with whole numbers, in the image's space.

    Axes that are stored in another order or direction are exchanged and flipped to those of the image.

    Raises
    ------
    DataError
        As of `read_volume`; or if shapes then differ, a corner lies `MAX_SHIFT` voxels from its place in the
        image, or values are not whole numbers from 0.
    """
    stored = read_volume(path)
    labels = _turn_to(stored, image)
    if labels.values.shape != image.values.shape:
        size, other = (_size(volume.values.shape) for volume in (stored, image))
        raise DataError(f"{path} is {size} and its image {image.file} {other}; make them match")
    require_place(labels, image)
    if labels.values.dtype.kind in "if" and (lowest := labels.values.min()) < 0:
        raise DataError(f"{path} contains {lowest:g}, but labels are numbers from 0; save it with these")
    if labels.values.dtype.kind == "f":
        with np.errstate(invalid="ignore"):  # NaN, infinite and too large numbers change here
            whole = np.rint(labels.values).astype(np.int32)
        if not np.array_equal(whole, labels.values):
            raise DataError(f"{path} contains NaN or fractions; save one whole number per voxel")
        return replace(labels, values=whole)
    return labels


def extend(part: Volume, image: Volume) -> Volume:
    """Extend a label map of a part of an image by zeros to the whole image.

    Raises
    ------
    DataError
        If it reaches beyond the image, or a corner lies `MAX_SHIFT` voxels from its place in the image.
    """
    part = _turn_to(part, image)
    start = np.rint(np.linalg.solve(image.affine, part.affine)[:3, 3]).astype(int)
    require_place(part, image, start)
    end = start + part.values.shape
    if (start < 0).any() or (end > image.values.shape).any():
        raise DataError(f"{part.file} reaches beyond its image {image.file}; give the image it belongs to")
    values = np.zeros(image.values.shape, part.values.dtype)
    values[tuple(map(slice, start, end))] = part.values
    return Volume(values, image.affine, part.file)


def reorient(volume: Volume) -> Volume:
    """Flip and exchange the axes of a volume to `ORIENTATION`, without resampling."""
    from nibabel import orientations

    wanted = orientations.axcodes2ornt(ORIENTATION)
    stored = orientations.io_orientation(volume.affine)
    return _reorder_axes(volume, orientations.ornt_transform(stored, wanted))


def clip_outliers(values: np.ndarray) -> np.ndarray:
    """Clip an array to the middle 99% of its positive values, as the papers' collection does for MRI."""
    positive = values[values > 0]
    return values.clip(*np.percentile(positive, (0.5, 99.5))) if positive.size else values


def require_place(labels: Volume, image: Volume, start: Sequence[int] | np.ndarray = (0, 0, 0)) -> None:
    """DataError if corners of a label map, whose first voxel is `start` of the image, lie in other places."""
    corners = np.array([*np.ndindex(2, 2, 2)]) * (np.array(labels.values.shape) - 1)
    places, expected = (
        affine[:3, :3] @ each.T + affine[:3, 3:]
        for affine, each in ((labels.affine, corners), (image.affine, corners + start))
    )
    side = np.linalg.norm(image.affine[:3, :3], axis=0).min()
    apart = np.linalg.norm(places - expected, axis=0).max() / side
    if apart > MAX_SHIFT:
        raise DataError(
            f"{labels.file} and its image {image.file} lie in different spaces: corners lie {apart:.3g} "
            "voxels apart; resample one of them"
        )


def _turn_to(labels: Volume, image: Volume) -> Volume:
    """Flip and exchange the axes of a label map to those of its image."""
    from nibabel import orientations

    to_image = np.linalg.solve(image.affine, labels.affine)  # maps its indices to the image's
    return _reorder_axes(labels, orientations.io_orientation(to_image))


def _reorder_axes(volume: Volume, orientation: np.ndarray) -> Volume:
    """Flip and exchange axes by an orientation of nibabel, (3, 2)."""
    from nibabel import orientations

    return Volume(
        orientations.apply_orientation(volume.values, orientation),
        volume.affine @ orientations.inv_ornt_aff(orientation, volume.values.shape),
        volume.file,
    )


def _reader_of(path: Path) -> Callable[[Path], tuple[np.ndarray, np.ndarray]]:
    """The function that reads the values and the affine map of a format."""
    if path.name.lower().endswith((".nii", ".nii.gz", ".mgz", ".mgh", ".hdr")):
        return _read_with_nibabel
    return _read_dicom if path.is_dir() or path.suffix.lower() in DICOM_SUFFIXES else _read_with_simpleitk


def _read_with_nibabel(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import nibabel

    volume: Any = nibabel.load(path)
    shape = volume.shape[:3] if set(volume.shape[3:]) <= {1} else volume.shape
    shape = _require_3d(path, shape)
    affine = volume.affine
    codes = [volume.header.get(name, 0) for name in ("qform_code", "sform_code")]
    if 1 in shape and isinstance(volume, nibabel.AnalyzeImage) and not any(codes):
        affine = np.diag([*(-volume.header["pixdim"][1:4]), 1.0])  # unknown orientation: shown as stored
    return np.asanyarray(volume.dataobj).reshape(shape), affine


def _read_dicom(path: Path) -> tuple[np.ndarray, np.ndarray]:
    series = open_series(path)
    _require_3d(path, series.shape)
    return series.read(), series.affine


def _read_with_simpleitk(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # relevant problems raise errors here
    header = sitk.ImageFileReader()
    header.SetFileName(str(path))
    header.ReadImageInformation()
    channels, size = header.GetNumberOfComponents(), header.GetSize()
    shape = _require_3d(path, (*size, *[1] * (3 - len(size)), channels) if channels > 1 else size)
    image = sitk.ReadImage(str(path))
    n = image.GetDimension()
    affine = np.eye(4)
    affine[:n, :n] = np.array(image.GetDirection()).reshape(n, n) * image.GetSpacing()
    affine[:n, 3] = image.GetOrigin()
    affine[:2] *= -1  # ITK's millimetres increase to the left and back
    return sitk.GetArrayFromImage(image).T.reshape(shape), affine


def _without_thickness(affine: np.ndarray, axis: int) -> np.ndarray:
    """Make the only slice of a volume, which lies across an axis, as thick as the shorter side of a pixel."""
    sides = np.delete(affine[:3, :3], axis, axis=1).T
    normal = np.cross(*sides)
    length = np.linalg.norm(normal)
    if length > 0:
        normal *= np.linalg.norm(sides, axis=1).min() / length
    flat = affine.copy()
    flat[:3, axis] = -normal if normal @ affine[:3, axis] < 0 else normal
    return flat


def _is_plausible(affine: np.ndarray) -> bool:
    """Whether voxels have three different directions and no side is 0 or 100 times another."""
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or not 0 < sides.max() <= 100 * sides.min():
        return False
    return bool(abs(np.linalg.det(affine[:3, :3] / sides)) > 0.01)


def _skew(affine: np.ndarray) -> float:
    """Largest deviation of two axes from a right angle, in degrees."""
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    cosines = np.abs(directions.T @ directions - np.eye(3))
    return float(np.degrees(np.arcsin(min(cosines.max(), 1))))


def _require_3d(path: Path, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape with three sides, also of a 2D image; else DataError."""
    if len(shape) == 2:
        shape = (*shape, 1)
    if len(shape) != 3 or 0 in shape:
        raise DataError(f"{path} is {_size(shape)}, not a 3D volume; save each volume in a file of its own")
    single = path.is_file() and path.name.lower().endswith(SINGLE_FILES)
    limit = min(MAX_VOXELS, MAX_DENSITY * path.stat().st_size if single else MAX_VOXELS)
    if math.prod(shape) > limit:
        raise DataError(f"{path} claims {_size(shape)} voxels, more than {limit}; save or download it again")
    return shape


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
