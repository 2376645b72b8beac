"""Checks for images that fit the other images of their task better when turned or inverted.

A task does not state its orientation; the other images define it. At least nine tenths of them must fit
clearly better as they are. Cells, which lie in all directions, therefore give no finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from segbench.datasets.checks.view import Finding, View, spread, standardize, thumbnails

SIDE = 16  # pixels of the thumbnails that are compared
MIN_IMAGES = 10  # fewer images do not define an orientation
AGREEMENT = 0.9  # share of images that must fit better as they are
MARGIN = 0.1  # correlation by which the median image must fit better
MIN_GAIN = 0.5  # share of the median by which a suspect must fit better turned
MAX_SPREADS, MIN_SPREAD = 4.0, 0.02  # from the median; smallest spread

TURNS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "left-right flip": lambda p: p[:, :, ::-1],
    "top-bottom flip": lambda p: p[:, ::-1],
    "half turn": lambda p: p[:, ::-1, ::-1],
    "transposition": lambda p: p.swapaxes(1, 2),
    "transposition along the other diagonal": lambda p: p[:, ::-1, ::-1].swapaxes(1, 2),
    "quarter turn to the left": lambda p: np.rot90(p, 1, (1, 2)),
    "quarter turn to the right": lambda p: np.rot90(p, -1, (1, 2)),
}


def orientation(view: View) -> Iterator[Finding]:
    """Find images that seem turned, and images whose intensities seem inverted."""
    if len(view.images) < MIN_IMAGES:
        return
    images, labels = thumbnails(view.images, SIDE), thumbnails(view.labels, SIDE)
    suspects = list(turned(view, images, labels))
    yield from suspects
    explained = {image for finding in suspects for image in finding.images}
    yield from (finding for finding in inverted(view, images) if not explained & set(finding.images))


def turned(view: View, images: np.ndarray, labels: np.ndarray) -> Iterator[Finding]:
    """Find images that fit better after a flip or a turn, by image and label together.

    The image itself must fit better, and the label must not fit clearly worse: a small label at an unusual
    position is not a turned image.
    """
    as_is = np.stack([fits(images, images), fits(labels, labels)])
    other = np.stack([[fits(turn(p), p) for p in (images, labels)] for turn in TURNS.values()])
    gain = as_is - other  # (turns, image or label, images)
    suspects = np.stack([outliers(both) for both in gain.sum(1)]) & (gain[:, 0] < 0) & (gain[:, 1] < MARGIN)
    suspects &= other[:, 0] > -as_is[0]  # otherwise inversion explains it better
    best = np.where(suspects, other.sum(1), -np.inf).argmax(0)
    for image in np.flatnonzero(suspects.any(0)):
        yield view.finding(
            "warning",
            "orientation unlike the other images'",
            "compare it with other images and turn its file if it is wrong",
            [image],
            turn=list(TURNS)[best[image]],
            fit=float(as_is[:, image].mean()),
            fit_turned=float(other[best[image], :, image].mean()),
        )


def inverted(view: View, images: np.ndarray) -> Iterator[Finding]:
    """Find images that fit better as a negative, by the image or by the brightness of its label."""
    fit, inside = fits(images, images), contrast(view)
    for image in np.flatnonzero(outliers(2 * fit) | outliers(inside * np.sign(np.median(inside)))):
        yield view.finding(
            "warning",
            "intensities may be inverted",
            "compare it with other images and invert its file if it is wrong",
            [image],
            fit=float(fit[image]),
            contrast=float(inside[image]),
            median_contrast=float(np.median(inside)),
        )


def fits(candidates: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Correlation (N,) of each candidate with the mean of all other images."""
    rows = standardize(images)
    return np.sum(standardize(candidates) * standardize(rows.sum(0) - rows), axis=1)


def outliers(advantage: np.ndarray) -> np.ndarray:
    """Mask (N,) of images clearly below 0 where nearly all others are clearly above."""
    median = float(np.median(advantage))
    if median <= MARGIN or (advantage > 0).mean() < AGREEMENT:
        return np.zeros(len(advantage), bool)
    limit = median - MAX_SPREADS * max(spread(advantage), MIN_SPREAD)
    return (advantage < -MIN_GAIN * median) & (advantage < limit)


def contrast(view: View) -> np.ndarray:
    """Brightness of each image inside its label minus outside, in standard deviations of the image."""
    pixels = view.images[0].size
    area = view.labels.sum((1, 2))
    within = np.einsum("nhw,nhw->n", view.images, view.labels, dtype=np.float64)
    total = view.images.sum((1, 2), dtype=np.float64)
    inside, outside = within / np.maximum(area, 1), (total - within) / np.maximum(pixels - area, 1)
    usable = (area > 0) & (area < pixels)
    return np.where(usable, (inside - outside) / np.maximum(view.images.std((1, 2)), 1e-6), 0)
