"""Volumes: how they are read, turned into one orientation and cut into slices (MultiverSeg, appendix B.1)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any, Literal

import numpy as np

from segbench.datasets.examples import Example
from segbench.datasets.task import DataError

ORIENTATION = ("L", "P", "I")
"""Where the axes of a turned volume point: to the patient's left, to the back, to the feet."""

AXES = {"sagittal": 0, "coronal": 1, "axial": 2}
"""Axis of a turned volume across which slices of that name are cut.

With `ORIENTATION`, their pictures have the head on top (axial: the front) and the patient's left on the
right, as radiologists look at them; in sagittal ones the patient looks to the left.
"""

STORED = {"stored": 2}
"""For volumes acquired slice by slice: the third axis as it is stored, nothing turned."""

MOST_VOXELS = 2**30
"""Most voxels of a volume, so that no broken or hostile header fills the memory."""

DENSEST = 1100
"""Voxels in a byte of a file at most: 1032 where zlib packs one value only."""

IN_ONE = (".nii", ".nii.gz", ".mgz", ".mgh", ".mha", ".dcm")
"""Files of header and voxels in one, packed by zlib if at all."""

Rule = Literal["maxslice", "midslice"]


@dataclass(frozen=True, eq=False)
class Volume:
    """A volume and where it lies.

    Attributes
    ----------
    values : array (X, Y, Z)
    affine : float array (4, 4)
        From indices to millimetres that grow to the patient's right, front and head.
    file : Path
        What errors name.
    """

    values: np.ndarray
    affine: np.ndarray
    file: Path


def read_volume(path: Path) -> Volume:
    """A volume as it is stored: NIfTI, MGH or Analyze, MetaImage or NRRD, or a folder with one DICOM series.

    Raises
    ------
    DataError
        If it cannot be read, is not 3D (found before its voxels are read), does not hold one real number for
        each voxel, or its voxels have no plausible size (no side is 0, none 100 times another); or a folder
        does not hold exactly one series, or its slices do not lie at equal steps.
    """
    nifti = path.name.lower().endswith((".nii", ".nii.gz", ".mgz", ".mgh", ".hdr"))
    try:
        values, affine = _with_nibabel(path) if nifti else _with_simpleitk(path)
    except DataError:
        raise
    except Exception as error:  # damage shows as errors of gzip, zlib, nibabel and ITK alike
        told = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise DataError(f"{path} cannot be read as a volume ({told}); fetch it again or remove it") from error
    if values.dtype.kind not in "buif":
        raise DataError(f"{path} holds colours or complex numbers; save one real number for each voxel")
    if not _plausible(affine):
        told = " x ".join(f"{side:.3g}" for side in np.linalg.norm(affine[:3, :3], axis=0))
        raise DataError(f"{path} has voxels of {told} mm or axes that coincide; correct its header")
    return Volume(values, affine, path)


def read_label_map(path: Path, image: Volume) -> Volume:
    """The label map of an image: as `read_volume`, whole numbers, in the same space.

    Its axes are flipped and exchanged to those of the image where they are stored otherwise.

    Raises
    ------
    DataError
        As of `read_volume`; or if shapes or affine maps differ then, or values are no whole numbers.
    """
    from nibabel import orientations

    stored = read_volume(path)
    between = np.linalg.solve(image.affine, stored.affine)  # from its indices to the image's
    labels = _reordered(stored, orientations.io_orientation(between))
    if labels.values.shape != image.values.shape:
        one, other = (" x ".join(map(str, v.values.shape)) for v in (stored, image))
        raise DataError(f"{path} is {one} and its image {image.file} {other}; make them match")
    if not np.allclose(labels.affine, image.affine, atol=1e-2):
        corners = np.array([*np.ndindex(2, 2, 2)]) * (np.array(image.values.shape) - 1)
        shift = (labels.affine - image.affine) @ np.column_stack([corners, np.ones(8)]).T
        raise DataError(
            f"{path} and its image {image.file} lie in different spaces (same shape, but another affine: "
            f"voxels up to {np.linalg.norm(shift, axis=0).max():.3g} mm apart); resample one of them"
        )
    if labels.values.dtype.kind == "f":
        with np.errstate(invalid="ignore"):  # NaN, infinite and too large numbers become others
            whole = np.rint(labels.values).astype(np.int32)
        if not np.array_equal(whole, labels.values):
            raise DataError(f"{path} holds NaN or values that are no labels; save one whole number per voxel")
        return replace(labels, values=whole)
    return labels


