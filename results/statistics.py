"""Hierarchical means, bootstrap intervals that name their unit, and paired changes (MultiverSeg, C.2).

How the estimates are built is said in docs/statistics.md. In short: within one simulation of one task, images
are averaged by subject and subjects with equal weight; simulations are averaged within the task; tasks are
averaged by label, axis, modality, cohort and dataset. The bootstrap resamples whole simulations or whole
subjects, with the same draws for every model, protocol, task and position.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from results.resampling import (
    Design,
    Floats,
    Integers,
    Statistic,
    StatisticsError,
    Unit,
    distinct,
    rank,
    resampled,
    take_apart,
)
from results.schema import TASK

SAME_IMAGE = ("protocol", *TASK, "simulation", "position", "image")


def hierarchical_mean(
    frame: pd.DataFrame, value: str, by: Sequence[str] = ("protocol", "model")
) -> pd.DataFrame:
    """Mean over subject, simulation, label, axis, modality, cohort and dataset, in this order (C.2).

    Parameters
    ----------
    frame : DataFrame
        Rows with the task's five columns and, where there are any, ``simulation`` and ``subject``.
    value : str
        Column to average; finite numbers or bool.
    by : sequence of str
        Columns that tell the groups apart. Levels named here are not averaged over.

    Returns
    -------
    DataFrame
        Columns ``by`` and ``value``, sorted by ``by``.

    Raises
    ------
    StatisticsError
        If the table is empty, lacks a column, or has a value that is no finite number.
    """
    design = take_apart(frame, value, by, "mean")
    return design.groups.assign(**{value: design.over_tasks(design.point())[0]})


def totals(images: pd.DataFrame, value: str = "interactions") -> pd.DataFrame:
    """Sum over the images of each simulation of a task: one row per protocol, model, task and simulation."""
    by = ["protocol", "model", *TASK, "task", "simulation"]
    return images.groupby(by, sort=True, observed=True)[value].sum().reset_index()


def bootstrap(
    images: pd.DataFrame,
    value: str,
    unit: Unit = "simulation",
    by: Sequence[str] = ("protocol", "model"),
    reps: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    statistic: Statistic = "mean",
) -> pd.DataFrame:
    """Hierarchical means with percentile bootstrap intervals.

    Parameters
    ----------
    images : DataFrame
        Rows as `results.load` gives them in ``images`` (or ``steps``).
    value : str
        Column to average; finite numbers or bool.
    unit : {"simulation", "subject"}
        What is resampled with replacement. ``simulation`` describes the noise of the seeds on fixed images;
        ``subject`` resamples the subjects of each cohort, for statements about new subjects.
    by : sequence of str
        Columns that tell the groups apart, for example protocol, model and position for a curve.
    reps : int
        Bootstrap replicates, at least 2.
    seed : int
        Of the resampling. One seed gives the same draws in every call on the same units.
    level : float in (0, 1)
        Coverage that the interval aims at.
    statistic : {"mean", "total"}
        ``mean`` of an image, or ``total`` of the images of one simulation of a task.

    Returns
    -------
    DataFrame
        Columns ``by``, mean (of the data themselves), std (of the replicates), low, high, unit and n_units
        (distinct units in the group), sorted by ``by``. Where no task of a group has two units, std, low and
        high are NaN: one unit says nothing about the spread.

    Raises
    ------
    StatisticsError
        If the table is empty, lacks a column, has a value that is no finite number, or an argument is out
        of range.
    """
    _check(unit, reps, level, statistic)
    design = take_apart(images, value, by, statistic)
    values = np.vstack([design.over_tasks(part) for part in resampled(design, unit, reps, seed)])
    point = design.over_tasks(design.point())[0]
    return _summary(design, unit, point, values, level, np.arange(len(design.groups)))


def replicates(
    images: pd.DataFrame,
    value: str,
    unit: Unit = "simulation",
    by: Sequence[str] = ("protocol", "model"),
    reps: int = 1000,
    seed: int = 0,
    statistic: Statistic = "mean",
) -> tuple[pd.DataFrame, Floats]:
    """The replicates behind `bootstrap`, for differences and tests that need them jointly.

    Returns
    -------
    DataFrame
        The groups, columns ``by``.
    float array (reps, groups)
        Row r holds every group under the same draw; differences of columns are paired.
    """
    _check(unit, reps, 0.95, statistic)
    design = take_apart(images, value, by, statistic)
    values = [design.over_tasks(part) for part in resampled(design, unit, reps, seed)]
    return design.groups, np.vstack(values)


def paired_change(
    images: pd.DataFrame,
    model: str,
    baselines: Sequence[str],
    value: str = "interactions",
    unit: Unit = "simulation",
    by: Sequence[str] = ("protocol",),
    reps: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    average: Literal["tasks", "totals"] = "tasks",
) -> pd.DataFrame:
    """Change in percent of the total per image set from each baseline to a model (MultiverSeg, Fig. 4).

    Only images that both methods were given, at the same place of the same simulation, are compared.

    Parameters
    ----------
    images, value, unit, reps, seed, level
        As in `bootstrap`.
    model, baselines : str, sequence of str
        Names in the column ``model``.
    by : sequence of str
        Columns that tell the groups apart, without ``model``.
    average : {"tasks", "totals"}
        ``tasks``: hierarchical mean of the changes of the tasks (Fig. 4). ``totals``: change of the
        hierarchical mean of the totals, to which the figures of section 6.2 and Table 7 agree.

    Returns
    -------
    DataFrame
        Columns model, baseline, ``by``, mean, std, low, high (percent; negative: the model needs fewer), unit
        and n_units. A task whose baseline total is 0 has no change and is left out of the average.

    Raises
    ------
    StatisticsError
        As `bootstrap`, and if a baseline shares no image with the model or is the model.
    """
    _check(unit, reps, level, "total")
    if average not in ("tasks", "totals"):
        raise StatisticsError(f"average must be tasks or totals, not {average!r}")
    tables = []
    for baseline in baselines:
        design = take_apart(_shared(images, model, baseline), value, ["model", *by], "total")
        change = _change(design, model, baseline, average)
        values = np.vstack([change(part) for part in resampled(design, unit, reps, seed)])
        ours = np.flatnonzero(design.groups["model"] == model)
        table = _summary(design, unit, change(design.point())[0], values, level, ours)
        table.insert(1, "baseline", baseline)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _change(design: Design, model: str, baseline: str, average: str) -> Callable[[Floats], Floats]:
    """What makes the estimates of the leaves, (n, leaves), the model's changes in percent, (n, groups)."""
    # Both methods have the same tasks, and the model is the first sort key: the columns correspond in order.
    new, old = (np.flatnonzero(design.leaves["model"] == name) for name in (model, baseline))
    ours, theirs = (np.flatnonzero(design.groups["model"] == name) for name in (model, baseline))

    def of_totals(estimates: Floats) -> Floats:
        means = design.over_tasks(estimates)
        return _percent(means[:, ours], means[:, theirs])

    def of_tasks(estimates: Floats) -> Floats:
        changes = np.full_like(estimates, np.nan)
        changes[:, new] = _percent(estimates[:, new], estimates[:, old])
        return design.over_tasks(changes)[:, ours]

    return of_totals if average == "totals" else of_tasks


