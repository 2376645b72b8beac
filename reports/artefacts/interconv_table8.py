"""Training data sets of interactive segmentation (InterConv, Table 8)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segbench.models.registry import PAIR
from segbench.reports import catalogue
from segbench.reports.artefact import Artefact
from segbench.reports.artefacts.table3 import table3_grid, training

if TYPE_CHECKING:
    import pandas as pd

    from segbench.reports.layout import Grid
    from segbench.results import Results

ARTEFACT = Artefact(
    "table",
    "Training data sets of interactive segmentation (InterConv, Table 8)",
    "What the paper's ScribblePrompt pair was trained on, and whether the weights of this run's pair saw it. "
    "The 53 rows are 65 data sets when MSD counts as its 10 and QUBIQ as its 4. The bundled pair learnt from "
    "sets of synthetic images alone. Of ToothSeg the text of the table gives 508 scans, beside misread "
    "characters; shown is the figure of MultiverSeg, Table 3.",
    requires=(),
)


def interconv_table8(results: Results) -> pd.DataFrame:
    """The paper's training data sets.

    Returns
    -------
    DataFrame
        As of `segbench.reports.artefacts.table3.table3`; ``seen`` is about the two models of Fig. 4.
    """
    named = catalogue.models(results)
    kinds = {named[model] for model in PAIR if model in named}
    seen = "no: synthetic sets only" if kinds == {"bundled"} else "unknown" if kinds else "not in this run"
    return training("interconv-table8", seen)


def interconv_table8_grid(table: pd.DataFrame) -> Grid:
    """The table for reading."""
    return table3_grid(table)


ARTEFACTS = {
    "interconv-table8": dataclasses.replace(
        ARTEFACT, data=interconv_table8, grid=lambda _, table: interconv_table8_grid(table)
    )
}
