"""Dice by example number of UniverSeg on its own predictions (MultiverSeg, Fig. 17a)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import bounds, estimates, style
from segbench.reports.artefact import Artefact, Requirement
from segbench.reports.curves import dice_axis, draw_bounds, draw_curves, note, shared_legend
from segbench.reports.panels import Draw, by_protocol, dice_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

BOOTSTRAPPED = ("bootstrapped-in-context",)

ARTEFACT = Artefact(
    "figure",
    "Bootstrapping UniverSeg: Dice by example number (Fig. 17a)",
    "UniverSeg segments the images of a set one after another, from a single image with its true label. "
    "Each prediction joins the context of the next image, thresholded (binary) or as probabilities (soft); "
    "the oracle's context holds true labels. Nobody corrects anything.",
    interval="Shading: 95% bootstrap interval over {simulation}.",
    requires=(
        Requirement(BOOTSTRAPPED, ("universeg",)),
        Requirement(BOOTSTRAPPED, ("universeg",), context="soft"),
        Requirement(BOOTSTRAPPED, ("universeg-oracle",), context="ground-truth"),
    ),
    rows=("model", "example"),
    column="context",
)


def fig17a_data(results: Results) -> pd.DataFrame:
    """Mean Dice over all tasks.

    Returns
    -------
    DataFrame
        A row per model, ``context`` (binary, soft, ground-truth), example number and interval unit, with
        ``mean``, ``std``, ``low`` and ``high`` in Dice times 100.
    """
    images = estimates.select(results, *ARTEFACT.requires)
    return estimates.in_percent(estimates.estimates(images, "dice", ["model", "context", "position"]))


def fig17a(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """A line per model and kind of context, shaded with the bootstrap over simulations.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `fig17a_data`, where they are at hand.
    """
    data = estimates.first_unit(fig17a_data(results) if data is None else data)
    found = bounds.beside(results, estimates.select(results, *ARTEFACT.requires))
    figure, panels = by_protocol(results, data, drawing(data, found), dice_labels("Example number"))
    shared_legend(figure, panels)
    note(figure, estimates.describe_interval(ARTEFACT.interval, data) + bounds.describe(found))
    return figure


def drawing(data: pd.DataFrame, found: pd.DataFrame) -> Draw:
    """What draws lines of ``data`` and their bounds into a panel; Fig. 18 draws the same by data set."""
    models = style.looks(data.model)
    looks = {
        f"{model}/{context}": _look(models[model], context)
        for model, context in data[["model", "context"]].drop_duplicates().itertuples(index=False)
    }

    def draw(axes: Axes, part: pd.DataFrame) -> None:
        lines = part.assign(line=part.model + "/" + part.context)
        draw_curves(axes, lines, looks, hue="line")
        dice_axis(axes, part[estimates.SHOWN])
        draw_bounds(axes, found, part)

    return draw


def _look(look: style.LineStyle, context: str) -> style.LineStyle:
    """The oracle's context is in its name."""
    return look if context == "ground-truth" else style.context_look(look, context)


ARTEFACTS = {"fig17a": dataclasses.replace(ARTEFACT, data=fig17a_data, draw=fig17a)}
