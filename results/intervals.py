"""Estimates with percentile bootstrap intervals, as a table."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import get_args

import numpy as np
import pandas as pd

from segbench.results.resampling import (
    Design,
    Floats,
    Integers,
    StatisticsError,
    Unit,
    count_distinct,
    group_codes,
    resample,
)


def intervals(
    design: Design,
    estimate: Callable[[Floats], Floats],
    reps: int,
    seed: int,
    level: float,
    groups: Integers | None = None,
) -> pd.DataFrame:
    """Estimates with the spread of their bootstrap replicates.

    Parameters
    ----------
    design : Design
    estimate : callable
        Maps per-cell estimates (n, k, cells) to group estimates (n, m, groups).
    reps, seed, level
        As in `segbench.results.statistics.bootstrap`.
    groups : int array, optional
        The design's groups that ``estimate`` returns; all of them by default.

    Returns
    -------
    DataFrame
        The groups' columns, mean, std, low, high, unit and n_units; m times the groups, in this order.
    """
    chosen = np.arange(len(design.groups)) if groups is None else groups
    point = estimate(design.point()).ravel()
    repeats = len(point) // len(chosen)
    spread, n_units = (np.tile(column[chosen], repeats) for column in _units(design))
    values = np.vstack([estimate(part).reshape(-1, len(point)) for part in resample(design, reps, seed)])
    values = np.where(spread, values, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a group without an estimate has no interval
        low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
        std = np.nanstd(values, axis=0, ddof=1)
    std, low, high = np.where(spread, [std, low, high], np.nan)
    table = design.groups.iloc[np.tile(chosen, repeats)].reset_index(drop=True)
    return table.assign(mean=point, std=std, low=low, high=high, unit=design.unit, n_units=n_units)


def _units(design: Design) -> tuple[np.ndarray, Integers]:
    """For each group: whether any of its cells has two units, and the number of distinct units."""
    unit = group_codes([design.stratum[design.cell], design.member])
    spread = np.maximum.reduceat(count_distinct(design.cell, unit), design.starts) > 1
    return spread, count_distinct(design.group[design.cell], unit)


def validate(unit: str, reps: int, level: float, statistic: str = "mean") -> None:
    """Raise a `StatisticsError` if an argument is out of range."""
    *units, last = get_args(Unit)
    if unit not in (*units, last):
        raise StatisticsError(f"unit must be {', '.join(units)} or {last}, not {unit!r}")
    if statistic not in ("mean", "total"):
        raise StatisticsError(f"statistic must be mean or total, not {statistic!r}")
    if reps < 2:
        raise StatisticsError(f"the bootstrap needs at least 2 replicates, not {reps}")
    if not 0 < level < 1:
        raise StatisticsError(f"the level must lie between 0 and 1, not {level}")
