"""The supervised upper bound: networks trained on each task, beside what does without (MultiverSeg, 5.4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import catalogue, estimates, style
from segbench.reports.artefact import SUPERVISED
from segbench.results import statistics

if TYPE_CHECKING:
    from segbench.results import Results

NNUNET = "nnunet"
UNKNOWN = "schedule unknown"
QUALITY = ("mean", "std", "low", "high", "runs", "subject_std", "subject_low", "subject_high", "subjects")
COLUMNS = ("model", "label", "tasks", *QUALITY, "hd95", "at_target")


def bounds(results: Results, tasks: Iterable[str] | None = None, level: str = "") -> pd.DataFrame:
    """What networks trained on each task reach on all images of the test split.

    Parameters
    ----------
    results : Results
    tasks : iterable of str, optional
        Names of the tasks of what the bound stands beside; all that there are by default.
    level : {"", "dataset", "cohort", "task"}
        Tells groups of tasks apart.

    Returns
    -------
    DataFrame
        A row per ``group`` (its column only with a level) and model: ``label`` (see `label`; of all its
        tasks), ``tasks`` (their number); Dice times 100 as ``mean`` with ``std``, ``low`` and ``high`` of the
        bootstrap over training ``runs`` (NaN where there is one run), and ``subject_std``, ``subject_low``
        and ``subject_high`` over ``subjects``; ``hd95`` in pixels; ``at_target``, images in percent that
        reach the target Dice. No rows without such records.
    """
    images = results.images[(results.images.protocol == SUPERVISED) & (results.images.split == "test")]
    wanted = {str(task) for task in (images.task.unique() if tasks is None else tasks)}
    images = images[images.task.isin(wanted)]
    if images.empty:
        return pd.DataFrame(columns=COLUMNS)
    images = images.assign(percent=100 * images.dice, at_target=100.0 * images.reached)
    by = [*([level] if level else []), "model"]
    table = estimates.with_subjects(images, "percent", by).rename(columns={"n_units": "runs"})
    for name in ("hd95", "at_target"):
        table = table.merge(statistics.hierarchical_mean(images, name, by), on=by)
    counts = images.astype(dict.fromkeys(by, str)).groupby(by).task.nunique().rename("tasks")
    table = table.merge(counts.reset_index(), on=by)
    named = images.astype({"model": str}).groupby("model").task.unique()
    table["label"] = [label(results, model, named[model], len(wanted)) for model in table.model]
    place = {name: number for number, name in enumerate(style.looks(table.model))}
    table = table.sort_values(by, key=lambda column: column.map(place) if column.name == "model" else column)
    columns = [*(["group"] if level else []), *COLUMNS]
    return table.rename(columns={level: "group"})[columns].reset_index(drop=True)


def beside(results: Results, images: pd.DataFrame, grouped: bool = False) -> pd.DataFrame:
    """The `bounds` on the tasks of some image records, in their groups (see `estimates.grouping`) if asked."""
    return bounds(results, images.task.unique(), estimates.grouping(images) if grouped else "")


def label(results: Results, model: str, tasks: Iterable[str], of: int = 0) -> str:
    """How a model trained on each of some tasks is called wherever a number of it stands.

    A shortened or unknown training is part of the name, and, where ``of`` tasks are looked at, if it lacks
    some of them: "nnU-Net, 20 epochs of 20 iterations (shortened), 3 of 4 tasks".
    """
    tasks = list(tasks)
    title, trained = style.looks([model])[model].title, schedule(results, model, tasks)
    if trained == UNKNOWN:
        title = f"{title} ({trained})"
    elif "shortened" in trained:
        title = f"{title}, {trained}"
    return ", ".join([title, *_coverage(tasks, of)])


def weights(results: Results, model: str, tasks: Iterable[str], of: int = 0) -> str:
    """As `label`, for a column of weights: "trained: 20 epochs of 20 iterations (shortened)"."""
    tasks = list(tasks)
    details = [part for part in (schedule(results, model, tasks), *_coverage(tasks, of)) if part]
    return f"trained: {', '.join(details)}" if details else "trained"


def _coverage(tasks: list[str], of: int) -> list[str]:
    return [f"{len(tasks)} of {of} tasks"] if len(tasks) < of else []


def schedule(results: Results, model: str, tasks: Iterable[str]) -> str:
    """How long a model was trained on some tasks, in words; "shortened" is less than its own schedule.

    Empty where a model other than nnU-Net does not say it.
    """
    known = catalogue.trainings(results).get(model, {})
    entries = [known.get(task, {}) for task in tasks]
    whole, shortened = (
        {entry.get("schedule", "") for entry in entries if bool(entry.get("shortened")) == short}
        for short in (False, True)
    )
    if shortened and whole:
        return "several schedules, some shortened"
    if shortened:
        return f"{shortened.pop()} (shortened)" if len(shortened) == 1 else "several shortened schedules"
    if "" in whole:
        return UNKNOWN if model == NNUNET else ""
    return whole.pop() if len(whole) == 1 else "several schedules"


def quality(row: pd.Series) -> str:
    """The Dice of a row of `bounds`, with its standard deviation where there are several runs."""
    spread = f" ± {row['std']:.2f}" if pd.notna(row["std"]) else ""
    return f"Dice {row['mean']:.2f}{spread}"


def describe(table: pd.DataFrame) -> str:
    """What the horizontal lines of a figure and their bands are, to follow what its intervals are."""
    if table.empty:
        return ""
    runs, subjects = (
        estimates.counted(table.runs, "training run"),
        estimates.counted(table.subjects, "subject"),
    )
    several = table.low.notna()
    over = f"over {subjects}" if not several.any() else f"over {runs}"
    over += f", or over {subjects} where there is one" if several.any() and not several.all() else ""
    return f" Horizontal line: networks trained on each of these tasks; band: 95% bootstrap interval {over}."


def describe_spread(table: pd.DataFrame) -> str:
    """What the ± of `quality` is, to follow what the intervals of a figure are."""
    if table.empty or table["std"].isna().all():
        return ""
    return f" ±: standard deviation of the bootstrap over {estimates.counted(table.runs, 'training run')}."


def sentences(results: Results) -> list[str]:
    """What networks trained on each task reach, in words; none without records."""
    return [_sentence(row, estimates.target(results)) for _, row in bounds(results).iterrows()]


def _sentence(row: pd.Series, target: str) -> str:
    ends = {"low": f"over {row.runs} training runs", "subject_low": f"over {row.subjects} subjects"}
    known = {name: unit for name, unit in ends.items() if pd.notna(row[name])}
    within = "; ".join(
        f"{row[name]:.1f}, {row[name.replace('low', 'high')]:.1f} {unit}" for name, unit in known.items()
    )
    tasks = f"{row.tasks} task{'' if row.tasks == 1 else 's'}"
    found = f"Dice (×100) {row['mean']:.1f}{f' [{within}]' if within else ''} on {tasks}"
    share = f"{row.at_target:.0f}% of the images at {target} or better"
    return f"Supervised upper bound, without interactions, of {row.label}: {found}; {share}."
