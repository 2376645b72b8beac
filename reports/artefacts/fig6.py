"""Dice by context size without interactions (MultiverSeg, Fig. 6)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import bounds, estimates, style
from segbench.reports.artefact import Artefact, Requirement
from segbench.reports.curves import (
    dice_axis,
    doubling_axis,
    draw_bounds,
    draw_curves,
    draw_published,
    note,
    shared_legend,
)
from segbench.reports.panels import by_protocol, dice_labels
from segbench.results import published

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

REPS = 100  # bootstrap replicates of experiment 2 in the paper

ARTEFACT = Artefact(
    "figure",
    "Dice by context size (Fig. 6)",
    "Dice of the prediction from the context alone. Contexts hold true labels of random training images; "
    "each test image is predicted with ten of every size. Hollow markers and the grey line are the papers' "
    "figures, of other images: MultiverSeg and nnU-Net of the camera-ready version, UniverSeg of its own "
    "paper.",
    interval="Shading: 95% bootstrap interval over {subject}, 100 replicates as in the paper.",
    requires=(Requirement(("in-context",), ("universeg", "multiverseg"), context="ground-truth"),),
    rows=("context_size",),
    column="model",
)


def fig6_data(results: Results) -> pd.DataFrame:
    """Mean Dice over all tasks.

    Returns
    -------
    DataFrame
        A row per model, ``context_size`` and interval unit (subjects first, as in the paper), with ``mean``,
        ``std``, ``low``, ``high`` and ``paper`` (the papers' value, of other images) in Dice times 100.
    """
    images = estimates.select(results, *ARTEFACT.requires)
    by = ["model", "context_size"]
    data = estimates.estimates(images, "dice", by, units=estimates.CAUTIOUS_FIRST, reps=REPS)
    return estimates.beside(estimates.in_percent(data), published("fig6"))


def fig6(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """A line per model, shaded with the bootstrap over subjects, with the published values.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `fig6_data`, where they are at hand.
    """
    data = estimates.first_unit(fig6_data(results) if data is None else data)
    looks = style.looks(data.model)
    supervised = bound("fig6").value
    found = bounds.beside(results, estimates.select(results, *ARTEFACT.requires))

    def draw(axes: Axes, part: pd.DataFrame) -> None:
        draw_sizes(axes, part, looks, supervised)
        draw_bounds(axes, found, part)

    figure, panels = by_protocol(results, data, draw, dice_labels("Context size"))
    shared_legend(figure, panels)
    note(figure, estimates.describe_interval(ARTEFACT.interval, data) + bounds.describe(found))
    return figure


def bound(artefact: str) -> pd.DataFrame:
    """What the papers print for networks trained on each task, which take no context."""
    paper = published(artefact)
    return paper[paper.model == "nnunet"]


def draw_sizes(
    axes: Axes,
    part: pd.DataFrame,
    looks: Mapping[str, style.LineStyle],
    supervised: pd.Series,
    label: str = "nnU-Net (paper)",
) -> None:
    """Dice over the context size, doubling from tick to tick, with the papers' values and their bound."""
    draw_curves(axes, part, looks, "context_size")
    doubling_axis(axes, part.context_size)
    draw_published(axes, part, looks, "context_size")
    for value in supervised:
        axes.axhline(value, color=style.GREY, linestyle=(0, (6, 3)), linewidth=1.2, label=label)
    dice_axis(axes, part[[*estimates.SHOWN, "paper"]], supervised)


ARTEFACTS = {"fig6": dataclasses.replace(ARTEFACT, data=fig6_data, draw=fig6)}
