"""Dice and failures of UniverSeg on its own predictions (MultiverSeg, Fig. 17b)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates
from segbench.reports.artefact import Artefact
from segbench.reports.artefacts import fig17a
from segbench.reports.artefacts.quality import DICE, FAILURES, INTERVAL, quality, quality_grid
from segbench.reports.layout import Grid

if TYPE_CHECKING:
    from segbench.results import Results

ARTEFACT = Artefact(
    "table",
    "Bootstrapping UniverSeg: Dice and failures per task (Fig. 17b)",
    "Mean over tasks ± standard deviation of the bootstrap. Failures are the images of a set with less than"
    " the target Dice. The paper has one number for UniverSeg and does not say whether its context holds "
    "thresholded or soft predictions; it stands beside both.",
    interval=INTERVAL,
    requires=fig17a.ARTEFACT.requires,
)

METRICS = {"dice_percent": DICE, "failures": FAILURES}


def table17b(results: Results) -> pd.DataFrame:
    """Quality of every kind of context beside the paper's.

    Returns
    -------
    DataFrame
        A row per ``metric``, model and ``context`` (binary, soft, ground-truth), with the columns of
        `segbench.reports.artefacts.quality.quality`. Metrics: ``dice_percent``, and ``failures`` per set of images.
    """
    images = estimates.select(results, *ARTEFACT.requires)
    failed = images.dice < estimates.target_dice(results)
    return quality(results, images.assign(failed=failed), METRICS, "table17b", ["context"])


def table17b_grid(table: pd.DataFrame) -> Grid:
    """The table for reading: mean ± standard deviation, both intervals, the paper's, the difference."""
    return quality_grid(table, METRICS, {"metric": "Metric", "model": "Method", "context": "Context"})


ARTEFACTS = {
    "table17b": dataclasses.replace(ARTEFACT, data=table17b, grid=lambda _, table: table17b_grid(table))
}
