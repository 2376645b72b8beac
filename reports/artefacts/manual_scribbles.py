"""Dice from people's and from simulated scribbles, and how long these are."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import drawings, estimates, style
from segbench.reports.artefact import HUMAN, Artefact
from segbench.reports.bars import draw_bars
from segbench.reports.curves import note
from segbench.reports.panels import same_range
from segbench.results import statistics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

ARTEFACT = Artefact(
    "figure",
    "People's scribbles against simulated ones",
    "Left: Dice of the one prediction from all that one person drew on an image, or that a simulated "
    "annotator draws before the first prediction, averaged over images and tasks; a dot for each person. "
    "Right: length of the scribbles of every image, on the structure and on the background, in pixels of the "
    "thinned line; boxes from the lower to the upper quartile, whiskers over all. Models that learn from a "
    "context have none here: SP+UVS and MultiverSeg then segment as ScribblePrompt does.",
    interval="Whiskers: 95% bootstrap interval over {subject}; tasks and people are fixed.",
    requires=(drawings.NEED,),
    rows=("model",),
    column="drawer",
)

LOOKS = {
    HUMAN: style.LineStyle("People", style.GREEN, "o", "-"),
    "centerline": style.LineStyle("Centerline scribbles", style.ORANGE, "s", "--"),
    "line": style.LineStyle("Line scribbles", style.PURPLE, "^", ":"),
}
TICKS = (0, 3, 10, 30, 100, 300, 1000)  # pixels
SIDES = {"positive": "On the structure", "negative": "On the background"}


def manual_scribbles_data(results: Results) -> pd.DataFrame:
    """Mean Dice by model and who drew.

    Returns
    -------
    DataFrame
        A row per ``model`` and ``drawer``: human (all people), centerline, line, and each person alone
        (person 1 and so on); ``mean``, ``std``, ``low`` and ``high`` of Dice times 100, ``unit`` and
        ``n_units``.
    """
    rows = drawings.images(results)
    alone = drawings.one_by_one(rows[rows.who == HUMAN])
    by = ["model", "who"]
    parts = [statistics.bootstrap(part, "dice", "subject", by) for part in (rows, alone) if len(part)]
    table = estimates.in_percent(pd.concat(parts)).rename(columns={"who": "drawer"})
    order = [*drawings.WHO, *sorted(alone.who.unique())]
    place = {name: rank for rank, name in enumerate([*style.looks(table.model), *order])}
    return table.sort_values(["model", "drawer"], key=lambda c: c.map(place), ignore_index=True)


def manual_scribbles(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """A panel of Dice, and two of lengths.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `manual_scribbles_data`, where they are at hand.
    """
    from matplotlib.figure import Figure

    data = manual_scribbles_data(results) if data is None else data
    figure = Figure(figsize=(14.0, 4.8), layout="constrained")
    dice, *lengths = figure.subplots(1, 3, width_ratios=(2.4, 1, 1))
    _draw_dice(dice, data)
    marks = drawings.marks(results)
    for axes, (side, title) in zip(lengths, SIDES.items(), strict=True):
        _draw_lengths(axes, marks, f"{side}_length")
        axes.set_title(title)
    same_range(lengths)
    for axes in lengths:
        axes.set_ylim(bottom=-0.5)  # a scribble can be empty
    lengths[0].set_ylabel("Length (pixels)")
    note(figure, estimates.describe_interval(ARTEFACT.interval, data))
    return figure


def _draw_dice(axes: Axes, data: pd.DataFrame) -> None:
    """A cluster of bars per model, one per kind of annotator, and a dot per person."""
    titles = {model: look.title for model, look in style.looks(data.model).items()}
    shown = data.assign(model=data.model.map(titles))
    groups = list(titles.values())
    kinds = {who: look for who, look in LOOKS.items() if (data.drawer == who).any()}
    draw_bars(axes, shown, groups, kinds, "model", "drawer")
    people = [who for who in data.drawer.unique() if who not in LOOKS]
    width = 0.8 / len(kinds)  # as `draw_bars` has it; people are the first bar of a cluster
    for number, person in enumerate(people):
        means = shown[shown.drawer == person].set_index("model")["mean"].reindex(groups)
        shift = 0.5 * width - 0.4 + 0.3 * width * (number - (len(people) - 1) / 2)
        places = [place + shift for place in range(len(groups))]
        label = "One person" if number == 0 else None
        axes.plot(places, means, "o", color="white", markeredgecolor="#222222", markersize=5, label=label)
    axes.tick_params("x", labelsize="small")
    axes.set_title("One prediction")
    axes.set_ylabel("Dice (×100)")
    axes.set_ylim(0, 100)
    axes.legend(loc="upper right", ncols=4, fontsize="small")


def _draw_lengths(axes: Axes, marks: pd.DataFrame, column: str) -> None:
    """A box for each person and each simulated annotator."""
    told = drawings.one_by_one(marks)
    boxes = [who for who in sorted(told.who.unique()) if who not in LOOKS]
    boxes += [who for who in LOOKS if (told.who == who).any()]
    drawn = axes.boxplot(
        [told[column][told.who == who] for who in boxes],
        whis=(0, 100),
        widths=0.6,
        patch_artist=True,
        medianprops={"color": "#222222"},
    )
    for patch, who in zip(drawn["boxes"], boxes, strict=True):
        patch.set(facecolor=LOOKS.get(who, LOOKS[HUMAN]).color, alpha=0.85)
    titles = [drawings.WHO.get(who, who.capitalize()) for who in boxes]
    axes.set_xticks(range(1, len(boxes) + 1), titles, rotation=35, ha="right", fontsize="small")
    axes.set_yscale("symlog", linthresh=10)
    axes.set_yticks(TICKS, map(str, TICKS))
    axes.grid(axis="x", visible=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


ARTEFACTS = {
    "manual-scribbles": dataclasses.replace(ARTEFACT, data=manual_scribbles_data, draw=manual_scribbles)
}
