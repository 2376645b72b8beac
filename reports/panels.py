"""Figures of several panels: one per protocol, or one per group of tasks."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping
from math import ceil
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates
from segbench.reports.protocols import in_order
from segbench.reports.protocols import labels as protocol_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

Draw = Callable[["Axes", pd.DataFrame], None]  # draws some rows into a panel
Labels = Callable[[str], tuple[str, str]]  # labels of the x and y axis of a protocol's panels

COLUMNS = 4


def by_protocol(
    results: Results, data: pd.DataFrame, draw: Draw, labels: Labels
) -> tuple[Figure, list[Axes]]:
    """A panel per protocol, beside each other, each with its own y range."""
    from matplotlib.figure import Figure

    protocols = in_order(data.protocol)
    figure = Figure(figsize=(4.4 * max(len(protocols), 1.3) + 0.4, 4.0), layout="constrained")
    panels = list(figure.subplots(1, len(protocols), squeeze=False)[0])
    for axes, protocol in zip(panels, protocols, strict=True):
        draw(axes, data[data.protocol == protocol])
        axes.set_title(protocol_labels(results, protocol).title)
        xlabel, ylabel = labels(protocol)
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
    return figure, panels


def by_group(
    data: pd.DataFrame, draw: Draw, labels: Labels, titles: Mapping[str, str]
) -> tuple[Figure, list[Axes]]:
    """Rows of panels per protocol, a panel per group, one y range for a protocol.

    Parameters
    ----------
    data : DataFrame
        Columns ``protocol`` and ``group`` and what ``draw`` reads.
    draw, labels
        See `Draw` and `Labels`.
    titles : mapping of group to str
        The panels in their order; those without rows are left out.
    """
    from matplotlib.figure import Figure

    protocols = in_order(data.protocol)
    columns = min(COLUMNS, len(titles))
    rows = ceil(len(titles) / columns)
    size = (max(2.5 * columns + 0.6, 7.0), 2.5 * rows * len(protocols) + 0.9)
    figure = Figure(figsize=size, layout="constrained")
    places = figure.subplots(rows * len(protocols), columns, squeeze=False)
    panels: list[Axes] = []
    for index, protocol in enumerate(protocols):
        part = data[data.protocol == protocol]
        groups = [name for name in titles if (part.group == name).any()]
        block = places[index * rows : (index + 1) * rows].ravel()
        xlabel, ylabel = labels(protocol)
        for number, (axes, group) in enumerate(zip(block, groups, strict=False)):
            draw(axes, part[part.group == group])
            axes.set_title(textwrap.fill(titles[group], 26), fontsize="medium")
            axes.tick_params(labelleft=number % columns == 0)
            axes.set_ylabel(textwrap.fill(ylabel, 18) if number % columns == 0 else "")
            axes.set_xlabel(xlabel if number + columns >= len(groups) else "")
        for axes in block[len(groups) :]:
            axes.remove()
        same_range(block[: len(groups)])
        panels += list(block[: len(groups)])
    return figure, panels


def same_range(panels: Iterable[Axes]) -> None:
    """Give panels one y range, which shows all that each of them shows."""
    panels = list(panels)
    ends = [axes.get_ylim() for axes in panels]
    for axes in panels:
        axes.set_ylim(min(low for low, _ in ends), max(high for _, high in ends))


def effort_labels(results: Results) -> Labels:
    """Labels of axes that show interactions to the target by example number."""
    return lambda protocol: (
        "Example number",
        f"{protocol_labels(results, protocol).unit.capitalize()} to {estimates.target(results)} Dice",
    )


def dice_labels(x: str) -> Labels:
    """Labels of axes that show Dice in percent."""
    return lambda protocol: (x, "Dice (×100)")
