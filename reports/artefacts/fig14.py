"""Interactions to the target Dice with different kinds of contexts (MultiverSeg, Fig. 14)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates, style
from segbench.reports.artefact import Artefact, Requirement
from segbench.reports.curves import draw_curves, note, shared_legend
from segbench.reports.panels import by_group, effort_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

MODELS = ("sp-uvs", "multiverseg")

ARTEFACT = Artefact(
    "figure",
    "Interactions to the target Dice with different contexts (Fig. 14)",
    "As Fig. 3, on validation images, with what joins the context after each image: the thresholded "
    "prediction (binary), its probabilities (soft), or the true label, which nobody has in practice and "
    "which shows what better contexts could save.",
    interval="Shading: 95% bootstrap interval over {simulation}.",
    requires=tuple(
        Requirement(models=MODELS, split="val", context=context) for context in estimates.CONTEXTS
    ),
    rows=("protocol", "model", "example"),
    column="context",
)


def fig14_data(results: Results) -> pd.DataFrame:
    """Mean interactions over all tasks, by model and kind of context.

    Returns
    -------
    DataFrame
        A row per protocol, model, ``context`` (binary, soft, ground-truth), example number and interval unit,
        with ``mean``, ``std``, ``low`` and ``high`` in interactions.
    """
    images = estimates.select_models(results, *ARTEFACT.requires)
    return estimates.estimates(images, "interactions", ["model", "context", "position"])


def fig14(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """A row of panels per protocol, a panel per model, a line per kind of context.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `fig14_data`, where they are at hand.
    """
    data = estimates.first_unit(fig14_data(results) if data is None else data)
    looks = style.looks(data.model)

    def draw(axes: Axes, part: pd.DataFrame) -> None:
        look = looks[part.model.iloc[0]]
        contexts = {context: style.context_look(look, context) for context in estimates.CONTEXTS}
        draw_curves(axes, part, contexts, hue="context")

    titles = {name: look.title for name, look in looks.items()}
    figure, panels = by_group(data.assign(group=data.model), draw, effort_labels(results), titles)
    shared_legend(figure, panels)
    note(figure, estimates.describe_interval(ARTEFACT.interval, data))
    return figure


ARTEFACTS = {"fig14": dataclasses.replace(ARTEFACT, data=fig14_data, draw=fig14)}
