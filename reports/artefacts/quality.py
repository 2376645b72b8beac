"""Quality and effort with their spread, compared with the paper (MultiverSeg, Table 7 and Fig. 17b)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from segbench.reports import bounds, catalogue, estimates, papers, protocols, selection
from segbench.reports.artefact import Artefact
from segbench.reports.artefacts import bootstrapped
from segbench.reports.comparable import RULES, comparable
from segbench.reports.curves import paper_label
from segbench.reports.layout import Grid, joined, number
from segbench.reports.requirement import SUPERVISED, Requirement
from segbench.reports.style import model_title
from segbench.results import statistics
from segbench.results.effort import THRESHOLDS
from segbench.results.reference import PREPRINT
from segbench.results.resampling import Statistic, Unit, as_text

if TYPE_CHECKING:
    from segbench.results import Results

PERCENTS = [round(100 * threshold) for threshold in THRESHOLDS]
INTERVALS = "95% bootstrap intervals over the units named."
BOOTSTRAP = "±: standard deviation of the bootstrap over simulations"
# Columns of standard deviations, with the head of the column that shows mean and deviation.
DEVIATIONS = {"bootstrap_std": "Mean ± bootstrap std", "simulation_std": "Mean ± std over simulations"}
REQUIRES = (Requirement(), Requirement(("supervised",), (), optional=True))


@dataclass(frozen=True)
class Metric:
    """A column of image records, its average over the images of a set, and its format.

    Images whose column ``without`` is true do not count.
    """

    title: str
    column: str
    statistic: Statistic = "mean"
    scale: float = 1
    digits: int = 2
    without: str = ""


METRICS = {
    "dice_percent": Metric("Dice (×100) ↑", "dice", scale=100),
    "hd95": Metric("HD95 (pixels) ↓", "hd95"),
    "total_steps": Metric("Total steps ↓", "interactions", "total"),
    "failures": Metric("Failures ↓", "failed", "total"),
    **{f"noi_{p}": Metric(f"NoI to {p}% Dice ↓", f"noi_{p}") for p in PERCENTS},
    **{f"failures_{p}": Metric(f"Failures at {p}% Dice ↓", f"failed_{p}", "total") for p in PERCENTS},
    "dice_auc": Metric("Area under Dice (×100) ↑", "dice_auc", scale=100),
    "nsd_1px": Metric("NSD at 1 pixel (×100) ↑", "nsd_1px", scale=100),
    "nsd_2px": Metric("NSD at 2 pixels (×100) ↑", "nsd_2px", scale=100),
    "hd95_measured": Metric("HD95 without imputed (pixels) ↓", "hd95", without="hd95_imputed"),
    "empty_scribbles": Metric("Empty scribbles ↓", "empty_scribbles", "total"),
    "seconds": Metric("Seconds per image", "seconds"),
    "seconds_per_prediction": Metric("Seconds per prediction", "seconds_per_prediction"),
}
TABLE7 = ("dice_percent", "hd95", "total_steps", "failures")
TABLE17B = ("dice_percent", "failures")


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
        Columns of `estimated`, for supervised networks over trainings instead of simulations; ``paper``,
        ``paper_std``, ``paper_version`` and ``paper_difference`` (ours minus the paper's), NaN without a
        number that is `comparable`; ``weights`` of the model; ``tasks`` of the protocol; ``set_size`` of the
        run, which supervised networks do not have, nor totals.
    """
    by = ["protocol", "model", *keys]
    supervised = _is_supervised(results, images)
    sets, trained = images[~supervised], images[supervised]
    means = [name for name in metrics if METRICS[name].statistic == "mean"]
    tables = [estimated(sets, metrics, by)] if len(sets) else []
    tables += [estimated(trained, means, by, "training")] if len(trained) else []
    table = pd.concat(tables)
    names = {"value": "paper", "std": "paper_std", "version": "paper_version"}
    paper = papers.published(results, artefact).rename(columns=names)
    paper = pd.concat([comparable(results, sets, paper), paper[paper.protocol == SUPERVISED]])
    same = ["protocol", "metric", "model"]
    table = table.merge(paper[[*same, *names.values()]], how="left", on=same)
    table["paper_difference"] = table["mean"] - table["paper"]
    weights = _weights(results, images)
    table["weights"] = [weights.get(model) or "none" for model in table.model]
    table["tasks"] = table.protocol.map(images.astype({"protocol": str}).groupby("protocol").task.nunique())
    size = sets.groupby(["task", "simulation"], observed=True).position.nunique().max()
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


