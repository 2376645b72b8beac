"""Width of the intervals against the number of simulations: whether more of them would tell more."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates, style
from segbench.reports.artefact import Artefact, InsufficientRecords, Requirement
from segbench.reports.curves import note, shared_legend
from segbench.reports.panels import by_protocol
from segbench.results import statistics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

ARTEFACT = Artefact(
    "figure",
    "Width of the intervals by number of simulations",
    "Width of the 95% bootstrap interval of the mean interactions per image, had only the first simulations "
    "been run. Over simulations it narrows with the square root of their number, whatever the subjects; over "
    "subjects it stops narrowing once the noise of the seeds has averaged out, and only more subjects help. "
    "With fewer than about ten units the width is itself uncertain.",
    requires=(Requirement(),),
    rows=("protocol", "model", "simulations"),
    column="unit",
)

SIZES = (5, 10, 20, 50, 100, 200, 500, 1000)
NOTE = (
    "Solid lines: intervals over simulations. Dashed lines, hollow markers: over subjects. Logarithmic axes."
)


def convergence_data(results: Results) -> pd.DataFrame:
    """Widths of both intervals.

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
    images = estimates.select(results, *ARTEFACT.requires)
    count = images.simulation.nunique()
    if count < 2:
        raise InsufficientRecords("There is only one simulation, and the width changes with their number.")
    sizes = [*(size for size in SIZES if 1.5 * size < count), count]
    table = statistics.convergence(images, "interactions", sizes)
    protocols, models = style.protocols_in_order(table.protocol), list(style.looks(table.model))
    order = {name: place for place, name in enumerate([*protocols, *models, *estimates.UNITS])}
    keys = ["protocol", "model", "simulations", "unit"]
    table = table.sort_values(keys, key=lambda column: column.map(lambda name: order.get(name, name)))
    return table[[*keys, "n_units", "width"]].round({"width": 3}).reset_index(drop=True)


def convergence(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """One panel per protocol, two lines per model: over simulations and over subjects.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `convergence_data`, where they are at hand.
    """
    data = convergence_data(results) if data is None else data
    looks = style.looks(data.model)

    def labels(protocol: str) -> tuple[str, str]:
        return "Simulations", f"Width of 95% interval ({style.wording(protocol).unit})"

    figure, panels = by_protocol(results, data, lambda axes, part: _draw_widths(axes, part, looks), labels)
    shared_legend(figure, panels)
    note(figure, NOTE)
    return figure


def _draw_widths(axes: Axes, data: pd.DataFrame, looks: dict[str, style.LineStyle]) -> None:
    """Lines on logarithmic axes; the interval over subjects is dashed and has hollow markers."""
    from matplotlib.ticker import FixedLocator, LogLocator, NullLocator, StrMethodFormatter

    for model, look in looks.items():
        for unit, line in data[data.model == model].groupby("unit"):
            ours = unit == "simulation"
            axes.plot(
                line.simulations,
                line.width,
                color=look.color,
                linestyle="-" if ours else "--",
                marker=look.marker,
                markerfacecolor=look.color if ours else "white",
                markeredgecolor="white" if ours else look.color,
                markeredgewidth=0.6 if ours else 1.2,
                label=look.title if ours else None,
            )
    axes.set(xscale="log", yscale="log")
    axes.xaxis.set_major_locator(FixedLocator(sorted(set(data.simulations))))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.grid(axis="x", visible=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


ARTEFACTS = {"convergence": dataclasses.replace(ARTEFACT, data=convergence_data, draw=convergence)}
