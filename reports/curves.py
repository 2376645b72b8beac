"""Curves with shaded intervals, and what surrounds them: axes, legend, note."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from segbench.reports import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = 25  # on a line at most; those of more would touch

LABEL, LONG_LABEL = 28, 38  # letters of a line of a label of several lines
LEGEND_LINE, LEGEND_LETTER = 0.65, 0.075  # inches that the line of an entry and a letter of its label take


def draw_curves(
    axes: Axes, data: pd.DataFrame, looks: Mapping, x: str = "example", hue: str = "model"
) -> None:
    """One line per value of ``hue`` over ``x``, with ``low`` to ``high`` shaded.

    Parameters
    ----------
    axes : Axes
        Its y axis begins at zero and shows every interval.
    data : DataFrame
        Columns ``mean``, ``low``, ``high`` and the two named; intervals of one unit.
    looks : mapping of hue to LineStyle
        The lines, first one lowest; those without rows are left out.
    """
    for name, look in looks.items():
        line = data[data[hue] == name].sort_values(x)
        if line.empty:
            continue
        axes.fill_between(line[x], line.low, line.high, color=look.color, alpha=0.18, linewidth=0)
        axes.plot(
            line[x],
            line["mean"],
            color=look.color,
            linestyle=look.line,
            marker=look.marker,
            markevery=ceil(len(line) / MARKERS),
            markeredgecolor="white",
            markeredgewidth=0.6,
            label=look.title,
        )
    axes.set_ylim(0, top(data))
    count_axis(axes, data[x])
    axes.grid(axis="x", visible=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def draw_published(axes: Axes, data: pd.DataFrame, looks: Mapping, x: str, label: str = "Paper") -> None:
    """A hollow marker for every published number in the column ``paper``."""
    known = data.dropna(subset="paper")
    for model, place, value in known[["model", x, "paper"]].itertuples(index=False):
        axes.plot(place, value, **hollow(looks[model].color, looks[model].marker))
    if len(known):
        axes.plot([], [], **hollow("#444444", "o"), label=label)


def draw_bounds(axes: Axes, bounds: pd.DataFrame, part: pd.DataFrame) -> None:
    """A horizontal line with its band for each supervised upper bound; the y axis then shows them, too.

    Parameters
    ----------
    bounds : DataFrame
        Of `segbench.reports.bounds.beside`. The band is over training runs where there are several, else subjects.
    part : DataFrame
        What else the panel shows; its ``group`` says whose bounds, where these have groups.
    """
    here = bounds[bounds.group == part.group.iloc[0]] if "group" in bounds else bounds
    looks = style.looks(bounds.model)
    shown = [axes.get_ylim()]
    for _, row in here.iterrows():
        look, over = looks[row.model], "" if pd.notna(row.low) else "subject_"
        band = row[[f"{over}low", f"{over}high"]].dropna()
        if len(band):
            axes.axhspan(*band, color=look.color, alpha=0.12, linewidth=0)
        label = textwrap.fill(row.label, LABEL)
        axes.axhline(row["mean"], color=look.color, linestyle=look.line, linewidth=1.6, label=label)
        shown.append(_tens(min(row["mean"], *band), max(row["mean"], *band)))
    axes.set_ylim(min(low for low, _ in shown), max(high for _, high in shown))


def draw_effortless(axes: Axes, labels: Mapping[str, str], room: float = 0.04) -> None:
    """A line at zero interactions for each model that takes none, its label by model.

    ``room`` is left below the line, as a share of the y axis.
    """
    looks = style.looks(labels)
    for model, label in labels.items():
        axes.axhline(0, color=looks[model].color, linestyle=looks[model].line, label=label)
    if labels:
        axes.set_ylim(bottom=-room * axes.get_ylim()[1])


def hollow(color: str, marker: str) -> dict[str, Any]:
    """How a published number is drawn."""
    return {
        "color": color,
        "marker": marker,
        "markerfacecolor": "white",
        "markeredgewidth": 1.3,
        "linestyle": "",
        "zorder": 4,
    }


def count_axis(axes: Axes, values: pd.Series) -> None:
    """An x axis of whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlim(int(values.min()) - 0.5, int(values.max()) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, min_n_ticks=1))


def doubling_axis(axes: Axes, values: Iterable[int]) -> None:
    """A logarithmic x axis with a tick at each of the values, such as 1, 2, 4, ..., 64."""
    from matplotlib.ticker import FixedLocator, NullLocator

    ticks = sorted(set(values))
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlim(ticks[0] / 1.25, ticks[-1] * 1.25)


def dice_axis(axes: Axes, *shown: pd.DataFrame | pd.Series) -> None:
    """A y axis of Dice in percent that begins and ends at a multiple of ten, with air below and above."""
    values = np.concatenate([part.to_numpy(float).ravel() for part in shown])
    axes.set_ylim(*_tens(np.nanmin(values), np.nanmax(values)))


def _tens(lowest: float, highest: float) -> tuple[float, float]:
    return max(0, 10 * ((lowest - 1) // 10)), min(100, 10 * ((highest + 1) // 10 + 1)) + 0.5


def top(data: pd.DataFrame) -> float:
    """Upper end of an axis from zero that shows every interval, with some air."""
    highest = float(data[["mean", "high"]].max().max())
    return 1.08 * highest if highest > 0 else 1.0


def shared_legend(figure: Figure, panels: Sequence[Axes], title: str = "") -> None:
    """One legend above all panels, with every label once."""
    entries = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    ncols = next(n for n in range(max(len(entries), 1), 0, -1) if n == 1 or _fits(figure, list(entries), n))
    figure.legend(
        list(entries.values()),
        list(entries),
        loc="outside upper center",
        ncols=ncols,
        frameon=False,
        title=title or None,
    )


def _fits(figure: Figure, labels: Sequence[str], ncols: int) -> bool:
    """Whether a legend of so many columns is likely to fit; it is filled column by column."""
    lengths = [max(map(len, label.split("\n"))) for label in labels]
    columns = np.array_split([LEGEND_LINE + LEGEND_LETTER * length for length in lengths], ncols)
    return sum(column.max() for column in columns) <= figure.get_figwidth()


def note(figure: Figure, text: str) -> None:
    """A line below all panels that says what the intervals are."""
    width = int(15 * figure.get_figwidth())
    figure.supxlabel(textwrap.fill(text, width), fontsize="small", color="#444444")
