"""Overlap and boundary distance of binary masks, in pixels."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def confusion(prediction: np.ndarray, label: np.ndarray) -> tuple:
    """Pixels that are true positive, false positive and false negative.

    Parameters
    ----------
    prediction, label : bool arrays (H, W) or (B, H, W) of one shape

    Returns
    -------
    tp, fp, fn : int, or int64 arrays (B,)

    Raises
    ------
    TypeError
        If an array is not bool.
    ValueError
        If the shapes differ, or are neither (H, W) nor (B, H, W).
    """
    prediction, label = _checked(prediction, label)
    counts = [
        np.count_nonzero(mask, axis=(-2, -1))
        for mask in (prediction & label, prediction & ~label, label & ~prediction)
    ]
    return tuple(counts) if prediction.ndim == 3 else tuple(int(count) for count in counts)


def dice(prediction: np.ndarray, label: np.ndarray) -> float | np.ndarray:
    """Dice coefficient 2 TP / (2 TP + FP + FN), in [0, 1]; 1 where both masks are empty.

    Parameters and errors as for `confusion`.

    Returns
    -------
    float, or float64 array (B,)
    """
    tp, fp, fn = confusion(prediction, label)
    size = 2 * tp + fp + fn
    return (2 * tp + (size == 0)) / (size + (size == 0))


def hd95(prediction: np.ndarray, label: np.ndarray) -> float | np.ndarray:
    """95th percentile of the symmetric Hausdorff distance of the boundaries, in pixels.

    The distances from each boundary to the nearest pixel of the other are pooled in both directions, as
    medpy does. 0 where both masks are empty; the image diagonal where exactly one is.

    Parameters and errors as for `confusion`.

    Returns
    -------
    float, or float64 array (B,)
    """
    prediction, label = _checked(prediction, label)
    if prediction.ndim == 3:
        return np.array([hd95(a, b) for a, b in zip(prediction, label, strict=True)], np.float64)
    if not (prediction.any() and label.any()):
        return float(np.hypot(*label.shape)) if prediction.any() or label.any() else 0.0
    rows, columns = (np.flatnonzero((prediction | label).any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)  # nothing outside matters
    a, b = _boundary(prediction[box]), _boundary(label[box])
    distances = ndimage.distance_transform_edt(~b)[a], ndimage.distance_transform_edt(~a)[b]
    return float(np.percentile(np.concatenate(distances), 95))


def _boundary(mask: np.ndarray) -> np.ndarray:
    """Pixels of the mask with one of their four neighbours outside the mask or outside the image."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def _checked(prediction: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    prediction, label = np.asarray(prediction), np.asarray(label)
    if prediction.dtype != np.bool_ or label.dtype != np.bool_:
        raise TypeError(
            f"masks must be bool, not {prediction.dtype} and {label.dtype}: apply a threshold first"
        )
    if prediction.shape != label.shape or label.ndim not in (2, 3):
        raise ValueError(
            f"masks must share one shape (H, W) or (B, H, W), not {prediction.shape} and {label.shape}"
        )
    return prediction, label
