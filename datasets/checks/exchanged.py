"""Check for two labels that are exchanged in some images, as by color palettes that differ between files."""

from __future__ import annotations

from collections import Counter

import numpy as np

from segbench.datasets.checks.view import View, spread

MIN_IMAGES = 10
SINGLE, SEVERAL = 4.0, 2.0  # difference, in spreads, of one property that is enough, and of each of several
MIN_SPREADS = (0.15, 0.08, 0.06, 0.06)  # of the properties
EXPLAINED = 0.9  # share of the images that have all differences, or all with the other sign


def properties(view: View) -> np.ndarray:
    """Properties (N, 4) of each label.

    They are its area (as binary logarithm), its brightness in standard deviations of the image, and its
    center's row and column (in quarters of the image).
    """
    masks = view.labels.astype(np.float32)
    area = np.maximum(masks.sum((1, 2)), 1)
    inside = np.einsum("nhw,nhw->n", view.images, masks) / area
    brightness = (inside - view.images.mean((1, 2))) / np.maximum(view.images.std((1, 2)), 1e-6)
    rows, columns = (np.linspace(0, 4, side, dtype=np.float32) for side in masks.shape[1:])
    row = masks.sum(2) @ rows / area
    column = masks.sum(1) @ columns / area
    return np.stack([np.log2(area), brightness, row, column], axis=1)


def exchanged(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Find images in which two labels are exchanged.

    Two structures differ in size, brightness or position by about the same amount in every image. Where the
    labels are exchanged, all these differences have the other sign; a flipped image or another modality
    changes only some of them.

    Parameters
    ----------
    first, second : array (N, 4)
        `properties` of the labels in the same images.

    Returns
    -------
    bool array (N,)
        The smaller group of images, of the two with opposite signs.
    """
    none = np.zeros(len(first), bool)
    if len(first) < MIN_IMAGES:
        return none
    difference = first - second
    size = np.median(np.abs(difference), axis=0)
    scale = np.maximum([spread(column) for column in np.abs(difference).T], MIN_SPREADS)
    clear = size > SEVERAL * scale
    if clear.sum() < 2 and not (size > SINGLE * scale).any():
        return none
    difference, size = difference[:, clear], size[clear]
    signs = np.sign(difference)
    usual = np.array(Counter(map(tuple, signs)).most_common(1)[0][0])
    same, opposite = (signs == usual).all(1), (signs == -usual).all(1)
    if (same | opposite).mean() < EXPLAINED:
        return none
    return np.asarray(opposite & (np.abs(difference) > size / 2).all(1))
