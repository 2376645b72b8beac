"""A table of records as dense arrays, and its resampling by matrix products (docs/statistics.md)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from results.schema import TASK

Unit = Literal["simulation", "subject"]
Statistic = Literal["mean", "total"]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CHUNK = 4_000_000  # numbers per temporary array of the bootstrap, 32 MB


class StatisticsError(ValueError):
    """A statistic cannot be computed from this table; the message is one sentence."""


@dataclass(frozen=True, eq=False)
class Design:
    """A table taken apart for matrix products. A leaf is one task in one group.

    Attributes
    ----------
    groups : DataFrame
        Columns ``by``, one row per group.
    leaves : DataFrame
        Columns ``by`` and the task's, one row per leaf, those of a group next to each other.
    starts : (groups,) first leaf of each group
    share : (leaves,) weight of a leaf in the hierarchical mean of its group
    scale : (leaves,) factor on the leaf's mean: 1, or the images per simulation for a total
    leaf, simulation, subject : (rows,) codes
    weight, value : (rows,) an estimate of a leaf is scale * sum(weight * value) / sum(weight)
    """

    groups: pd.DataFrame
    leaves: pd.DataFrame
    starts: Integers
    share: Floats
    scale: Floats
    leaf: Integers
    simulation: Integers
    subject: Integers
    weight: Floats
    value: Floats

    def point(self) -> Floats:
        """Estimates of the leaves from the data themselves, shape (1, leaves)."""
        weighted = np.bincount(self.leaf, self.weight * self.value)
        return (self.scale * weighted / np.bincount(self.leaf, self.weight))[None]

    def over_tasks(self, estimates: Floats) -> Floats:
        """Hierarchical means over the tasks, (n, leaves) to (n, groups); a task that is NaN is left out."""
        known = ~np.isnan(estimates)
        total = np.add.reduceat(np.where(known, estimates, 0) * self.share, self.starts, axis=1)
        if known.all():
            return total
        share = np.add.reduceat(known * self.share, self.starts, axis=1)
        return total / np.where(share == 0, np.nan, share)

    def clusters(self, unit: Unit) -> tuple[Integers, Integers]:
        """Stratum of each leaf, and unit of each row within its stratum.

        Simulations are shared by all tasks. Subjects are shared by the tasks of a cohort, for instance two
        labels of the same images, and drawn together there.
        """
        if unit == "simulation":
            return np.zeros(len(self.leaves), np.int64), self.simulation
        return rank([self.leaves["dataset"], self.leaves["cohort"]]), self.subject


def take_apart(frame: pd.DataFrame, value: str, by: Sequence[str], statistic: Statistic) -> Design:
    """The design of a table for one value and grouping; see `bootstrap` for the arguments and errors."""
    keys = [*by, *(name for name in TASK if name not in by)]
    absent = [name for name in (*keys, value) if name not in frame]
    if absent:
        raise StatisticsError(f"the table has no column {', '.join(absent)}")
    if frame.empty:
        raise StatisticsError("the table has no rows, so there is nothing to average")
    numbers = frame[value].to_numpy(np.float64)
    if not np.isfinite(numbers).all():
        raise StatisticsError(f"column {value} holds values that are no finite numbers")
    leaf = rank(frame[name] for name in keys)
    none = np.zeros(len(frame), np.int64)
    simulation, subject = (
        rank([frame[name]]) if name in frame else none for name in ("simulation", "subject")
    )
    leaves = frame.iloc[np.unique(leaf, return_index=True)[1]][keys].reset_index(drop=True)
    group = rank([np.zeros(len(leaves)), *(leaves[name] for name in by)])
    starts = np.unique(group, return_index=True)[1]
    groups = leaves.iloc[starts][list(by)].reset_index(drop=True)
    # Floating-point sums depend on the order of their terms; results must not depend on the order of rows.
    order = np.lexsort((numbers, subject, simulation, leaf))
    leaf, simulation, subject = leaf[order], simulation[order], subject[order]
    weight, scale = _weights(leaf, simulation, subject, statistic)
    share = _shares(leaves, list(by))
    return Design(groups, leaves, starts, share, scale, leaf, simulation, subject, weight, numbers[order])


def _weights(
    leaf: Integers, simulation: Integers, subject: Integers, statistic: Statistic
) -> tuple[Floats, Floats]:
    """Weight of each row in its leaf, and scale of each leaf (see `Design`)."""
    cell = rank([leaf, simulation])
    leaf_of_cell = leaf[np.unique(cell, return_index=True)[1]]
    if statistic == "total":
        return np.ones(len(leaf)), np.bincount(leaf) / np.bincount(leaf_of_cell)
    part = rank([cell, subject])
    cell_of_part = cell[np.unique(part, return_index=True)[1]]
    weight = 1 / (np.bincount(part)[part] * np.bincount(cell_of_part)[cell])
    return weight, np.ones(leaf.max() + 1)


def _shares(leaves: pd.DataFrame, by: list[str]) -> Floats:
    """Weight of each leaf when every level of the hierarchy is the plain mean of the level below."""
    share = np.ones(len(leaves))
    parent = rank([share, *(leaves[name] for name in by)])
    for name in TASK:
        child = rank([parent, leaves[name]])
        parent_of_child = parent[np.unique(child, return_index=True)[1]]
        share /= np.bincount(parent_of_child)[parent]
        parent = child
    return share


def resampled(design: Design, unit: Unit, reps: int, seed: int) -> Iterator[Floats]:
    """Estimates of the leaves in each replicate, some at a time: (n, leaves), NaN where no unit is drawn."""
    blocks = list(_blocks(design, unit, seed))
    widest = max(len(design.leaves), *(len(weight) for _, _, _, weight in blocks))
    step = max(1, CHUNK // widest)
    for start in range(0, reps, step):
        estimates = np.empty((min(step, reps - start), len(design.leaves)))
        for rng, leaves, weighted, weight in blocks:
            counts = _counts(rng, len(estimates), len(weight))
            drawn = counts @ weight
            estimates[:, leaves] = (counts @ weighted) / np.where(drawn == 0, np.nan, drawn)
        yield estimates * design.scale


def _blocks(
    design: Design, unit: Unit, seed: int
) -> Iterator[tuple[np.random.Generator, Integers, Floats, Floats]]:
    """Per stratum: its generator, its leaves, and (units, leaves) sums of weight * value and of weight."""
    stratum, units = design.clusters(unit)
    for code in range(stratum.max() + 1):
        rows = stratum[design.leaf] == code
        leaves, column = np.unique(design.leaf[rows], return_inverse=True)
        members, row = np.unique(units[rows], return_inverse=True)
        cell, shape = row * len(leaves) + column, (len(members), len(leaves))
        weight = _sums(cell, design.weight[rows], shape)
        weighted = _sums(cell, (design.weight * design.value)[rows], shape)
        # A generator per stratum: what else is in the table does not change the draws of a cohort.
        names = design.leaves.loc[leaves[0], ["dataset", "cohort"]] if unit == "subject" else []
        key = zlib.crc32("/".join([unit, *names]).encode())
        yield np.random.default_rng([seed, key]), leaves, weighted, weight


def _sums(cell: Integers, values: Floats, shape: tuple[int, int]) -> Floats:
    return np.bincount(cell, values, shape[0] * shape[1]).reshape(shape).astype(np.float64)


def _counts(rng: np.random.Generator, reps: int, units: int) -> Floats:
    """How often each unit is drawn in each replicate, (reps, units): as many draws as there are units."""
    draws = rng.integers(units, size=(reps, units)) + units * np.arange(reps)[:, None]
    return np.bincount(draws.ravel(), minlength=reps * units).reshape(reps, units).astype(np.float64)


def distinct(code: Integers, member: Integers) -> Integers:
    """Number of distinct members of each code."""
    pair = rank([code, member])
    return np.bincount(code[np.unique(pair, return_index=True)[1]])


def rank(columns: Iterable[Any]) -> Integers:
    """Code of each row's combination of values: dense, sorted by the first column first."""
    code: Any = 0
    for column in columns:
        part, values = pd.factorize(column, sort=True, use_na_sentinel=False)
        code = pd.factorize(code * len(values) + part, sort=True)[0]
    return np.asarray(code, np.int64)
