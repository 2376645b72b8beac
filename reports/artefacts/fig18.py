"""Dice by example number of UniverSeg on its own predictions, by data set (MultiverSeg, Fig. 18)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import bounds, estimates
from segbench.reports.artefact import Artefact
from segbench.reports.artefacts import fig17a
from segbench.reports.curves import note, shared_legend
from segbench.reports.panels import by_group, dice_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from segbench.results import Results

ARTEFACT = Artefact(
    "figure",
    "Bootstrapping UniverSeg by data set (Fig. 18)",
    "As Fig. 17a, for each data set on its own; where the run has only one data set, for each of its "
    "cohorts.",
    interval="Shading: 95% bootstrap interval over {simulation}.",
    requires=fig17a.ARTEFACT.requires,
    rows=("group", "model", "example"),
    column="context",
)


def fig18_data(results: Results) -> pd.DataFrame:
    """As `fig17a_data`, a set of rows per data set, or per cohort where there is only one data set.

    Returns
    -------
    DataFrame
        As of `fig17a_data`, with the columns ``level`` (``dataset`` or ``cohort``) and ``group`` (its name).
    """
    images = estimates.select(results, *ARTEFACT.requires)
    by = ["model", "context", "position"]
    return estimates.in_percent(estimates.estimates(images, "dice", by, estimates.grouping(images)))


def fig18(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """A panel per data set (or cohort), a line per model and kind of context.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `fig18_data`, where they are at hand.
    """
    data = estimates.first_unit(fig18_data(results) if data is None else data)
    found = bounds.beside(results, estimates.select(results, *ARTEFACT.requires), grouped=True)
    draw, labels = fig17a.drawing(data, found), dice_labels("Example number")
    figure, panels = by_group(data, draw, labels, estimates.group_titles(data))
    shared_legend(figure, panels)
    note(figure, estimates.describe_interval(ARTEFACT.interval, data) + bounds.describe(found))
    return figure


ARTEFACTS = {"fig18": dataclasses.replace(ARTEFACT, data=fig18_data, draw=fig18)}
