"""Tables of quality and effort with their spread, beside the paper's (MultiverSeg, Table 7 and Fig. 17b)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from segbench.reports import bounds, catalogue, estimates, style
from segbench.reports.artefact import SUPERVISED
from segbench.reports.layout import Grid, number, shown
from segbench.results import published
from segbench.results.resampling import Statistic

if TYPE_CHECKING:
    from segbench.results import Results

PAPER_SET = 18  # images of a set, over which the paper's totals run

INTERVAL = (
    "± standard deviation of the bootstrap over simulations; 95% bootstrap intervals over the units named."
)


@dataclass(frozen=True)
class Metric:
    """A column of image records, how a set's images join, and how it is written."""

    title: str
    column: str
    statistic: Statistic
    scale: float
    digits: int


DICE = Metric("Dice (×100) ↑", "dice", "mean", 100, 2)
FAILURES = Metric("Failures ↓", "failed", "total", 1, 2)


def quality(
    results: Results,
    images: pd.DataFrame,
    metrics: Mapping[str, Metric],
    artefact: str,
    keys: Sequence[str] = (),
) -> pd.DataFrame:
    """Every metric by protocol, model and further keys, beside the paper's.

    Parameters
    ----------
    results : Results
        Say which weights the models had.
    images : DataFrame
        Image records with the columns of the metrics.
    metrics : mapping of str to Metric
    artefact : str
        Whose published numbers stand beside.
    keys : sequence of str
        Columns that tell rows of a model apart.

    Returns
    -------
    DataFrame
        Columns ``protocol``, ``metric``, ``model`` and ``keys``; ``mean``, ``std``, ``low``, ``high``,
        ``unit`` and ``n_units`` of the bootstrap over simulations; ``subject_std``, ``subject_low``,
        ``subject_high`` and ``subjects`` of the one over subjects; ``paper``, ``paper_std`` and
        ``difference`` (ours minus the paper's), empty where the paper has no number or its sets have
        another number of images; and what the paper's number is compared with: ``weights`` of our model,
        ``tasks`` of the protocol and ``set_size`` of the run. Networks trained on each task are given no
        sets, so that they have no totals.
    """
    by = ["protocol", "model", *keys]
    supervised = images.protocol == SUPERVISED
    sets, others = images[~supervised], images[supervised]
    # Apart, as their simulations are trainings, which are not drawn together with those of sets.
    tables = [_estimates(sets, name, metric, by) for name, metric in metrics.items() if len(sets)]
    tables += [
        _estimates(others, name, metric, by)
        for name, metric in metrics.items()
        if len(others) and metric.statistic == "mean"
    ]
    table = pd.concat(tables, ignore_index=True)
    paper = published(artefact).rename(columns={"value": "paper", "std": "paper_std"})
    same = ["protocol", "metric", "model"]
    table = table.merge(paper[[*same, "paper", "paper_std"]], how="left", on=same)
    size = sets.groupby(["task", "simulation"], observed=True).position.nunique().max()
    totals = [name for name, metric in metrics.items() if metric.statistic == "total"]
    if size != PAPER_SET:
        table.loc[table.metric.isin(totals), ["paper", "paper_std"]] = np.nan
    table["difference"] = table["mean"] - table["paper"]
    weights = _weights(results, images)
    table["weights"] = [weights.get(model) or "none" for model in table.model]
    table["tasks"] = table.protocol.map(images.astype({"protocol": str}).groupby("protocol").task.nunique())
    table["set_size"] = np.where(table.protocol == SUPERVISED, np.nan, size)
    protocols, models = style.protocols_in_order(images.protocol), list(style.looks(images.model))
    place = {name: index for index, name in enumerate([*protocols, *metrics, *models, *estimates.CONTEXTS])}
    return table.sort_values([*same, *keys], key=lambda column: column.map(place), ignore_index=True)


def _weights(results: Results, images: pd.DataFrame) -> dict[str, str | None]:
    """Weights of every model; of one that was trained on each task, for how long."""
    of = images.task.nunique()
    rows = images[images.protocol == SUPERVISED].astype({"model": str})
    trained = {
        str(model): bounds.weights(results, str(model), tasks, of)
        for model, tasks in rows.groupby("model").task.unique().items()
    }
    return catalogue.models(results) | trained


def _estimates(images: pd.DataFrame, name: str, metric: Metric, by: list[str]) -> pd.DataFrame:
    """One metric with its spread over simulations and, beside it, over subjects."""
    images = images.assign(value=metric.scale * images[metric.column].astype("float64"))
    ours = estimates.with_subjects(images, "value", by, metric.statistic)
    ours.insert(1, "metric", name)
    return ours


def quality_grid(table: pd.DataFrame, metrics: Mapping[str, Metric], heads: Mapping[str, str]) -> Grid:
    """For reading: mean ± standard deviation, both intervals, the paper's, the difference.

    ``heads`` names the columns that name a row, with their headings.
    """
    columns = [
        "Mean ± std",
        "95% over simulations",
        "95% over subjects",
        "Paper",
        "Difference",
        "Our weights",
    ]
    rows = [
        [_named(row, name, metrics) for name in heads] + _cells(row, metrics[row.metric].digits)
        for _, row in table.iterrows()
    ]
    return Grid([*heads.values(), *columns], rows, heads=len(heads))


def _named(row: pd.Series, name: str, metrics: Mapping[str, Metric]) -> str:
    return metrics[row.metric].title if name == "metric" else shown(name, row[name])


def _cells(row: pd.Series, digits: int) -> list[str]:
    def joined(one: float, two: float, between: str) -> str:
        return number(one, digits) + (f" {between} {number(two, digits)}" if pd.notna(two) else "")

    difference = number(row.difference, digits)
    return [
        joined(row["mean"], row["std"], "±"),
        joined(row.low, row.high, "to"),
        joined(row.subject_low, row.subject_high, "to"),
        joined(row.paper, row.paper_std, "±"),
        f"+{difference}" if row.difference > 0 else difference,
        row.weights,
    ]
