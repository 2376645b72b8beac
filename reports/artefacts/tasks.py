"""Interactions and quality of every model on every task."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from segbench.reports import estimates, protocols
from segbench.reports.artefact import Artefact
from segbench.reports.by_task import ALL_TASKS, VARIANTS, one_result_each, protocol_titles, short_names
from segbench.reports.layout import Grid, number
from segbench.reports.requirement import SUPERVISED
from segbench.reports.style import model_title
from segbench.results.overview import variants
from segbench.results.resampling import Unit

if TYPE_CHECKING:
    from segbench.results import Results

# Column of image records, factor, heading and digits of each measure.
MEASURES: dict[str, tuple[str, float, str, int]] = {
    "interactions": ("interactions", 1, "Interactions", 2),
    "failed_percent": ("failed", 100, "Failed", 0),
    "dice_percent": ("dice", 100, "Dice (×100)", 1),
    "hd95": ("hd95", 1, "HD95 (pixels)", 1),
    "nsd_1px": ("nsd_1px", 100, "NSD 1 px (×100)", 1),
    "nsd_2px": ("nsd_2px", 100, "NSD 2 px (×100)", 1),
}
WITH_INTERVAL = ("interactions", "dice_percent")
# The interval over passes, whose unit is ``pass_unit``, stands beside the one over subjects.
RENAMED = {"low": "pass_low", "high": "pass_high", "std": "pass_std", "unit": "pass_unit"}
RENAMED |= {"n_units": "passes", "subject_low": "low", "subject_high": "high", "subject_std": "std"}
RENAMED |= {"subjects": "n_units"}


def results_by_task(results: Results) -> pd.DataFrame:
    """Estimate the measures on every task, and their means over the tasks of each data set.

    Returns
    -------
    DataFrame
        A row per protocol, task, model and ``metric``, and per split, context and annotator where a model has
        several. ``task`` is `ALL_TASKS` in the means of a data set. ``images`` counts the images of a task
        once, whatever the number of simulations. ``low`` and ``high`` are over subjects, ``pass_low`` and
        ``pass_high`` over simulations, or over trainings of networks that are trained on each task.
    """
    images = one_result_each(results)
    images = images.assign(failed=~images.reached)
    images = images.assign(
        **{name: factor * images[column].astype(float) for name, (column, factor, *_) in MEASURES.items()}
    )
    by = ["protocol", *variants(images), "dataset", "task", "model"]
    tasks_of = images.groupby("dataset", observed=True).task.nunique()
    several = images[images.dataset.isin(tasks_of.index[tasks_of > 1])].assign(task=ALL_TASKS)
    counts = images.groupby(by, observed=True).image.nunique().rename("images").reset_index()
    totals = counts[counts.dataset.isin(several.dataset)].assign(task=ALL_TASKS)
    counts = pd.concat([counts, totals]).astype(dict.fromkeys(by, str))
    counts = counts.groupby(by).images.sum().reset_index()
    table = pd.concat([_estimated(results, rows, by) for rows in (images, several) if len(rows)])
    order = [*sorted(images.task.unique().astype(str)), ALL_TASKS]
    table = table.merge(counts, on=by)
    return estimates.in_reading_order(table, [*by, "metric"], task=order, metric=list(MEASURES))


def _estimated(results: Results, rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    supervised = rows.protocol.isin(protocols.of_families(results, SUPERVISED))
    parts: dict[Unit, pd.DataFrame] = {"simulation": rows[~supervised], "training": rows[supervised]}
    tables = [
        estimates.with_subjects(part, list(MEASURES), by, unit=unit)
        for unit, part in parts.items()
        if len(part)
    ]
    return pd.concat(tables).rename(columns=RENAMED).assign(unit="subject")


def _grid(results: Results, table: pd.DataFrame) -> Grid:
    """Lay out a row per protocol, task and model."""
    images = one_result_each(results)
    fixed = set(table.protocol) - set(protocols.of_families(results, "sequential"))
    titles = {"protocol": protocol_titles(results, images), "task": short_names(images)}
    titles["model"] = {name: model_title(name) for name in table.model.unique()}
    headings = {"protocol": "Protocol", **VARIANTS, "dataset": "Data set", "task": "Task", "model": "Method"}
    keys = [name for name in headings if name in table]
    heads = [name for name in keys if name != "dataset" or table.dataset.nunique() > 1]
    rows = []
    for _, part in table.groupby(keys, sort=False):
        by_metric = {row["metric"]: row for row in part.to_dict("records")}
        facts = by_metric["dice_percent"]
        cells = [titles.get(name, {}).get(facts[name], facts[name]) for name in heads]
        cells += [_cell(by_metric[metric], facts["protocol"] in fixed) for metric in MEASURES]
        rows.append([*cells, f"{facts['images']:,}"])
    measured = [heading for _, _, heading, _ in MEASURES.values()]
    return Grid([headings[name] for name in heads] + [*measured, "Images"], rows, len(heads))


def _cell(row: Mapping[Hashable, Any], fixed: bool) -> str:
    """Format a mean, with its interval if the measure has one; not of a fixed number of interactions."""
    metric, digits = row["metric"], MEASURES[row["metric"]][-1]
    mean, low, high = (number(row[name], digits) for name in ("mean", "low", "high"))
    if metric not in WITH_INTERVAL or pd.isna(row["low"]) or (fixed and metric == "interactions"):
        return f"{mean}%" if metric == "failed_percent" else mean
    return f"{mean} [{low}, {high}]"


ARTEFACTS = {
    "tasks": Artefact(
        "table",
        "Every task and method",
        "Means over the subjects of each task, and over the tasks of a data set. Interactions are those to "
        "the target Dice; an image that never reaches it counts with the maximum. Some protocols fix their "
        "number instead. Failed is the share of images whose last prediction is below the target. Dice, "
        "95th-percentile Hausdorff distance (HD95) and normalised surface distance (NSD) are those of the "
        "last prediction. Of contexts or sets of several sizes, the largest one is shown. The CSV file has "
        "all intervals, also those over simulations.",
        "In brackets: 95% bootstrap interval over {subject}.",
        requires=(),
        data=results_by_task,
        grid=_grid,
    ),
}
