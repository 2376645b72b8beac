"""Simulated clicks (MultiverSeg, section 5.3)."""

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
    """Click at the centre of the largest error.

    Errors are the 8-connected components of the false negatives and those of the false positives. The click
    is in the component of the largest area, on the pixel farthest from the outside of the component; the
    image border does not count as outside. Ties of components and of pixels go to the first pixel in
    row-major order. An error that fills the image is clicked at its centre.

    Parameters
    ----------
    label, prediction : bool arrays (H, W)

    Returns
    -------
    Click or None
        ``positive`` is the ground truth at the pixel. None if the prediction has no error.
    """
    return _center_clicks(label[None], prediction[None])[0]


def ritm_click(label: np.ndarray, prediction: np.ndarray, clicked: Collection[Click] = ()) -> Click | None:
    """Click by the rule of RITM (Sofiiuk et al., 2022), the alternative to `center_click`.

    The click is at the centre of the largest circle inside the false negatives, or inside the false positives
    if their circle is at least as large. The image border counts as outside. No pixel is clicked twice. Ties
    go to the first pixel in row-major order.

    Parameters
    ----------
    label, prediction : bool arrays (H, W)
    clicked : collection of Click
        Earlier clicks.

    Returns
    -------
    Click or None
        None if no error is left.
    """
    missed, spurious = (
        squared_distance(np.pad(mask, 1))[1:-1, 1:-1] for mask in (label & ~prediction, prediction & ~label)
    )
    for click in clicked:
        missed[click.row, click.column] = spurious[click.row, click.column] = 0
    distance = missed if missed.max() > spurious.max() else spurious
    return _click(distance, label) if distance.any() else None


def random_click(mask: np.ndarray, rng: np.random.Generator) -> Click | None:
    """Click on a uniformly random pixel of a mask.

    Parameters
    ----------
    mask : bool array (H, W)
    rng : numpy.random.Generator

    Returns
    -------
    Click or None
        With ``positive`` True; for the background the caller changes that. None if the mask is empty.
    """
    pixels = np.flatnonzero(mask)
    if not len(pixels):
        return None
    row, column = divmod(int(rng.choice(pixels)), mask.shape[1])
    return Click(row, column, True)


def border_click(mask: np.ndarray, rng: np.random.Generator) -> Click | None:
    """Click on a random pixel of a mask with a 4-connected neighbour outside the mask.

    Parameters
    ----------
    mask : bool array (H, W)
    rng : numpy.random.Generator

    Returns
    -------
    Click or None
        As for `random_click`.
    """
    return random_click(mask & (squared_distance(mask) <= 1), rng)


def center_clicks(labels: Masks, predictions: Masks) -> list[Click | None]:
    """Apply `center_click` to each pair of a batch.

    Parameters
    ----------
    labels, predictions : bool arrays (B, H, W), or bool tensors on one device
        Arrays are processed by as many threads as OpenCV may use, tensors on their device.
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
        # The nearest pixel outside a component touches it, so it belongs to no other error.
        row, column, component = error
        clicks.append(_click(squared_distance(component), label, row, column))
    return clicks


def _click(distance: np.ndarray, label: np.ndarray, row: int = 0, column: int = 0) -> Click:
    """Click on the first pixel of the largest distance, in a window whose corner is (row, column)."""
    down, right = divmod(int(np.argmax(distance)), distance.shape[1])
    row, column = row + down, column + right
    return Click(row, column, bool(label[row, column]))
