"""Sizes of SwinUNet (InterConv, Table 6)."""

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
    "Sizes of SwinUNet (InterConv, Table 6)",
    CAPTION + " Features are those of the first stage.",
    requires=(),
)


def interconv_table6(results: Results) -> pd.DataFrame:
    """The baseline and InterConv of as many parameters and of as many features; the same for every run.

    Returns
    -------
    DataFrame
        As of `segbench.reports.artefacts.sizes.counted`.
    """
    return counted("interconv-table6")


def interconv_table6_grid(table: pd.DataFrame) -> Grid:
    """The table for reading."""
    return sizes_grid(table)


ARTEFACTS = {
    "interconv-table6": dataclasses.replace(
        ARTEFACT, data=interconv_table6, grid=lambda _, table: interconv_table6_grid(table)
    )
}
