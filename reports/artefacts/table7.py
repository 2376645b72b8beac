"""Segmentation quality and total interactions per task (MultiverSeg, Table 7)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates
from segbench.reports.artefact import SUPERVISED, Artefact, Requirement
from segbench.reports.artefacts.quality import DICE, FAILURES, INTERVAL, Metric, quality, quality_grid
from segbench.reports.layout import Grid

if TYPE_CHECKING:
    from segbench.results import Results

ARTEFACT = Artefact(
    "table",
    "Segmentation quality and total interactions per task (Table 7)",
    "Mean over tasks ± standard deviation of the bootstrap. Dice and 95th-percentile Hausdorff distance "
    "(HD95) are those of the last prediction of every image. Total steps are the interactions that a whole "
    "set of images takes; failures are its images that never reached the target Dice, which count with the "
    "maximum number of interactions. The paper's numbers are of the official weights on its own tasks, and "
    "its totals of 18 images: they stand beside sets of 18 only. Supervised networks are trained on each "
    "task, with true labels; they segment every test image, and their simulations are training runs.",
    interval=INTERVAL,
    requires=(Requirement(), Requirement(("supervised",), (), optional=True)),
)

METRICS = {
    "dice_percent": DICE,
    "hd95": Metric("HD95 (pixels) ↓", "hd95", "mean", 1, 2),
    "total_steps": Metric("Total steps ↓", "interactions", "total", 1, 2),
    "failures": FAILURES,
}


def table7(results: Results) -> pd.DataFrame:
    """Quality and effort of every method beside the paper's.

    Returns
    -------
    DataFrame
        A row per protocol, ``metric`` and model, with the columns of `segbench.reports.artefacts.quality.quality`.
        Metrics: ``dice_percent``, ``hd95`` (pixels), and per set of images ``total_steps`` and ``failures``
        (images that never reached the target). Networks trained on each task (protocol ``supervised``) have
        the first two, over tasks that other rows have, too.
    """
    images = estimates.select(results, *ARTEFACT.requires)
    supervised = images.protocol == SUPERVISED
    if not supervised.all():
        images = images[~supervised | images.task.isin(images.task[~supervised].unique())]
    return quality(results, images.assign(failed=~images.reached), METRICS, "table7")


def table7_grid(table: pd.DataFrame) -> Grid:
    """The table for reading: mean ± standard deviation, both intervals, the paper's, the difference."""
    return quality_grid(table, METRICS, {"protocol": "Protocol", "metric": "Metric", "model": "Method"})


ARTEFACTS = {"table7": dataclasses.replace(ARTEFACT, data=table7, grid=lambda _, table: table7_grid(table))}
