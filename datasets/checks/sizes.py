"""Tasks with too little to measure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segbench.datasets.checks.view import Finding, View

IN_A_ROW = 18  # images that experiment 1 takes from the test split (MultiverSeg, section 6.2)
SUBJECTS = 5  # the fewest of which 60/20/20 leaves one for each part


def sizes(view: View) -> Iterator[Finding]:
    """Empty splits, few test images, few subjects."""
    count = {name: int((view.split == name).sum()) for name in view.splits}
    for name in [name for name, images in count.items() if images == 0]:
        yield view.finding(
            "warning" if name == "test" else "note",
            "split without images",
            "give it subjects if you need it",
            split=name,
        )
    if not view.sets and 0 < count["test"] < IN_A_ROW:
        yield view.finding(
            "note",
            f"fewer than {IN_A_ROW} test images",
            "the sequential protocols leave the task out unless --images is lower",
            test=count["test"],
        )
    if (subjects := len(np.unique(view.subjects))) < SUBJECTS:
        yield view.finding(
            "warning",
            f"fewer than {SUBJECTS} subjects",
            "say which images belong to whom, or do not rely on intervals over subjects",
            subjects=subjects,
        )
