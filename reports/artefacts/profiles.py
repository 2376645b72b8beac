"""Share of the images solved within a number of interactions; failures stay visible."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates, style
from segbench.reports.artefact import Artefact, Requirement
from segbench.reports.curves import note, shared_legend
from segbench.reports.panels import by_protocol
from segbench.results import statistics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

ARTEFACT = Artefact(
    "figure",
    "Images solved within a number of interactions",
    "Share of the images that reach the target Dice within so many interactions, averaged over all tasks. "
    "Nothing is imputed: an image that never reaches the target is at no point counted, so that what a curve "
    "lacks to 100% at the right edge are the failures, named there.",
    interval="Shading: 95% bootstrap interval over {simulation}.",
    requires=(Requirement(),),
    rows=("protocol", "interactions"),
    column="model",
)

APART = 6.5  # percent; labels nearer than this would touch


def profiles_data(results: Results) -> pd.DataFrame:
    """Share of images solved.

    Returns
    -------
    DataFrame
        A row per protocol, model, number of ``interactions`` from 0 to the maximum and interval unit, with
        ``mean``, ``std``, ``low`` and ``high`` in percent of the images.
    """
    images = estimates.select(results, *ARTEFACT.requires)
    protocols, models = style.protocols_in_order(images.protocol), list(style.looks(images.model))
    tables = []
    for protocol in protocols:
        part = images[images.protocol == protocol]
        most = int(part.interactions.max())
        tables += [statistics.performance_profile(part, most, unit=unit) for unit in estimates.UNITS]
    place = {name: index for index, name in enumerate([*protocols, *models, *estimates.UNITS])}
    keys = ["protocol", "model", "interactions", "unit"]
    table = pd.concat(tables).sort_values(
        keys, key=lambda column: column.map(lambda name: place.get(name, name)), ignore_index=True
    )
    return estimates.in_percent(table)


def profiles(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """One panel per protocol, a step curve per model, labelled with its share of failures.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `profiles_data`, where they are at hand.
    """
    data = estimates.first_unit(profiles_data(results) if data is None else data)
    looks = style.looks(data.model)

    def draw(axes: Axes, part: pd.DataFrame) -> None:
        _draw_steps(axes, part, looks)
        _label_failures(axes, part, looks)

    def labels(protocol: str) -> tuple[str, str]:
        unit = style.wording(protocol).unit.capitalize()
        return unit, f"Images at {estimates.target(results)} Dice or better"

    figure, panels = by_protocol(results, data, draw, labels)
    shared_legend(figure, panels)
    note(figure, estimates.describe_interval(ARTEFACT.interval, data))
    return figure


def _draw_steps(axes: Axes, data: pd.DataFrame, looks: dict[str, style.LineStyle]) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    for model, look in looks.items():
        line = data[data.model == model]
        if line.empty:
            continue
        # The last number has a step, too, to be seen.
        line = pd.concat([line, line.iloc[-1:].assign(interactions=line.interactions.max() + 0.6)])
        place = line.interactions
        axes.fill_between(place, line.low, line.high, step="post", color=look.color, alpha=0.18, linewidth=0)
        axes.step(place, line["mean"], where="post", color=look.color, linestyle=look.line, label=look.title)
    axes.axhline(100, color="#444444", linewidth=0.9)
    axes.set_xlim(0, data.interactions.max() + 0.6)
    axes.set_ylim(0, 103)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_formatter(PercentFormatter(decimals=0))
    axes.grid(axis="x", visible=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _label_failures(axes: Axes, data: pd.DataFrame, looks: dict[str, style.LineStyle]) -> None:
    """Behind the right edge, the share of images that each model never solves."""
    last = data[data.interactions == data.interactions.max()].sort_values("mean", ascending=False)
    place = 100 + APART
    for model, level in last[["model", "mean"]].itertuples(index=False):
        place = min(level, place - APART)
        axes.annotate(
            f"{_share(100 - level)} fail",
            (1, place),
            xycoords=("axes fraction", "data"),
            xytext=(5, 0),
            textcoords="offset points",
            color=looks[model].color,
            va="center",
            fontsize="small",
        )


def _share(percent: float) -> str:
    return "<1%" if 0 < percent < 0.5 else f"{percent:.0f}%"


ARTEFACTS = {"profiles": dataclasses.replace(ARTEFACT, data=profiles_data, draw=profiles)}
