"""Sizes of nnU-Net (InterConv, Table 5)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segbench.reports.artefact import Artefact
from segbench.reports.artefacts.sizes import CAPTION, counted, sizes_grid

if TYPE_CHECKING:
    import pandas as pd

    from segbench.reports.layout import Grid
    from segbench.results import Results

ARTEFACT = Artefact(
    "table",
    "Sizes of nnU-Net (InterConv, Table 5)",
    CAPTION
    + " Features are those of the six stages of the encoder. The 34.9 M that the paper prints for the wider "
    "InterConv network is the last figure of its Table 6; widening every 3x3 convolution of the baseline "
    "gives what stands beside it.",
    requires=(),
)


def interconv_table5(results: Results) -> pd.DataFrame:
    """The baseline and InterConv of as many parameters and of as many features; the same for every run.

    Returns
    -------
    DataFrame
        As of `segbench.reports.artefacts.sizes.counted`, and ``features`` of the six stages.
    """
    return counted("interconv-table5")


def interconv_table5_grid(table: pd.DataFrame) -> Grid:
    """The table for reading."""
    return sizes_grid(table, "features")


ARTEFACTS = {
    "interconv-table5": dataclasses.replace(
        ARTEFACT, data=interconv_table5, grid=lambda _, table: interconv_table5_grid(table)
    )
}
