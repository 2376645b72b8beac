"""Pictures that fit the others of their task better turned or inverted than as they are.

A task says nothing of itself about the right way up, so the others must: nine tenths of them have to fit
better as they are, and clearly so. Cells, which lie in all directions, then give no finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from segbench.datasets.checks.view import Finding, View, spread, standard, thumbnails

SIDE = 16  # pixels of the thumbnails that are compared
FEWEST = 10  # images of which "the others" can be said
AGREED = 0.9  # share of images that fit better as they are
CLEAR = 0.1  # by which the median image does
AS_MUCH = 0.5  # of the median, by which a suspect fits better turned
FAR, LEAST_SPREAD = 4.0, 0.02  # spreads from the median, and what they are at least

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
    """Images that seem turned, and images whose intensities seem inverted."""
    if len(view.images) < FEWEST:
        return
    pictures, labels = thumbnails(view.images, SIDE), thumbnails(view.labels, SIDE)
    suspects = list(turned(view, pictures, labels))
    yield from suspects
    explained = {image for found in suspects for image in found.images}
    yield from (found for found in inverted(view, pictures) if not explained & set(found.images))


def turned(view: View, pictures: np.ndarray, labels: np.ndarray) -> Iterator[Finding]:
    """Images that fit better after a flip or a quarter turn, by picture and label together.

    The picture itself has to fit better, and the label must not clearly object: a small label that is off its
    place makes no turned image.
    """
    as_is = np.stack([fits(pictures, pictures), fits(labels, labels)])
    other = np.stack([[fits(turn(p), p) for p in (pictures, labels)] for turn in TURNS.values()])
    gain = as_is - other  # turns, picture and label, images
    suspects = np.stack([contrary(both) for both in gain.sum(1)]) & (gain[:, 0] < 0) & (gain[:, 1] < CLEAR)
    suspects &= other[:, 0] > -as_is[0]  # otherwise the negative explains it better
    best = np.where(suspects, other.sum(1), -np.inf).argmax(0)
    for image in np.flatnonzero(suspects.any(0)):
        yield view.finding(
            "warning",
            "orientation unlike the others'",
            "compare it with the others and turn its file if it is wrong",
            [image],
            turn=list(TURNS)[best[image]],
            fit=float(as_is[:, image].mean()),
            fit_turned=float(other[best[image], :, image].mean()),
        )


def inverted(view: View, pictures: np.ndarray) -> Iterator[Finding]:
    """Images that fit better as their negative, by the picture or by the label's brightness in it."""
    alike, inside = fits(pictures, pictures), contrast(view)
    for image in np.flatnonzero(contrary(2 * alike) | contrary(inside * np.sign(np.median(inside)))):
        yield view.finding(
            "warning",
            "intensities may be inverted",
            "compare it with the others and invert its file if it is wrong",
            [image],
            fit=float(alike[image]),
            contrast=float(inside[image]),
            median_contrast=float(np.median(inside)),
        )


def fits(candidates: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """Correlation (N,) of each candidate with the mean of the pictures other than its own."""
    rows = standard(pictures)
    return np.sum(standard(candidates) * standard(rows.sum(0) - rows), axis=1)


def contrary(advantage: np.ndarray) -> np.ndarray:
    """Which images (N,) are clearly below 0 where nearly all others are clearly above."""
    middle = float(np.median(advantage))
    if middle <= CLEAR or (advantage > 0).mean() < AGREED:
        return np.zeros(len(advantage), bool)
    far = middle - FAR * max(spread(advantage), LEAST_SPREAD)
    return (advantage < -AS_MUCH * middle) & (advantage < far)


def contrast(view: View) -> np.ndarray:
    """How much brighter each picture is within its label than outside, in its own standard deviations."""
    pixels = view.images[0].size
    marked = view.labels.sum((1, 2))
    within = np.einsum("nhw,nhw->n", view.images, view.labels, dtype=np.float64)
    total = view.images.sum((1, 2), dtype=np.float64)
    inside, outside = within / np.maximum(marked, 1), (total - within) / np.maximum(pixels - marked, 1)
    usable = (marked > 0) & (marked < pixels)
    return np.where(usable, (inside - outside) / np.maximum(view.images.std((1, 2)), 1e-6), 0)
