"""The supervised upper bound: networks trained on each task, without interactions (MultiverSeg, 5.4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import catalogue, estimates, protocols, style
from segbench.reports.requirement import SUPERVISED
from segbench.results import statistics
from segbench.text import count_of

if TYPE_CHECKING:
    from segbench.results import Results

NNUNET = "nnunet"
UNKNOWN = "schedule unknown"
QUALITY = ("mean", "std", "low", "high", "runs", "subject_std", "subject_low", "subject_high", "subjects")
COLUMNS = ("model", "label", "tasks", *QUALITY, "hd95", "at_target")


def bounds(results: Results, tasks: Iterable[str] | None = None, level: str = "") -> pd.DataFrame:
    """Estimate the quality of networks trained on each task, on all images of the test split.

    Parameters
    ----------
    results : Results
    tasks : iterable of str, optional
        Names of the tasks; all tasks with records by default.
    level : {"", "dataset", "cohort", "task"}
        Column that groups the tasks.

    Returns
    -------
    DataFrame
        A row per ``group`` (a column only with a level) and model: ``label`` (see `label`), ``tasks`` (their
        number); Dice times 100 as ``mean`` with ``std``, ``low`` and ``high`` of the bootstrap over training
        ``runs`` (NaN with one run), and ``subject_std``, ``subject_low`` and ``subject_high`` over
        ``subjects``; ``hd95`` in pixels; ``at_target``, images in percent that reach the target Dice. No rows
        without such records.
    """
    supervised = protocols.of_families(results, SUPERVISED)
    images = results.images[results.images.protocol.isin(supervised) & (results.images.split == "test")]
    wanted = {str(task) for task in (images.task.unique() if tasks is None else tasks)}
    images = images[images.task.isin(wanted)]
    if images.empty:
        return pd.DataFrame(columns=COLUMNS)
    images = images.assign(percent=100 * images.dice, at_target=100.0 * images.reached)
    by = [*([level] if level else []), "model"]
    table = estimates.with_subjects(images, "percent", by, unit="training").rename(
        columns={"n_units": "runs"}
    )
    for name in ("hd95", "at_target"):
        table = table.merge(statistics.hierarchical_mean(images, name, by), on=by)
    counts = images.astype(dict.fromkeys(by, str)).groupby(by).task.nunique().rename("tasks")
    table = table.merge(counts.reset_index(), on=by)
    tasks_of = images.astype({"model": str}).groupby("model").task.unique()
    table["label"] = [label(results, model, tasks_of[model], len(wanted)) for model in table.model]
    columns = [*(["group"] if level else []), *COLUMNS]
    return estimates.in_reading_order(table, by).rename(columns={level: "group"})[columns]


def bounds_of(results: Results, images: pd.DataFrame, grouped: bool = False) -> pd.DataFrame:
    """Return the `bounds` on the tasks of image records, by `estimates.grouping` if ``grouped``."""
    return bounds(results, images.task.unique(), estimates.grouping(images) if grouped else "")


def label(results: Results, model: str, tasks: Iterable[str], count: int = 0) -> str:
    """Return the title of a model trained on each of some tasks.

    It mentions a shortened or unknown schedule, and tasks that are missing if the figure shows ``count``
    tasks: "nnU-Net, 20 epochs of 20 iterations (shortened), 3 of 4 tasks".
    """
    tasks = list(tasks)
    title, training = style.model_title(model), schedule(results, model, tasks)
    if training == UNKNOWN:
        title = f"{title} ({training})"
    elif "shortened" in training:
        title = f"{title}, {training}"
    return ", ".join([title, *_incomplete(tasks, count)])


def weights(results: Results, model: str, tasks: Iterable[str], count: int = 0) -> str:
    """Return the training for a column of weights: "trained: 20 epochs of 20 iterations (shortened)"."""
    tasks = list(tasks)
    details = [text for text in (schedule(results, model, tasks), *_incomplete(tasks, count)) if text]
    return f"trained: {', '.join(details)}" if details else "trained"


def _incomplete(tasks: list[str], count: int) -> list[str]:
    return [f"{len(tasks)} of {count} tasks"] if len(tasks) < count else []


def schedule(results: Results, model: str, tasks: Iterable[str]) -> str:
    """Return the length of a model's training on some tasks; "shortened" if less than its own schedule.

    Empty for models other than nnU-Net whose manifest lacks it.
    """
    trainings = catalogue.trainings(results).get(model, {})
    entries = [trainings.get(task, {}) for task in tasks]
    full, shortened = (
        {entry.get("schedule", "") for entry in entries if bool(entry.get("shortened")) == short}
        for short in (False, True)
    )
    if shortened and full:
        return "several schedules, some shortened"
    if shortened:
        return f"{shortened.pop()} (shortened)" if len(shortened) == 1 else "several shortened schedules"
    if "" in full:
        return UNKNOWN if model == NNUNET else ""
    return full.pop() if len(full) == 1 else "several schedules"


def quality(row: pd.Series) -> str:
    """Return the Dice of a row of `bounds`, with its standard deviation if there are several runs."""
    spread = f" ± {row['std']:.2f}" if pd.notna(row["std"]) else ""
    return f"Dice {row['mean']:.2f}{spread}"


def describe(table: pd.DataFrame) -> str:
    """Explain the horizontal lines of a figure and their bands; empty without rows."""
    if table.empty:
        return ""
    runs = estimates.range_of(table.runs, "training")
    subjects = estimates.range_of(table.subjects, "subject")
    several = table.low.notna()
    over = f"over {runs}" if several.any() else f"over {subjects}"
    over += f", or over {subjects} if there is one run" if several.any() and not several.all() else ""
    return f"Horizontal line: networks trained on each of these tasks; band: 95% bootstrap interval {over}."


def describe_spread(table: pd.DataFrame) -> str:
    """Explain the ± of `quality`; empty without any."""
    if table.empty or table["std"].isna().all():
        return ""
    return f"±: standard deviation of the bootstrap over {estimates.range_of(table.runs, 'training')}."


def sentences(results: Results) -> list[str]:
    """Return the quality of networks trained on each task as sentences; none without records."""
    return [_sentence(row, estimates.target(results)) for _, row in bounds(results).iterrows()]


def _sentence(row: pd.Series, target: str) -> str:
    units = {"low": f"over {row.runs} trainings", "subject_low": f"over {row.subjects} subjects"}
    intervals = "; ".join(
        f"{row[low]:.1f}, {row[low.replace('low', 'high')]:.1f} {over}"
        for low, over in units.items()
        if pd.notna(row[low])
    )
    dice = f"Dice (×100) {row['mean']:.1f}{f' [{intervals}]' if intervals else ''}"
    share = f"{row.at_target:.0f}% of the images at {target} or better"
    return (
        f"Supervised upper bound, without interactions, of {row.label}: {dice} on "
        f"{count_of(row.tasks, 'task')}; {share}."
    )
