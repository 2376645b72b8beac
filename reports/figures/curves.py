"""Curves with shaded intervals, as Fig. 3 and Fig. 11 draw them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from reports.style import Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_curves(axes: Axes, data: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    """One line per model over ``example``, with ``low`` to ``high`` shaded."""
    from matplotlib.ticker import MaxNLocator

    for model, look in looks.items():
        line = data[data.model == model].sort_values("example")
        if line.empty:
            continue
        axes.fill_between(line.example, line.low, line.high, color=look.color, alpha=0.18, linewidth=0)
        axes.plot(
            line.example,
            line["mean"],
            color=look.color,
            linestyle=look.line,
            marker=look.marker,
            markeredgecolor="white",
            markeredgewidth=0.6,
            label=look.title,
        )
    last = int(data.example.max())
    axes.set_xlim(0.5, last + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, min_n_ticks=1))
    axes.set_ylim(0, top(data))
    axes.grid(axis="x", visible=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def top(data: pd.DataFrame) -> float:
    """Upper end of an axis from zero that shows every interval, with some air."""
    highest = float(data[["mean", "high"]].max().max())
    return 1.08 * highest if highest > 0 else 1.0


def shared_legend(figure: Figure, panels: Sequence[Axes]) -> None:
    """One legend above all panels, with every label once."""
    entries = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    ncols = min(len(entries), max(1, int(figure.get_figwidth() / 1.6)))  # an entry takes about 1.6 inches
    figure.legend(
        list(entries.values()), list(entries), loc="outside upper center", ncols=ncols, frameon=False
    )


def note(figure: Figure, text: str) -> None:
    """A line below all panels that says what the intervals are."""
    width = int(15 * figure.get_figwidth())
    figure.supxlabel(textwrap.fill(text, width), fontsize="small", color="#444444")
