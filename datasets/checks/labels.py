"""Checks of labels and of the number of images and subjects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from segbench.datasets.checks.view import Finding, Severity, View
from segbench.datasets.splits import dominant_subject

TINY = 16 / 128**2  # share of the image: 16 pixels at 128 x 128
ON_BORDER = 0.5  # share of the border of the image
SEQUENCE = 18  # images that experiment 1 takes from the test split (MultiverSeg, section 6.2)
MIN_SUBJECTS = 5  # the fewest that give each part of a 60/20/20 split one


def sizes(view: View) -> Iterator[Finding]:
    """Find empty splits, few test images, few subjects, and one that fills contexts."""
    count = {name: int((view.split == name).sum()) for name in view.splits}
    for name in [name for name, images in count.items() if images == 0]:
        severity: Severity = "warning" if name == "test" else "note"
        advice = "add subjects, or run with --split all" if name == "test" else "add subjects if you need it"
        yield view.finding(severity, "split without images", advice, split=name)
    if not view.sets and 0 < count["test"] < SEQUENCE:
        yield view.finding(
            "note",
            f"fewer than {SEQUENCE} test images",
            "the sequential protocols segment all of them, unless --images asks for more",
            test=count["test"],
        )
    train = Counter(map(str, view.subjects[view.split == "train"]))
    if (subject := dominant_subject(train)) is not None:
        yield Finding(
            "warning",
            "one subject fills the contexts",
            "name the subjects (subjects.csv, --subject-pattern), or import one slice of each (--rule)",
            view.task.name,
            subjects=(subject,),
            numbers={"train_images": f"{train[subject]} of {train.total()}", "train_subjects": len(train)},
        )
    if (subjects := len(np.unique(view.subjects))) < MIN_SUBJECTS:
        yield view.finding(
            "warning",
            f"fewer than {MIN_SUBJECTS} subjects",
            "state the subject of each image, or do not rely on intervals over subjects",
            subjects=subjects,
        )


def labels(view: View) -> Iterator[Finding]:
    """Find empty and tiny labels, inverted labels, and one mask for all images."""
    area = view.labels.mean((1, 2))
    for image in np.flatnonzero(area == 0):
        yield view.finding("error", "empty label", "leave the image out of this task", [image])
    pixels = view.labels[0].size
    for image in np.flatnonzero((area > 0) & (area < TINY)):
        yield view.finding(
            "warning",
            "tiny label",
            "check whether it is a stray pixel",
            [image],
            pixels=round(area[image] * pixels),
        )
    yield from inverted_labels(view, area)
    if len(view.labels) > 1 and len(set(view.label_digests)) == 1:
        yield view.finding(
            "error", "one mask for all images", "check how the masks were made", area=float(area[0])
        )


def inverted_labels(view: View, area: np.ndarray) -> Iterator[Finding]:
    """Find labels that may be the background: of the whole task, or of single images that differ."""
    border = border_share(view.labels)
    if np.median(area) > 0.5:
        yield view.finding(
            "warning",
            "label larger than the background",
            "check whether the masks show the background",
            median_area=float(np.median(area)),
        )
    odd = (np.median(area) <= 0.5) & (area > 0.5) | (np.median(border) < ON_BORDER / 2) & (border > ON_BORDER)
    for image in np.flatnonzero(odd):
        yield view.finding(
            "warning",
            "label may be inverted",
            "look at its mask; most others are smaller and off the border",
            [image],
            area=float(area[image]),
            border=float(border[image]),
        )


def border_share(masks: np.ndarray) -> np.ndarray:
    """Share (N,) of the outermost pixels that each mask (N, H, W) covers."""
    sides = (masks[:, 0], masks[:, -1], masks[:, 1:-1, 0], masks[:, 1:-1, -1])
    return np.concatenate(sides, axis=1).mean(1)
