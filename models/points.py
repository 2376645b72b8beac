"""Points for models that take no scribbles, and their variants in which scribbles become points."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from segbench.protocols.adapter import Interactions

Model = TypeVar("Model", bound=type)

POINTS = 10  # points that stand for all positive, or all negative, scribbles of an image
DRAWN = 0.5  # a pixel is marked where the interaction is stronger than this share of its maximum


def points_of(
    interactions: Interactions, index: int, scribbles: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return the points on an image: its clicks, and points on its scribbles.

    Scribbles are the marked pixels that no click of their sign marks. Of each sign, at most `POINTS` pixels
    are taken, evenly spaced in the order of rows.

    Parameters
    ----------
    interactions : Interactions
    index : int
        Number of the image in the batch.
    scribbles : bool
        Whether scribbles count; if not, the points are the clicks.

    Returns
    -------
    points : float array (n, 2)
        x and y in pixels from the top left corner of the image; the centre of the first pixel is (0.5, 0.5).
    labels : int array (n,)
        1 for positive points, 0 for negative ones. Clicks come first, in order.
    """
    clicks = interactions.clicks[index] if interactions.clicks else ()
    pixels = [(click.row, click.column) for click in clicks]
    labels = [int(click.positive) for click in clicks]
    for label, drawn in ((1, interactions.positive), (0, interactions.negative)) if scribbles else ():
        clicked = [pixel for pixel, sign in zip(pixels, labels, strict=True) if sign == label]
        scribbled = _along(drawn[index, 0], clicked)
        pixels, labels = pixels + scribbled, labels + [label] * len(scribbled)
    rows_columns = np.array(pixels, np.float32).reshape(-1, 2)
    return rows_columns[:, ::-1] + np.float32(0.5), np.array(labels, np.int64)


def _along(drawn: Tensor, clicked: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return rows and columns of evenly spaced pixels of scribbles (H, W)."""
    marked = (drawn > DRAWN * drawn.max()).cpu().numpy()
    if clicked:
        marked[tuple(np.transpose(clicked))] = False
    pixels = np.argwhere(marked)
    if len(pixels) > POINTS:
        pixels = pixels[np.linspace(0, len(pixels) - 1, POINTS).round().astype(int)]
    return [(int(row), int(column)) for row, column in pixels]


def with_points(model: Model) -> Model:
    """Return a variant of a model in which scribbles become points, which ``--models all`` leaves out.

    Parameters
    ----------
    model : type
        Class of an adapter with ``title`` and ``capabilities``, which reads its prompts by `points_of` and
        takes scribbles where its capabilities name them.
    """
    described: Any = model
    capabilities = described.capabilities
    attributes = {
        "__doc__": f"{described.title} whose scribbles are at most {POINTS} points of each sign.",
        "__module__": model.__module__,
        "title": f"{described.title} (points from scribbles)",
        "capabilities": replace(capabilities, prompts=(*capabilities.prompts, "scribbles")),
        "default_protocols": (),
    }
    variant: Model = type(f"{model.__name__}Points", (model,), attributes)  # type: ignore[assignment]
    return variant
