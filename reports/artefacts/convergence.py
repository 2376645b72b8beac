"""Width of the intervals by number of simulations, which shows the gain of further simulations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates, protocols, selection, style
from segbench.reports.artefact import Artefact
from segbench.reports.curves import note, plain_axes
from segbench.reports.panels import by_protocol
from segbench.reports.requirement import InsufficientRecords, Requirement
from segbench.results import statistics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

SIZES = (5, 10, 20, 50, 100, 200, 500, 1000)


def widths(results: Results) -> pd.DataFrame:
    """Compute the widths of both intervals.

    Returns
    -------
    DataFrame
        A row per protocol, model, number of ``simulations`` and ``unit``: ``n_units`` and ``width``, in
        interactions per image.

    Raises
    ------
    InsufficientRecords
        If there are fewer than two simulations.
    """
    images = selection.select(results, Requirement())
    count = images.simulation.nunique()
    if count < 2:
        raise InsufficientRecords(
            "There is only one simulation; the width of intervals is shown for two or more."
        )
    sizes = [*(size for size in SIZES if 1.5 * size < count), count]
    table = statistics.convergence(images, "interactions", sizes)
    keys = ["protocol", "model", "simulations", "unit"]
    table = estimates.in_reading_order(table, keys, unit=list(estimates.UNITS))
    return table[[*keys, "n_units", "width"]].round({"width": 3})


def draw(results: Results, data: pd.DataFrame) -> Figure:
    """Draw a panel per protocol with two lines per model: over simulations and over subjects."""
    styles = style.line_styles(data.model)

    def labels(protocol: str) -> tuple[str, str]:
        return "Simulations", f"Width of 95% interval ({protocols.labels(results, protocol).unit})"

    figure, _ = by_protocol(results, data, lambda axes, rows: _draw_widths(axes, rows, styles), labels)
    note(
        figure,
        "Solid lines: intervals over simulations. Dashed lines, hollow markers: over subjects. "
        "Logarithmic axes.",
    )
    return figure


def _draw_widths(axes: Axes, data: pd.DataFrame, styles: dict[str, style.LineStyle]) -> None:
    """Draw lines on logarithmic axes; those over subjects are dashed and have hollow markers."""
    from matplotlib.ticker import FixedLocator, LogLocator, NullLocator, StrMethodFormatter

    for model, look in styles.items():
        for unit, line in data[data.model == model].groupby("unit"):
            solid = unit == "simulation"
            axes.plot(
                line.simulations,
                line.width,
                color=look.color,
                linestyle="-" if solid else "--",
                marker=look.marker,
                markerfacecolor=look.color if solid else "white",
                markeredgecolor="white" if solid else look.color,
                markeredgewidth=0.6 if solid else 1.2,
                label=look.title if solid else None,
            )
    axes.set(xscale="log", yscale="log")
    axes.xaxis.set_major_locator(FixedLocator(sorted(set(data.simulations))))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    plain_axes(axes)


ARTEFACTS = {
    "convergence": Artefact(
        "figure",
        "Width of the intervals by number of simulations",
        "Width of the 95% bootstrap interval of the mean interactions per image, computed from the first "
        "simulations only. Over simulations, the width falls with the square root of their number. Over "
        "subjects, it stops falling once the random variation between simulations is averaged out; only more "
        "subjects narrow it further. With fewer than about ten units the width itself is uncertain.",
        rows=("protocol", "model", "simulations"),
        column="unit",
        data=widths,
        draw=draw,
    )
}
