"""Regions, distances, skeletons and warps of binary masks."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

LIMIT_SIGMA = 42  # pixels, of the noise that chooses the pixels of a limited drawing


def largest_errors(labels: np.ndarray, predictions: np.ndarray) -> list[tuple[int, int, np.ndarray] | None]:
    """Find the largest 8-connected component of the false negatives and the false positives of each pair.

    Parameters
    ----------
    labels, predictions : bool arrays (B, H, W)

    Returns
    -------
    list of (row, column, component) or None
        Ties go to the component with the first pixel in row-major order. ``component`` is a bool array, its
        bounding box with a margin of one pixel inside the image; ``row, column`` is the corner of the box.
        None for equal pairs.
    """
    count, height, width = labels.shape
    stack = np.zeros((count, 2, height + 1, width), bool)  # an empty row separates the masks
    np.greater(labels, predictions, out=stack[:, 0, :-1])
    np.greater(predictions, labels, out=stack[:, 1, :-1])
    flat = stack.reshape(-1, width).view(np.uint8)
    _, numbers, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(flat, 8, cv2.CV_32S, cv2.CCL_BBDT)
    areas, pairs = stats[1:, cv2.CC_STAT_AREA], stats[1:, cv2.CC_STAT_TOP] // (2 * height + 2)
    most = np.zeros(count, areas.dtype)
    np.maximum.at(most, pairs, areas)
    chosen: dict[int, tuple[int, int, int]] = {}
    for number in (np.flatnonzero(areas == most[pairs]) + 1).tolist():
        left, top, across = stats[number, :3].tolist()
        pair, line = divmod(top, 2 * height + 2)
        column = left + int(np.argmax(numbers[top, left : left + across] == number))
        chosen[pair] = min(chosen.get(pair, (height, 0, 0)), (line % (height + 1), column, number))
    largest: list[tuple[int, int, np.ndarray] | None] = [None] * count
    for pair, (row, _, number) in chosen.items():
        left, top, across, down = stats[number, :4].tolist()
        start = top - row  # where its mask begins in the stack
        rows = slice(max(row - 1, 0), min(row + down + 1, height))
        columns = slice(max(left - 1, 0), left + across + 1)
        component = numbers[start + rows.start : start + rows.stop, columns] == number
        largest[pair] = rows.start, columns.start, component
    return largest


def squared_distance(mask: np.ndarray) -> np.ndarray:
    """Return the exact squared Euclidean distance of every pixel to the nearest background pixel.

    The image border does not count as background, except for a mask that fills the image: its farthest pixel
    is the centre of the image.

    Parameters
    ----------
    mask : bool array (H, W)

    Returns
    -------
    int64 array (H, W), in squared pixels; 0 outside the mask
    """
    if mask.all():
        return squared_distance(np.pad(mask, 1))[1:-1, 1:-1]
    distance = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.rint(distance.astype(np.float64) ** 2).astype(
        np.int64
    )  # integers, so that equal distances compare as equal


def deepest_pixel(mask: np.ndarray) -> np.ndarray:
    """Mark the pixel with the largest `squared_distance`, the first in row-major order; the mask has pixels.

    Returns
    -------
    bool array (H, W)
    """
    deepest = np.zeros(mask.shape, bool)
    deepest.flat[np.argmax(squared_distance(mask))] = True
    return deepest


def skeleton(mask: np.ndarray) -> np.ndarray:
    """Return the Zhang-Suen skeleton of a mask without its pixels on the image border.

    The skeleton is empty for a mask that lies entirely on the border, and for many compact shapes of even
    width, such as discs: the algorithm reduces them to a square of 2 x 2 pixels and deletes it.

    Parameters
    ----------
    mask : bool array (H, W)

    Returns
    -------
    bool array (H, W)
    """
    result = np.zeros(mask.shape, bool)
    inner = mask[1:-1, 1:-1]
    box = bounding_box(inner)
    if box is None:
        return result
    # Thinning the bounding box with a margin of one pixel is faster and gives the same skeleton.
    rows, columns = box
    framed = np.zeros((rows.stop - rows.start + 2, columns.stop - columns.start + 2), np.uint8)
    np.multiply(inner[box], np.uint8(255), out=framed[1:-1, 1:-1])
    thin = cv2.ximgproc.thinning(framed, thinningType=cv2.ximgproc.THINNING_ZHANGSUEN)
    np.greater(thin[1:-1, 1:-1], 0, out=result[1:-1, 1:-1][box])
    return result


def bounding_box(mask: np.ndarray) -> tuple[slice, slice] | None:
    """Return rows and columns of the smallest box around the pixels of a mask (H, W); None if it is empty."""
    if not mask.size:
        return None
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return (slice(top, top + height), slice(left, left + width)) if height else None


def draw_blobs(
    shape: tuple[int, ...], rng: np.random.Generator, out: np.ndarray | None = None
) -> tuple[float, np.ndarray]:
    """Draw the random numbers of `break_mask`: a standard deviation from U(4, 16) pixels, and white noise."""
    return rng.uniform(4, 16), rng.standard_normal(shape, dtype=np.float32, out=out)


def break_mask(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw random blobs that cover about half of the image, to break up a skeleton.

    The blobs are the pixels above the mean of white noise, blurred by a Gaussian with a standard deviation
    from U(4, 16) pixels (zeros outside the image).

    Returns
    -------
    bool array (H, W)
    """
    sigma, noise = draw_blobs(shape, rng)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    return smooth > smooth.mean()