def estimated(
    images: pd.DataFrame, metrics: Sequence[str], by: Sequence[str], unit: Unit = "simulation"
) -> pd.DataFrame:
    """Estimate metrics with their spread over a unit and over subjects.

    Returns
    -------
    DataFrame
        Columns ``by``, with ``metric`` after the first; ``mean``, ``bootstrap_std``, ``low``, ``high``,
        ``unit`` and ``n_units`` of the bootstrap over the unit; ``subject_std``, ``subject_low``,
        ``subject_high`` and ``subjects`` of the one over subjects; with HD95 also ``hd95_imputed``, its
        number of pairs with exactly one empty mask. No row of a group without an image that counts.
    """

    def kind(name: str) -> tuple[Statistic, str]:
        return METRICS[name].statistic, METRICS[name].without

    tables = []
    for statistic, without in dict.fromkeys(map(kind, metrics)):
        names = [name for name in metrics if kind(name) == (statistic, without)]
        rows = scaled(images[~images[without]] if without else images, names)
        if len(rows):
            tables.append(estimates.with_subjects(rows, names, by, statistic, unit))
    table = pd.concat(tables, ignore_index=True).rename(columns={"std": "bootstrap_std"})
    if "hd95" in metrics:
        imputed = images.groupby(list(by), observed=True).hd95_imputed.sum().astype("float64").reset_index()
        table = table.merge(as_text(imputed).assign(metric="hd95"), how="left", on=[*by, "metric"])
    table.insert(1, "metric", table.pop("metric"))
    return table


