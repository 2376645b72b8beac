"""Simulated scribbles: marks drawn inside a region (MultiverSeg, section 5.3; InterConv, section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from segbench.protocols.interactions.geometry import (
    break_mask,
    draw_lines,
    random_warp,
    skeleton,
    squared_distance,
)
from segbench.protocols.interactions.threads import in_threads

if TYPE_CHECKING:
    from torch import Tensor

Masks = TypeVar("Masks", np.ndarray, "Tensor")


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
    drawing = draw_lines(mask, rng, count)
    return _warp_inside(drawing, mask, rng) if drawing.any() else drawing.astype(np.float32)


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


def centerline_scribbles(masks: Masks, rngs: Sequence[np.random.Generator]) -> Masks:
    """`centerline_scribble` for each mask of a batch, each with its own generator.

    Parameters
    ----------
    masks : bool array (B, H, W), or such a tensor on any device
        Arrays are worked on by as many threads as OpenCV may use, tensors on their device.
    rngs : sequence of numpy.random.Generator

    Returns
    -------
    float32 array or tensor (B, H, W) in [0, 1]
        An array is the same as one by one; for a tensor see `tensors.scribbles`.
    """
    if isinstance(masks, np.ndarray):
        return _stacked(in_threads(_centerline_scribbles, masks, rngs), masks)
    from segbench.protocols.interactions.tensors import scribbles

    return scribbles.centerline_scribbles(masks, rngs)


def line_scribbles(masks: Masks, rngs: Sequence[np.random.Generator], count: int = 1) -> Masks:
    """`line_scribble` for each mask of a batch; as `centerline_scribbles`, but arrays by one thread."""
    if isinstance(masks, np.ndarray):  # in place: its steps are too short for threads to take turns
        return _stacked([line_scribble(*each, count) for each in zip(masks, rngs, strict=True)], masks)
    from segbench.protocols.interactions.tensors import scribbles

    return scribbles.line_scribbles(masks, rngs, count)


def _centerline_scribbles(masks: np.ndarray, rngs: Sequence[np.random.Generator]) -> list[np.ndarray]:
    return [centerline_scribble(*each) for each in zip(masks, rngs, strict=True)]


def _stacked(scribbles: Sequence[np.ndarray], masks: np.ndarray) -> np.ndarray:
    return np.stack(scribbles) if scribbles else np.zeros(masks.shape, np.float32)


def _break(line: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A line broken up by random blobs, or whole if nothing would be left."""
    broken = line & break_mask(line.shape, rng)
    return broken if broken.any() else line


def _warp_inside(drawing: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The warped drawing inside the mask, or the drawing as it was if that is empty."""
    warped = random_warp(drawing.astype(np.float32), rng) * mask
    return warped if warped.any() else (drawing & mask).astype(np.float32)
