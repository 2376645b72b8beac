"""Share of the images solved within a number of interactions, in which failures stay visible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from segbench.reports import estimates, protocols, selection, style
from segbench.reports.artefact import Artefact
from segbench.reports.curves import plain_axes, shade
from segbench.reports.panels import by_protocol
from segbench.reports.requirement import Requirement
from segbench.results import statistics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

SPACING = 6.5  # percent between two labels, less if there are too many


def profiles(results: Results) -> pd.DataFrame:
    """Estimate the share of images solved.

    Returns
    -------
    DataFrame
        A row per protocol, model, number of ``interactions`` from 0 to the maximum and interval unit, with
        ``mean``, ``std``, ``low`` and ``high`` in percent of the images.
    """
    images = selection.select(results, Requirement())
    tables = [
        statistics.performance_profile(records, int(records.interactions.max()), unit=unit)
        for _, records in images.groupby("protocol", observed=True)
        for unit in estimates.UNITS
    ]
    keys = ["protocol", "model", "interactions", "unit"]
    return estimates.in_percent(
        estimates.in_reading_order(pd.concat(tables), keys, unit=list(estimates.UNITS))
    )


def draw(results: Results, data: pd.DataFrame) -> Figure:
    """Draw a panel per protocol with a step curve per model, labelled with its share of failures."""
    data = estimates.first_unit(data)
    styles = style.line_styles(data.model)

    def draw_panel(axes: Axes, rows: pd.DataFrame) -> None:
        _draw_steps(axes, rows, styles)
        _label_failures(axes, rows, styles)

    def labels(protocol: str) -> tuple[str, str]:
        unit = protocols.labels(results, protocol).unit.capitalize()
        return unit, f"Images at {estimates.target(results)} Dice or better"

    return by_protocol(results, data, draw_panel, labels)[0]


def _draw_steps(axes: Axes, data: pd.DataFrame, styles: dict[str, style.LineStyle]) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    for model, look in styles.items():
        line = data[data.model == model]
        if line.empty:
            continue
        # Extend the line beyond the last number, which would otherwise have no visible step.
        line = pd.concat([line, line.iloc[-1:].assign(interactions=line.interactions.max() + 0.6)])
        x = line.interactions
        ink: dict[str, Any] = {"color": look.color, "alpha": shade(len(styles)), "linewidth": 0}
        axes.fill_between(x, line.low, line.high, step="post", **ink)
        axes.step(x, line["mean"], where="post", color=look.color, linestyle=look.line, label=look.title)
    axes.axhline(100, color="#444444", linewidth=0.9)
    axes.set_xlim(0, data.interactions.max() + 0.6)
    axes.set_ylim(0, 103)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_formatter(PercentFormatter(decimals=0))
    plain_axes(axes)


def _label_failures(axes: Axes, data: pd.DataFrame, styles: dict[str, style.LineStyle]) -> None:
    """Write the share of images that each model never solves to the right of its curve."""
    last = data[data.interactions == data.interactions.max()].sort_values("mean", ascending=False)
    for model, level, y in zip(last.model, last["mean"], _apart(last["mean"].tolist()), strict=True):
        failures = 100 - level
        axes.annotate(
            f"{'<1' if 0 < failures < 0.5 else f'{failures:.0f}'}% fail",
            (1, y),
            xycoords=("axes fraction", "data"),
            xytext=(5, 0),
            textcoords="offset points",
            color=styles[model].color,
            va="center",
            fontsize="small",
        )


def _apart(levels: list[float]) -> list[float]:
    """Move falling levels apart, none below 0 or above 100."""
    spacing = min(SPACING, 100 / max(len(levels) - 1, 1))
    places: list[float] = []
    for index, level in enumerate(levels):
        lowest = spacing * (len(levels) - 1 - index)  # room for the labels below
        places.append(min(max(level, lowest), places[-1] - spacing if places else 100))
    return places


ARTEFACTS = {
    "profiles": Artefact(
        "figure",
        "Images solved within a number of interactions",
        "Share of the images that reach the target Dice within a number of interactions, averaged over all "
        "tasks. Images that never reach the target are not counted at any number; their share is the "
        "distance to 100% at the right edge, where it is printed.",
        interval="Shading: 95% bootstrap interval over {simulation}.",
        rows=("protocol", "interactions"),
        column="model",
        data=profiles,
        draw=draw,
    )
}
