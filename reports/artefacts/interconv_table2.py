"""Structures that automatic segmentation labels (InterConv, Table 2)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import catalogue
from segbench.reports.artefact import AUTOMATIC_SETS, Artefact
from segbench.reports.layout import Grid, plain
from segbench.results import published

if TYPE_CHECKING:
    from segbench.results import Results

ARTEFACT = Artefact(
    "table",
    "Structures of automatic segmentation (InterConv, Table 2)",
    "The labels of the paper's OASIS and ADNI scans, and where this run has them; then the run's other "
    "structures. Scans are the test scans in which a structure was labelled or predicted.",
    requires=(),
)


def interconv_table2(results: Results) -> pd.DataFrame:
    """Structures of the paper and of the run; names match without regard to case and punctuation.

    Returns
    -------
    DataFrame
        A row per structure: the paper's ``label`` (NaN where it has no such structure), ``structure``,
        ``datasets`` (names of the run's data sets with it, empty without any) and ``scans``.
    """
    paper = published("interconv-table2")
    paper = paper.assign(key=paper.structure.map(catalogue.same_name))
    images = results.images[(results.images.protocol == AUTOMATIC_SETS) & (results.images.split == "test")]
    place = ["dataset", "cohort", "modality", "axis", "image"]
    rows = [
        {
            "key": catalogue.same_name(str(name)),
            "own_name": str(name),
            "datasets": ", ".join(sorted(map(str, part.dataset.unique()))),
            "scans": len(part[place].drop_duplicates()),
        }
        for name, part in images.groupby("label", observed=True)
    ]
    ours = pd.DataFrame(rows, columns=["key", "own_name", "datasets", "scans"])
    table = paper.merge(ours, how="outer", on="key", sort=False).sort_values(
        ["label", "key"], ignore_index=True
    )
    table["structure"] = table.structure.fillna(table.own_name)
    return table[["label", "structure", "datasets", "scans"]]


def interconv_table2_grid(table: pd.DataFrame) -> Grid:
    """The table for reading."""
    columns = {"label": "Paper: label", "structure": "Structure", "datasets": "This run: data sets"}
    return plain(table, {**columns, "scans": "Test scans"}, heads=2)


ARTEFACTS = {
    "interconv-table2": dataclasses.replace(
        ARTEFACT, data=interconv_table2, grid=lambda _, table: interconv_table2_grid(table)
    )
}
