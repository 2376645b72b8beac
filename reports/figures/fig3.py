"""Interactions to the target Dice by example number (MultiverSeg, Fig. 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from reports import numbers, style
from reports.figures.curves import draw_curves, note, shared_legend
from reports.registry import SEQUENTIAL, get

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from results import Results


def fig3_data(results: Results) -> pd.DataFrame:
    """Mean interactions over all tasks.

    Returns
    -------
    DataFrame
        A row per protocol, model, example number (1 is the first after the seed image) and interval unit,
        with ``mean``, ``std``, ``low`` and ``high`` in interactions.
    """
    return numbers.by_example(results, SEQUENTIAL)


@style.themed
def fig3(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """One panel per protocol, a line per model, shaded with the bootstrap over simulations.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `fig3_data`, where they are at hand.
    """
    from matplotlib.figure import Figure

    data = numbers.first_unit(fig3_data(results) if data is None else data)
    protocols = style.protocols_in_order(data.protocol)
    looks = style.looks(results.images.model)
    figure = Figure(figsize=(4.4 * len(protocols) + 0.4, 4.0), layout="constrained")
    panels = figure.subplots(1, len(protocols), squeeze=False)[0]
    for axes, protocol in zip(panels, protocols, strict=True):
        draw_curves(axes, data[data.protocol == protocol], looks)
        wording = style.wording(protocol)
        axes.set_title(wording.title)
        axes.set_xlabel("Example number")
        axes.set_ylabel(f"{wording.unit.capitalize()} to {numbers.target(results)} Dice")
    shared_legend(figure, panels)
    note(figure, numbers.describe_interval(get("fig3").interval, data))
    return figure
