"""Sizes of SimpleUNet (InterConv, Table 4)."""

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
    "Sizes of SimpleUNet (InterConv, Table 4)",
    CAPTION
    + " Features are those of every level. Pairs of one printed size stand together; the paper names them by "
    "round numbers.",
    requires=(),
)


def interconv_table4(results: Results) -> pd.DataFrame:
    """Baselines and InterConv networks of comparable sizes; the same for every run.

    Returns
    -------
    DataFrame
        As of `segbench.reports.artefacts.sizes.counted`.
    """
    return counted("interconv-table4")


def interconv_table4_grid(table: pd.DataFrame) -> Grid:
    """The table for reading."""
    return sizes_grid(table)


ARTEFACTS = {
    "interconv-table4": dataclasses.replace(
        ARTEFACT, data=interconv_table4, grid=lambda _, table: interconv_table4_grid(table)
    )
}