def scaled(images: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Return images with a column for each metric, in its scale."""
    columns = {name: METRICS[name].scale * images[METRICS[name].column].astype("float64") for name in metrics}
    return images.assign(**columns)


def _methods_data(results: Results) -> pd.DataFrame:
    """Compare all methods; supervised networks on the tasks that the other rows have too."""
    images = selection.select(results, *REQUIRES)
    supervised = _is_supervised(results, images)
    if not supervised.all():
        images = images[~supervised | images.task.isin(images.task[~supervised].unique())]
    return quality(results, images.assign(failed=~images.reached), TABLE7, "table7")


def _methods_grid(results: Results, table: pd.DataFrame) -> Grid:
    table = table.assign(protocol=[protocols.labels(results, name).title for name in table.protocol])
    return _grid(table, {"protocol": "Protocol", "metric": "Metric", "model": "Method"})


def _bootstrapped_data(results: Results) -> pd.DataFrame:
    images = selection.select(results, *bootstrapped.REQUIRES)
    images = images.assign(failed=images.dice < estimates.target_dice(results))
    table = quality(results, images, TABLE17B, "table17b", ["context"])
    by = ["protocol", "model", "context"]
    deviations = []
    for name in TABLE17B:
        rows, statistic = scaled(images, [name]), METRICS[name].statistic
        deviations.append(statistics.deviation(rows, name, by=by, statistic=statistic).assign(metric=name))
    spread = pd.concat(deviations).rename(columns={"std": "simulation_std"})
    return table.drop(columns="bootstrap_std").merge(spread, on=[*by, "metric"])


def _bootstrapped_grid(results: Results, table: pd.DataFrame) -> Grid:
    return _grid(table, {"metric": "Metric", "model": "Method", "context": "Context"})


def _grid(table: pd.DataFrame, heads: Mapping[str, str]) -> Grid:
    """Lay out spread, weights and the paper's numbers, if there are any; ``heads`` as for `spread_grid`."""
    grid = spread_grid(table, heads)
    columns = [*grid.columns, "Weights"]
    rows = [[*row, weights] for row, weights in zip(grid.rows, table.weights, strict=True)]
    if table.paper.notna().any():
        columns += [paper_label(table.paper_version.dropna()), "Difference"]
        cells = [_comparison(row, METRICS[row.metric].digits) for _, row in table.iterrows()]
        rows = [[*row, *more] for row, more in zip(rows, cells, strict=True)]
    return Grid(columns, rows, grid.heads)


def spread_grid(table: pd.DataFrame, heads: Mapping[str, str]) -> Grid:
    """Lay out mean ± standard deviation with both intervals.

    ``heads`` are the columns that name a row, with their headings.
    """
    named = table.assign(
        metric=[METRICS[name].title for name in table.metric],
        model=[model_title(name) for name in table.model],
    )
    names = named[list(heads)].astype(str).to_numpy().tolist()
    deviation = next(name for name in DEVIATIONS if name in table)
    cells = [_spread(row, deviation, METRICS[row.metric].digits) for _, row in table.iterrows()]
    rows = [[*head, *body] for head, body in zip(names, cells, strict=True)]
    columns = [*heads.values(), DEVIATIONS[deviation], "95% over simulations", "95% over subjects"]
    return Grid(columns, rows, len(heads))


def _spread(row: pd.Series, deviation: str, digits: int) -> list[str]:
    imputed = f" ({row.hd95_imputed:.0f} imputed)" if pd.notna(row.get("hd95_imputed")) else ""
    return [
        joined(row["mean"], "±", row[deviation], digits) + imputed,
        joined(row.low, "to", row.high, digits),
        joined(row.subject_low, "to", row.subject_high, digits),
    ]


def _comparison(row: pd.Series, digits: int) -> list[str]:
    difference = number(row.paper_difference, digits)
    sign = "+" if row.paper_difference > 0 else ""
    return [joined(row.paper, "±", row.paper_std, digits), sign + difference]


ARTEFACTS = {
    "table7": Artefact(
        "table",
        "Segmentation quality and total interactions per task (Table 7)",
        "Mean over tasks ± standard deviation of the bootstrap. Dice and 95th-percentile "
        "Hausdorff distance (HD95) are those of the last prediction of every image. HD95 is imputed, by the "
        "image diagonal, where exactly one of prediction and label is empty; the number of these pairs is in "
        "brackets. Total steps are the interactions that a whole set of images needs; failures are its "
        "images that never reached the target Dice, which count with the maximum number of interactions. "
        "Supervised networks are trained on each task, with true labels; they segment every test image, and "
        "their deviations and intervals are over trainings instead of simulations.",
        f"{BOOTSTRAP}; {INTERVALS}",
        requires=REQUIRES,
        data=_methods_data,
        grid=_methods_grid,
        beside_papers=f"The paper's numbers are those of its own networks and tasks ({PREPRINT}). {RULES} "
        "These rules do not apply to supervised networks; the paper does not say over what the deviation of "
        "its own is.",
    ),
    "table17b": Artefact(
        "table",
        "Bootstrapping UniverSeg: Dice and failures per task (Fig. 17b)",
        "Mean over tasks ± standard deviation of the means of the simulations, which does not shrink with "
        "their number. Failures are the images of a set with less than the target Dice.",
        f"±: standard deviation over simulations; {INTERVALS}",
        requires=bootstrapped.REQUIRES,
        data=_bootstrapped_data,
        grid=_bootstrapped_grid,
        beside_papers="The paper has one number for UniverSeg and does not say whether its context holds "
        f"thresholded or soft predictions; both are compared with it ({PREPRINT}). {RULES}",
    ),
}
