"""Dice by context size without interactions, by data set (MultiverSeg, Fig. 19)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import bounds, estimates, style
from segbench.reports.artefact import Artefact
from segbench.reports.artefacts import fig6
from segbench.reports.curves import draw_bounds, note, shared_legend
from segbench.reports.panels import by_group, dice_labels
from segbench.results import published

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

ARTEFACT = Artefact(
    "figure",
    "Dice by context size and data set (Fig. 19)",
    "As Fig. 6, for each data set on its own; where the run has only one data set, for each of its cohorts."
    " Hollow markers and grey lines are figures of the UniverSeg paper for data sets that it names: "
    "UniverSeg, which averages predictions over random contexts there, and nnU-Net, whose figure is that of "
    "the whole data set also where the panels are cohorts.",
    interval=fig6.ARTEFACT.interval,
    requires=fig6.ARTEFACT.requires,
    rows=("group", "context_size"),
    column="model",
)


def fig19_data(results: Results) -> pd.DataFrame:
    """As `fig6_data`, a set of rows per data set, or per cohort where there is only one data set.

    Returns
    -------
    DataFrame
        As of `fig6_data`, with the columns ``level`` (``dataset`` or ``cohort``) and ``group`` (its name).
    """
    images = estimates.select(results, *ARTEFACT.requires)
    by, level = ["model", "context_size"], estimates.grouping(images)
    data = estimates.in_percent(
        estimates.estimates(images, "dice", by, level, units=estimates.CAUTIOUS_FIRST, reps=fig6.REPS)
    )
    paper = published("fig19").replace({"model": {"universeg-ensemble": "universeg"}})
    return estimates.beside(data, paper.rename(columns={"dataset": "group"}))


def fig19(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """A panel per data set (or cohort), a line per model.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `fig19_data`, where they are at hand.
    """
    data = estimates.first_unit(fig19_data(results) if data is None else data)
    looks = style.looks(data.model)
    images = estimates.select(results, *ARTEFACT.requires)
    found = bounds.beside(results, images, grouped=True)
    supervised = fig6.bound("fig19").set_index("dataset").value
    cohorts = estimates.grouping(images) == "cohort"
    paper = "nnU-Net (paper, whole data set)" if cohorts else "nnU-Net (paper)"

    def draw(axes: Axes, part: pd.DataFrame) -> None:
        dataset = images.dataset.iloc[0] if cohorts else part.group.iloc[0]
        fig6.draw_sizes(axes, part, looks, supervised[supervised.index == dataset], paper)
        draw_bounds(axes, found, part)

    figure, panels = by_group(data, draw, dice_labels("Context size"), estimates.group_titles(data))
    shared_legend(figure, panels)
    note(figure, estimates.describe_interval(ARTEFACT.interval, data) + bounds.describe(found))
    return figure


ARTEFACTS = {"fig19": dataclasses.replace(ARTEFACT, data=fig19_data, draw=fig19)}
