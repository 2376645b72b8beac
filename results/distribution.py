"""Distribution of the interactions over images: performance profiles and interquartile means.

Every image has its weight in the hierarchical mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from segbench.results.intervals import intervals, validate
from segbench.results.resampling import Design, Floats, StatisticsError, Unit, require, to_design

MAX_VALUES = 256  # distinct values that an interquartile mean can be taken of


def performance_profile(
    images: pd.DataFrame,
    max_interactions: int,
    by: Sequence[str] = ("protocol", "model"),
    unit: Unit = "simulation",
    reps: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Share of the images that reached the target within 0, 1, ..., ``max_interactions`` interactions.

    Parameters
    ----------
    images : DataFrame
        Rows of ``images`` of `segbench.results.load`.
    max_interactions : int
        Last point of the profile.
    by, unit, reps, seed, level
        As in `segbench.results.statistics.bootstrap`.

    Returns
    -------
    DataFrame
        A row per group and number of ``interactions``, in this order; other columns as of `bootstrap`; shares
        from 0 to 1. An image that never reached the target is never counted: at the maximum the curve stays
        below 1 by the share of failures. All points of all curves share their draws.

    Raises
    ------
    StatisticsError
        As `bootstrap`, and if ``max_interactions`` is negative.
    """
    validate(unit, reps, level)
    if max_interactions < 0:
        raise StatisticsError(f"max_interactions must be at least 0, not {max_interactions}")
    require(images, ["interactions", "reached"])
    needed = images.interactions.where(images.reached.astype(bool), max_interactions + 1)
    points = np.arange(max_interactions + 1)
    design = _cumulative(to_design(images.assign(needed=needed), "needed", by, unit=unit), points)
    table = intervals(design, design.over_tasks, reps, seed, level)
    table.insert(len(by), "interactions", np.repeat(points, len(design.groups)))
    group = np.tile(np.arange(len(design.groups)), len(points))
    return table.iloc[np.argsort(group, kind="stable")].reset_index(drop=True)


def interquartile_mean(
    images: pd.DataFrame,
    value: str = "interactions",
    by: Sequence[str] = ("protocol", "model"),
    unit: Unit = "simulation",
    reps: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Mean of the middle half of the images, weighted as in the hierarchical mean.

    The lowest and the highest quarter of the weight are cut off; an image at the edge counts with the part of
    its weight inside. While less than a quarter of the images fail, the result does not depend on the maximum
    that failures count with.

    Parameters
    ----------
    images, by, unit, reps, seed, level
        As in `segbench.results.statistics.bootstrap`.
    value : str
        Column of counts.

    Returns
    -------
    DataFrame
        As of `bootstrap`.

    Raises
    ------
    StatisticsError
        As `bootstrap`, and if the column has more than 256 distinct values.
    """
    validate(unit, reps, level)
    design, values = distribution(to_design(images, value, by, unit=unit))
    return intervals(
        design, lambda shares: interquartile(values, design.over_tasks(shares)), reps, seed, level
    )


def distribution(design: Design) -> tuple[Design, Floats]:
    """Return a design that estimates the share at or below each distinct value, and these values."""
    values = np.unique(design.values)
    if len(values) > MAX_VALUES:
        raise StatisticsError(
            f"an interquartile mean needs counts, such as interactions; the column has {len(values)} "
            f"distinct values, more than {MAX_VALUES}"
        )
    return _cumulative(design, values), values


def _cumulative(design: Design, thresholds: np.ndarray) -> Design:
    """Return a design whose k-th estimate is the share of values up to the k-th threshold."""
    return replace(design, values=design.values <= thresholds[:, None])


def interquartile(values: Floats, shares: Floats) -> Floats:
    """Interquartile means, (n, 1, groups), from the shares at or below each value, (n, values, groups)."""
    inside = np.diff(np.clip(shares, 0.25, 0.75), axis=1, prepend=0.25)
    return 2 * np.einsum("k,nkg->ng", values, inside)[:, None]
