"""Interactions to the target Dice by example number (MultiverSeg, Fig. 3 and 11 to 15)."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import bounds, estimates, papers, selection, style
from segbench.reports.artefact import Artefact
from segbench.reports.comparable import RULES, comparable
from segbench.reports.curves import LONG_LABEL, draw_at_zero, draw_curves, draw_published, note
from segbench.reports.panels import by_group, by_protocol, effort_labels
from segbench.reports.requirement import InsufficientRecords, Requirement
from segbench.results.reference import CAMERA_READY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

INTERVAL = "Shading: 95% bootstrap interval over {simulation}."
CONTEXT_MODELS = ("sp-uvs", "multiverseg")
KINDS_OF_CONTEXT = tuple(
    Requirement(models=CONTEXT_MODELS, split="val", context=context) for context in estimates.CONTEXTS
)
CUT_OFFS = Requirement(models=("scribbleprompt", "sp-uvs-1", "sp-uvs-2", "sp-uvs", "sp-uvs-10"), split="val")


def _by_example(images: pd.DataFrame, group: str = "", by: tuple[str, ...] = ("model",)) -> pd.DataFrame:
    """Estimate mean interactions; ``example`` 1 is the first image after the seed image."""
    return estimates.estimates(images, "interactions", [*by, "position"], group)


def _overall_data(results: Results) -> pd.DataFrame:
    """Estimate means over all tasks; ``paper_set_mean`` is the paper's mean over the images of a set."""
    images = selection.select(results, Requirement())
    paper = comparable(results, images, papers.published(results, "fig3"))
    return estimates.with_published(_by_example(images), paper, "paper_set_mean")


def _draw_overall(results: Results, data: pd.DataFrame) -> Figure:
    """Draw one panel per protocol, with the paper's means and the networks that need no interactions."""
    data = estimates.first_unit(data)
    styles = style.line_styles(results.images.model)
    supervised = bounds.bounds_of(results, selection.select(results, Requirement()))
    labels = {row.model: _bound_label(row, estimates.target(results)) for _, row in supervised.iterrows()}

    def draw(axes: Axes, part: pd.DataFrame) -> None:
        draw_curves(axes, part, styles)
        _draw_means(axes, part.drop_duplicates("model").rename(columns={"paper_set_mean": "paper"}), styles)
        draw_at_zero(axes, labels)

    figure, _ = by_protocol(results, data, draw, effort_labels(results))
    note(figure, bounds.describe_spread(supervised))
    return figure


def _bound_label(row: pd.Series, target: str) -> str:
    """Return what a network trained on each task reaches without interactions, in lines for the legend."""
    return "\n".join(
        [
            *textwrap.wrap(f"{row.label}, no interactions:", LONG_LABEL),
            f"{bounds.quality(row)}, {row.at_target:.0f}% of images ≥ {target}",
        ]
    )


def _draw_means(axes: Axes, means: pd.DataFrame, styles: Mapping[str, style.LineStyle]) -> None:
    """Draw the paper's means at the right edge, separate from the examples."""
    if means.paper.isna().all():
        return
    _, edge = axes.get_xlim()
    axes.axvline(edge, color="#BBBBBB", linewidth=0.8)
    draw_published(axes, means.assign(edge=edge + 0.7), styles, "edge", ", mean of a set")
    axes.set_xlim(right=edge + 1.4)
    axes.set_ylim(top=max(axes.get_ylim()[1], 1.08 * means.paper.max()))


def _grouped_data(results: Results) -> pd.DataFrame:
    images = selection.select(results, Requirement())
    return _by_example(images, estimates.grouping(images))


def _draw_grouped(results: Results, data: pd.DataFrame) -> Figure:
    """Draw one panel per data set (or cohort), with the networks that need no interactions."""
    data = estimates.first_unit(data)
    styles = style.line_styles(results.images.model)
    supervised = bounds.bounds_of(results, selection.select(results, Requirement()), grouped=True)

    def draw(axes: Axes, part: pd.DataFrame) -> None:
        draw_curves(axes, part, styles)
        rows = supervised[supervised.group == part.group.iloc[0]] if len(supervised) else supervised
        _draw_bounds(axes, rows)

    figure, _ = by_group(data, draw, effort_labels(results), estimates.group_titles(data))
    note(figure, bounds.describe_spread(supervised))
    return figure


def _draw_bounds(axes: Axes, supervised: pd.DataFrame) -> None:
    """Draw the line of networks trained on each task; the small text below it has their Dice."""
    rows = [row for _, row in supervised.iterrows()]
    labels = {row.model: textwrap.fill(f"{row.label}, no interactions", LONG_LABEL) for row in rows}
    draw_at_zero(axes, labels, room=0.13)
    axes.annotate(
        "; ".join(f"{style.model_title(row.model)}: {bounds.quality(row)}" for row in rows),
        (axes.get_xlim()[0], 0),
        xytext=(4, -2),
        textcoords="offset points",
        va="top",
        fontsize="x-small",
        color="#444444",
    )


