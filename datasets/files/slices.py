"""2D slices of volumes in which labels are visible (MultiverSeg, appendix B.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any, Literal

import numpy as np

from segbench.datasets.examples import Example
from segbench.datasets.files.volumes import Volume

AXES = {"sagittal": 0, "coronal": 1, "axial": 2}
"""Axis of a reoriented volume across which slices of each name are cut.

In `segbench.datasets.files.volumes.ORIENTATION`, slices have the head at the top (axial: the front) and the
patient's left on the right, as radiologists view them; in sagittal slices the patient looks to the left.
"""

STORED = {"stored": 2}
"""For volumes acquired slice by slice: the third axis of the volume as it is stored, not reoriented."""

Rule = Literal["maxslice", "midslice"]
Values = int | tuple[int | range, ...]


def cut_slices(
    image: Volume,
    labels: Volume,
    values: Mapping[str, Values],
    subject: str,
    axes: Mapping[str, int] = AXES,
    rule: Rule = "maxslice",
    **fields: Any,
) -> Iterator[Example]:
    """Cut the slices of a volume that the papers' rules select, resized to square pixels.

    Parameters
    ----------
    image, labels : Volume
        In one space, reoriented or as stored.
    values : mapping of each label to its value, or its several values, in the label map
    subject : str
    axes : mapping of names to axes of the arrays
    rule : {"maxslice", "midslice"}
        The slice across each axis in which a label has the largest area, the first of several; or the middle
        slice.
    **fields
        Other fields of `Example`.

    Yields
    ------
    Example
        For ``maxslice`` one per label and axis, for ``midslice`` one per axis; labels without any pixel are
        left out.
    """
    select = _largest_slices if rule == "maxslice" else _middle_slices
    spacing = np.linalg.norm(image.affine[:3, :3], axis=0)
    for name, axis in axes.items():
        pixel = np.delete(spacing, axis)[::-1]
        for index, masks in select(labels.values, values, axis):
            picture = _square_pixels(plane(image.values, axis, index), pixel)
            resized = {label: _square_pixels(mask, pixel) >= 0.5 for label, mask in masks.items()}
            yield Example(image.file, subject, picture, resized, axis=name, **fields)


def has_value(numbers: np.ndarray, values: Values) -> np.ndarray:
    """Where an array has a value, or one of several values and ranges; faster than `numpy.isin`."""
    one_or_more = values if isinstance(values, tuple) else (values,)
    return reduce(np.logical_or, (_equals(numbers, value) for value in one_or_more))


def select(numbers: np.ndarray, values: tuple[int | range, ...]) -> np.ndarray:
    """Where a mask has one of some values; without values, where it is above 0."""
    return has_value(numbers, values) if values else numbers > 0


def _equals(numbers: np.ndarray, value: int | range) -> np.ndarray:
    if isinstance(value, int):
        return numbers == value
    return (numbers >= value.start) & (numbers < value.stop)


def largest_slice(mask: np.ndarray, axis: int) -> int | None:
    """Index of the slice of a mask (X, Y, Z) with the largest area, the first of several; None if empty."""
    areas = np.count_nonzero(mask, axis=tuple(other for other in range(3) if other != axis))
    return int(areas.argmax()) if areas.any() else None


def plane(values: np.ndarray, axis: int, index: int) -> np.ndarray:
    """A slice as a picture (H, W); the later of the other two axes runs down, the earlier to the right."""
    return np.moveaxis(values, axis, 0)[index].T  # a view; `take` would copy the whole volume


def _square_pixels(picture: np.ndarray, pixel: np.ndarray) -> np.ndarray:
    """Add rows or columns until pixels of size (height, width) are square."""
    import cv2

    height, width = np.rint(picture.shape * pixel / pixel.min()).astype(int).tolist()
    if (height, width) == picture.shape:
        return picture
    exact = picture.astype(np.result_type(picture.dtype, np.float32))  # large integers need 64 bits
    return cv2.resize(exact, (width, height), interpolation=cv2.INTER_LINEAR)


def _largest_slices(
    numbers: np.ndarray, values: Mapping[str, Values], axis: int
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    for label, value in values.items():
        mask = has_value(numbers, value)
        index = largest_slice(mask, axis)
        if index is not None:
            yield index, {label: plane(mask, axis, index)}


def _middle_slices(
    numbers: np.ndarray, values: Mapping[str, Values], axis: int
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    index = numbers.shape[axis] // 2
    middle = plane(numbers, axis, index)
    masks = {label: has_value(middle, value) for label, value in values.items()}
    yield index, {label: mask for label, mask in masks.items() if mask.any()}
