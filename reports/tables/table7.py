"""Segmentation quality and total interactions per task (MultiverSeg, Table 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from reports import numbers, style
from reports.registry import SEQUENTIAL
from reports.tables.layout import Grid, number, shown
from results import published, statistics
from results.resampling import Statistic

if TYPE_CHECKING:
    from results import Results


@dataclass(frozen=True)
class Metric:
    """A column of image records, how a set's images join, and how it is written."""

    title: str
    column: str
    statistic: Statistic
    scale: float
    digits: int


METRICS = {
    "dice_percent": Metric("Dice (×100) ↑", "dice", "mean", 100, 2),
    "hd95": Metric("HD95 (pixels) ↓", "hd95", "mean", 1, 2),
    "total_steps": Metric("Total steps ↓", "interactions", "total", 1, 2),
    "failures": Metric("Failures ↓", "failed", "total", 1, 2),
}


def table7(results: Results) -> pd.DataFrame:
    """Quality and effort of every method beside the paper's.

    Returns
    -------
    DataFrame
        A row per protocol, ``metric`` and model. Metrics: ``dice_percent``, ``hd95`` (pixels), and per set of
        images ``total_steps`` and ``failures`` (images that never reached the target). Columns ``mean``,
        ``std``, ``low``, ``high``, ``unit`` and ``n_units`` are of the bootstrap over simulations;
        ``subject_std``, ``subject_low``, ``subject_high`` and ``subjects`` of the one over subjects;
        ``paper``, ``paper_std`` and ``difference`` (ours minus the paper's) are empty where the paper has no
        number.
    """
    images = numbers.only(results, SEQUENTIAL).assign(failed=lambda frame: ~frame.reached)
    table = pd.concat([_estimates(images, name) for name in METRICS], ignore_index=True)
    keys = ["protocol", "metric", "model"]
    paper = published("table7").rename(columns={"value": "paper", "std": "paper_std"})
    table = table.merge(paper[[*keys, "paper", "paper_std"]], how="left", on=keys)
    table["difference"] = table["mean"] - table["paper"]
    protocols, models = style.protocols_in_order(images.protocol), list(style.looks(images.model))
    place = {name: index for index, name in enumerate([*protocols, *METRICS, *models])}
    return table.sort_values(keys, key=lambda column: column.map(place), ignore_index=True)


def _estimates(images: pd.DataFrame, name: str) -> pd.DataFrame:
    """One metric with its spread over simulations and, beside it, over subjects."""
    metric = METRICS[name]
    images = images.assign(value=metric.scale * images[metric.column].astype("float64"))
    keys = ["protocol", "model"]
    ours, cautious = (
        statistics.bootstrap(images, "value", unit, keys, statistic=metric.statistic)
        for unit in ("simulation", "subject")
    )
    names = {"std": "subject_std", "low": "subject_low", "high": "subject_high", "n_units": "subjects"}
    ours = ours.merge(cautious.rename(columns=names)[[*keys, *names.values()]], on=keys)
    ours.insert(1, "metric", name)
    return ours


def table7_grid(table: pd.DataFrame) -> Grid:
    """The table for reading: mean ± standard deviation, both intervals, the paper's, the difference."""
    heads = ["Protocol", "Metric", "Method", "Mean ± std", "95% over simulations", "95% over subjects"]
    return Grid([*heads, "Paper", "Difference"], [_row(row) for _, row in table.iterrows()], heads=3)


def _row(row: pd.Series) -> list[str]:
    metric = METRICS[row.metric]

    def text(value: float) -> str:
        return number(value, metric.digits)

    def joined(one: float, two: float, between: str) -> str:
        return text(one) + (f" {between} {text(two)}" if pd.notna(two) else "")

    difference = text(row.difference)
    return [
        shown("protocol", row.protocol),
        metric.title,
        shown("model", row.model),
        joined(row["mean"], row["std"], "±"),
        joined(row.low, row.high, "to"),
        joined(row.subject_low, row.subject_high, "to"),
        joined(row.paper, row.paper_std, "±"),
        f"+{difference}" if row.difference > 0 else difference,
    ]
