"""Dice by step of interaction for contexts of several sizes (MultiverSeg, Fig. 7)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import bounds, estimates
from segbench.reports.artefact import Artefact
from segbench.reports.artefacts import steps
from segbench.reports.curves import note, shared_legend
from segbench.reports.panels import by_protocol, same_range

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from segbench.results import Results

ARTEFACT = Artefact(
    "figure",
    "Dice by step of interaction in context (Fig. 7)",
    "Dice of MultiverSeg after each interaction, for contexts of several sizes. Step 0 is the prediction "
    "from the context alone. Contexts hold true labels of random training images, ten of each size for "
    "every test image; all steps are made, also once the target is reached.",
    interval="Shading: 95% bootstrap interval over {subject}, 100 replicates as in the paper.",
    requires=(steps.need(steps.CLICKS, steps.SCRIBBLES),),
    rows=("protocol", "step"),
    column="context_size",
)


def fig7_data(results: Results) -> pd.DataFrame:
    """Mean Dice over all tasks.

    Returns
    -------
    DataFrame
        A row per protocol, model, ``context_size``, ``step`` and interval unit (subjects first, as in the
        paper), with ``mean``, ``std``, ``low`` and ``high`` in Dice times 100.
    """
    return steps.steps_data(results, ARTEFACT.requires[0])


def fig7(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """A panel for clicks and one for scribbles, a line per context size, one y range.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `fig7_data`, where they are at hand.
    """
    data = estimates.first_unit(fig7_data(results) if data is None else data)
    found = bounds.beside(results, estimates.select_models(results, *ARTEFACT.requires))
    figure, panels = by_protocol(results, data, steps.drawing(data, found), steps.labels)
    same_range(panels)
    shared_legend(figure, panels, "Context size")
    note(figure, estimates.describe_interval(ARTEFACT.interval, data) + bounds.describe(found))
    return figure


ARTEFACTS = {"fig7": dataclasses.replace(ARTEFACT, data=fig7_data, draw=fig7)}
