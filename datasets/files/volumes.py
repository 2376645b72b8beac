"""Volumes and their label maps, read from files and brought to one orientation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from segbench.datasets.task import DataError

ORIENTATION = ("L", "P", "I")
"""Directions of the axes of a reoriented volume: to the patient's left, back and feet."""

MAX_VOXELS = 2**30
"""Largest number of voxels of a volume; a damaged or hostile header then cannot fill the memory."""

MAX_DENSITY = 1100
"""Largest number of voxels per byte of a file: zlib reaches 1032 if all have one value."""

SINGLE_FILES = (".nii", ".nii.gz", ".mgz", ".mgh", ".mha", ".dcm")
"""Formats with header and voxels in one file, packed by zlib or not at all."""


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
    """Read a volume as stored: NIfTI, MGH or Analyze, MetaImage or NRRD, or a folder with one DICOM series.

    Raises
    ------
    DataError
        If it cannot be read, is not 3D (checked before its voxels are read), does not contain one real number
        per voxel, or its voxels have no plausible size (a side of 0, or 100 times as long as another); or if
        a folder does not contain exactly one series with slices at equal distances.
    """
    with_nibabel = path.name.lower().endswith((".nii", ".nii.gz", ".mgz", ".mgh", ".hdr"))
    try:
        values, affine = _read_with_nibabel(path) if with_nibabel else _read_with_simpleitk(path)
    except DataError:
        raise
    except Exception as error:  # damaged files raise errors of gzip, zlib, nibabel or ITK
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise DataError(
            f"{path} cannot be read as a volume ({reason}); download it again or remove it"
        ) from error
    if values.dtype.kind not in "buif":
        raise DataError(f"{path} contains colours or complex numbers; save one real number per voxel")
    if not _is_plausible(affine):
        size = " x ".join(f"{side:.3g}" for side in np.linalg.norm(affine[:3, :3], axis=0))
        raise DataError(f"{path} has voxels of {size} mm or axes that coincide; correct its header")
    return Volume(values, affine, path)


def read_label_map(path: Path, image: Volume) -> Volume:
    """Read the label map of an image: as `read_volume`, with whole numbers, in the image's space.

    Axes that are stored in another order or direction are exchanged and flipped to those of the image.

    Raises
    ------
    DataError
        As of `read_volume`; or if shapes or affine maps then differ, or values are not whole numbers.
    """
    from nibabel import orientations

    stored = read_volume(path)
    to_image = np.linalg.solve(image.affine, stored.affine)  # maps its indices to the image's
    labels = _reorder_axes(stored, orientations.io_orientation(to_image))
    if labels.values.shape != image.values.shape:
        size, other = (_size(volume.values.shape) for volume in (stored, image))
        raise DataError(f"{path} is {size} and its image {image.file} {other}; make them match")
    if not np.allclose(labels.affine, image.affine, atol=1e-2):
        corners = np.array([*np.ndindex(2, 2, 2)]) * (np.array(image.values.shape) - 1)
        shift = (labels.affine - image.affine) @ np.column_stack([corners, np.ones(8)]).T
        raise DataError(
            f"{path} and its image {image.file} lie in different spaces (same shape, but another affine: "
            f"voxels up to {np.linalg.norm(shift, axis=0).max():.3g} mm apart); resample one of them"
        )
    if labels.values.dtype.kind == "f":
        with np.errstate(invalid="ignore"):  # NaN, infinite and too large numbers change here
            whole = np.rint(labels.values).astype(np.int32)
        if not np.array_equal(whole, labels.values):
            raise DataError(f"{path} contains NaN or fractions; save one whole number per voxel")
        return replace(labels, values=whole)
    return labels


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


def _reorder_axes(volume: Volume, orientation: np.ndarray) -> Volume:
    """Flip and exchange axes by an orientation of nibabel, (3, 2)."""
    from nibabel import orientations

    return Volume(
        orientations.apply_orientation(volume.values, orientation),
        volume.affine @ orientations.inv_ornt_aff(orientation, volume.values.shape),
        volume.file,
    )


