"""Interactions to the target Dice by example number, for each data set (MultiverSeg, Fig. 11)."""

from __future__ import annotations

import dataclasses
import textwrap
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import bounds, estimates, style
from segbench.reports.artefact import Artefact
from segbench.reports.curves import LONG_LABEL, draw_curves, draw_effortless, note, shared_legend
from segbench.reports.panels import by_group, effort_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

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
    images = estimates.select(results, *ARTEFACT.requires)
    return estimates.estimates(images, "interactions", ["model", "position"], estimates.grouping(images))


def fig11(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """Rows of panels per protocol, a panel per data set (or cohort), one y range for a protocol.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `fig11_data`, where they are at hand.
    """
    data = estimates.first_unit(fig11_data(results) if data is None else data)
    looks = style.looks(results.images.model)
    found = bounds.beside(results, estimates.select(results, *ARTEFACT.requires), grouped=True)

    def draw(axes: Axes, part: pd.DataFrame) -> None:
        draw_curves(axes, part, looks)
        _draw_bounds(axes, found[found.group == part.group.iloc[0]] if len(found) else found)

    figure, panels = by_group(data, draw, effort_labels(results), estimates.group_titles(data))
    shared_legend(figure, panels)
    note(figure, estimates.describe_interval(ARTEFACT.interval, data) + bounds.describe_spread(found))
    return figure


def _draw_bounds(axes: Axes, here: pd.DataFrame) -> None:
    """The line of networks trained on each task, and in small letters below it what they reach there."""
    rows = [row for _, row in here.iterrows()]
    labels = {row.model: textwrap.fill(f"{row.label}, no interactions", LONG_LABEL) for row in rows}
    draw_effortless(axes, labels, room=0.13)
    titles = style.looks(here.model)
    text = "; ".join(f"{titles[row.model].title}: {bounds.quality(row)}" for row in rows)
    axes.annotate(
        text,
        (axes.get_xlim()[0], 0),
        xytext=(4, -2),
        textcoords="offset points",
        va="top",
        fontsize="x-small",
        color="#444444",
    )


ARTEFACTS = {"fig11": dataclasses.replace(ARTEFACT, data=fig11_data, draw=fig11)}
