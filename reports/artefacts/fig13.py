"""Center clicks to the target Dice on longer sets, by task (MultiverSeg, Fig. 13)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports.artefact import Artefact, Requirement
from segbench.reports.artefacts.longer import draw_longer, longer_data

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from segbench.results import Results

ARTEFACT = Artefact(
    "figure",
    "Center clicks to the target Dice on longer sets, by task (Fig. 13)",
    "As Fig. 3, for tasks with more test images than the standard set has, all of which are segmented. The "
    "paper shows HipXRay (X-rays of hips); where the run has no longer sets of it, the data set with the "
    "most such tasks stands in.",
    interval="Shading: 95% bootstrap interval over {simulation}.",
    requires=(Requirement(protocols=("center-clicks",), longer=True),),
    rows=("protocol", "group", "example"),
    column="model",
)

PAPER = "hipxray"


def fig13_data(results: Results) -> pd.DataFrame:
    """Mean interactions by task.

    Returns
    -------
    DataFrame
        As of `fig11_data`, with the tasks as groups.
    """
    return longer_data(results, ARTEFACT, PAPER)


def fig13(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """A panel per task, a line per model, shaded with the bootstrap over simulations.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `fig13_data`, where they are at hand.
    """
    return draw_longer(results, ARTEFACT, fig13_data(results) if data is None else data)


ARTEFACTS = {"fig13": dataclasses.replace(ARTEFACT, data=fig13_data, draw=fig13)}
