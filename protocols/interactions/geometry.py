"""Regions, distances, skeletons and warps of binary masks."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage


def largest_component(mask: np.ndarray) -> tuple[int, int, np.ndarray]:
    """Largest 8-connected component of a mask.

    Parameters
    ----------
    mask : bool array (H, W), not empty

    Returns
    -------
    area : int, in pixels
    first : int
        Its first pixel in row-major order, as a flat index. Among components of equal area the one with the
        smallest such index is taken.
    component : bool array (H, W)
    """
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    areas[0] = 0  # the background
    first = int(np.argmax((areas == areas.max())[numbers]))
    return int(areas.max()), first, numbers == numbers.flat[first]


def squared_distance(mask: np.ndarray) -> np.ndarray:
    """Squared Euclidean distance of every pixel to the nearest background pixel, exact.

    The image border is no obstacle. Only a mask without any background has its background outside: distances
    are then to the border, so that the farthest pixel is the centre of the image.

    Parameters
    ----------
    mask : bool array (H, W)

    Returns
    -------
    int64 array (H, W), in squared pixels; 0 outside the mask
    """
    if mask.all():
        return squared_distance(np.pad(mask, 1))[1:-1, 1:-1]
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.rint(distance.astype(np.float64) ** 2).astype(np.int64)  # whole numbers: ties are ties


def skeleton(mask: np.ndarray) -> np.ndarray:
    """Zhang-Suen skeleton of a mask whose one-pixel border is set to zero first.

    A mask that lies entirely on the border has an empty skeleton; so have a few tiny shapes that the
    algorithm deletes, such as a square of 2 x 2 pixels.

    Parameters
    ----------
    mask : bool array (H, W)

    Returns
    -------
    bool array (H, W)
    """
    result = np.zeros(mask.shape, bool)
    inner = mask[1:-1, 1:-1]
    if not inner.any():
        return result
    rows, columns = np.flatnonzero(inner.any(axis=1)), np.flatnonzero(inner.any(axis=0))
    box = slice(rows[0] + 1, rows[-1] + 2), slice(columns[0] + 1, columns[-1] + 2)
    # Outside the bounding box and a margin of one pixel there is nothing to thin.
    framed = np.pad(mask[box].astype(np.uint8) * 255, 1)
    thin = cv2.ximgproc.thinning(framed, thinningType=cv2.ximgproc.THINNING_ZHANGSUEN)
    result[box] = thin[1:-1, 1:-1] > 0
    return result


def break_mask(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Random blobs that keep about half of the image, to break a skeleton up.

    White noise, blurred by a Gaussian with a standard deviation from U(4, 16) pixels (zeros outside the
    image) and standardised, is positive there.

    Returns
    -------
    bool array (H, W)
    """
    sigma = rng.uniform(4, 16)
    noise = rng.standard_normal(shape, dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    return smooth > smooth.mean()


def random_warp(drawing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move a drawing by a smooth random displacement, and rescale it to [0, 1].

    Per axis, noise on a grid of (side // s) points is upsampled bilinearly and standardised to a standard
    deviation of m pixels; s ~ U(4, 16) and m ~ U(1, 6) are common to both axes. Sampling is bilinear, with
    zeros outside the image.

    Parameters
    ----------
    drawing : float array (H, W), at least 0

    Returns
    -------
    float32 array (H, W) in [0, 1]; all zero where the drawing has left the image
    """
    height, width = drawing.shape
    spacing, magnitude = rng.uniform(4, 16), rng.uniform(1, 6)
    grid = max(int(height // spacing), 2), max(int(width // spacing), 2)  # one point has no deviation
    coordinates = np.indices(drawing.shape, np.float64)
    for axis in range(2):
        field = cv2.resize(rng.standard_normal(grid), (width, height), interpolation=cv2.INTER_LINEAR)
        coordinates[axis] += (field - field.mean()) * (magnitude / field.std())
    moved = ndimage.map_coordinates(
        drawing, coordinates, output=np.float32, order=1, mode="grid-constant", prefilter=False
    )
    low, high = moved.min(), moved.max()
    return (moved - low) / (high - low) if high > low else np.zeros_like(moved)
