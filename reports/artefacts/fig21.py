"""Dice by step of interaction with centerline scribbles, by data set (MultiverSeg, Fig. 21)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports.artefact import Artefact
from segbench.reports.artefacts import fig7, steps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from segbench.results import Results

ARTEFACT = Artefact(
    "figure",
    "Dice by step of centerline scribbles in context, by data set (Fig. 21)",
    "As Fig. 7, for each data set on its own; where the run has only one data set, for each of its cohorts.",
    interval=fig7.ARTEFACT.interval,
    requires=(steps.need(steps.SCRIBBLES),),
    rows=("group", "step"),
    column="context_size",
)


def fig21_data(results: Results) -> pd.DataFrame:
    """As `fig7_data`, a set of rows per data set, or per cohort where there is only one data set.

    Returns
    -------
    DataFrame
        As of `fig7_data`, with the columns ``level`` (``dataset`` or ``cohort``) and ``group`` (its name).
    """
    return steps.steps_data(results, ARTEFACT.requires[0], grouped=True)


def fig21(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """A panel per data set (or cohort), a line per context size.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `fig21_data`, where they are at hand.
    """
    return steps.draw_groups(results, ARTEFACT, fig21_data(results) if data is None else data)


ARTEFACTS = {"fig21": dataclasses.replace(ARTEFACT, data=fig21_data, draw=fig21)}
