"""Estimates with percentile bootstrap intervals, as a table."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

from segbench.results.resampling import (
    Design,
    Floats,
    Integers,
    StatisticsError,
    Unit,
    distinct,
    rank,
    resampled,
)


def intervals(
    design: Design,
    read: Callable[[Floats], Floats],
    unit: Unit,
    reps: int,
    seed: int,
    level: float,
    groups: Integers | None = None,
) -> pd.DataFrame:
    """Estimates with the spread of their bootstrap replicates.

    Parameters
    ----------
    design : Design
    read : callable
        Makes the estimates of the leaves, (n, k, leaves), those that are wanted, (n, m, groups).
    unit, reps, seed, level
        As in `segbench.results.statistics.bootstrap`.
    groups : int array, optional
        Which of the design's groups ``read`` returns; all of them by default.

    Returns
    -------
    DataFrame
        The groups' columns, mean, std, low, high, unit and n_units; m times the groups, in this order.
    """
    chosen = np.arange(len(design.groups)) if groups is None else groups
    point = read(design.point()).ravel()
    repeats = len(point) // len(chosen)
    spread, n_units = (np.tile(column[chosen], repeats) for column in _units(design, unit))
    values = np.vstack([read(part).reshape(-1, len(point)) for part in resampled(design, unit, reps, seed)])
    values = np.where(spread, values, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # what has no estimate has no interval either
        low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
        std = np.nanstd(values, axis=0, ddof=1)
    return (
        design.groups.iloc[np.tile(chosen, repeats)]
        .assign(
            mean=point,
            std=np.where(spread, std, np.nan),
            low=np.where(spread, low, np.nan),
            high=np.where(spread, high, np.nan),
            unit=unit,
            n_units=n_units,
        )
        .reset_index(drop=True)
    )


def _units(design: Design, unit: Unit) -> tuple[np.ndarray, Integers]:
    """For each group: whether any of its leaves has two units, and how many distinct ones it has."""
    stratum, units = design.clusters(unit)
    cluster = rank([stratum[design.leaf], units])
    spread = np.maximum.reduceat(distinct(design.leaf, cluster), design.starts) > 1
    group = np.searchsorted(design.starts, np.arange(len(design.leaves)), side="right") - 1
    return spread, distinct(group[design.leaf], cluster)


def check(unit: str, reps: int, level: float, statistic: str = "mean") -> None:
    """Refuse arguments out of range with a `StatisticsError`."""
    if unit not in ("simulation", "subject"):
        raise StatisticsError(f"unit must be simulation or subject, not {unit!r}")
    if statistic not in ("mean", "total"):
        raise StatisticsError(f"statistic must be mean or total, not {statistic!r}")
    if reps < 2:
        raise StatisticsError(f"the bootstrap needs at least 2 replicates, not {reps}")
    if not 0 < level < 1:
        raise StatisticsError(f"the level must lie between 0 and 1, not {level}")
