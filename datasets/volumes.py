"""Volumes: how they are read, turned into one orientation and cut into slices (MultiverSeg, appendix B.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any, Literal

import numpy as np

from datasets.examples import Example
from datasets.task import DataError

ORIENTATION = ("L", "P", "I")
"""Where the axes of a turned volume point: to the patient's left, to the back, to the feet."""

AXES = {"sagittal": 0, "coronal": 1, "axial": 2}
"""Axis of a turned volume across which slices of that name are cut.

With `ORIENTATION`, their pictures have the head on top (axial: the front) and the patient's left on the
right, as radiologists look at them; in sagittal ones the patient looks to the left.
"""

STORED = {"stored": 2}
"""For volumes acquired slice by slice: the third axis as it is stored, nothing turned."""

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
        If it cannot be read, is not 3D, or a folder does not hold exactly one series.
    """
    nifti = path.name.lower().endswith((".nii", ".nii.gz", ".mgz", ".mgh", ".hdr"))
    try:
        values, affine = _with_nibabel(path) if nifti else _with_simpleitk(path)
    except DataError:
        raise
    except Exception as error:  # damage shows as errors of gzip, zlib, nibabel and ITK alike
        told = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise DataError(f"{path} cannot be read as a volume ({told}); fetch it again or remove it") from error
    if values.ndim != 3 or not values.size:
        size = " x ".join(map(str, values.shape))
        raise DataError(f"{path} is {size}, not a 3D volume; save each volume in a file of its own")
    return Volume(values, affine, path)


def read_label_map(path: Path, image: Volume) -> Volume:
    """The label map of an image: as `read_volume`, whole numbers, in the same space.

    Raises
    ------
    DataError
        As of `read_volume`; or if shapes or affine maps differ, or values are no whole numbers.
    """
    labels = read_volume(path)
    if labels.values.shape != image.values.shape:
        one, other = (" x ".join(map(str, v.values.shape)) for v in (labels, image))
        raise DataError(f"{path} is {one} and its image {image.file} {other}; make them match")
    if not np.allclose(labels.affine, image.affine, atol=1e-2):
        raise DataError(f"{path} and its image {image.file} lie in different spaces; resample one of them")
    if labels.values.dtype.kind == "f":
        whole = np.rint(np.nan_to_num(labels.values)).astype(np.int32)
        if not np.array_equal(whole, labels.values):
            raise DataError(f"{path} holds NaN or values between the labels; save one whole number per voxel")
        return replace(labels, values=whole)
    return labels


def turned(volume: Volume) -> Volume:
    """The volume with its axes in `ORIENTATION`, flipped and exchanged but not resampled."""
    from nibabel import orientations

    wanted = orientations.axcodes2ornt(ORIENTATION)
    change = orientations.ornt_transform(orientations.io_orientation(volume.affine), wanted)
    return Volume(
        orientations.apply_orientation(volume.values, change),
        volume.affine @ orientations.inv_ornt_aff(change, volume.values.shape),
        volume.file,
    )


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
        mask = _shows(numbers, value)
        index = largest(mask, axis)
        if index is not None:
            yield index, {label: plane(mask, axis, index)}


def _middle_slices(
    numbers: np.ndarray, values: Mapping[str, int | tuple[int, ...]], axis: int
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    index = numbers.shape[axis] // 2
    middle = plane(numbers, axis, index)
    masks = {label: _shows(middle, value) for label, value in values.items()}
    yield index, {label: mask for label, mask in masks.items() if mask.any()}


def _shows(numbers: np.ndarray, value: int | tuple[int, ...]) -> np.ndarray:
    """Where a label map has a value, or one of several; faster than `numpy.isin` in any order of memory."""
    values = value if isinstance(value, tuple) else (value,)
    return reduce(np.logical_or, (numbers == one for one in values))


def _with_nibabel(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import nibabel

    volume: Any = nibabel.load(path)
    values = np.asanyarray(volume.dataobj)
    return values[..., 0] if values.ndim == 4 and values.shape[3] == 1 else values, volume.affine


def _with_simpleitk(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import SimpleITK as sitk

    if path.is_dir():
        series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(path))
        if len(series) != 1:
            raise DataError(f"{path} holds {len(series) or 'no'} DICOM series; keep the one that is labelled")
        names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(path), series[0])
        strays = {str(f) for f in path.iterdir() if f.suffix.lower() in (".dcm", ".ima")} - set(names)
        if strays:  # ITK passes over what it cannot read, and the volume lacks a slice
            raise DataError(f"{min(strays)} is no readable slice of its DICOM series; fetch or remove it")
        image = sitk.ReadImage(names)
    else:
        image = sitk.ReadImage(str(path))
    size = image.GetDimension()
    affine = np.eye(4)
    if size == 3:
        affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
        affine[:3, 3] = image.GetOrigin()
        affine[:2] *= -1  # ITK's millimetres grow to the left and back
    return sitk.GetArrayFromImage(image).T, affine
