"""Dice of automatic segmentation by architecture (InterConv, Table 1)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import catalogue, estimates, style
from segbench.reports.artefact import Artefact, InsufficientRecords
from segbench.reports.artefacts.gains import AUTOMATIC_NEED, AUTOMATIC_PAIRS
from segbench.reports.layout import Grid, number, probability
from segbench.results import published
from segbench.results.statistics import StatisticsError

if TYPE_CHECKING:
    from segbench.results import Results

ARTEFACT = Artefact(
    "table",
    "Dice of automatic segmentation (InterConv, Table 1)",
    "Mean Dice of the test scans (×100), each averaged over its structures, ± the standard deviation across "
    "scans, of every architecture alone and with InterConv, which segments all scans of a subject together. "
    "The improvement is that of the same scan, with its 95% bootstrap intervals over scans and over subjects "
    "and the p value of the paired t-test over scans. The paper's numbers are of its own data; data sets "
    "that this run has not have only these.",
    requires=(AUTOMATIC_NEED,),
)

OURS = ["baseline", "baseline_std", "interconv", "interconv_std", "scans", "gain", "gain_low", "gain_high"]
OURS += ["subject_low", "subject_high", "p"]


def interconv_table1(results: Results) -> pd.DataFrame:
    """Dice of the test scans, the paper's beside ours.

    Returns
    -------
    DataFrame
        A row per data set (``name``) and ``architecture`` (name of its baseline): ``baseline`` and
        ``interconv`` with ``_std``, the spread across scans, in Dice times 100; ``scans``, their number;
        ``gain``, ``gain_low``, ``gain_high`` (over scans), ``subject_low``, ``subject_high`` (over subjects)
        and ``p``; and with the prefix ``paper_`` the paper's. NaN where there is none.

    Raises
    ------
    InsufficientRecords
        If no model of these has segmented any scan.
    """
    scans = catalogue.scans(results)
    scans = scans[scans.model.isin(AUTOMATIC_NEED.models)]
    if scans.empty:
        raise InsufficientRecords("There are no automatic segmentations of the test split.")
    rows = [
        {"key": catalogue.same_name(part.dataset.iloc[0]), "own_name": group, "architecture": pair[0]}
        | _compared(part, pair)
        for group, part in scans.groupby("group")
        for pair in AUTOMATIC_PAIRS
        if part.model.isin(pair).any()
    ]
    ours = pd.DataFrame(rows, columns=["key", "own_name", "architecture", *OURS])
    table = _paper().merge(ours, how="outer", on=["key", "architecture"], sort=False)
    table = table.assign(absent=table.name.isna(), name=table.name.fillna(table.own_name))
    place = {pair[0]: rank for rank, pair in enumerate(AUTOMATIC_PAIRS)}
    table = table.assign(rank=table.architecture.map(place)).sort_values(
        ["absent", "order", "name", "rank"], ignore_index=True
    )
    return table.drop(columns=["key", "own_name", "absent", "order", "rank"])


def _paper() -> pd.DataFrame:
    """The paper's numbers, a row per data set and architecture."""
    table = published("interconv-table1")
    rows = []
    for order, (dataset, theirs) in enumerate(table.groupby("dataset", sort=False)):
        for baseline, variant in AUTOMATIC_PAIRS:
            row = {"key": catalogue.same_name(str(dataset)), "name": theirs.name.iloc[0], "order": order}
            row["architecture"] = baseline
            for column, model in (("baseline", baseline), ("interconv", variant)):
                found = theirs[theirs.model == model].iloc[0]
                row |= {f"paper_{column}": found.value, f"paper_{column}_std": found["std"]}
            rows.append(row)
    return pd.DataFrame(rows)


def _compared(scans: pd.DataFrame, pair: tuple[str, str]) -> dict[str, float]:
    """Both models of one architecture on the scans of one data set."""
    row: dict[str, float] = {"scans": scans[scans.model.isin(pair)].image.nunique()}
    for column, model in zip(("baseline", "interconv"), pair, strict=True):
        dice = 100 * scans.dice[scans.model == model]
        row |= {column: dice.mean(), f"{column}_std": dice.std()}
    try:
        gain = estimates.improvements(scans, pair[1], pair[0], [])
    except StatisticsError:  # one of the two has not run on these scans
        return row
    over = gain.set_index("unit")
    row |= {"gain": over["mean"]["image"], "p": over.p["image"]}
    for unit, name in (("image", "gain"), ("subject", "subject")):
        row |= {f"{name}_low": over.low[unit], f"{name}_high": over.high[unit]}
    return row


def interconv_table1_grid(table: pd.DataFrame) -> Grid:
    """The table for reading."""
    columns = ["Data set", "Architecture", "Baseline", "InterConv", "Scans", "Improvement", "95% over scans"]
    columns += ["95% over subjects", "Paired t-test", "Paper: baseline", "Paper: InterConv"]
    return Grid(columns, [_row(row) for _, row in table.iterrows()], heads=2)


def _row(row: pd.Series) -> list[str]:
    ours = [_spread(row, "baseline"), _spread(row, "interconv"), number(row.scans, 0), number(row.gain)]
    ours += [_ends(row, "gain"), _ends(row, "subject"), probability(row.p) or "–"]
    theirs = [_spread(row, "paper_baseline"), _spread(row, "paper_interconv")]
    return [row["name"], style.MODELS[row.architecture].title, *ours, *theirs]


def _spread(row: pd.Series, name: str) -> str:
    return "–" if pd.isna(row[name]) else f"{number(row[name])} ± {number(row[f'{name}_std'])}"


def _ends(row: pd.Series, name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "–" if pd.isna(low) else f"{number(low)} to {number(high)}"


ARTEFACTS = {
    "interconv-table1": dataclasses.replace(
        ARTEFACT, data=interconv_table1, grid=lambda _, table: interconv_table1_grid(table)
    )
}