def turned(volume: Volume) -> Volume:
    """The volume with its axes in `ORIENTATION`, flipped and exchanged but not resampled."""
    from nibabel import orientations

    wanted = orientations.axcodes2ornt(ORIENTATION)
    return _reordered(volume, orientations.ornt_transform(orientations.io_orientation(volume.affine), wanted))


def without_outliers(image: Volume) -> Volume:
    """The volume cut to the middle 99% of its positive values, as the papers' collection has it of MRI."""
    positive = image.values[image.values > 0]
    if not positive.size:
        return image
    return replace(image, values=image.values.clip(*np.percentile(positive, (0.5, 99.5))))


def slices(
    image: Volume,
    labels: Volume,
    values: Mapping[str, int | tuple[int, ...]],
    subject: str,
    axes: Mapping[str, int] = AXES,
    rule: Rule = "maxslice",
    **said: Any,
) -> Iterator[Example]:
    """Slices of a volume in which labels show, by the papers' rules, stretched to square pixels.

    Parameters
    ----------
    image, labels : Volume
        In one space, `turned` or stored.
    values : mapping of each label to its value, or values that are one label, in the label map
    subject : str
    axes : mapping of names to axes of the arrays
    rule : {"maxslice", "midslice"}
        The slice across each axis in which a label is largest, the first of several; or the middle one.
    **said
        Other fields of `Example`.

    Yields
    ------
    Example
        One for each label and axis of ``maxslice``, one for each axis of ``midslice``; labels that do not
        show are left out.
    """
    cut = _largest_slices if rule == "maxslice" else _middle_slices
    sides = np.linalg.norm(image.affine[:3, :3], axis=0)
    for name, axis in axes.items():
        pixel = np.delete(sides, axis)[::-1]
        for index, shown in cut(labels.values, values, axis):
            picture = _square_pixels(plane(image.values, axis, index), pixel)
            masks = {label: _square_pixels(mask, pixel) >= 0.5 for label, mask in shown.items()}
            yield Example(image.file, subject, picture, masks, axis=name, **said)


def largest(mask: np.ndarray, axis: int) -> int | None:
    """Index of the slice across an axis with the largest area, the first of several; None for no area.

    Parameters
    ----------
    mask : bool array (X, Y, Z)
    axis : int
    """
    areas = np.count_nonzero(mask, axis=tuple(other for other in range(3) if other != axis))
    return int(areas.argmax()) if areas.any() else None


def plane(values: np.ndarray, axis: int, index: int) -> np.ndarray:
    """A slice as a picture (H, W): of the other two axes the later runs down, the earlier to the right."""
    return np.moveaxis(values, axis, 0)[index].T  # a view; `take` would copy the whole volume


def _square_pixels(picture: np.ndarray, pixel: np.ndarray) -> np.ndarray:
    """The picture with as many rows or columns more as its pixels, (height, width), are oblong."""
    import cv2

    height, width = np.rint(picture.shape * pixel / pixel.min()).astype(int).tolist()
    if (height, width) == picture.shape:
        return picture
    return cv2.resize(picture.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)