def _read_with_nibabel(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import nibabel

    volume: Any = nibabel.load(path)
    shape = volume.shape[:3] if set(volume.shape[3:]) <= {1} else volume.shape
    _require_3d(path, shape)
    return np.asanyarray(volume.dataobj).reshape(shape), volume.affine


def _read_with_simpleitk(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # relevant problems raise errors here
    if path.is_dir():
        image = _read_dicom_series(path)
    else:
        header = sitk.ImageFileReader()
        header.SetFileName(str(path))
        header.ReadImageInformation()
        channels = header.GetNumberOfComponents()
        _require_3d(path, (*header.GetSize(), channels) if channels > 1 else header.GetSize())
        image = sitk.ReadImage(str(path))
    values = sitk.GetArrayFromImage(image).T
    _require_3d(path, values.shape)  # a series may have another shape; the affine map needs three dimensions
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    affine[:2] *= -1  # ITK's millimetres increase to the left and back
    return values, affine


def _is_plausible(affine: np.ndarray) -> bool:
    """Whether voxels have three different directions and no side is 0 or 100 times another."""
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or not 0 < sides.max() <= 100 * sides.min():
        return False
    return bool(abs(np.linalg.det(affine[:3, :3] / sides)) > 0.01)


def _require_3d(path: Path, shape: tuple[int, ...]) -> None:
    if len(shape) != 3 or 0 in shape:
        raise DataError(f"{path} is {_size(shape)}, not a 3D volume; save each volume in a file of its own")
    single = path.is_file() and path.name.lower().endswith(SINGLE_FILES)
    limit = min(MAX_VOXELS, MAX_DENSITY * path.stat().st_size if single else MAX_VOXELS)
    if math.prod(shape) > limit:
        raise DataError(f"{path} claims {_size(shape)} voxels, more than {limit}; save or download it again")


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _read_dicom_series(folder: Path) -> Any:
    """Read the only series in a folder as an image of SimpleITK."""
    import SimpleITK as sitk

    series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if len(series) != 1:
        raise DataError(f"{folder} contains {len(series) or 'no'} DICOM series; keep the labelled one")
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series[0])
    header = sitk.ImageFileReader()
    header.SetFileName(names[0])
    header.ReadImageInformation()
    _require_3d(Path(names[0]), (*header.GetSize()[:2], 1))
    _require_3d(folder, (*header.GetSize()[:2], len(names)))
    strays = {str(f) for f in folder.iterdir() if f.suffix.lower() in (".dcm", ".ima")} - set(names)
    if strays:  # ITK skips files that it cannot read; the volume would then lack a slice
        raise DataError(f"{min(strays)} is not a readable slice of its DICOM series; replace or remove it")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(names)
    reader.MetaDataDictionaryArrayUpdateOn()
    image = reader.Execute()
    _require_equal_steps(reader, names)
    return image


def _require_equal_steps(reader: Any, names: Sequence[str]) -> None:
    """Refuse slices at unequal distances, which ITK would space equally; 10% is allowed for rounding.

    Series without positions (DICOM PS3.3 C.7.6.2) are read in the order of their numbers, as ITK does.
    """
    position, orientation = "0020|0032", "0020|0037"
    numbers = range(len(names))
    if len(names) == 1 or not any(reader.HasMetaDataKey(i, position) for i in numbers):
        return
    row, column = np.array(reader.GetMetaData(0, orientation).split("\\"), float).reshape(2, 3)
    positions = np.array([reader.GetMetaData(i, position).split("\\") for i in numbers], float)
    distances = positions @ np.cross(row, column)
    order = distances.argsort(kind="stable")
    steps = np.diff(distances[order])
    smallest, largest = int(steps.argmin()), int(steps.argmax())
    if steps[smallest] < 1e-3:
        first, second = names[order[smallest]], names[order[smallest + 1]]
        raise DataError(
            f"{first} and {second} have the same position in a DICOM series; keep one slice per position"
        )
    if steps[largest] > 1.1 * steps[smallest]:
        raise DataError(
            f"slices are missing after {names[order[largest]]}: the next one is {steps[largest]:.4g} mm "
            f"away, others of the DICOM series are {steps[smallest]:.4g} mm; download them again"
        )
