"""Grouped bars with one interval per unit."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from segbench.reports.curves import plain_axes
from segbench.reports.style import LineStyle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Line width of each unit's whisker, and its cap as a share of the bar; both whiskers remain visible.
WHISKERS = ((3.4, 0.0), (1.1, 0.16))


def draw_bars(
    axes: Axes, data: pd.DataFrame, groups: list[str], styles: Mapping[str, LineStyle], group: str, hue: str
) -> None:
    """Draw a cluster of bars per value of ``group``, one bar per value of ``hue``, a whisker per ``unit``.

    Parameters
    ----------
    data : DataFrame
        Columns ``mean``, ``low``, ``high``, ``unit`` and the two named ones.
    groups : list of str
        The clusters from left to right.
    styles : mapping of hue to LineStyle
        The bars of a cluster from left to right.
    """
    width = 0.8 / len(styles)
    for index, (name, look) in enumerate(styles.items()):
        offset = (index - (len(styles) - 1) / 2) * width
        rows = data[data[hue] == name]
        for number, (_, part) in enumerate(rows.groupby("unit", sort=False)):
            part = part.set_index(group).reindex(groups)
            places = np.arange(len(groups)) + offset
            if number == 0:
                axes.bar(places, part["mean"], 0.92 * width, color=look.color, alpha=0.85, label=look.title)
            linewidth, share = WHISKERS[number]
            ink: dict[str, Any] = {"color": "#222222", "linewidth": linewidth}
            axes.vlines(places, part.low, part.high, **ink)
            for end in (part.low, part.high):
                axes.hlines(end, places - share * width, places + share * width, **ink)
    axes.set_xticks(range(len(groups)), [wrapped(name) for name in groups])
    plain_axes(axes)


def wrapped(name: str) -> str:
    """Return a tick label in short lines."""
    return textwrap.fill(name, 14)
