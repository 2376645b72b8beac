"""Hierarchical means, bootstrap intervals that name their unit, and paired changes (MultiverSeg, C.2).

How the estimates are built is said in docs/statistics.md. In short: within one simulation of one task, images
are averaged by subject and subjects with equal weight; simulations are averaged within the task; tasks are
averaged by label, axis, modality, cohort and dataset. The bootstrap resamples whole simulations or whole
subjects, with the same draws for every model, protocol, task and position.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from segbench.results.comparison import interquartile_difference, paired_change, probability_of_superiority
from segbench.results.distribution import interquartile_mean, performance_profile
from segbench.results.improvement import improvement
from segbench.results.intervals import check, intervals
from segbench.results.resampling import (
    Floats,
    Statistic,
    StatisticsError,
    Unit,
    plain,
    rank,
    require,
    resampled,
    take_apart,
)
from segbench.results.schema import TASK

__all__ = [
    "StatisticsError",
    "bootstrap",
    "convergence",
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

UNITS: tuple[Unit, ...] = ("simulation", "subject")  # the paper's first


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
    return design.groups.assign(**{value: design.over_tasks(design.point())[0, 0]})


def totals(images: pd.DataFrame, value: str = "interactions") -> pd.DataFrame:
    """Sum over the images of each simulation of a task: one row per protocol, model, task and simulation."""
    by = ["protocol", "model", *TASK, "task", "simulation"]
    sums = images.groupby(by, sort=False, observed=True)[value].sum().reset_index()
    return plain(sums).sort_values(by, ignore_index=True)


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
    check(unit, reps, level, statistic)
    design = take_apart(images, value, by, statistic)
    return intervals(design, design.over_tasks, unit, reps, seed, level)


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
    check(unit, reps, 0.95, statistic)
    design = take_apart(images, value, by, statistic)
    values = [design.over_tasks(part)[:, 0] for part in resampled(design, unit, reps, seed)]
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
    """Width of both intervals if only the first simulations had been run.

    Parameters
    ----------
    images, value, by, reps, seed, level, statistic
        As in `bootstrap`.
    sizes : sequence of int
        Numbers of simulations. A group with fewer of them has no row there.

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
    first = rank([images["simulation"]])
    tables = []
    for size in sorted(set(sizes)):
        some = images[first < size]
        pair = [bootstrap(some, value, unit, by, reps, seed, level, statistic) for unit in UNITS]
        complete = pair[0].n_units == size
        tables += [table[complete].assign(simulations=size) for table in pair]
    table = pd.concat(tables, ignore_index=True)
    if table.empty:
        raise StatisticsError(f"no group has {' or '.join(map(str, sizes))} simulations")
    table["width"] = table.high - table.low
    return table.sort_values([*by, "unit", "simulations"], ignore_index=True)
