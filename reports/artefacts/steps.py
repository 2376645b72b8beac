"""Dice by step of interaction, a line per context size, as Fig. 7, Fig. 20 and Fig. 21 show it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import bounds, estimates, style
from segbench.reports.artefact import Artefact, Requirement
from segbench.reports.artefacts.fig6 import REPS
from segbench.reports.curves import dice_axis, draw_bounds, draw_curves, note, shared_legend
from segbench.reports.panels import Draw, by_group

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

MODEL = "multiverseg"
CLICKS, SCRIBBLES = "interactive-in-context-clicks", "interactive-in-context-scribbles"


def need(*protocols: str) -> Requirement:
    """The records behind such a figure."""
    return Requirement(protocols, (MODEL,), required=(MODEL,), context="ground-truth")


def steps_data(results: Results, wanted: Requirement, grouped: bool = False) -> pd.DataFrame:
    """Mean Dice times 100 by context size and step, with the interval over subjects first.

    Parameters
    ----------
    results : Results
    wanted : Requirement
        Of `need`; protocols that the run does not have are left out.
    grouped : bool
        By data set, or by cohort where there is only one data set.
    """
    images = estimates.select_models(results, wanted)
    level = estimates.grouping(images) if grouped else ""
    tables = []
    for protocol in images.protocol.unique():  # one at a time, as there are millions of steps
        steps = estimates.select_steps(results, replace(wanted, protocols=(protocol,)))
        steps = steps[steps.model == MODEL]
        by = ["model", "context_size", "step"]
        tables.append(
            estimates.estimates(steps, "dice", by, level, units=estimates.CAUTIOUS_FIRST, reps=REPS)
        )
    return estimates.in_percent(pd.concat(tables, ignore_index=True))


def drawing(data: pd.DataFrame, found: pd.DataFrame) -> Draw:
    """What draws rows of `steps_data` into a panel, and of ``found``, the bounds beside them."""
    looks = style.size_looks(data.context_size)

    def draw(axes: Axes, part: pd.DataFrame) -> None:
        draw_curves(axes, part, looks, "step", "context_size")
        dice_axis(axes, part[estimates.SHOWN])
        draw_bounds(axes, found, part)

    return draw


def labels(protocol: str) -> tuple[str, str]:
    """Labels of the axes."""
    return style.wording(protocol).unit.capitalize(), "Dice (×100)"


def draw_groups(results: Results, artefact: Artefact, data: pd.DataFrame) -> Figure:
    """A panel per data set (or cohort), a line per context size."""
    data = estimates.first_unit(data)
    found = bounds.beside(results, estimates.select_models(results, *artefact.requires), grouped=True)
    figure, panels = by_group(data, drawing(data, found), labels, estimates.group_titles(data))
    shared_legend(figure, panels, "Context size")
    note(figure, estimates.describe_interval(artefact.interval, data) + bounds.describe(found))
    return figure
