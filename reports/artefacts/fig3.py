"""Interactions to the target Dice by example number (MultiverSeg, Fig. 3)."""

from __future__ import annotations

import dataclasses
import textwrap
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import bounds, estimates, style
from segbench.reports.artefact import Artefact
from segbench.reports.curves import (
    LONG_LABEL,
    draw_curves,
    draw_effortless,
    draw_published,
    note,
    shared_legend,
)
from segbench.reports.panels import by_protocol, effort_labels
from segbench.results import published

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

ARTEFACT = Artefact(
    "figure",
    "Interactions to the target Dice by example number (Fig. 3)",
    "Interactions that an image needs to reach the target Dice against its place in the sequence, averaged "
    "over all tasks. Before the n-th image the context holds n images: the seed image and n − 1 of the "
    "others. An image that never reaches the target counts with the maximum number of interactions. Hollow "
    "markers at the right edge are the means over all 18 images in the camera-ready version of the paper. "
    "A line at zero is that of networks trained on each task, where there are any: they segment all test "
    "images without interactions.",
    interval="Shading: 95% bootstrap interval over {simulation}.",
    rows=("protocol", "example"),
    column="model",
)


def fig3_data(results: Results) -> pd.DataFrame:
    """Mean interactions over all tasks.

    Returns
    -------
    DataFrame
        A row per protocol, model, example number (1 is the first after the seed image) and interval unit,
        with ``mean``, ``std``, ``low`` and ``high`` in interactions. ``paper_set_mean`` is the paper's mean
        over the images of a set, at all examples of its protocol and model.
    """
    images = estimates.select(results, *ARTEFACT.requires)
    data = estimates.estimates(images, "interactions", ["model", "position"])
    return estimates.beside(data, published("fig3"), "paper_set_mean")


def fig3(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """One panel per protocol, a line per model, shaded with the bootstrap over simulations.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `fig3_data`, where they are at hand.
    """
    data = estimates.first_unit(fig3_data(results) if data is None else data)
    looks = style.looks(results.images.model)
    found = bounds.beside(results, estimates.select(results, *ARTEFACT.requires))
    labels = {row.model: _bound_label(row, estimates.target(results)) for _, row in found.iterrows()}

    def draw(axes: Axes, part: pd.DataFrame) -> None:
        draw_curves(axes, part, looks)
        _draw_means(axes, part.drop_duplicates("model").rename(columns={"paper_set_mean": "paper"}), looks)
        draw_effortless(axes, labels)

    figure, panels = by_protocol(results, data, draw, effort_labels(results))
    shared_legend(figure, panels)
    note(figure, estimates.describe_interval(ARTEFACT.interval, data) + bounds.describe_spread(found))
    return figure


def _bound_label(row: pd.Series, target: str) -> str:
    """What a network trained on each task reaches without any interaction, in lines for the legend."""
    return "\n".join(
        [
            *textwrap.wrap(f"{row.label}, no interactions:", LONG_LABEL),
            f"{bounds.quality(row)}, {row.at_target:.0f}% of images ≥ {target}",
        ]
    )


def _draw_means(axes: Axes, means: pd.DataFrame, looks: Mapping[str, style.LineStyle]) -> None:
    """The paper's means at the right, set apart from the examples, as they belong to none."""
    if means.paper.isna().all():
        return
    _, edge = axes.get_xlim()
    axes.axvline(edge, color="#BBBBBB", linewidth=0.8)
    draw_published(axes, means.assign(edge=edge + 0.7), looks, "edge", "Paper, mean of a set")
    axes.set_xlim(right=edge + 1.4)
    axes.set_ylim(top=max(axes.get_ylim()[1], 1.08 * means.paper.max()))


ARTEFACTS = {"fig3": dataclasses.replace(ARTEFACT, data=fig3_data, draw=fig3)}
