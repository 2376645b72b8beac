"""Change in total interactions per task with MultiverSeg (MultiverSeg, Fig. 4)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates, style
from segbench.reports.artefact import Artefact, Requirement
from segbench.reports.bars import draw_bars, wrapped
from segbench.reports.curves import hollow, note, shared_legend
from segbench.results import published

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from segbench.results import Results

ARTEFACT = Artefact(
    "figure",
    "Change in total interactions per task (Fig. 4)",
    "Change in the interactions that a whole set of images takes with MultiverSeg instead of each other "
    "method, per task and then averaged. Negative is less work. The comparison is paired: both methods saw "
    "the same images in the same order. Hollow markers are the paper's figures.",
    interval="Whiskers: 95% bootstrap intervals, thick over {simulation}, thin over {subject}.",
    requires=(Requirement(required=("multiverseg",), least=2),),
    rows=("protocol", "baseline"),
    column="unit",
)

MODEL = "multiverseg"


def fig4_data(results: Results) -> pd.DataFrame:
    """Change in total interactions with MultiverSeg instead of each other model, paired.

    Returns
    -------
    DataFrame
        A row per protocol, ``baseline`` and interval unit, with ``mean``, ``std``, ``low`` and ``high`` in
        percent of the baseline's interactions; negative is fewer. ``paper`` is the paper's change.
    """
    data = estimates.changes(estimates.select(results, *ARTEFACT.requires), MODEL)
    # It prints reductions, and those against ScribblePrompt only.
    paper = published("fig4")
    paper = paper.assign(value=-paper.value, baseline="scribbleprompt")
    return estimates.beside(data, paper)


def fig4(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """A panel per protocol, a bar per baseline with the interval of every unit.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `fig4_data`, where they are at hand.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    data = fig4_data(results) if data is None else data
    protocols = style.protocols_in_order(data.protocol)
    looks = style.looks(data.baseline)
    figure = Figure(figsize=(max(1.4 * len(looks), 2.8) * len(protocols) + 1.0, 4.0), layout="constrained")
    panels = figure.subplots(1, len(protocols), sharey=True, squeeze=False)[0]
    for axes, protocol in zip(panels, protocols, strict=True):
        part = data[data.protocol == protocol].assign(model=MODEL)
        draw_bars(axes, part, list(looks), style.looks([MODEL]), "baseline", "model")
        axes.axhline(0, color="#444444", linewidth=0.9)
        paper = estimates.first_unit(part).set_index("baseline").paper.reindex(list(looks))
        if paper.notna().any():
            axes.plot(range(len(looks)), paper, label="Paper", **hollow(style.BLACK, "D"))
        # The change in figures stands in the tick label, where no whisker can cross it.
        change = estimates.first_unit(part).set_index("baseline")["mean"].reindex(list(looks))
        axes.set_xticks(
            range(len(looks)),
            [f"{wrapped(look.title)}\n{_signed(change[name])}" for name, look in looks.items()],
        )
        axes.set_title(style.wording(protocol).title)
        axes.set_xlabel(f"{style.looks([MODEL])[MODEL].title} compared with")
        axes.yaxis.set_major_formatter(PercentFormatter(decimals=0))
    panels[0].set_ylabel("Change in total interactions per task")
    shown = data[[*estimates.SHOWN, "paper"]]
    lowest, highest = min(float(shown.min().min()), 0.0), max(float(shown.max().max()), 0.0)
    panels[0].set_ylim(1.18 * lowest - 2, 1.18 * highest + 2)
    shared_legend(figure, panels)
    note(figure, estimates.describe_interval(ARTEFACT.interval, data))
    return figure


def _signed(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:+.0f}%".replace("-", "−")


ARTEFACTS = {"fig4": dataclasses.replace(ARTEFACT, data=fig4_data, draw=fig4)}
