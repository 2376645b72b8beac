"""SP+UVS with different minimum context sizes (MultiverSeg, Fig. 15)."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates, style
from segbench.reports.artefact import Artefact, Requirement
from segbench.reports.curves import draw_curves, note, shared_legend
from segbench.reports.panels import by_protocol, effort_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from segbench.results import Results

MODELS = ("scribbleprompt", "sp-uvs-1", "sp-uvs-2", "sp-uvs", "sp-uvs-10")

ARTEFACT = Artefact(
    "figure",
    "SP+UVS with different minimum context sizes (Fig. 15)",
    "As Fig. 3, on validation images. While the context holds fewer images than the minimum, SP+UVS leaves "
    "it alone and does as ScribblePrompt; from there on ScribblePrompt corrects the prediction of "
    "UniverSeg. In all other figures the minimum is 5.",
    interval="Shading: 95% bootstrap interval over {simulation}.",
    requires=(Requirement(models=MODELS, split="val"),),
    rows=("protocol", "example"),
    column="model",
)


def fig15_data(results: Results) -> pd.DataFrame:
    """As `fig3_data`, on validation images, of ScribblePrompt and all variants of SP+UVS."""
    images = estimates.select_models(results, *ARTEFACT.requires)
    return estimates.estimates(images, "interactions", ["model", "position"])


def fig15(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """One panel per protocol, a line per minimum context size and one of ScribblePrompt.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `fig15_data`, where they are at hand.
    """
    data = estimates.first_unit(fig15_data(results) if data is None else data)
    looks = style.looks(data.model)
    if "sp-uvs" in looks:
        looks["sp-uvs"] = replace(looks["sp-uvs"], title="SP+UVS, min. 5")
    figure, panels = by_protocol(
        results, data, lambda axes, part: draw_curves(axes, part, looks), effort_labels(results)
    )
    shared_legend(figure, panels)
    note(figure, estimates.describe_interval(ARTEFACT.interval, data))
    return figure


ARTEFACTS = {"fig15": dataclasses.replace(ARTEFACT, data=fig15_data, draw=fig15)}
