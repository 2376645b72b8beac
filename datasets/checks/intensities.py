"""Pictures without contrast, of black and white only, or with intensities unlike the task's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segbench.datasets.checks.view import Finding, View, spread

DECILES = tuple(range(10, 100, 10))
CLIPPED = 0.9  # share of pixels at 0 or 1
DISTANT, DISPERSED = 0.2, 6  # mean distance of the deciles from the task's, and in spreads of that


def deciles(view: View) -> np.ndarray:
    """The nine deciles of each picture's intensities, (N, 9)."""
    rows = view.images.reshape(len(view.images), -1)
    return np.percentile(rows, DECILES, axis=1).T


def intensities(view: View) -> Iterator[Finding]:
    """Constant, clipped and outlying pictures."""
    low, high = view.images.min((1, 2)), view.images.max((1, 2))
    for image in np.flatnonzero(low == high):
        yield view.finding(
            "warning", "constant picture", "look at its file", [image], intensity=float(low[image])
        )
    clipped = np.where(low < high, ((view.images <= 0) | (view.images >= 1)).mean((1, 2)), 0)
    for image in np.flatnonzero(clipped > CLIPPED):
        yield view.finding(
            "warning",
            "nearly all pixels black or white",
            "look whether the picture is a mask, or its window was too narrow",
            [image],
            share=float(clipped[image]),
        )
    found = deciles(view)
    distance = np.abs(found - np.median(found, axis=0)).mean(1)
    limit = np.median(distance) + DISPERSED * spread(distance)
    for image in np.flatnonzero((distance > max(DISTANT, limit)) & (low < high) & (clipped <= CLIPPED)):
        yield view.finding(
            "note",
            "intensities unlike the others'",
            "look whether it was acquired or windowed otherwise",
            [image],
            distance=float(distance[image]),
            median_distance=float(np.median(distance)),
        )
