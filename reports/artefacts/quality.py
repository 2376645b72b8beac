"""Quality and effort with their spread, compared with the paper (MultiverSeg, Table 7 and Fig. 17b)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from segbench.reports import bounds, catalogue, estimates, protocols, selection
from segbench.reports.artefact import Artefact
from segbench.reports.artefacts import bootstrapped
from segbench.reports.layout import Grid, number
from segbench.reports.requirement import SUPERVISED, Requirement
from segbench.reports.style import model_title
from segbench.results import published
from segbench.results.resampling import Statistic, Unit

if TYPE_CHECKING:
    from segbench.results import Results

PAPER_SET = 18  # images of a set, over which the paper's totals run
INTERVAL = (
    "± standard deviation of the bootstrap over simulations; 95% bootstrap intervals over the units named."
)
COLUMNS = (
    *("Mean ± std", "95% over simulations", "95% over subjects"),
    *("Paper", "Difference", "Our weights"),
)
REQUIRES = (Requirement(), Requirement(("supervised",), (), optional=True))


@dataclass(frozen=True)
class Metric:
    """A column of image records, its average over the images of a set, and its format."""

    title: str
    column: str
    statistic: Statistic = "mean"
    scale: float = 1
    digits: int = 2


METRICS = {
    "dice_percent": Metric("Dice (×100) ↑", "dice", scale=100),
    "hd95": Metric("HD95 (pixels) ↓", "hd95"),
    "total_steps": Metric("Total steps ↓", "interactions", "total"),
    "failures": Metric("Failures ↓", "failed", "total"),
}


def quality(
    results: Results,
    images: pd.DataFrame,
    metrics: Sequence[str],
    artefact: str,
    keys: Sequence[str] = (),
) -> pd.DataFrame:
    """Estimate metrics by protocol, model and further keys, with the paper's numbers.

    Parameters
    ----------
    results : Results
        Source of the weights of the models.
    images : DataFrame
        Image records, with the columns of the metrics.
    metrics : sequence of str
        Names in `METRICS`.
    artefact : str
        Name of the published numbers.
    keys : sequence of str
        Columns that identify a row, besides protocol and model.

    Returns
    -------
    DataFrame
        Columns ``protocol``, ``metric``, ``model`` and ``keys``; ``mean``, ``std``, ``low``, ``high``,
        ``unit`` and ``n_units`` of the bootstrap over simulations (of supervised networks over trainings);
        ``subject_std``, ``subject_low``, ``subject_high`` and ``subjects`` of the one over subjects;
        ``paper``, ``paper_std`` and ``difference`` (ours minus the paper's), NaN without a number in the
        paper or if its sets have another size; ``weights`` of the model; ``tasks`` of the protocol;
        ``set_size`` of the run, which supervised networks do not have, nor totals.
    """
    by = ["protocol", "model", *keys]
    supervised = _is_supervised(results, images)
    sets, trained = images[~supervised], images[supervised]
    tables = [_estimates(sets, name, by, "simulation") for name in metrics if len(sets)]
    means = [name for name in metrics if METRICS[name].statistic == "mean"]
    tables += [_estimates(trained, name, by, "training") for name in means if len(trained)]
    table = pd.concat(tables, ignore_index=True)
    paper = published(artefact).rename(columns={"value": "paper", "std": "paper_std"})
    same = ["protocol", "metric", "model"]
    table = table.merge(paper[[*same, "paper", "paper_std"]], how="left", on=same)
    size = sets.groupby(["task", "simulation"], observed=True).position.nunique().max()
    if size != PAPER_SET:
        totals = set(metrics) - set(means)
        table.loc[table.metric.isin(totals), ["paper", "paper_std"]] = np.nan
    table["difference"] = table["mean"] - table["paper"]
    weights = _weights(results, images)
    table["weights"] = [weights.get(model) or "none" for model in table.model]
    table["tasks"] = table.protocol.map(images.astype({"protocol": str}).groupby("protocol").task.nunique())
    table["set_size"] = np.where(_is_supervised(results, table), np.nan, size)
    return estimates.in_reading_order(table, [*same, *keys], metric=list(metrics))


def _is_supervised(results: Results, table: pd.DataFrame) -> pd.Series:
    return table.protocol.isin(protocols.of_families(results, SUPERVISED))


def _weights(results: Results, images: pd.DataFrame) -> dict[str, str | None]:
    """Return the weights of every model; the schedule for one that was trained on each task."""
    count = images.task.nunique()
    rows = images[_is_supervised(results, images)].astype({"model": str})
    trained = {
        str(model): bounds.weights(results, str(model), tasks, count)
        for model, tasks in rows.groupby("model").task.unique().items()
    }
    return catalogue.models(results) | trained


def _estimates(images: pd.DataFrame, name: str, by: list[str], unit: Unit) -> pd.DataFrame:
    """Estimate one metric with its spread over a unit and over subjects."""
    metric = METRICS[name]
    images = images.assign(value=metric.scale * images[metric.column].astype("float64"))
    table = estimates.with_subjects(images, "value", by, metric.statistic, unit)
    table.insert(1, "metric", name)
    return table


def _methods_data(results: Results) -> pd.DataFrame:
    """Compare all methods; supervised networks on the tasks that the other rows have too."""
    images = selection.select(results, *REQUIRES)
    supervised = _is_supervised(results, images)
    if not supervised.all():
        images = images[~supervised | images.task.isin(images.task[~supervised].unique())]
    return quality(results, images.assign(failed=~images.reached), list(METRICS), "table7")


def _methods_grid(results: Results, table: pd.DataFrame) -> Grid:
    table = table.assign(protocol=[protocols.labels(results, name).title for name in table.protocol])
    return _grid(table, {"protocol": "Protocol", "metric": "Metric", "model": "Method"})


def _bootstrapped_data(results: Results) -> pd.DataFrame:
    images = selection.select(results, *bootstrapped.REQUIRES)
    images = images.assign(failed=images.dice < estimates.target_dice(results))
    return quality(results, images, ["dice_percent", "failures"], "table17b", ["context"])


def _bootstrapped_grid(results: Results, table: pd.DataFrame) -> Grid:
    return _grid(table, {"metric": "Metric", "model": "Method", "context": "Context"})


def _grid(table: pd.DataFrame, heads: Mapping[str, str]) -> Grid:
    """Lay out mean ± standard deviation, both intervals, the paper's number and the difference.

    ``heads`` are the columns that name a row, with their headings.
    """
    named = table.assign(
        metric=[METRICS[name].title for name in table.metric],
        model=[model_title(name) for name in table.model],
    )
    names = named[list(heads)].astype(str).to_numpy().tolist()
    cells = [_cells(row, METRICS[row.metric].digits) for _, row in table.iterrows()]
    rows = [[*head, *body] for head, body in zip(names, cells, strict=True)]
    return Grid([*heads.values(), *COLUMNS], rows, heads=len(heads))


def _cells(row: pd.Series, digits: int) -> list[str]:
    def joined(first: float, second: float, between: str) -> str:
        return number(first, digits) + (f" {between} {number(second, digits)}" if pd.notna(second) else "")

    difference = number(row.difference, digits)
    return [
        joined(row["mean"], row["std"], "±"),
        joined(row.low, row.high, "to"),
        joined(row.subject_low, row.subject_high, "to"),
        joined(row.paper, row.paper_std, "±"),
        f"+{difference}" if row.difference > 0 else difference,
        row.weights,
    ]


ARTEFACTS = {
    "table7": Artefact(
        "table",
        "Segmentation quality and total interactions per task (Table 7)",
        "Mean over tasks ± standard deviation of the bootstrap. Dice and 95th-percentile Hausdorff distance "
        "(HD95) are those of the last prediction of every image. Total steps are the interactions that a "
        "whole set of images needs; failures are its images that never reached the target Dice, which count "
        "with the maximum number of interactions. The paper's numbers are of the official weights on its own "
        "tasks, and its totals of 18 images: they are compared with sets of 18 only. Supervised networks are "
        "trained on each task, with true labels; they segment every test image, and their intervals are over "
        "trainings instead of simulations.",
        INTERVAL,
        requires=REQUIRES,
        data=_methods_data,
        grid=_methods_grid,
    ),
    "table17b": Artefact(
        "table",
        "Bootstrapping UniverSeg: Dice and failures per task (Fig. 17b)",
        "Mean over tasks ± standard deviation of the bootstrap. Failures are the images of a set with less "
        "than the target Dice. The paper has one number for UniverSeg and does not say whether its context "
        "holds thresholded or soft predictions; both are compared with it.",
        INTERVAL,
        requires=bootstrapped.REQUIRES,
        data=_bootstrapped_data,
        grid=_bootstrapped_grid,
    ),
}
