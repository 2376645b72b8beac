"""Interactions to the target Dice by example number, for each data set (MultiverSeg, Fig. 11)."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from reports import numbers, style
from reports.figures.curves import draw_curves, note, shared_legend, top
from reports.registry import SEQUENTIAL, get

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from results import Results

COLUMNS = 4


def fig11_data(results: Results) -> pd.DataFrame:
    """As `fig3_data`, a set of rows per data set, or per cohort where there is only one data set.

    Returns
    -------
    DataFrame
        As of `fig3_data`, with the columns ``level`` (``dataset`` or ``cohort``) and ``group`` (its name).
    """
    return numbers.by_example(results, SEQUENTIAL, grouped=True)


@style.themed
def fig11(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """Rows of panels per protocol, a panel per data set (or cohort), one y range for a protocol.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `fig11_data`, where they are at hand.
    """
    from matplotlib.figure import Figure

    data = numbers.first_unit(fig11_data(results) if data is None else data)
    protocols = style.protocols_in_order(data.protocol)
    columns = min(COLUMNS, data.group.nunique())
    rows = ceil(data.group.nunique() / columns)
    size = (max(2.5 * columns + 0.6, 6.4), 2.5 * rows * len(protocols) + 0.9)
    figure = Figure(figsize=size, layout="constrained")
    places = figure.subplots(rows * len(protocols), columns, squeeze=False)
    panels: list[Axes] = []
    for index, protocol in enumerate(protocols):
        part = data[data.protocol == protocol]
        block = places[index * rows : (index + 1) * rows]
        panels += _draw_block(block, part, style.looks(results.images.model))
        unit = style.wording(protocol).unit.capitalize()
        for axes in block[:, 0]:
            axes.set_ylabel(f"{unit}\nto {numbers.target(results)} Dice")
    shared_legend(figure, panels)
    note(figure, numbers.describe_interval(get("fig11").interval, data))
    return figure


def _draw_block(places: np.ndarray, data: pd.DataFrame, looks: Mapping[str, style.Look]) -> list[Axes]:
    """The panels of one protocol, filling ``places`` (rows, columns); places without a group are removed."""
    groups = sorted(data.group.unique())
    columns = places.shape[1]
    for index, axes in enumerate(places.ravel()):
        if index >= len(groups):
            axes.remove()
            continue
        draw_curves(axes, data[data.group == groups[index]], looks)
        axes.set_title(f"{numbers.group_title(data).capitalize()}: {groups[index]}", fontsize="medium")
        axes.set_ylim(0, top(data))
        axes.tick_params(labelleft=index % columns == 0)
        if index + columns >= len(groups):
            axes.set_xlabel("Example number")
    return list(places.ravel()[: len(groups)])
