"""Hierarchical means, bootstrap intervals over a named unit, and paired changes (MultiverSeg, C.2).

Within one pass over one task, images are averaged by subject, and subjects with equal weight. Passes are
averaged within the task. Tasks are averaged by label, axis, modality, cohort and dataset. The bootstrap
resamples whole passes or whole subjects, with the same draws for every model, protocol, task and position.
A pass is identified by ``training``, ``simulation`` and ``person``. See docs/statistics.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from segbench.results.comparison import interquartile_difference, paired_change, probability_of_superiority
from segbench.results.distribution import interquartile_mean, performance_profile
from segbench.results.improvement import improvement
from segbench.results.intervals import intervals, validate
from segbench.results.resampling import (
    Floats,
    Statistic,
    StatisticsError,
    Unit,
    group_codes,
    require,
    resample,
    sums_per_pass,
    to_design,
)
from segbench.results.schema import TASK

__all__ = [
    "StatisticsError",
    "bootstrap",
    "convergence",
    "deviation",
    "hierarchical_mean",
    "improvement",
    "interquartile_difference",
    "interquartile_mean",
    "paired_change",
    "performance_profile",
    "probability_of_superiority",
    "replicates",
    "totals",
]


def hierarchical_mean(
    frame: pd.DataFrame,
    value: str,
    by: Sequence[str] = ("protocol", "model"),
    statistic: Statistic = "mean",
) -> pd.DataFrame:
    """Mean over subject, pass, label, axis, modality, cohort and dataset, in this order (C.2).

    Parameters
    ----------
    frame : DataFrame
        Rows with the task's five columns and, optionally, ``training``, ``simulation``, ``person`` and
        ``subject``.
    value : str
        Column to average; finite numbers or bool.
    by : sequence of str
        Columns that define the groups. Levels named here are not averaged over.
    statistic : {"mean", "total"}
        As in `bootstrap`.

    Returns
    -------
    DataFrame
        Columns ``by`` and ``value``, sorted by ``by``.

    Raises
    ------
    StatisticsError
        If the table is empty, lacks a column, or has a value that is not a finite number.
    """
    design = to_design(frame, value, by, statistic)
    return design.groups.assign(**{value: design.over_tasks(design.point())[0, 0]})


def deviation(
    frame: pd.DataFrame,
    value: str,
    unit: Unit = "simulation",
    by: Sequence[str] = ("protocol", "model"),
    statistic: Statistic = "mean",
) -> pd.DataFrame:
    """Standard deviation over simulations of the hierarchical mean of each (MultiverSeg, Fig. 17b).

    It does not shrink with the number of simulations, unlike the standard deviation of `bootstrap`, which
    estimates the error of the mean over all simulations.

    Parameters
    ----------
    frame, value, unit, by, statistic
        As in `bootstrap`.

    Returns
    -------
    DataFrame
        Columns ``by`` and std, with the number of units less one as divisor; NaN for a single unit.

    Raises
    ------
    StatisticsError
        As `hierarchical_mean`.
    """
    validate(unit, 2, 0.95, statistic)
    each = hierarchical_mean(frame, value, [*by, unit], statistic)
    return each.groupby(list(by), sort=True)[value].std().rename("std").reset_index()


def totals(images: pd.DataFrame, value: str = "interactions") -> pd.DataFrame:
    """Sum a column over the images of each pass: one row per protocol, model, task and pass."""
    return sums_per_pass(images, value, ["protocol", "model", *TASK, "task"])


def bootstrap(
    images: pd.DataFrame,
    value: str | Sequence[str],
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
        Rows of ``images`` (or ``steps``) of `segbench.results.load`.
    value : str or sequence of str
        Column to average; finite numbers or bool. Several at once take less time.
    unit : {"simulation", "training", "person", "subject"}
        What is resampled with replacement. ``simulation`` describes the noise of the seeds on fixed images,
        ``training`` the noise of trainings (supervised), ``person`` differences between people who drew
        (manual-scribbles). ``subject`` resamples the subjects of each cohort, for statements about new
        subjects.
    by : sequence of str
        Columns that define the groups, for example protocol, model and position for a curve.
    reps : int
        Bootstrap replicates, at least 2.
    seed : int
        Seed of the resampling. One seed gives the same draws in every call on the same units.
    level : float in (0, 1)
        Nominal coverage of the interval.
    statistic : {"mean", "total"}
        ``mean`` per image, or ``total`` over the images of one pass over a task.

    Returns
    -------
    DataFrame
        Columns ``by``, mean (of the data themselves), std (of the replicates), low, high, unit and n_units
        (distinct units in the group), sorted by ``by``. Std, low and high are NaN where no task of a group
        has two units: one unit says nothing about the spread. Of a sequence of values, such a table for each
        in turn, whose name is in the column ``metric`` after ``by``.

    Raises
    ------
    StatisticsError
        If the table is empty, lacks a column, has a value that is not a finite number, or an argument is out
        of range.
    """
    validate(unit, reps, level, statistic)
    design = to_design(images, value, by, statistic, unit)
    table = intervals(design, design.over_tasks, reps, seed, level)
    if not isinstance(value, str):
        table.insert(len(by), "metric", np.repeat(list(value), len(design.groups)))
    return table


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
    validate(unit, reps, 0.95, statistic)
    design = to_design(images, value, by, statistic, unit)
    values = [design.over_tasks(part)[:, 0] for part in resample(design, reps, seed)]
    return design.groups, np.vstack(values)


def convergence(
    images: pd.DataFrame,
    value: str,
    sizes: Sequence[int],
    by: Sequence[str] = ("protocol", "model"),
    reps: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    statistic: Statistic = "mean",
) -> pd.DataFrame:
    """Width of the intervals over simulations and over subjects, had only the first simulations been run.

    Parameters
    ----------
    images, value, by, reps, seed, level, statistic
        As in `bootstrap`.
    sizes : sequence of int
        Numbers of simulations. A group with fewer simulations has no row there.

    Returns
    -------
    DataFrame
        A row per group, unit and number of ``simulations``, in this order: columns as of `bootstrap`, and
        ``width``, high minus low in the unit of ``value`` (NaN over a single unit).

    Raises
    ------
    StatisticsError
        As `bootstrap`, and if no group has as many simulations as any of the sizes.
    """
    require(images, ["simulation"])
    index = group_codes([images["simulation"]])
    units: tuple[Unit, ...] = ("simulation", "subject")
    tables = []
    for size in sorted(set(sizes)):
        first = images[index < size]
        pair = [bootstrap(first, value, unit, by, reps, seed, level, statistic) for unit in units]
        complete = pair[0].n_units == size
        tables += [table[complete].assign(simulations=size) for table in pair]
    table = pd.concat(tables, ignore_index=True)
    if table.empty:
        raise StatisticsError(f"no group has {' or '.join(map(str, sizes))} simulations")
    table["width"] = table.high - table.low
    return table.sort_values([*by, "unit", "simulations"], ignore_index=True)