def _percent(new: Floats, old: Floats) -> Floats:
    return 100 * (new - old) / np.where(old == 0, np.nan, old)


def _shared(images: pd.DataFrame, model: str, baseline: str) -> pd.DataFrame:
    """The rows of two models, where both saw the same image at the same place."""
    present = set(images["model"])
    if model == baseline or not {model, baseline} <= present:
        raise StatisticsError(
            f"cannot compare {model} with {baseline}; there are results of {', '.join(sorted(present))}"
        )
    pair = images[images["model"].isin([model, baseline])]
    code = rank(pair[name] for name in SAME_IMAGE)
    shared = pair[np.bincount(code)[code] == 2]
    if shared.empty:
        raise StatisticsError(f"{model} and {baseline} share no image; run both on the same tasks and seed")
    return shared


def _summary(
    design: Design, unit: Unit, point: Floats, values: Floats, level: float, groups: Integers
) -> pd.DataFrame:
    """The table that `bootstrap` and `paired_change` return, for some of the design's groups."""
    stratum, units = design.clusters(unit)
    cluster = rank([stratum[design.leaf], units])
    per_leaf = distinct(design.leaf, cluster)
    spread = np.maximum.reduceat(per_leaf, design.starts)[groups] > 1
    group = np.searchsorted(design.starts, design.leaf, side="right") - 1
    values = np.where(spread, values, 0)
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return (
        design.groups.iloc[groups]
        .assign(
            mean=point,
            std=np.where(spread, np.nanstd(values, axis=0, ddof=1), np.nan),
            low=np.where(spread, low, np.nan),
            high=np.where(spread, high, np.nan),
            unit=unit,
            n_units=distinct(group, cluster)[groups],
        )
        .reset_index(drop=True)
    )


def _check(unit: str, reps: int, level: float, statistic: str) -> None:
    if unit not in ("simulation", "subject"):
        raise StatisticsError(f"unit must be simulation or subject, not {unit!r}")
    if statistic not in ("mean", "total"):
        raise StatisticsError(f"statistic must be mean or total, not {statistic!r}")
    if reps < 2:
        raise StatisticsError(f"the bootstrap needs at least 2 replicates, not {reps}")
    if not 0 < level < 1:
        raise StatisticsError(f"the level must lie between 0 and 1, not {level}")
