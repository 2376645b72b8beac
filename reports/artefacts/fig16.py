"""Total interactions to segment a set of images, by data set and method (MultiverSeg, Fig. 16)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates, style
from segbench.reports.artefact import Artefact
from segbench.reports.bars import draw_bars
from segbench.reports.curves import note, shared_legend, top

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from segbench.results import Results

ARTEFACT = Artefact(
    "figure",
    "Total interactions per task by data set (Fig. 16)",
    "Interactions that a whole set of images takes, averaged over the tasks of each data set; where the run"
    " has only one data set, of each of its cohorts.",
    interval="Whiskers: 95% bootstrap intervals, thick over {simulation}, thin over {subject}.",
    rows=("protocol", "group"),
    column="model",
)


def fig16_data(results: Results) -> pd.DataFrame:
    """Interactions that a whole set of images takes, per data set, or per cohort of a single data set.

    Returns
    -------
    DataFrame
        A row per protocol, ``level`` (``dataset`` or ``cohort``), ``group`` (its name), model and interval
        unit, with ``mean``, ``std``, ``low`` and ``high`` in interactions per task.
    """
    images = estimates.select(results, *ARTEFACT.requires)
    return estimates.estimates(images, "interactions", ["model"], estimates.grouping(images), "total")


def fig16(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """A panel per protocol, a cluster of bars per data set (or cohort), a bar per model.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `fig16_data`, where they are at hand.
    """
    from matplotlib.figure import Figure

    data = fig16_data(results) if data is None else data
    protocols = style.protocols_in_order(data.protocol)
    groups = sorted(data.group.unique())
    looks = style.looks(data.model)
    size = int(estimates.select(results, *ARTEFACT.requires).position.max())
    width = max(len(groups) * max(0.2 * len(looks) + 0.15, 1.05) + 1.2, 6.4)
    figure = Figure(figsize=(width, 2.7 * len(protocols) + 0.9), layout="constrained")
    panels = figure.subplots(len(protocols), 1, sharex=True, squeeze=False)[:, 0]
    for axes, protocol in zip(panels, protocols, strict=True):
        part = data[data.protocol == protocol]
        draw_bars(axes, part, groups, looks, "group", "model")
        wording = style.wording(protocol)
        axes.set_title(wording.title)
        axes.set_ylabel(f"{wording.unit.capitalize()}\nper {size} images")
        axes.set_ylim(0, top(part))
    panels[-1].set_xlabel(estimates.group_title(data))
    shared_legend(figure, list(panels))
    note(figure, estimates.describe_interval(ARTEFACT.interval, data))
    return figure


ARTEFACTS = {"fig16": dataclasses.replace(ARTEFACT, data=fig16_data, draw=fig16)}
