"""Interactions to the target Dice by example number, for each data set (MultiverSeg, Fig. 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from reports import numbers, style
from reports.artefact import Artefact
from reports.figures.curves import draw_curves, note, shared_legend
from reports.figures.panels import by_group, effort_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from results import Results

ARTEFACT = Artefact(
    "figure",
    "Interactions to the target Dice by data set (Fig. 11)",
    "As Fig. 3, for each data set on its own; where the run has only one data set, for each of its cohorts.",
    interval="Shading: 95% bootstrap interval over {simulation}.",
    rows=("protocol", "group", "example"),
    column="model",
)


def fig11_data(results: Results) -> pd.DataFrame:
    """As `fig3_data`, a set of rows per data set, or per cohort where there is only one data set.

    Returns
    -------
    DataFrame
        As of `fig3_data`, with the columns ``level`` (``dataset`` or ``cohort``) and ``group`` (its name).
    """
    images = numbers.select(results, *ARTEFACT.needs)
    return numbers.estimates(images, "interactions", ["model", "position"], numbers.grouping(images))


@style.themed
def fig11(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """Rows of panels per protocol, a panel per data set (or cohort), one y range for a protocol.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `fig11_data`, where they are at hand.
    """
    data = numbers.first_unit(fig11_data(results) if data is None else data)
    looks = style.looks(results.images.model)
    figure, panels = by_group(
        data,
        lambda axes, part: draw_curves(axes, part, looks),
        effort_labels(results),
        numbers.group_titles(data),
    )
    shared_legend(figure, panels)
    note(figure, numbers.describe_interval(ARTEFACT.interval, data))
    return figure
