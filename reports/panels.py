"""Figures of several panels: one per protocol, or one per group of tasks."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping
from math import ceil
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates, protocols
from segbench.reports.curves import shared_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

Draw = Callable[["Axes", pd.DataFrame], None]  # draws the rows of one panel
Labels = Callable[[str], tuple[str, str]]  # labels of the x and y axis for a protocol

COLUMNS = 4


def by_protocol(
    results: Results, data: pd.DataFrame, draw: Draw, labels: Labels, legend: str = ""
) -> tuple[Figure, list[Axes]]:
    """Draw a row of panels, one per protocol, each with its own y range, and a shared legend.

    Parameters
    ----------
    results : Results
        Source of the protocols' titles.
    data : DataFrame
        Column ``protocol`` and what ``draw`` reads.
    draw, labels
        See `Draw` and `Labels`.
    legend : str
        Title of the legend.
    """
    from matplotlib.figure import Figure

    names = protocols.in_order(data.protocol)
    figure = Figure(figsize=(4.4 * max(len(names), 1.3) + 0.4, 4.0), layout="constrained")
    panels = list(figure.subplots(1, len(names), squeeze=False)[0])
    for axes, protocol in zip(panels, names, strict=True):
        draw(axes, data[data.protocol == protocol])
        axes.set_title(protocols.labels(results, protocol).title)
        xlabel, ylabel = labels(protocol)
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
    shared_legend(figure, panels, legend)
    return figure, panels


def by_group(
    data: pd.DataFrame, draw: Draw, labels: Labels, titles: Mapping[str, str], legend: str = ""
) -> tuple[Figure, list[Axes]]:
    """Draw rows of panels for each protocol, one panel per group, with a shared legend.

    The panels of a protocol have one y range.

    Parameters
    ----------
    data : DataFrame
        Columns ``protocol`` and ``group`` and what ``draw`` reads.
    draw, labels, legend
        As in `by_protocol`.
    titles : mapping of group to str
        The panels in their order; groups without rows are left out.
    """
    from matplotlib.figure import Figure

    names = protocols.in_order(data.protocol)
    columns = min(COLUMNS, len(titles))
    rows = ceil(len(titles) / columns)
    size = (max(2.5 * columns + 0.6, 7.0), 2.5 * rows * len(names) + 0.9)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows * len(names), columns, squeeze=False)
    panels: list[Axes] = []
    for index, protocol in enumerate(names):
        part = data[data.protocol == protocol]
        groups = [name for name in titles if (part.group == name).any()]
        block = grid[index * rows : (index + 1) * rows].ravel()
        xlabel, ylabel = labels(protocol)
        for number, (axes, group) in enumerate(zip(block, groups, strict=False)):
            draw(axes, part[part.group == group])
            axes.set_title(textwrap.fill(titles[group], 26), fontsize="medium")
            axes.tick_params(labelleft=number % columns == 0)
            axes.set_ylabel(textwrap.fill(ylabel, 18) if number % columns == 0 else "")
            axes.set_xlabel(xlabel if number + columns >= len(groups) else "")
        for axes in block[len(groups) :]:
            axes.remove()
        share_y_range(block[: len(groups)])
        panels += list(block[: len(groups)])
    shared_legend(figure, panels, legend)
    return figure, panels


def share_y_range(panels: Iterable[Axes]) -> None:
    """Give panels one y range that contains the range of each of them."""
    panels = list(panels)
    ends = [axes.get_ylim() for axes in panels]
    for axes in panels:
        axes.set_ylim(min(low for low, _ in ends), max(high for _, high in ends))


def effort_labels(results: Results) -> Labels:
    """Return the axis labels of interactions to the target by example number."""
    return lambda protocol: (
        "Example number",
        f"{protocols.labels(results, protocol).unit.capitalize()} to {estimates.target(results)} Dice",
    )


def dice_labels(x: str) -> Labels:
    """Return the axis labels of Dice in percent over ``x``."""
    return lambda protocol: (x, "Dice (×100)")
