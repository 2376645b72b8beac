"""Dice of automatic segmentation by architecture (InterConv, Table 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from segbench.datasets.catalogue import same_name
from segbench.reports import catalogue, estimates, papers, style
from segbench.reports.artefact import Artefact
from segbench.reports.artefacts.set_gains import AUTOMATIC, AUTOMATIC_PAIRS
from segbench.reports.layout import Grid, joined, number, probability
from segbench.reports.requirement import InsufficientRecords
from segbench.results.reference import INTERCONV
from segbench.results.statistics import StatisticsError

if TYPE_CHECKING:
    from segbench.results import Results

ESTIMATES = [
    "baseline",
    "baseline_std",
    "interconv",
    "interconv_std",
    "scans",
    "gain",
    "gain_low",
    "gain_high",
]
ESTIMATES += ["subject_low", "subject_high", "p"]
PAPER = [f"paper_{name}" for name in ESTIMATES[:4]]


def automatic_dice(results: Results) -> pd.DataFrame:
    """Compare the Dice of the test scans with and without InterConv, with the paper's numbers.

    Returns
    -------
    DataFrame
        A row per data set (``name``) and ``architecture`` (name of its baseline): ``baseline`` and
        ``interconv`` with ``_std``, the spread across scans, in Dice times 100; ``scans``, their number;
        ``gain``, ``gain_low``, ``gain_high`` (over scans), ``subject_low``, ``subject_high`` (over subjects)
        and ``p``; the paper's numbers with the prefix ``paper_``. NaN where there is none.

    Raises
    ------
    InsufficientRecords
        If there are no records of these models.
    """
    scans = catalogue.scans(results)
    scans = scans[scans.model.isin(AUTOMATIC.models)]
    if scans.empty:
        raise InsufficientRecords("There are no automatic segmentations of the test split.")
    rows = [
        {"key": same_name(of_group.dataset.iloc[0]), "run_name": group, "architecture": pair[0]}
        | _compared(of_group, pair)
        for group, of_group in scans.groupby("group")
        for pair in AUTOMATIC_PAIRS
        if of_group.model.isin(pair).any()
    ]
    run = pd.DataFrame(rows, columns=["key", "run_name", "architecture", *ESTIMATES])
    table = _paper(results).merge(run, how="outer", on=["key", "architecture"], sort=False)
    order = {baseline: rank for rank, (baseline, _) in enumerate(AUTOMATIC_PAIRS)}
    table = table.assign(
        only_run=table.name.isna(),
        name=table.name.fillna(table.run_name),
        rank=table.architecture.map(order),
    )
    table = table.sort_values(["only_run", "order", "name", "rank"], ignore_index=True)
    return table.drop(columns=["key", "run_name", "only_run", "order", "rank"])


def _paper(results: Results) -> pd.DataFrame:
    """Return the paper's numbers, a row per data set and architecture."""
    rows = []
    table = papers.published(results, "interconv-table1")
    for order, (dataset, cells) in enumerate(table.groupby("dataset", sort=False)):
        by_model = cells.set_index("model")
        for pair in AUTOMATIC_PAIRS:
            row = {"key": same_name(str(dataset)), "name": cells.name.iloc[0], "order": order}
            row["architecture"] = pair[0]
            for column, model in zip(("baseline", "interconv"), pair, strict=True):
                row[f"paper_{column}"] = by_model["value"][model]
                row[f"paper_{column}_std"] = by_model["std"][model]
            rows.append(row)
    return pd.DataFrame(rows, columns=["key", "name", "order", "architecture", *PAPER])


def _compared(scans: pd.DataFrame, pair: tuple[str, str]) -> dict[str, float]:
    """Compare both models of one architecture on the scans of one data set."""
    row: dict[str, float] = {"scans": scans[scans.model.isin(pair)].image.nunique()}
    for column, model in zip(("baseline", "interconv"), pair, strict=True):
        dice = 100 * scans.dice[scans.model == model]
        row |= {column: dice.mean(), f"{column}_std": dice.std()}
    try:
        gain = estimates.improvements(scans, pair[1], pair[0], []).set_index("unit")
    except StatisticsError:  # one of the two has no records of these scans
        return row
    row |= {"gain": gain["mean"]["image"], "p": gain.p["image"]}
    for unit, name in (("image", "gain"), ("subject", "subject")):
        row |= {f"{name}_low": gain.low[unit], f"{name}_high": gain.high[unit]}
    return row


def automatic_dice_grid(results: Results, table: pd.DataFrame) -> Grid:
    """Lay out a row per data set and architecture."""
    columns = ["Data set", "Architecture", "Baseline", "InterConv", "Scans", "Improvement", "95% over scans"]
    columns += ["95% over subjects", "Paired t-test"]
    rows = [
        [
            row["name"],
            style.model_title(row.architecture),
            joined(row.baseline, "±", row.baseline_std),
            joined(row.interconv, "±", row.interconv_std),
            number(row.scans, 0),
            number(row.gain),
            joined(row.gain_low, "to", row.gain_high),
            joined(row.subject_low, "to", row.subject_high),
            probability(row.p) or "–",
        ]
        for _, row in table.iterrows()
    ]
    if table[PAPER].notna().any(axis=None):
        columns += ["Paper: baseline", "Paper: InterConv"]
        for cells, (_, row) in zip(rows, table.iterrows(), strict=True):
            cells.append(joined(row.paper_baseline, "±", row.paper_baseline_std))
            cells.append(joined(row.paper_interconv, "±", row.paper_interconv_std))
    return Grid(columns, rows, heads=2)


ARTEFACTS = {
    "interconv-table1": Artefact(
        "table",
        "Dice of automatic segmentation (InterConv, Table 1)",
        "Mean Dice of the test scans (×100) ± standard deviation across scans, for every architecture alone "
        "and with InterConv, which segments all scans of a subject together. The Dice of a scan is averaged "
        "over its structures. The improvement is paired by scan, with 95% bootstrap intervals over scans and "
        "over subjects and the p value of the paired t-test over scans.",
        requires=(AUTOMATIC,),
        data=automatic_dice,
        grid=automatic_dice_grid,
        beside_papers=f"The paper's numbers ({INTERCONV}) are of its own data sets; they stand alone where "
        "this run has no records of the data set.",
    )
}
