"""Curves with shaded intervals, and their axes, legend and note."""

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

MARKERS = 25  # on a line at most; more would touch

LABEL, LONG_LABEL = 28, 38  # letters in a line of a label
LEGEND_LINE, LEGEND_LETTER = 0.65, 0.075  # inches for the line of an entry and for a letter of its label
LEGEND_ROW = 0.21  # inches


def draw_curves(
    axes: Axes, data: pd.DataFrame, styles: Mapping, x: str = "example", hue: str = "model"
) -> None:
    """Draw one line per value of ``hue`` over ``x``, shaded from ``low`` to ``high``; many lines lightly.

    Parameters
    ----------
    axes : Axes
        Its y axis will begin at zero and contain every interval.
    data : DataFrame
        Columns ``mean``, ``low``, ``high`` and the two named ones; intervals of one unit.
    styles : mapping of hue to LineStyle
        The lines in the order of drawing; those without rows are left out.
    """
    for name, look in styles.items():
        line = data[data[hue] == name].sort_values(x)
        if line.empty:
            continue
        axes.fill_between(
            line[x], line.low, line.high, color=look.color, alpha=shade(len(styles)), linewidth=0
        )
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
    plain_axes(axes)


def shade(lines: int) -> float:
    """Return the opacity of shaded intervals; those of many lines would hide each other."""
    return min(0.18, 0.9 / lines)


def plain_axes(axes: Axes) -> None:
    """Remove vertical grid lines and the upper and right edge."""
    axes.grid(axis="x", visible=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def draw_published(axes: Axes, data: pd.DataFrame, styles: Mapping, x: str, label: str = "") -> None:
    """Draw a hollow marker for every published number in the column ``paper``."""
    known = data.dropna(subset="paper")
    for model, place, value in known[["model", x, "paper"]].itertuples(index=False):
        axes.plot(place, value, **hollow(styles[model].color, styles[model].marker))
    if len(known):
        axes.plot([], [], **hollow("#444444", "o"), label=paper_label(known.paper_version) + label)


def paper_label(versions: Iterable[str]) -> str:
    """Return the label of published numbers with their versions, such as "Paper (ICCV 2025)"."""
    return f"Paper ({', '.join(dict.fromkeys(versions))})"


def draw_bounds(axes: Axes, bounds: pd.DataFrame, part: pd.DataFrame) -> None:
    """Draw a horizontal line with a band for each supervised upper bound, and extend the y axis to them.

    Parameters
    ----------
    axes : Axes
    bounds : DataFrame
        Result of `segbench.reports.bounds.bounds_of`. The band is over trainings if there are several,
        else over subjects.
    part : DataFrame
        The other rows of the panel; their ``group`` selects the bounds, if these have groups.
    """
    here = bounds[bounds.group == part.group.iloc[0]] if "group" in bounds else bounds
    styles = style.line_styles(bounds.model)
    ranges = [axes.get_ylim()]
    for _, row in here.iterrows():
        look, over = styles[row.model], "" if pd.notna(row.low) else "subject_"
        band = row[[f"{over}low", f"{over}high"]].dropna()
        if len(band):
            axes.axhspan(*band, color=look.color, alpha=0.12, linewidth=0)
        label = textwrap.fill(row.label, LABEL)
        axes.axhline(row["mean"], color=look.color, linestyle=look.line, linewidth=1.6, label=label)
        ranges.append(_tens(min(row["mean"], *band), max(row["mean"], *band)))
    axes.set_ylim(min(low for low, _ in ranges), max(high for _, high in ranges))


def draw_at_zero(axes: Axes, labels: Mapping[str, str], room: float = 0.04) -> None:
    """Draw a line at zero interactions for each model that needs none.

    Parameters
    ----------
    axes : Axes
    labels : mapping of model to str
    room : float
        Share of the y axis that is left below the line.
    """
    styles = style.line_styles(labels)
    for model, label in labels.items():
        axes.axhline(0, color=styles[model].color, linestyle=styles[model].line, label=label)
    if labels:
        axes.set_ylim(bottom=-room * axes.get_ylim()[1])


def hollow(color: str, marker: str) -> dict[str, Any]:
    """Return the plot settings of published numbers."""
    return {
        "color": color,
        "marker": marker,
        "markerfacecolor": "white",
        "markeredgewidth": 1.3,
        "linestyle": "",
        "zorder": 4,
    }


def count_axis(axes: Axes, values: pd.Series) -> None:
    """Make the x axis one of whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlim(int(values.min()) - 0.5, int(values.max()) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, min_n_ticks=1))


def doubling_axis(axes: Axes, values: Iterable[int]) -> None:
    """Make the x axis logarithmic, with a tick at each of the values, such as 1, 2, 4, ..., 64."""
    from matplotlib.ticker import FixedLocator, NullLocator

    ticks = sorted(set(values))
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlim(ticks[0] / 1.25, ticks[-1] * 1.25)


def dice_axis(axes: Axes, *numbers: pd.DataFrame | pd.Series) -> None:
    """Make the y axis one of Dice in percent that ends at multiples of ten, some way beyond the numbers."""
    values = np.concatenate([part.to_numpy(float).ravel() for part in numbers])
    axes.set_ylim(*_tens(np.nanmin(values), np.nanmax(values)))


def _tens(lowest: float, highest: float) -> tuple[float, float]:
    return max(0, 10 * ((lowest - 1) // 10)), min(100, 10 * ((highest + 1) // 10 + 1)) + 0.5


def top(data: pd.DataFrame) -> float:
    """Return the upper end of an axis from zero that contains every interval, with some space above."""
    highest = float(data[["mean", "high"]].max().max())
    return 1.08 * highest if highest > 0 else 1.0


def shared_legend(figure: Figure, panels: Sequence[Axes], title: str = "") -> None:
    """Add one legend above all panels, with every label once; its rows add to the height of the figure."""
    entries = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    possible = range(max(len(entries), 1), 0, -1)
    columns = next(count for count in possible if count == 1 or _fits(figure, list(entries), count))
    figure.legend(
        list(entries.values()),
        list(entries),
        loc="outside upper center",
        ncols=columns,
        frameon=False,
        title=title or None,
    )
    figure.set_figheight(figure.get_figheight() + LEGEND_ROW * (ceil(len(entries) / columns) - 1))


def _fits(figure: Figure, labels: Sequence[str], count: int) -> bool:
    """Estimate whether a legend with so many columns fits; it is filled column by column."""
    lengths = [max(map(len, label.split("\n"))) for label in labels]
    columns = np.array_split([LEGEND_LINE + LEGEND_LETTER * length for length in lengths], count)
    return sum(column.max() for column in columns) <= figure.get_figwidth()


def note(figure: Figure, text: str) -> None:
    """Add a text below all panels, in front of earlier notes."""
    notes = f"{text} {figure.get_supxlabel()}".replace("\n", " ").strip()
    figure.supxlabel(textwrap.fill(notes, int(15 * figure.get_figwidth())), fontsize="small", color="#444444")