def draw_lines(mask: np.ndarray, rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw straight lines between random pixels of a mask, a bool array (H, W); none if the mask is empty."""
    drawing = np.zeros(mask.shape, np.uint8)
    pixels = np.flatnonzero(mask)
    if len(pixels) and count:
        for ends in rng.choice(pixels, (count, 2)):
            start, end = (divmod(int(pixel), mask.shape[1])[::-1] for pixel in ends)  # cv2 takes (x, y)
            cv2.line(drawing, start, end, 1)
    return drawing > 0


def draw_warp(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[float, list[np.ndarray]]:
    """Draw the random numbers of `random_warp`: a magnitude from U(1, 6) pixels, and noise for each axis.

    The noise is white, on a grid of (H // s, W // s) points, s ~ U(4, 16), with at least two points a side:
    a single point has no deviation.
    """
    spacing, magnitude = rng.uniform(4, 16), rng.uniform(1, 6)
    grid = [max(int(side // spacing), 2) for side in shape]
    return magnitude, [rng.standard_normal(grid) for _ in range(2)]


def random_warp(drawing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Warp a drawing by a smooth random displacement, and rescale it to [0, 1].

    Per axis, noise on a grid of (side // s) points is upsampled bilinearly and standardised to a standard
    deviation of m pixels; s ~ U(4, 16) and m ~ U(1, 6) are common to both axes. Sampling is bilinear, with
    zeros outside the image.

    Parameters
    ----------
    drawing : float array (H, W), at least 0

    Returns
    -------
    float32 array (H, W) in [0, 1]; all zero if the drawing has left the image
    """
    height, width = drawing.shape
    magnitude, grids = draw_warp(drawing.shape, rng)
    coordinates = np.empty((2, height, width))
    pixels = np.zeros((height, width), np.int32)
    for grid, target, start, side in zip(
        grids, coordinates, np.ogrid[:height, :width], drawing.shape, strict=True
    ):
        cv2.resize(grid, (width, height), dst=target, interpolation=cv2.INTER_LINEAR)
        target -= target.mean()
        target *= magnitude / (np.sqrt(np.square(target).mean()) or 1.0)  # one pixel has no deviation
        target += start
        pixels *= side
        pixels += (target.clip(0, side - 1) + 0.5).astype(np.int32)
    # Only pixels displaced to the drawing or next to it can be positive.
    thick = cv2.dilate((drawing > 0).view(np.uint8), np.ones((3, 3), np.uint8)).view(bool)
    near = np.flatnonzero(thick.take(pixels))
    moved = np.zeros(drawing.shape, np.float32)
    moved.flat[near] = ndimage.map_coordinates(
        drawing,
        coordinates.reshape(2, -1)[:, near],
        output=np.float32,
        order=1,
        mode="grid-constant",
        prefilter=False,
    )
    low, high = moved.min(), moved.max()
    return (moved - low) / (high - low) if high > low else np.zeros_like(moved)


def limit_pixels(drawing: np.ndarray, rng: np.random.Generator, most: int) -> np.ndarray:
    """Keep the pixels of a drawing that have the largest product of value and smooth noise.

    The noise is white, blurred by a Gaussian with a standard deviation of 42 pixels (zeros outside the
    image), minus its minimum in the image. Ties go to the first pixels in row-major order.

    Parameters
    ----------
    drawing : float32 array (H, W), at least 0
    rng : numpy.random.Generator
        Not used if the drawing has no more pixels than may be kept.
    most : int
        Maximum number of pixels that are kept.

    Returns
    -------
    float32 array (H, W)
    """
    pixels = np.flatnonzero(drawing)
    if len(pixels) <= most:
        return drawing
    noise = rng.standard_normal(drawing.shape)
    smooth = cv2.GaussianBlur(noise, (0, 0), LIMIT_SIGMA, borderType=cv2.BORDER_CONSTANT)
    weights = (drawing * (smooth - smooth.min())).flat[pixels]
    kept = pixels[np.argsort(-weights, kind="stable")[:most]]
    limited = np.zeros_like(drawing)
    limited.flat[kept] = drawing.flat[kept]
    return limited
