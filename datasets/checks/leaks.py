"""Test pictures that were seen in training: the same picture, nearly the same, or the same subject."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from segbench.datasets.checks.view import Finding, View, standard, thumbnails

SIDE = 32  # pixels of the thumbnails that are compared
ALIKE = 0.97  # correlation; docs/checking.md has what different pictures reach
BLOCK = 512  # rows that are compared at once
KEEP = "keep one of them, or put both under one subject so that they share a split"


def leaks(view: View) -> Iterator[Finding]:
    """Subjects in two splits, pictures that come twice, and pictures that nearly do."""
    yield from shared_subjects(view)
    yield from copies(view)
    yield from likenesses(view)


def shared_subjects(view: View) -> Iterator[Finding]:
    """Subjects in two splits."""
    for subject in np.unique(view.subjects):
        own = np.flatnonzero(view.subjects == subject)
        if len(splits := np.unique(view.split[own])) > 1:
            yield view.finding(
                "error", "subject in two splits", "put it in one", own, splits=" and ".join(splits)
            )


def copies(view: View) -> Iterator[Finding]:
    """Exactly equal pictures: an error in two splits, a warning within one."""
    groups: dict[bytes, list[int]] = {}
    for image, key in enumerate(view.digests):
        groups.setdefault(key, []).append(image)
    for group in groups.values():
        splits = " and ".join(np.unique(view.split[group]))
        if len(group) > 1 and " and " in splits:
            yield view.finding("error", "the same picture in two splits", KEEP, group, splits=splits)
        elif len(group) > 1:
            yield view.finding("warning", "the same picture twice", "keep one of them", group, splits=splits)


def likenesses(view: View) -> Iterator[Finding]:
    """Pictures of other subjects that are nearly equal: a warning in two splits, a note within one.

    Alike is what correlates, as thumbnails and also without what all pictures of the task have in common:
    the same anatomy in the same place makes no copy. Each picture is named with the likest later one.
    """
    plain = standard(thumbnails(view.images, SIDE))
    own = standard(plain - plain.mean(0))
    for first in range(0, len(plain), BLOCK):
        rows = slice(first, first + BLOCK)
        likeness = np.minimum(plain[rows] @ plain.T, own[rows] @ own.T)
        likeness[view.subjects[rows, None] == view.subjects] = 0
        likeness = np.triu(likeness, first + 1)
        for i in np.flatnonzero(likeness.max(1) >= ALIKE):
            pair = [first + int(i), int(likeness[i].argmax())]
            if view.digests[pair[0]] == view.digests[pair[1]]:
                continue
            splits = " and ".join(np.unique(view.split[pair]))
            numbers: dict[str, Any] = {"likeness": float(likeness[i].max()), "splits": splits}
            if " and " in splits:
                yield view.finding("warning", "nearly the same picture in two splits", KEEP, pair, **numbers)
            else:
                yield view.finding("note", "nearly the same picture twice", "look at both", pair, **numbers)
