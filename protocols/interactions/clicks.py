"""Simulated clicks: where an annotator would correct a prediction (MultiverSeg, section 5.3)."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from segbench.protocols.adapter import Click
from segbench.protocols.interactions.geometry import largest_errors, squared_distance
from segbench.protocols.interactions.threads import in_threads

if TYPE_CHECKING:
    from torch import Tensor

Masks = TypeVar("Masks", np.ndarray, "Tensor")


def center_click(label: np.ndarray, prediction: np.ndarray) -> Click | None:
    """A click at the centre of the largest error.

    Errors are 8-connected components of false negatives or of false positives, which never join. The one of
    the largest area is taken, and of its pixels the one farthest from the outside of the false-negative
    (or false-positive) mask; the image border is no obstacle. Ties, of components and of pixels, go to the
    first pixel in row-major order. A mask that fills the image is clicked at its centre.

    Parameters
    ----------
    label, prediction : bool arrays (H, W)

    Returns
    -------
    Click or None
        ``positive`` is the ground truth at the pixel. None where the prediction has no error.
    """
    return _center_clicks(label[None], prediction[None])[0]


def ritm_click(label: np.ndarray, prediction: np.ndarray, clicked: Collection[Click] = ()) -> Click | None:
    """A click by the rule of RITM, the alternative to `center_click`.

    The centre of the largest circle inside the false negatives or the false positives, whichever is larger
    (the false positives when equal). The image border is an obstacle; clicked pixels are not clicked again.

    Parameters
    ----------
    label, prediction : bool arrays (H, W)
    clicked : clicks so far

    Returns
    -------
    Click or None
        None where no error is left to click.
    """
    missed, spurious = (
        squared_distance(np.pad(mask, 1))[1:-1, 1:-1] for mask in (label & ~prediction, prediction & ~label)
    )
    for click in clicked:
        missed[click.row, click.column] = spurious[click.row, click.column] = 0
    distance = missed if missed.max() > spurious.max() else spurious
    return _click(distance, label) if distance.any() else None


def random_click(mask: np.ndarray, rng: np.random.Generator) -> Click | None:
    """A click on a uniformly random pixel of a mask.

    Parameters
    ----------
    mask : bool array (H, W)
    rng : numpy.random.Generator

    Returns
    -------
    Click or None
        Positive, as a click on the label; on another region the caller sets ``positive``. None where the
        mask is empty.
    """
    pixels = np.flatnonzero(mask)
    if not len(pixels):
        return None
    row, column = divmod(int(rng.choice(pixels)), mask.shape[1])
    return Click(row, column, True)


def border_click(mask: np.ndarray, rng: np.random.Generator) -> Click | None:
    """A click on a random pixel of a mask's border: one with a neighbour, across an edge, outside the mask.

    Parameters
    ----------
    mask : bool array (H, W)
    rng : numpy.random.Generator

    Returns
    -------
    Click or None
        Positive, as `random_click`. None where the mask is empty.
    """
    return random_click(mask & (squared_distance(mask) <= 1), rng)


def center_clicks(labels: Masks, predictions: Masks) -> list[Click | None]:
    """`center_click` for each pair of a batch; the clicks are the same.

    Parameters
    ----------
    labels, predictions : bool arrays (B, H, W), or bool tensors on one device
        Arrays are worked on by as many threads as OpenCV may use, tensors on their device; see
        `segbench.protocols.interactions.tensors.clicks`.
    """
    if isinstance(labels, np.ndarray):
        return in_threads(_center_clicks, labels, predictions)
    from segbench.protocols.interactions.tensors import clicks

    return clicks.center_clicks(labels, predictions)


def _center_clicks(labels: np.ndarray, predictions: np.ndarray) -> list[Click | None]:
    clicks: list[Click | None] = []
    for label, error in zip(labels, largest_errors(labels, predictions), strict=True):
        if error is None:
            clicks.append(None)
            continue
        # Of the pixels outside a component the nearest to one inside touches it: no other error lies there.
        row, column, component = error
        clicks.append(_click(squared_distance(component), label, row, column))
    return clicks


def _click(distance: np.ndarray, label: np.ndarray, row: int = 0, column: int = 0) -> Click:
    """The first pixel in row-major order of the largest distance, in a window with this corner."""
    down, right = divmod(int(np.argmax(distance)), distance.shape[1])
    row, column = row + down, column + right
    return Click(row, column, bool(label[row, column]))
