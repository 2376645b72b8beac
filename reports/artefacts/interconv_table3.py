"""Subjects and scans of each split (InterConv, Table 3)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.datasets.scans import ScanData
from segbench.reports import catalogue
from segbench.reports.artefact import Artefact
from segbench.reports.artefacts.interconv_fig8 import SPLITS, scans_of
from segbench.reports.layout import Grid, plain
from segbench.results import published

if TYPE_CHECKING:
    from segbench.results import Results

ARTEFACT = Artefact(
    "table",
    "Subjects and scans of each split (InterConv, Table 3)",
    "The paper's data sets and what this run has of them, then the run's other data sets. Where the data set "
    "itself is not at hand, the records tell the test split only.",
    requires=(),
)


def interconv_table3(results: Results) -> pd.DataFrame:
    """Sizes of the splits, the paper's beside ours.

    Returns
    -------
    DataFrame
        A row per data set (``name``) and ``split``: ``paper_subjects``, ``paper_images``, ``subjects`` and
        ``scans``, NaN where there is none.
    """
    paper = published("interconv-table3").rename(
        columns={"subjects": "paper_subjects", "images": "paper_images"}
    )
    paper = paper.assign(key=paper.dataset.map(catalogue.same_name)).drop(columns="dataset")
    columns = ["key", "own_name", "split", "subjects", "scans"]
    ours = pd.DataFrame(
        [
            (catalogue.same_name(part.dataset.iloc[0]), group, split, rows.subject.nunique(), len(rows))
            for group, part in catalogue.scans(results).groupby("group")
            for split, rows in scans_of(results, part).groupby("split")
        ],
        columns=columns,
    )
    table = paper.merge(ours, how="outer", on=["key", "split"], sort=False)
    table = table.assign(absent=table.name.isna(), name=table.name.fillna(table.own_name))
    order = {split: place for place, split in enumerate(ScanData.SPLITS)}
    table = table.assign(place=table.split.map(order)).sort_values(
        ["absent", "key", "name", "place"], ignore_index=True
    )
    return table[["name", "split", "paper_subjects", "paper_images", "subjects", "scans"]]


def interconv_table3_grid(table: pd.DataFrame) -> Grid:
    """The table for reading."""
    columns = {
        "name": "Data set",
        "split": "Split",
        "paper_subjects": "Paper: subjects",
        "paper_images": "Paper: images",
        "subjects": "This run: subjects",
        "scans": "This run: scans",
    }
    titles = {name: title for name, (title, _) in SPLITS.items()}
    return plain(table.assign(split=table.split.map(titles)), columns, heads=2)


ARTEFACTS = {
    "interconv-table3": dataclasses.replace(
        ARTEFACT, data=interconv_table3, grid=lambda _, table: interconv_table3_grid(table)
    )
}