def _largest_slices(
    numbers: np.ndarray, values: Mapping[str, int | tuple[int, ...]], axis: int
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    for label, value in values.items():
        mask = shows(numbers, value)
        index = largest(mask, axis)
        if index is not None:
            yield index, {label: plane(mask, axis, index)}


def _middle_slices(
    numbers: np.ndarray, values: Mapping[str, int | tuple[int, ...]], axis: int
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    index = numbers.shape[axis] // 2
    middle = plane(numbers, axis, index)
    masks = {label: shows(middle, value) for label, value in values.items()}
    yield index, {label: mask for label, mask in masks.items() if mask.any()}


def shows(numbers: np.ndarray, value: int | tuple[int, ...]) -> np.ndarray:
    """Where a label map or mask has a value, or one of several; faster than `numpy.isin`."""
    values = value if isinstance(value, tuple) else (value,)
    return reduce(np.logical_or, (numbers == one for one in values))


def _reordered(volume: Volume, change: np.ndarray) -> Volume:
    """The volume with its axes flipped and exchanged as an orientation of nibabel, (3, 2), says."""
    from nibabel import orientations

    return Volume(
        orientations.apply_orientation(volume.values, change),
        volume.affine @ orientations.inv_ornt_aff(change, volume.values.shape),
        volume.file,
    )


def _with_nibabel(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import nibabel

    volume: Any = nibabel.load(path)
    shape = volume.shape[:3] if set(volume.shape[3:]) <= {1} else volume.shape
    _assert_3d(path, shape)
    return np.asanyarray(volume.dataobj).reshape(shape), volume.affine


def _with_simpleitk(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # what matters of them ends in an error here
    if path.is_dir():
        image = _dicom_series(path)
    else:
        header = sitk.ImageFileReader()
        header.SetFileName(str(path))
        header.ReadImageInformation()
        parts = header.GetNumberOfComponents()
        _assert_3d(path, (*header.GetSize(), parts) if parts > 1 else header.GetSize())
        image = sitk.ReadImage(str(path))
    values = sitk.GetArrayFromImage(image).T
    _assert_3d(path, values.shape)  # of a series; the affine map below is of three dimensions
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    affine[:2] *= -1  # ITK's millimetres grow to the left and back
    return values, affine


def _plausible(affine: np.ndarray) -> bool:
    """Whether voxels have three different directions and no side that is 0 or 100 times another."""
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or not 0 < sides.max() <= 100 * sides.min():
        return False
    return bool(abs(np.linalg.det(affine[:3, :3] / sides)) > 0.01)


def _assert_3d(path: Path, shape: tuple[int, ...]) -> None:
    if len(shape) != 3 or 0 in shape:
        size = " x ".join(map(str, shape))
        raise DataError(f"{path} is {size}, not a 3D volume; save each volume in a file of its own")
    in_one = path.is_file() and path.name.lower().endswith(IN_ONE)
    most = min(MOST_VOXELS, DENSEST * path.stat().st_size if in_one else MOST_VOXELS)
    if math.prod(shape) > most:
        size = " x ".join(map(str, shape))
        raise DataError(f"{path} claims {size} voxels, more than {most}; save or fetch it again")


def _dicom_series(folder: Path) -> Any:
    """The only series in a folder, as an image of SimpleITK."""
    import SimpleITK as sitk

    series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if len(series) != 1:
        raise DataError(f"{folder} holds {len(series) or 'no'} DICOM series; keep the one that is labelled")
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series[0])
    header = sitk.ImageFileReader()
    header.SetFileName(names[0])
    header.ReadImageInformation()
    _assert_3d(Path(names[0]), (*header.GetSize()[:2], 1))
    _assert_3d(folder, (*header.GetSize()[:2], len(names)))
    strays = {str(f) for f in folder.iterdir() if f.suffix.lower() in (".dcm", ".ima")} - set(names)
    if strays:  # ITK passes over what it cannot read, and the volume lacks a slice
        raise DataError(f"{min(strays)} is no readable slice of its DICOM series; fetch or remove it")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(names)
    reader.MetaDataDictionaryArrayUpdateOn()
    image = reader.Execute()
    _assert_equal_steps(reader, names)
    return image


def _assert_equal_steps(reader: Any, names: Sequence[str]) -> None:
    """Refuse slices that do not follow each other at one step, which ITK would spread; 10% are for rounding.

    Series without places (DICOM PS3.3 C.7.6.2) are taken in the order of their numbers, as ITK has it.
    """
    position, orientation = "0020|0032", "0020|0037"
    numbers = range(len(names))
    if len(names) == 1 or not any(reader.HasMetaDataKey(i, position) for i in numbers):
        return
    row, column = np.array(reader.GetMetaData(0, orientation).split("\\"), float).reshape(2, 3)
    places = np.array([reader.GetMetaData(i, position).split("\\") for i in numbers], float)
    along = places @ np.cross(row, column)
    order = along.argsort(kind="stable")
    steps = np.diff(along[order])
    least, most = int(steps.argmin()), int(steps.argmax())
    if steps[least] < 1e-3:
        one, other = names[order[least]], names[order[least + 1]]
        raise DataError(
            f"{one} and {other} lie at one place of a DICOM series; keep one slice for each place"
        )
    if steps[most] > 1.1 * steps[least]:
        raise DataError(
            f"slices are missing after {names[order[most]]}: the next one is {steps[most]:.4g} mm away, "
            f"others of the DICOM series are {steps[least]:.4g} mm; fetch them again"
        )