def _longer_data(results: Results, protocol: str, dataset: str) -> pd.DataFrame:
    """Estimate means by task on one data set whose tasks have more images than the standard set.

    Parameters
    ----------
    results : Results
    protocol : str
    dataset : str
        The paper's data set. If it has no such task, the data set with the most such tasks replaces it.
    """
    images = selection.select(results, Requirement(protocols=(protocol,), longer=True))
    size = selection.standard_size(results) or 0
    tasks = images[images.position > size].drop_duplicates("task")
    if tasks.empty:
        raise InsufficientRecords(f"No task has results of a set of more than {size} images.")
    counts = tasks.dataset.astype(str).value_counts().sort_index()
    chosen = dataset if dataset in counts else counts.idxmax()
    return _by_example(images[images.task.isin(tasks.task[tasks.dataset == chosen])], "task")


def _draw_tasks(results: Results, data: pd.DataFrame) -> Figure:
    """Draw one panel per task."""
    data = estimates.first_unit(data)
    draw = partial(draw_curves, styles=style.line_styles(results.images.model))
    titles = estimates.task_titles(results.images[results.images.task.isin(data.group)])
    return by_group(data, draw, effort_labels(results), titles)[0]


def _longer(number: int, interactions: str, protocol: str, dataset: str, paper: str) -> Artefact:
    return Artefact(
        "figure",
        f"{interactions} to the target Dice on longer sets, by task (Fig. {number})",
        "Interactions by example number, for the tasks of one data set with more test images than the "
        "standard set has, all of which are segmented. It is the data set with the most such tasks.",
        INTERVAL,
        requires=(Requirement(protocols=(protocol,), longer=True),),
        rows=("protocol", "group", "example"),
        column="model",
        data=partial(_longer_data, protocol=protocol, dataset=dataset),
        draw=_draw_tasks,
        beside_papers=f"If the run has longer sets of {paper}, which the paper shows, it is that one.",
    )


def _contexts_data(results: Results) -> pd.DataFrame:
    images = selection.select_models(results, *KINDS_OF_CONTEXT)
    return _by_example(images, by=("model", "context"))


def _draw_contexts(results: Results, data: pd.DataFrame) -> Figure:
    """Draw one panel per protocol and model, a line per kind of context."""
    data = estimates.first_unit(data)
    styles = style.line_styles(data.model)

    def draw(axes: Axes, part: pd.DataFrame) -> None:
        look = styles[part.model.iloc[0]]
        contexts = {context: style.context_style(look, context) for context in estimates.CONTEXTS}
        draw_curves(axes, part, contexts, hue="context")

    titles = {name: look.title for name, look in styles.items()}
    return by_group(data.assign(group=data.model), draw, effort_labels(results), titles)[0]


def _draw_cut_offs(results: Results, data: pd.DataFrame) -> Figure:
    """Draw one panel per protocol, a line per minimum context size and one of ScribblePrompt."""
    data = estimates.first_unit(data)
    styles = style.line_styles(data.model)
    if "sp-uvs" in styles:
        styles["sp-uvs"] = replace(styles["sp-uvs"], title="SP+UVS, min. 5")
    return by_protocol(results, data, partial(draw_curves, styles=styles), effort_labels(results))[0]


ARTEFACTS = {
    "fig3": Artefact(
        "figure",
        "Interactions to the target Dice by example number (Fig. 3)",
        "Interactions that an image needs to reach the target Dice against its place in the sequence, "
        "averaged over all tasks. Before the n-th image the context holds n images: the seed image and the "
        "n − 1 images before. An image that never reaches the target counts with the maximum number of "
        "interactions. A line at zero stands for networks trained on each task, if there are any: they "
        "segment all test images without interactions.",
        INTERVAL,
        rows=("protocol", "example"),
        column="model",
        data=_overall_data,
        draw=_draw_overall,
        beside_papers=f"Hollow markers at the right edge are the paper's means over a set ({CAMERA_READY}). "
        f"{RULES}",
    ),
    "fig11": Artefact(
        "figure",
        "Interactions to the target Dice by data set (Fig. 11)",
        "Interactions by example number, for each data set separately; for each cohort if the run has only "
        "one data set.",
        INTERVAL,
        rows=("protocol", "group", "example"),
        column="model",
        data=_grouped_data,
        draw=_draw_grouped,
    ),
    "fig12": _longer(12, "Scribble steps", "centerline-scribbles", "buid", "BUID (breast ultrasound)"),
    "fig13": _longer(13, "Center clicks", "center-clicks", "hipxray", "HipXRay (X-rays of hips)"),
    "fig14": Artefact(
        "figure",
        "Interactions to the target Dice with different contexts (Fig. 14)",
        "Interactions by example number, on validation images, by what joins the context after each image: "
        "the thresholded prediction (binary), its probabilities (soft), or the true label. Nobody has true "
        "labels in practice; they show what better contexts could save.",
        INTERVAL,
        requires=KINDS_OF_CONTEXT,
        rows=("protocol", "model", "example"),
        column="context",
        data=_contexts_data,
        draw=_draw_contexts,
    ),
    "fig15": Artefact(
        "figure",
        "SP+UVS with different minimum context sizes (Fig. 15)",
        "Interactions by example number, on validation images. While the context holds fewer images than the "
        "minimum, SP+UVS ignores it and predicts like ScribblePrompt; from then on ScribblePrompt corrects "
        "the prediction of UniverSeg. In all other figures the minimum is 5.",
        INTERVAL,
        requires=(CUT_OFFS,),
        rows=("protocol", "example"),
        column="model",
        data=lambda results: _by_example(selection.select_models(results, CUT_OFFS)),
        draw=_draw_cut_offs,
    ),
}
