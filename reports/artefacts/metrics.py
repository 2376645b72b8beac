"""Further measures of effort and quality beside Table 7, from the steps and images of experiment 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from segbench.reports import estimates, protocols, selection
from segbench.reports.artefact import Artefact
from segbench.reports.artefacts.quality import BOOTSTRAP, INTERVALS, PERCENTS, estimated, spread_grid
from segbench.reports.layout import Grid
from segbench.reports.requirement import InsufficientRecords, Requirement
from segbench.results.effort import effort, thresholds_up_to
from segbench.results.resampling import group_codes
from segbench.results.schema import IMAGE_KEY
from segbench.text import significant

if TYPE_CHECKING:
    from segbench.results import Results

SECONDS = ("seconds", "seconds_per_prediction")
SPREAD = ["bootstrap_std", "low", "high", "subject_std", "subject_low", "subject_high"]


def measures(results: Results) -> pd.DataFrame:
    """Estimate the measures of every protocol and model.

    Returns
    -------
    DataFrame
        Columns of `segbench.reports.artefacts.quality.estimated`, a row per protocol, metric and model; of
        seconds, which depend on the machine, without spread and with the ``device``.
    """
    images = selection.select(results, Requirement())
    known = thresholds_up_to(estimates.target_dice(results))
    names = [f"{kind}_{percent}" for kind in ("noi", "failures") for percent in PERCENTS if percent in known]
    names += ["dice_auc", "nsd_1px", "nsd_2px", "hd95", "hd95_measured", "empty_scribbles"]
    names += SECONDS
    # One protocol at a time, as steps are many.
    parts = images.groupby("protocol", observed=True)
    rows = pd.concat(_with_effort(results, str(protocol), part) for protocol, part in parts)
    table = estimated(rows, names, ["protocol", "model"])
    timed = table.metric.isin(SECONDS)
    table.loc[timed, SPREAD] = np.nan
    table["device"] = np.where(timed, _device(results), "")
    return estimates.in_reading_order(table, ["protocol", "metric", "model"], metric=names)


def _with_effort(results: Results, protocol: str, images: pd.DataFrame) -> pd.DataFrame:
    """Return the images of a protocol with the columns that their steps give."""
    steps = selection.select_steps(results, Requirement(protocols=(protocol,)))
    most = protocols.step_limit(results, protocol) or max(1, int(images.interactions.max()))
    given = effort(steps, most, estimates.target_dice(results))
    if len(given) != len(images):
        raise InsufficientRecords(f"There are steps of {len(given)} images of {protocol}, not {len(images)}.")
    added = given.columns.difference(images.columns, sort=False)
    # Both tables have a row per image. The codes of their keys have the same order, and need no slow join.
    order = np.argsort(group_codes(images[name] for name in IMAGE_KEY))
    images = images.iloc[order].reset_index(drop=True).assign(**{name: given[name] for name in added})
    failed = {name.replace("reached", "failed"): ~given[name] for name in added if "reached_" in name}
    return images.assign(**failed, seconds_per_prediction=images.seconds / images.predictions)


def _device(results: Results) -> str:
    """Return device, precision and processors of the manifests."""
    settings = [manifest.get("settings") or {} for manifest in results.manifests]
    facts = [entry[name] for name in ("device", "precision") for entry in settings if entry.get(name)]
    facts += [name for manifest in results.manifests for name in manifest.get("processors") or []]
    return ", ".join(dict.fromkeys(facts)) or "unknown"


def _grid(results: Results, table: pd.DataFrame) -> Grid:
    titled = table.assign(protocol=[protocols.labels(results, name).title for name in table.protocol])
    grid = spread_grid(titled, {"protocol": "Protocol", "metric": "Metric", "model": "Method"})
    for cells, (_, row) in zip(grid.rows, table.iterrows(), strict=True):
        if row.metric in SECONDS:
            cells[grid.heads] = significant(row["mean"], 2)
    rows = [[*cells, device or "–"] for cells, device in zip(grid.rows, table.device, strict=True)]
    return Grid([*grid.columns, "Device"], rows, grid.heads)


ARTEFACTS = {
    "metrics": Artefact(
        "table",
        "Further measures of effort and quality",
        "Mean over tasks ± standard deviation of the bootstrap. NoI is the number of interactions to a Dice, "
        "the maximum for images that never reach it, which are the failures of a set. Thresholds above the "
        "target are unknown, because a run stops at its target. Area under Dice is that of Dice over the "
        "number of interactions, from 0 to the maximum, as a share of the whole. Normalised surface distance "
        "(NSD) is the share of both contours within a tolerance of the other. HD95 is imputed, by the image "
        "diagonal, where exactly one of prediction and label is empty; the number of these pairs is in "
        "brackets. Empty scribbles, which mark no pixel of a region that has some, are counted per set. "
        "Seconds are those spent in the model; they depend on the machine and on what else it computes.",
        f"{BOOTSTRAP}; {INTERVALS}",
        data=measures,
        grid=_grid,
    )
}
