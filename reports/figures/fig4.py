"""Change in total interactions per task with MultiverSeg (MultiverSeg, Fig. 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from reports import numbers, style
from reports.figures.bars import draw_bars, wrapped
from reports.figures.curves import note
from reports.registry import SEQUENTIAL, get

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from results import Results

MODEL = "multiverseg"


def fig4_data(results: Results) -> pd.DataFrame:
    """Change in total interactions with MultiverSeg instead of each other model, paired.

    Returns
    -------
    DataFrame
        A row per protocol, ``baseline`` and interval unit, with ``mean``, ``std``, ``low`` and ``high`` in
        percent of the baseline's interactions; negative is fewer.
    """
    return numbers.changes(results, SEQUENTIAL, MODEL)


@style.themed
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
        # The change in figures stands in the tick label, where no whisker can cross it.
        change = numbers.first_unit(part).set_index("baseline")["mean"].reindex(list(looks))
        axes.set_xticks(
            range(len(looks)),
            [f"{wrapped(look.title)}\n{_signed(change[name])}" for name, look in looks.items()],
        )
        axes.set_title(style.wording(protocol).title)
        axes.set_xlabel(f"{style.looks([MODEL])[MODEL].title} compared with")
        axes.yaxis.set_major_formatter(PercentFormatter(decimals=0))
    panels[0].set_ylabel("Change in total interactions per task")
    lowest, highest = min(float(data.low.min()), 0.0), max(float(data.high.max()), 0.0)
    panels[0].set_ylim(1.18 * lowest - 2, 1.18 * highest + 2)
    note(figure, numbers.describe_interval(get("fig4").interval, data))
    return figure


def _signed(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:+.0f}%".replace("-", "−")
