"""How interactions are distributed over images: performance profiles and interquartile means.

Both read one distribution, in which every image has the weight that it has in the hierarchical mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from segbench.results.intervals import check, intervals
from segbench.results.resampling import Design, Floats, StatisticsError, Unit, require, take_apart

MOST_VALUES = 256  # distinct values of which an interquartile mean is taken


def performance_profile(
    images: pd.DataFrame,
    most: int,
    by: Sequence[str] = ("protocol", "model"),
    unit: Unit = "simulation",
    reps: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Share of the images that reached the target within 0, 1, ..., ``most`` interactions.

    Parameters
    ----------
    images : DataFrame
        Rows as `results.load` gives them in ``images``.
    most : int
        Last number of interactions.
    by, unit, reps, seed, level
        As in `segbench.results.statistics.bootstrap`.

    Returns
    -------
    DataFrame
        A row per group and number of ``interactions``, in this order, otherwise as of `bootstrap`; shares
        from 0 to 1. An image that never reached the target is never counted: at the maximum the curve stays
        below 1 by the share of failures. All points of all curves share their draws.

    Raises
    ------
    StatisticsError
        As `bootstrap`, and if ``most`` is negative.
    """
    check(unit, reps, level)
    if most < 0:
        raise StatisticsError(f"the profile needs a number of interactions of at least 0, not {most}")
    require(images, ["interactions", "reached"])
    needed = images.interactions.where(images.reached.astype(bool), most + 1)
    design = shares(take_apart(images.assign(needed=needed), "needed", by, "mean"), np.arange(most + 1))
    table = intervals(design, design.over_tasks, unit, reps, seed, level)
    table.insert(len(by), "interactions", np.repeat(np.arange(most + 1), len(design.groups)))
    group = np.tile(np.arange(len(design.groups)), most + 1)
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
    """Mean of the middle half of the images, each with its weight in the hierarchical mean.

    The lowest and the highest quarter of the weight are cut off; an image at the edge counts with the part of
    its weight inside. As long as less than a quarter fails, the result does not depend on the maximum that
    failures count with.

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
    check(unit, reps, level)
    design, values = distribution(take_apart(images, value, by, "mean"))
    return intervals(
        design, lambda estimates: middle(values, design.over_tasks(estimates)), unit, reps, seed, level
    )


def distribution(design: Design) -> tuple[Design, Floats]:
    """A design whose estimates are the shares at or below each distinct value; and these values."""
    values = np.unique(design.values)
    if len(values) > MOST_VALUES:
        raise StatisticsError(
            f"an interquartile mean is of counts, such as interactions; there are {len(values)} distinct "
            f"values, more than {MOST_VALUES}"
        )
    return shares(design, values), values


def shares(design: Design, thresholds: np.ndarray) -> Design:
    """The design whose k-th estimate is the share of the values that are at most the k-th threshold."""
    return replace(design, values=design.values <= thresholds[:, None])


def middle(values: Floats, below: Floats) -> Floats:
    """Interquartile means, (n, 1, groups), from the shares at or below each value, (n, values, groups)."""
    inside = np.diff(np.clip(below, 0.25, 0.75), axis=1, prepend=0.25)
    return 2 * np.einsum("k,nkg->ng", values, inside)[:, None]
