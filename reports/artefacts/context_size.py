"""Dice by context size without interactions (MultiverSeg, Fig. 6 and 19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import bounds, estimates, papers, selection, style
from segbench.reports.artefact import Artefact
from segbench.reports.curves import dice_axis, doubling_axis, draw_bounds, draw_curves, draw_published, note
from segbench.reports.panels import by_group, by_protocol, dice_labels
from segbench.reports.requirement import Requirement
from segbench.results.reference import CAMERA_READY, UNIVERSEG

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

REPS = 100  # bootstrap replicates of experiment 2 in the paper
INTERVAL = "Shading: 95% bootstrap interval over {subject}, 100 replicates."
ENSEMBLE = "universeg-ensemble"
IN_CONTEXT = Requirement(("in-context",), ("universeg", "multiverseg"), context="ground-truth")


def _data(images: pd.DataFrame, paper: pd.DataFrame, level: str = "") -> pd.DataFrame:
    """Estimate means by model and ``context_size``; ``paper`` has the papers' values, of other images."""
    by = ["model", "context_size"]
    data = estimates.estimates(images, "dice", by, level, units=estimates.SUBJECTS_FIRST, reps=REPS)
    return estimates.with_published(estimates.in_percent(data), paper)


def _overall_data(results: Results) -> pd.DataFrame:
    return _data(selection.select(results, IN_CONTEXT), papers.published(results, "fig6"))


def _grouped_data(results: Results) -> pd.DataFrame:
    images = selection.select(results, IN_CONTEXT)
    paper = papers.published(results, "fig19")
    if ENSEMBLE not in set(images.model):
        paper = paper.replace({"model": {ENSEMBLE: "universeg"}})
    return _data(images, paper.rename(columns={"dataset": "group"}), estimates.grouping(images))


def _draw(results: Results, data: pd.DataFrame) -> Figure:
    """Draw a line per model over the context size, in one panel or in one per data set (or cohort)."""
    data = estimates.first_unit(data)
    styles = style.line_styles(data.model)
    grouped = "group" in data
    images = selection.select(results, IN_CONTEXT)
    supervised = bounds.bounds_of(results, images, grouped)
    paper = papers.published(results, "fig19" if grouped else "fig6")
    paper = paper[paper.model == bounds.NNUNET]
    cohorts = grouped and estimates.grouping(images) == "cohort"
    label = f"nnU-Net ({', '.join(paper.version.unique())}{', whole data set' if cohorts else ''})"

    def draw(axes: Axes, part: pd.DataFrame) -> None:
        dataset = images.dataset.iloc[0] if cohorts else part.group.iloc[0] if grouped else ""
        values = paper.value[paper.dataset == dataset] if grouped else paper.value
        draw_curves(axes, part, styles, "context_size")
        doubling_axis(axes, part.context_size)
        draw_published(axes, part, styles, "context_size")
        for value in values:
            axes.axhline(value, color=style.GREY, linestyle=(0, (6, 3)), linewidth=1.2, label=label)
        dice_axis(axes, part[[*estimates.SHOWN, "paper"]], values)
        draw_bounds(axes, supervised, part)

    labels = dice_labels("Context size")
    if grouped:
        figure, _ = by_group(data, draw, labels, estimates.group_titles(data))
    else:
        figure, _ = by_protocol(results, data, draw, labels)
    note(figure, bounds.describe(supervised))
    return figure


ARTEFACTS = {
    "fig6": Artefact(
        "figure",
        "Dice by context size (Fig. 6)",
        "Dice of the prediction from the context alone. Contexts hold true labels of random training images; "
        "each simulation draws a context of every size for each test image.",
        INTERVAL,
        requires=(IN_CONTEXT,),
        rows=("context_size",),
        column="model",
        data=_overall_data,
        draw=_draw,
        beside_papers="Hollow markers and the grey line are the papers' numbers, of other images: those of "
        f"MultiverSeg and nnU-Net by MultiverSeg ({CAMERA_READY}), those of UniverSeg by its own paper "
        f"({UNIVERSEG}). A prediction from a given context depends neither on the size of a set nor on the "
        "target Dice.",
    ),
    "fig19": Artefact(
        "figure",
        "Dice by context size and data set (Fig. 19)",
        "Dice by context size, for each data set separately; for each cohort if the run has only one data "
        "set.",
        INTERVAL,
        requires=(IN_CONTEXT,),
        rows=("group", "context_size"),
        column="model",
        data=_grouped_data,
        draw=_draw,
        beside_papers=f"Hollow markers and grey lines are numbers of the UniverSeg paper ({UNIVERSEG}) for "
        "the data sets in it: UniverSeg, which averages predictions over random contexts there (a run with "
        "universeg-ensemble has the numbers beside it), and nnU-Net, whose number is that of the whole data "
        "set also if the panels are cohorts.",
    ),
}
