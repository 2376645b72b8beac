"""Evaluation data sets of interactive segmentation (InterConv, Table 7)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segbench.reports.artefact import Artefact
from segbench.reports.artefacts.table2 import evaluation, table2_grid

if TYPE_CHECKING:
    import pandas as pd

    from segbench.reports.layout import Grid
    from segbench.results import Results

ARTEFACT = Artefact(
    "table",
    "Evaluation data sets of interactive segmentation (InterConv, Table 7)",
    "The paper's data sets and what this run has of them, then the run's other data sets. Scans count "
    "subjects and modalities. Tasks, images and labels are those found, also where a task was left out; "
    "tasks and subjects evaluated are those with results.",
    requires=(),
)


def interconv_table7(results: Results) -> pd.DataFrame:
    """Evaluation data sets of the paper and of the run.

    Returns
    -------
    DataFrame
        As of `segbench.reports.artefacts.table2.table2`.
    """
    return evaluation(results, "interconv-table7")


def interconv_table7_grid(table: pd.DataFrame) -> Grid:
    """The table for reading."""
    return table2_grid(table)


ARTEFACTS = {
    "interconv-table7": dataclasses.replace(
        ARTEFACT, data=interconv_table7, grid=lambda _, table: interconv_table7_grid(table)
    )
}
