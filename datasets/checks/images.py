"""Checks of images: leaks between splits, duplicates, missing contrast and odd intensities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from segbench.datasets.checks.view import Finding, View, spread, standardize, thumbnails

SIDE = 32  # pixels of the thumbnails that are compared
NEARLY_EQUAL = 0.97  # correlation; different images of wbc and the phantoms reach 0.963
BLOCK = 512  # rows that are compared at once
KEEP_ONE = "keep one of them, or put both under one subject: both then share a split"

DECILES = tuple(range(10, 100, 10))
CLIPPED = 0.9  # share of pixels at 0 or 1
MIN_DISTANCE, MAX_SPREADS = (
    0.2,
    6,
)  # mean distance of the deciles from the task's; in spreads of the distances


def leaks(view: View) -> Iterator[Finding]:
    """Find subjects in two splits, duplicate images and nearly equal images."""
    yield from shared_subjects(view)
    yield from duplicates(view)
    yield from near_duplicates(view)


def shared_subjects(view: View) -> Iterator[Finding]:
    """Find subjects in two splits."""
    for subject in np.unique(view.subjects):
        images = np.flatnonzero(view.subjects == subject)
        if len(splits := np.unique(view.split[images])) > 1:
            yield view.finding(
                "error", "subject in two splits", "put it in one", images, splits=" and ".join(splits)
            )


def duplicates(view: View) -> Iterator[Finding]:
    """Find exactly equal images: an error in two splits, a warning within one."""
    groups: dict[bytes, list[int]] = {}
    for image, digest in enumerate(view.digests):
        groups.setdefault(digest, []).append(image)
    for group in groups.values():
        splits = " and ".join(np.unique(view.split[group]))
        if len(group) > 1 and " and " in splits:
            yield view.finding("error", "the same image in two splits", KEEP_ONE, group, splits=splits)
        elif len(group) > 1:
            yield view.finding("warning", "the same image twice", "keep one of them", group, splits=splits)


def near_duplicates(view: View) -> Iterator[Finding]:
    """Find nearly equal images of different subjects: a warning in two splits, a note within one.

    Their thumbnails correlate, also without the mean image of the task: equal anatomy at the same position is
    no duplicate. Each image is reported with the most similar later one.
    """
    thumbs = standardize(thumbnails(view.images, SIDE))
    residuals = standardize(thumbs - thumbs.mean(0))
    for first in range(0, len(thumbs), BLOCK):
        rows = slice(first, first + BLOCK)
        correlation = np.minimum(thumbs[rows] @ thumbs.T, residuals[rows] @ residuals.T)
        correlation[view.subjects[rows, None] == view.subjects] = 0
        correlation = np.triu(correlation, first + 1)
        for i in np.flatnonzero(correlation.max(1) >= NEARLY_EQUAL):
            pair = [first + int(i), int(correlation[i].argmax())]
            if view.digests[pair[0]] == view.digests[pair[1]]:
                continue
            splits = " and ".join(np.unique(view.split[pair]))
            numbers: dict[str, Any] = {"correlation": float(correlation[i].max()), "splits": splits}
            if " and " in splits:
                title = "nearly the same image in two splits"
                yield view.finding("warning", title, KEEP_ONE, pair, **numbers)
            else:
                yield view.finding("note", "nearly the same image twice", "compare them", pair, **numbers)


def deciles(view: View) -> np.ndarray:
    """The nine deciles of the intensities of each image, (N, 9)."""
    rows = view.images.reshape(len(view.images), -1)
    return np.percentile(rows, DECILES, axis=1).T


def intensities(view: View) -> Iterator[Finding]:
    """Find constant, clipped and outlying images."""
    low, high = view.images.min((1, 2)), view.images.max((1, 2))
    for image in np.flatnonzero(low == high):
        yield view.finding(
            "warning", "constant image", "look at its file", [image], intensity=float(low[image])
        )
    clipped = np.where(low < high, ((view.images <= 0) | (view.images >= 1)).mean((1, 2)), 0)
    for image in np.flatnonzero(clipped > CLIPPED):
        yield view.finding(
            "warning",
            "nearly all pixels black or white",
            "check whether the image is a mask, or its window was too narrow",
            [image],
            share=float(clipped[image]),
        )
    levels = deciles(view)
    distance = np.abs(levels - np.median(levels, axis=0)).mean(1)
    limit = max(MIN_DISTANCE, np.median(distance) + MAX_SPREADS * spread(distance))
    for image in np.flatnonzero((distance > limit) & (low < high) & (clipped <= CLIPPED)):
        yield view.finding(
            "note",
            "intensities unlike the other images'",
            "check whether it was acquired or windowed differently",
            [image],
            distance=float(distance[image]),
            median_distance=float(np.median(distance)),
        )
