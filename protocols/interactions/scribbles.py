"""Simulated scribbles: marks drawn inside a region (MultiverSeg, section 5.3; InterConv, section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from protocols.interactions.geometry import break_mask, random_warp, skeleton, squared_distance


def centerline_scribble(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A scribble along the centre line of a region.

    The skeleton of the region is broken up by random blobs (kept whole if nothing would be left), warped by a
    random displacement and cut to the region (not warped if nothing would be left).

    Parameters
    ----------
    mask : bool array (H, W)
    rng : numpy.random.Generator

    Returns
    -------
    float32 array (H, W) in [0, 1]
        Zero outside the mask; all zero where the mask has no skeleton (see `geometry.skeleton`).
    """
    line = skeleton(mask)
    if not line.any():
        return np.zeros(mask.shape, np.float32)
    return _warp_inside(_break(line, rng), mask, rng)


def line_scribble(mask: np.ndarray, rng: np.random.Generator, count: int = 1) -> np.ndarray:
    """Straight lines between random pixels of a region, warped and cut to it (not warped if nothing is left).

    Parameters
    ----------
    mask : bool array (H, W)
    rng : numpy.random.Generator
    count : int
        Number of lines; one warp moves all of them.

    Returns
    -------
    float32 array (H, W) in [0, 1]
        Zero outside the mask; all zero where the mask is empty.
    """
    pixels = np.flatnonzero(mask)
    drawing = np.zeros(mask.shape, np.uint8)
    if not len(pixels) or not count:
        return drawing.astype(np.float32)
    for start, end in rng.choice(pixels, (count, 2)):
        points = [divmod(int(pixel), mask.shape[1])[::-1] for pixel in (start, end)]  # cv2 wants (x, y)
        cv2.line(drawing, points[0], points[1], 1)
    return _warp_inside(drawing > 0, mask, rng)


def contour_scribble(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A scribble along the inside of a region's border.

    The line of pixels at one random depth, up to half way to the region's deepest point, is broken up, warped
    and cut to the region as a centre line is.

    Parameters
    ----------
    mask : bool array (H, W)
    rng : numpy.random.Generator

    Returns
    -------
    float32 array (H, W) in [0, 1]
        Zero outside the mask; all zero where the mask is empty.
    """
    depth = np.sqrt(squared_distance(mask))
    if not depth.any():
        return np.zeros(mask.shape, np.float32)
    least = rng.uniform(1, (depth.max() + 1) / 2)
    # From one pixel to the next depth changes by one at most: no such line is empty.
    line = (depth >= least) & (depth < least + 1)
    return _warp_inside(_break(line, rng), mask, rng)


def centerline_scribbles(masks: np.ndarray, rngs: Sequence[np.random.Generator]) -> np.ndarray:
    """`centerline_scribble` for each mask of a batch (B, H, W), each with its own generator."""
    return _batch([centerline_scribble(mask, rng) for mask, rng in zip(masks, rngs, strict=True)], masks)


def line_scribbles(masks: np.ndarray, rngs: Sequence[np.random.Generator], count: int = 1) -> np.ndarray:
    """`line_scribble` for each mask of a batch (B, H, W), each with its own generator."""
    return _batch([line_scribble(mask, rng, count) for mask, rng in zip(masks, rngs, strict=True)], masks)


def _break(line: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A line broken up by random blobs, or whole if nothing would be left."""
    broken = line & break_mask(line.shape, rng)
    return broken if broken.any() else line


def _warp_inside(drawing: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The warped drawing inside the mask, or the drawing as it was if that is empty."""
    warped = random_warp(drawing.astype(np.float32), rng) * mask
    return warped if warped.any() else (drawing & mask).astype(np.float32)


def _batch(scribbles: list[np.ndarray], masks: np.ndarray) -> np.ndarray:
    return np.stack(scribbles) if scribbles else np.zeros(masks.shape, np.float32)
