"""Simulated boxes, as ScribblePrompt draws them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segbench.protocols.adapter import Box
from segbench.protocols.interactions.geometry import bounding_box

MAX_JITTER = 19  # pixels; ScribblePrompt's simulator and training configuration draw 0 to 19


def label_box(label: np.ndarray, rng: np.random.Generator) -> Box | None:
    """Draw a box around all pixels of a label.

    The rule: take the tight bounds of the whole label, all its components included. Move each of the four
    sides outwards by a whole number of pixels, uniform on 0, 1, ..., ``MAX_JITTER`` and independent of the
    other sides. Clip the box to the image. The box therefore contains the whole label.

    Parameters
    ----------
    label : bool array (H, W)
    rng : numpy.random.Generator

    Returns
    -------
    Box or None
        None if the label is empty.

    Notes
    -----
    The rule is that of ``UniformBBox`` in the public code of ScribblePrompt (Wong et al., 2024), with the
    maximum that its training configuration uses on images of 128 x 128 pixels. There the minimum runs over
    all pixels, with 0 outside the label, so that the upper left corner is that of the image; and the last
    row and column of an unmoved box are left out. Neither is followed here.
    """
    bounds = bounding_box(label)
    if bounds is None:
        return None
    rows, columns = bounds
    top, left, bottom, right = rng.integers(0, MAX_JITTER + 1, 4).tolist()
    height, width = label.shape
    return Box(
        max(rows.start - top, 0),
        max(columns.start - left, 0),
        min(rows.stop + bottom, height),
        min(columns.stop + right, width),
    )


def box_map(box: Box | None, shape: Sequence[int]) -> np.ndarray:
    """Return a map of a shape (H, W), float32: 1 inside a box, else 0; all 0 without a box."""
    drawn = np.zeros(shape, np.float32)
    if box is not None:
        drawn[box.top : box.bottom, box.left : box.right] = 1
    return drawn
