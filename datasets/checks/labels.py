"""Labels that are empty, tiny, turned inside out or all the same."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segbench.datasets.checks.view import Finding, View

TINY = 16 / 128**2  # of the picture: 16 pixels at 128 x 128
EDGE = 0.5  # of the picture's border


def labels(view: View) -> Iterator[Finding]:
    """Empty and tiny labels, background marked as foreground, and one mask for all images."""
    area = view.labels.mean((1, 2))
    for image in np.flatnonzero(area == 0):
        yield view.finding("error", "empty label", "leave the image out of this task", [image])
    pixels = view.labels[0].size
    for image in np.flatnonzero((area > 0) & (area < TINY)):
        yield view.finding(
            "warning",
            "tiny label",
            "look whether it is a stray mark",
            [image],
            pixels=round(area[image] * pixels),
        )
    yield from polarity(view, area)
    if len(view.labels) > 1 and len(set(view.label_digests)) == 1:
        yield view.finding(
            "error", "one mask for all images", "look at how the masks were made", area=float(area[0])
        )


def polarity(view: View, area: np.ndarray) -> Iterator[Finding]:
    """Labels that may be the background: of single images where the others differ, or of the task."""
    edge = border(view.labels)
    if np.median(area) > 0.5:
        yield view.finding(
            "warning",
            "label larger than the background",
            "look whether the masks mark the background",
            median_area=float(np.median(area)),
        )
    odd = (np.median(area) <= 0.5) & (area > 0.5) | (np.median(edge) < EDGE / 2) & (edge > EDGE)
    for image in np.flatnonzero(odd):
        yield view.finding(
            "warning",
            "label may be inverted",
            "look at its mask; most others are smaller and off the border",
            [image],
            area=float(area[image]),
            border=float(edge[image]),
        )


def border(masks: np.ndarray) -> np.ndarray:
    """The share of each picture's outermost pixels that its mask (N, H, W) covers."""
    sides = (masks[:, 0], masks[:, -1], masks[:, 1:-1, 0], masks[:, 1:-1, -1])
    return np.concatenate(sides, axis=1).mean(1)
