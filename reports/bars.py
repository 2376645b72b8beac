"""Grouped bars with one interval per unit, as Fig. 4 and Fig. 16 draw them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from segbench.reports.style import LineStyle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Line width of each unit's whisker, and its cap as a share of the bar: both show, whichever is longer.
WHISKERS = ((3.4, 0.0), (1.1, 0.16))


def draw_bars(
    axes: Axes, data: pd.DataFrame, groups: list[str], looks: Mapping[str, LineStyle], group: str, hue: str
) -> None:
    """A cluster of bars per value of ``group``, one per value of ``hue``; a whisker for each ``unit``.

    Parameters
    ----------
    data : DataFrame
        Columns ``mean``, ``low``, ``high``, ``unit`` and the two named.
    groups : list of str
        The clusters, left to right.
    looks : mapping of hue to LineStyle
        The bars of a cluster, left to right.
    """
    width = 0.8 / len(looks)
    for index, (name, look) in enumerate(looks.items()):
        offset = (index - (len(looks) - 1) / 2) * width
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
    axes.grid(axis="x", visible=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def wrapped(name: str) -> str:
    """A tick label in lines short enough to stand beside others."""
    return textwrap.fill(name, 14)
