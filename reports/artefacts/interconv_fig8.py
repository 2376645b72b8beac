"""How many scans the subjects of each split have (InterConv, Fig. 8)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from segbench.reports import catalogue, pictures, style
from segbench.reports.artefact import AUTOMATIC_SETS, Artefact, InsufficientRecords
from segbench.reports.artefacts.gains import ANY_SCANS
from segbench.reports.curves import note, shared_legend
from segbench.reports.panels import by_group

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

ARTEFACT = Artefact(
    "figure",
    "Scans per subject (InterConv, Fig. 8)",
    "Share of the subjects of each split by their number of scans, which is the size of their set. Where the "
    "data set itself is not at hand, the records tell it of the test split only.",
    requires=(ANY_SCANS,),
    rows=("group", "scans"),
    column="split",
)

SPLITS = {
    "train": ("Train", style.BLUE),
    "stopping-val": ("Stopping-Val", style.ORANGE),
    "val": ("Performance-Val", style.GREEN),
    "test": ("Test", style.VERMILION),
}


def interconv_fig8_data(results: Results) -> pd.DataFrame:
    """Subjects by data set, split and number of scans.

    Returns
    -------
    DataFrame
        Columns ``protocol``, ``level``, ``group`` (the data set), ``split``, ``scans`` (of a subject) and
        ``subjects`` (how many have so many).

    Raises
    ------
    InsufficientRecords
        If no scan was segmented.
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
    table = table.astype({"split": str}).assign(protocol=AUTOMATIC_SETS, level="dataset")
    return table[["protocol", "level", "group", "split", "scans", "subjects"]]


def scans_of(results: Results, scans: pd.DataFrame) -> pd.DataFrame:
    """All scans of a data set, a row each with ``group``, ``split`` and ``subject``.

    Parameters
    ----------
    results : Results
    scans : DataFrame
        Rows of `segbench.reports.catalogue.scans` of one data set, which stand for it where it is not at hand.
    """
    try:
        data = pictures.scan_data(results, scans.task.iloc[0])
    except InsufficientRecords:
        own = scans.drop_duplicates("image")
        return own[["group", "split", "subject"]].reset_index(drop=True)
    return pd.DataFrame({"group": scans.group.iloc[0], "split": data.split, "subject": data.subjects})


def interconv_fig8(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """A panel per data set with bars for the splits.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `interconv_fig8_data`, where they are at hand.
    """
    data = interconv_fig8_data(results) if data is None else data
    figure, panels = by_group(
        data,
        _draw,
        lambda protocol: ("Scans of a subject", "Subjects of the split (%)"),
        {name: name for name in sorted(data.group.unique())},
    )
    shared_legend(figure, panels)
    totals = data.groupby("group").subjects.sum()
    note(figure, "; ".join(f"{name}: {count} subjects" for name, count in totals.items()) + ".")
    return figure


def _draw(axes: Axes, part: pd.DataFrame) -> None:
    from matplotlib.ticker import MaxNLocator

    splits = [name for name in SPLITS if (part.split == name).any()]
    width = 0.84 / len(splits)
    for number, name in enumerate(splits):
        rows = part[part.split == name]
        title, color = SPLITS[name]
        places = rows.scans + (number - (len(splits) - 1) / 2) * width
        share = 100 * rows.subjects / rows.subjects.sum()
        axes.bar(places, share, 0.92 * width, color=color, alpha=0.85, label=title)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    axes.set_xlim(0.3, np.max(part.scans) + 0.7)
    axes.grid(axis="x", visible=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


ARTEFACTS = {"interconv-fig8": dataclasses.replace(ARTEFACT, data=interconv_fig8_data, draw=interconv_fig8)}
