"""Structures, subjects and scans of the data sets of scans (InterConv, Fig. 8, Tables 2 and 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from segbench.datasets.catalogue import same_name
from segbench.datasets.scans import ScanData
from segbench.reports import catalogue, pictures, style
from segbench.reports.artefact import Artefact
from segbench.reports.curves import note, plain_axes
from segbench.reports.layout import Grid, plain
from segbench.reports.panels import by_group
from segbench.reports.requirement import InsufficientRecords, Requirement
from segbench.results import published
from segbench.results.reference import INTERCONV

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

SPLITS = {  # title and colour
    "train": ("Train", style.BLUE),
    "stopping-val": ("Stopping-Val", style.ORANGE),
    "val": ("Performance-Val", style.GREEN),
    "test": ("Test", style.VERMILION),
}


def scans_of(results: Results, scans: pd.DataFrame) -> pd.DataFrame:
    """List all scans of a data set, a row each with ``group``, ``split`` and ``subject``.

    Parameters
    ----------
    results : Results
    scans : DataFrame
        Rows of `segbench.reports.catalogue.scans` of one data set; used if the data set is not available.
    """
    try:
        data = pictures.scan_data(results, scans.task.iloc[0])
    except InsufficientRecords:
        return scans.drop_duplicates("image")[["group", "split", "subject"]].reset_index(drop=True)
    return pd.DataFrame({"group": scans.group.iloc[0], "split": data.split, "subject": data.subjects})


def subject_counts(results: Results) -> pd.DataFrame:
    """Count the subjects by data set, split and number of scans.

    Returns
    -------
    DataFrame
        Columns ``protocol``, ``level``, ``group`` (the data set), ``split``, ``scans`` (of a subject) and
        ``subjects`` (their number).

    Raises
    ------
    InsufficientRecords
        If there are no records of scans.
    """
    scans = catalogue.scans(results)
    if scans.empty:
        raise InsufficientRecords("There are no automatic segmentations of the test split.")
    rows = pd.concat([scans_of(results, part) for _, part in scans.groupby("group")], ignore_index=True)
    rows["split"] = pd.Categorical(rows.split, list(SPLITS))
    sizes = rows.groupby(["group", "split", "subject"], observed=True).size().rename("scans").reset_index()
    counts = sizes.groupby(["group", "split", "scans"], observed=True).size().unstack(fill_value=0)
    table = counts.reset_index().melt(["group", "split"], value_name="subjects")
    table = table.astype({"scans": int}).sort_values(["group", "split", "scans"], ignore_index=True)
    table = table.astype({"split": str}).assign(protocol=scans.protocol.iloc[0], level="dataset")
    return table[["protocol", "level", "group", "split", "scans", "subjects"]]


def draw_subject_counts(results: Results, data: pd.DataFrame) -> Figure:
    """Draw a panel per data set with bars for the splits."""
    figure, _ = by_group(
        data,
        _draw_bars,
        lambda protocol: ("Scans of a subject", "Subjects of the split (%)"),
        {name: name for name in sorted(data.group.unique())},
    )
    totals = data.groupby("group").subjects.sum()
    note(figure, "; ".join(f"{name}: {count} subjects" for name, count in totals.items()) + ".")
    return figure


def _draw_bars(axes: Axes, rows: pd.DataFrame) -> None:
    from matplotlib.ticker import MaxNLocator

    splits = [name for name in SPLITS if (rows.split == name).any()]
    width = 0.84 / len(splits)
    for index, name in enumerate(splits):
        of_split = rows[rows.split == name]
        title, color = SPLITS[name]
        positions = of_split.scans + (index - (len(splits) - 1) / 2) * width
        share = 100 * of_split.subjects / of_split.subjects.sum()
        axes.bar(positions, share, 0.92 * width, color=color, alpha=0.85, label=title)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    axes.set_xlim(0.3, np.max(rows.scans) + 0.7)
    plain_axes(axes)


def structures(results: Results) -> pd.DataFrame:
    """List the structures of the paper and of the run, matched without regard to case and punctuation.

    Returns
    -------
    DataFrame
        A row per structure: the paper's ``label`` (NaN if the paper lacks the structure), ``structure``,
        ``datasets`` (data sets of the run that have it) and ``scans``.
    """
    paper = published("interconv-table2")
    paper = paper.assign(key=paper.structure.map(same_name))
    rows = [
        {
            "key": same_name(str(name)),
            "run_name": str(name),
            "datasets": ", ".join(sorted(map(str, records.dataset.unique()))),
            "scans": len(records[[*catalogue.SCAN, "image"]].drop_duplicates()),
        }
        for name, records in catalogue.scan_records(results).groupby("label", observed=True)
    ]
    run = pd.DataFrame(rows, columns=["key", "run_name", "datasets", "scans"])
    table = paper.merge(run, how="outer", on="key", sort=False)
    table = table.sort_values(["label", "key"], ignore_index=True)
    table["structure"] = table.structure.fillna(table.run_name)
    return table[["label", "structure", "datasets", "scans"]]


def structures_grid(results: Results, table: pd.DataFrame) -> Grid:
    """Lay out a row per structure."""
    columns = {"label": "Paper: label", "structure": "Structure", "datasets": "This run: data sets"}
    return plain(table, {**columns, "scans": "Test scans"}, heads=2)


def split_sizes(results: Results) -> pd.DataFrame:
    """Count the subjects and scans of each split, in the paper and in the run.

    Returns
    -------
    DataFrame
        A row per data set (``name``) and ``split``: ``paper_subjects``, ``paper_images``, ``subjects`` and
        ``scans``, NaN where there are none.
    """
    paper = published("interconv-table3").rename(
        columns={"subjects": "paper_subjects", "images": "paper_images"}
    )
    paper = paper.assign(key=paper.dataset.map(same_name)).drop(columns="dataset")
    rows = [
        (same_name(part.dataset.iloc[0]), group, split, scans.subject.nunique(), len(scans))
        for group, part in catalogue.scans(results).groupby("group")
        for split, scans in scans_of(results, part).groupby("split")
    ]
    run = pd.DataFrame(rows, columns=["key", "run_name", "split", "subjects", "scans"])
    table = paper.merge(run, how="outer", on=["key", "split"], sort=False)
    order = {split: rank for rank, split in enumerate(ScanData.SPLITS)}
    table = table.assign(
        only_run=table.name.isna(), name=table.name.fillna(table.run_name), rank=table.split.map(order)
    )
    table = table.sort_values(["only_run", "key", "name", "rank"], ignore_index=True)
    return table[["name", "split", "paper_subjects", "paper_images", "subjects", "scans"]]


def split_sizes_grid(results: Results, table: pd.DataFrame) -> Grid:
    """Lay out a row per data set and split."""
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
    "interconv-fig8": Artefact(
        "figure",
        "Scans per subject (InterConv, Fig. 8)",
        "Share of the subjects of each split by their number of scans, which is the size of their set. If "
        "the data set itself is not available, only the test split of the records is shown.",
        requires=(Requirement(("scans",), ()),),
        rows=("group", "scans"),
        column="split",
        data=subject_counts,
        draw=draw_subject_counts,
    ),
    "interconv-table2": Artefact(
        "table",
        "Structures of automatic segmentation (InterConv, Table 2)",
        "Labels of the paper's OASIS and ADNI scans with the data sets of this run that have them, then "
        "other structures of the run. Test scans are those in which the structure is labelled or predicted.",
        requires=(),
        data=structures,
        grid=structures_grid,
    ),
    "interconv-table3": Artefact(
        "table",
        "Subjects and scans of each split (InterConv, Table 3)",
        f"Data sets of the paper ({INTERCONV}) with their sizes in this run, then other data sets of the "
        "run. If a data set itself is not available, only the test split of the records is counted.",
        requires=(),
        data=split_sizes,
        grid=split_sizes_grid,
    ),
}
