"""Overlap and boundary distance of binary masks, in pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    import torch

    Masks = np.ndarray | torch.Tensor

PIXELS = 2**19  # that `hd95` and `nsd` process at a time, so that they fit into a core's cache
# Contour length at a corner of four pixels, by the sum of 1 (upper left), 2, 4 and 8 (lower right) of those
# in the mask.
CONTOUR = np.sqrt([0, 0.5, 0.5, 1, 0.5, 1, 2, 0.5, 0.5, 2, 1, 0.5, 1, 0.5, 0.5, 0])


def confusion(prediction: Masks, label: Masks) -> tuple:
    """Count the true positive, false positive and false negative pixels.

    Parameters
    ----------
    prediction, label : bool arrays (H, W) or (B, H, W) of one shape; or tensors, on one device

    Returns
    -------
    tp, fp, fn : int, or int64 arrays (B,); of tensors, int64 tensors () or (B,) on their device

    Raises
    ------
    TypeError
        If an array is not bool.
    ValueError
        If the shapes differ, or are neither (H, W) nor (B, H, W).
    """
    _check(prediction, label)
    tp, predicted, true = (_count(mask) for mask in (prediction & label, prediction, label))
    return tp, predicted - tp, true - tp


def dice(prediction: np.ndarray, label: np.ndarray) -> float | np.ndarray:
    """Return the Dice coefficient in [0, 1]; 1 if both masks are empty.

    Parameters and errors as for `confusion`, but arrays only; for tensors see `dice_of`.

    Returns
    -------
    float, or float64 array (B,)
    """
    return dice_of(*confusion(prediction, label))


def dice_of(tp: Any, fp: Any, fn: Any) -> Any:
    """Return the Dice coefficient 2 TP / (2 TP + FP + FN) of counts of `confusion`; 1 if all are 0.

    Parameters
    ----------
    tp, fp, fn : int, or arrays or tensors of one shape
        Convert tensors to float64 first (``count.double()``): torch divides int64 in float32.

    Returns
    -------
    float in [0, 1], or float64 array or tensor of that shape
    """
    size = 2 * tp + fp + fn
    return (2 * tp + (size == 0)) / (size + (size == 0))


def hd95(prediction: np.ndarray, label: np.ndarray) -> float | np.ndarray:
    """Return the 95th percentile of the symmetric Hausdorff distance of the boundaries, in pixels.

    The distances from each boundary to the nearest pixel of the other are pooled in both directions, as
    medpy does. 0 if both masks are empty; the image diagonal if exactly one is. A batch is many times faster
    than its images one by one, with the same results.

    Parameters and errors as for `confusion`, but arrays only.

    Returns
    -------
    float, or float64 array (B,)
    """
    _check(prediction, label)
    single = label.ndim == 2
    if single:
        prediction, label = prediction[None], label[None]
    height, width = label.shape[1:]
    predicted, true = (mask.any(axis=(1, 2)) for mask in (prediction, label))
    distances = np.hypot(height, width) * (predicted ^ true)
    both = np.flatnonzero(predicted & true)
    step = 1 + PIXELS // (1 + height * width)
    for start in range(0, len(both), step):
        chunk = both[start : start + step]
        distances[chunk] = _percentile(*_distances(np.stack((prediction[chunk], label[chunk]))))
    return float(distances[0]) if single else distances


def nsd(prediction: np.ndarray, label: np.ndarray, tolerance: float) -> float | np.ndarray:
    """Return the normalised surface distance in [0, 1]: how much of both contours is within a tolerance.

    A contour passes through the corners of pixels of which some, but not all, are in the mask; what is
    outside the image is not. At a corner it is sqrt(1/2) long if one or three of the four pixels are in the
    mask, 1 if two neighbours are, and sqrt(2) if two opposite ones are. The result is the length at the
    corners that have a corner of the other contour within the tolerance, divided by the length of both
    contours. 1 if both masks are empty; 0 if exactly one is.

    This is the surface Dice of Nikolov et al. (J Med Internet Res 23(7), 2021) as in their package
    ``surface-distance``.

    Parameters
    ----------
    prediction, label : bool arrays (H, W) or (B, H, W) of one shape
    tolerance : float
        Largest distance that is tolerated, in pixels, at least 0.

    Returns
    -------
    float, or float64 array (B,)

    Raises
    ------
    TypeError, ValueError
        As `confusion`.
    """
    _check(prediction, label)
    single = label.ndim == 2
    if single:
        prediction, label = prediction[None], label[None]
    height, width = label.shape[1:]
    shares = np.empty(len(label))
    step = 1 + PIXELS // (1 + height * width)
    for start in range(0, len(label), step):
        chunk = slice(start, start + step)
        shares[chunk] = _near(np.stack((prediction[chunk], label[chunk])), tolerance)
    return float(shares[0]) if single else shares


def _near(masks: np.ndarray, tolerance: float) -> np.ndarray:
    """Share of the contours within the tolerance of each other, for each pair; masks (2, n, H, W).

    All images are below each other in one tall array, with empty rows that no tolerance bridges.
    """
    pairs, height, width = masks.shape[1:]
    rows = height + 2 + int(tolerance)
    across = width + 2
    tall = np.zeros((2, pairs, rows, across), np.uint8)
    tall[:, :, 1 : height + 1, 1:-1] = masks
    flat = tall.reshape(-1)
    sides = flat[:-1] + 2 * flat[1:]
    corners = np.zeros_like(flat)
    np.add(sides[:-across], 4 * sides[across:], out=corners[: -across - 1])
    contour = corners - np.uint8(1) < 14  # neither 0 nor 15
    offset = np.arange(-int(tolerance), int(tolerance) + 1)
    disc = np.hypot(offset, offset[:, None]) <= tolerance
    near = cv2.dilate(contour.view(np.uint8).reshape(-1, across), disc.view(np.uint8)).reshape(-1)
    corner = np.flatnonzero(contour)
    size = rows * across
    half = pairs * size  # offset from a corner of a prediction to the same corner of its label
    other = np.where(corner < half, corner + half, corner - half)
    pair, length = corner // size % pairs, CONTOUR[corners[corner]]
    within, total = (np.bincount(pair, weight, pairs) for weight in (length * near[other], length))
    return np.divide(within, total, out=np.ones(pairs), where=total > 0)


def _distances(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances of both boundaries to each other, and the pair of each distance; masks (2, n, H, W).

    This is an exact distance transform in two passes, the second at boundary pixels only. All images are
    side by side in one wide array and processed together.
    """
    pairs, width = masks.shape[1], masks.shape[3]
    wide = masks.transpose(2, 0, 1, 3)
    filled = np.flatnonzero(wide.any(axis=(1, 2, 3)))  # empty rows do not matter
    boundary = _boundary(np.ascontiguousarray(wide[filled[0] : filled[-1] + 1]))
    pixel = np.flatnonzero(boundary)
    half = pairs * width  # offset from a pixel of a prediction to the same pixel of its label
    other = np.where(pixel // half % 2, pixel - half, pixel + half)
    return _across(_down(boundary), other, width), pixel // width % pairs


def _boundary(masks: np.ndarray) -> np.ndarray:
    """Pixels with a 4-connected neighbour outside the mask or the image; masks (H, 2, n, W)."""
    flat = masks.reshape(-1)
    inner = flat.copy()
    for step in (1, masks[0].size):
        inner[step:] &= flat[:-step]
        inner[:-step] &= flat[step:]
    inside = inner.reshape(masks.shape)
    inside[[0, -1]] = False
    inside[..., [0, -1]] = False
    return masks & ~inside


def _down(boundary: np.ndarray) -> np.ndarray:
    """Rows from every pixel to the boundary in its column, flat; H + W without a boundary."""
    height, width = boundary.shape[0], boundary.shape[-1]
    rows = np.multiply(~boundary, height + width, dtype=np.int32).reshape(height, -1)
    for row in range(1, height):
        np.minimum(rows[row], rows[row - 1] + 1, out=rows[row])
    for row in range(height - 1, 0, -1):
        np.minimum(rows[row - 1], rows[row] + 1, out=rows[row - 1])
    return rows.reshape(-1)


def _across(rows: np.ndarray, pixel: np.ndarray, width: int) -> np.ndarray:
    """Squared distance from each pixel to the boundary, given the rows to it in every column.

    Columns are visited outwards while they can contain a nearer boundary. Beyond the edge of the image the
    last column is visited again as if it were farther away, which changes no minimum.
    """
    squares = np.square(rows[pixel], dtype=np.int64)
    searching, nearest, column, away = np.arange(len(pixel)), squares, pixel % width, 0
    first = pixel - column
    while len(searching):
        away += 1
        keep = np.flatnonzero(nearest > away**2)
        searching, nearest, column, first = searching[keep], nearest[keep], column[keep], first[keep]
        left, right = np.maximum(column - away, 0), np.minimum(column + away, width - 1)
        least = np.minimum(rows[first + left], rows[first + right])
        nearest = np.minimum(nearest, np.square(least, dtype=np.int64) + away**2)
        squares[searching] = nearest
    return squares


def _percentile(squares: np.ndarray, pair: np.ndarray) -> np.ndarray:
    """95th percentile of the distances of each pair, interpolated as in `numpy.percentile`."""
    stride = int(squares.max()) + 1
    order = np.sort(pair * stride + squares)
    counts = np.bincount(pair)
    exact = (counts - 1) * 0.95
    below = exact.astype(np.int64)
    start = np.cumsum(counts) - counts
    low, high = np.sqrt(order[[start + below, start + np.minimum(below + 1, counts - 1)]] % stride)
    share = exact - below
    return np.where(share < 0.5, low + (high - low) * share, high - (high - low) * (1 - share))


def _count(masks: Masks) -> Any:
    """Number of pixels of each mask."""
    if not isinstance(masks, np.ndarray):
        import torch

        return masks.sum((-2, -1), dtype=torch.int32).long()  # a sum in int64 would copy the masks to int64
    if masks.ndim == 2:
        return int(np.count_nonzero(masks))
    return np.fromiter(map(np.count_nonzero, masks), np.int64, len(masks))  # far faster than with an axis


def _check(prediction: Masks, label: Masks) -> None:
    if not all(str(mask.dtype) in ("bool", "torch.bool") for mask in (prediction, label)):
        raise TypeError(
            f"masks must be bool, not {prediction.dtype} and {label.dtype}: apply a threshold first"
        )
    if prediction.shape != label.shape or label.ndim not in (2, 3):
        raise ValueError(
            f"masks must share one shape (H, W) or (B, H, W), not {tuple(prediction.shape)} and "
            f"{tuple(label.shape)}"
        )
