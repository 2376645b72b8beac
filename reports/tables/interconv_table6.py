"""Sizes of SwinUNet (InterConv, Table 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.artefact import Artefact
from reports.tables.sizes import CAPTION, counted, sizes_grid

if TYPE_CHECKING:
    import pandas as pd

    from reports.tables.layout import Grid
    from results import Results

ARTEFACT = Artefact(
    "table",
    "Sizes of SwinUNet (InterConv, Table 6)",
    CAPTION + " Features are those of the first stage.",
    needs=(),
)


def interconv_table6(results: Results) -> pd.DataFrame:
    """The baseline and InterConv of as many parameters and of as many features; the same for every run.

    Returns
    -------
    DataFrame
        As of `reports.tables.sizes.counted`.
    """
    return counted("interconv-table6")


def interconv_table6_grid(table: pd.DataFrame) -> Grid:
    """The table for reading."""
    return sizes_grid(table)
