"""Simulated scribbles inside a region (MultiverSeg, section 5.3; InterConv, section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from segbench.protocols.interactions.geometry import (
    break_mask,
    deepest_pixel,
    draw_lines,
    limit_pixels,
    random_warp,
    skeleton,
    squared_distance,
)
from segbench.protocols.interactions.threads import in_threads

if TYPE_CHECKING:
    from torch import Tensor

Masks = TypeVar("Masks", np.ndarray, "Tensor")


def centerline_scribble(
    mask: np.ndarray,
    rng: np.random.Generator,
    max_pixels: int | None = None,
    may_be_empty: bool = False,
) -> np.ndarray:
    """Draw a scribble along the centre line of a region.

    The skeleton of the region is broken up by random blobs, warped by a random displacement and limited to
    the region. A stage that would leave nothing is left out. Where the skeleton is empty, the deepest pixel
    of the region takes its place (see `geometry.deepest_pixel`).

    Parameters
    ----------
    mask : bool array (H, W)
    rng : numpy.random.Generator
    max_pixels : int or None
        Maximum number of pixels, at least 1. Smooth noise chooses those that are kept (see
        `geometry.limit_pixels`); None keeps all.
    may_be_empty : bool
        Whether a region without a skeleton gets no scribble, as in ScribblePrompt's simulator.

    Returns
    -------
    float32 array (H, W) in [0, 1]
        Zero outside the mask; all zero if the mask is empty.
    """
    line = skeleton(mask)
    if not line.any():
        if may_be_empty or not mask.any():
            return np.zeros(mask.shape, np.float32)
        line = deepest_pixel(mask)
    drawing = _warp_inside(_break(line, rng), mask, rng)
    return drawing if max_pixels is None else limit_pixels(drawing, rng, max_pixels)


def line_scribble(mask: np.ndarray, rng: np.random.Generator, count: int = 1) -> np.ndarray:
    """Draw straight lines between random pixels of a region, warped and limited to it as a centre line is.

    Parameters
    ----------
    mask : bool array (H, W)
    rng : numpy.random.Generator
    count : int
        Number of lines, which one warp displaces together.

    Returns
    -------
    float32 array (H, W) in [0, 1]
        Zero outside the mask; all zero if the mask is empty.
    """
    drawing = draw_lines(mask, rng, count)
    return _warp_inside(drawing, mask, rng) if drawing.any() else drawing.astype(np.float32)


def contour_scribble(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a scribble along the inside of a region's border.

    The line of pixels at a random depth, at most half of the largest depth, is broken up, warped and limited
    to the region as a centre line is. Only training uses it.

    Parameters
    ----------
    mask : bool array (H, W)
    rng : numpy.random.Generator

    Returns
    -------
    float32 array (H, W) in [0, 1]
        Zero outside the mask; all zero if the mask is empty.
    """
    depth = np.sqrt(squared_distance(mask))
    if not depth.any():
        return np.zeros(mask.shape, np.float32)
    least = rng.uniform(1, (depth.max() + 1) / 2)
    # Depth changes by at most one between neighbouring pixels, so the line is not empty.
    line = (depth >= least) & (depth < least + 1)
    return _warp_inside(_break(line, rng), mask, rng)


def centerline_scribbles(
    masks: Masks,
    rngs: Sequence[np.random.Generator],
    max_pixels: int | None = None,
    may_be_empty: bool = False,
) -> Masks:
    """Apply `centerline_scribble` to each mask of a batch, with one generator per mask.

    Parameters
    ----------
    masks : bool array (B, H, W), or such a tensor on any device
        Arrays are processed by as many threads as OpenCV may use, tensors on their device.
    rngs : sequence of numpy.random.Generator
    max_pixels, may_be_empty
        As for `centerline_scribble`.

    Returns
    -------
    float32 array or tensor (B, H, W) in [0, 1]
        Arrays equal those of single masks; for the accuracy of tensors see `tensors`.
    """
    if isinstance(masks, np.ndarray):
        scribble = partial(centerline_scribble, max_pixels=max_pixels, may_be_empty=may_be_empty)

        def draw(masks: np.ndarray, rngs: Sequence[np.random.Generator]) -> list[np.ndarray]:
            return [scribble(*pair) for pair in zip(masks, rngs, strict=True)]

        return _stacked(in_threads(draw, masks, rngs), masks)
    from segbench.protocols.interactions.tensors import scribbles

    return scribbles.centerline_scribbles(masks, rngs, max_pixels, may_be_empty)


def line_scribbles(masks: Masks, rngs: Sequence[np.random.Generator], count: int = 1) -> Masks:
    """Apply `line_scribble` to each mask of a batch, as `centerline_scribbles` does, arrays in one thread."""
    if isinstance(masks, np.ndarray):  # too fast to gain from threads
        return _stacked([line_scribble(*pair, count) for pair in zip(masks, rngs, strict=True)], masks)
    from segbench.protocols.interactions.tensors import scribbles

    return scribbles.line_scribbles(masks, rngs, count)


def _stacked(scribbles: Sequence[np.ndarray], masks: np.ndarray) -> np.ndarray:
    return np.stack(scribbles) if scribbles else np.zeros(masks.shape, np.float32)


def _break(line: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Break up a line by random blobs, unless nothing would be left."""
    broken = line & break_mask(line.shape, rng)
    return broken if broken.any() else line


def _warp_inside(drawing: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Warp a drawing and limit it to the mask; without the warp if nothing would be left."""
    warped = random_warp(drawing.astype(np.float32), rng) * mask
    return warped if warped.any() else (drawing & mask).astype(np.float32)
