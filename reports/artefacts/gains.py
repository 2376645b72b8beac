"""Dice improvement of InterConv over its baselines, as Fig. 4, 6, 9 and 10 of InterConv show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import catalogue, estimates, style
from segbench.reports.artefact import Artefact, InsufficientRecords, Requirement
from segbench.reports.curves import draw_curves, note, shared_legend
from segbench.reports.panels import by_group

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

INTERVAL = "Shading: 95% bootstrap interval over {image}. The numbers have the one over {subject} beside it."
LABEL = "Dice improvement (×100)"
# Baseline and InterConv variant of the architectures that segment automatically, the paper's main one first.
AUTOMATIC_PAIRS = tuple((name, f"{name}-interconv") for name in ("nnunet2d", "simpleunet", "swinunet"))
AUTOMATIC_NEED = Requirement(("scans",), tuple(name for pair in AUTOMATIC_PAIRS for name in pair))
ANY_SCANS = Requirement(("scans",), ())  # of any model


def draw_gains(axes: Axes, part: pd.DataFrame, looks: Mapping, x: str, hue: str) -> None:
    """Improvements over ``x``, with the line at which nothing is gained."""
    axes.axhline(0, color="#444444", linewidth=0.9, linestyle=(0, (4, 2)))
    draw_curves(axes, part, looks, x, hue)
    low, high = part[estimates.SHOWN].min().min(), part[estimates.SHOWN].max().max()
    air = 0.08 * max(high - min(low, 0), 0.5)
    axes.set_ylim(min(low, 0) - air, max(high, 0) + air)


def scans_artefact(pair: tuple[str, str], number: int) -> Artefact:
    """The figure of one architecture: its baseline and its variant."""
    baseline, title = (style.MODELS[name].title for name in pair)
    return Artefact(
        "figure",
        f"{title}: improvement by scans of the subject (InterConv, Fig. {number})",
        f"What {title}, which segments all scans of a subject together, gains over {baseline} by the number "
        "of these scans: mean difference of the Dice of a scan, averaged over its structures. "
        "Every scan counts the same; p values are those of the paired t-test over scans.",
        interval=INTERVAL,
        requires=(Requirement(("scans",), pair, required=pair),),
        rows=("group", "scans"),
        column="unit",
    )


def scans_data(results: Results, pair: tuple[str, str]) -> pd.DataFrame:
    """Improvement of Dice times 100 by data set and number of scans.

    Returns
    -------
    DataFrame
        A row per data set (``group``), number of ``scans`` of the subject and interval unit, with the columns
        of `segbench.results.statistics.improvement`; ``n`` counts scans.
    """
    scans = catalogue.scans(results)
    if not set(pair) <= set(scans.model):
        raise InsufficientRecords(f"There are no automatic segmentations of both {' and '.join(pair)}.")
    scans = scans.assign(scans=scans.context_size + 1, level="dataset")
    return estimates.improvements(scans, pair[1], pair[0], ["level", "group", "scans"])


def draw_scans(artefact: Artefact, data: pd.DataFrame) -> Figure:
    """A panel per data set."""
    data = estimates.first_unit(data)
    looks = style.looks(data.model)
    figure, panels = by_group(
        data,
        lambda axes, part: draw_gains(axes, part, looks, "scans", "model"),
        lambda protocol: ("Scans of the subject", LABEL),
        {name: name for name in sorted(data.group.unique())},
    )
    shared_legend(figure, panels)
    note(figure, estimates.describe_interval(artefact.interval, data))
    return figure
