"""A table of records as dense arrays, and its resampling by matrix products (docs/statistics.md)."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segbench.errors import SegbenchError
from segbench.results.schema import TASK

Unit = Literal["simulation", "subject"]
Statistic = Literal["mean", "total"]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CHUNK = 8_000_000  # numbers per temporary array of the bootstrap, 64 MB
LOOKUP = 8  # largest lookup table of `rank`, as a multiple of the rows


class StatisticsError(SegbenchError, ValueError):
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
    weight : (rows,)
    values : (k, rows), bool or float, for k estimates from the same rows, mostly one
        An estimate of a leaf is scale * sum(weight * value) / sum(weight).
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
    values: NDArray[Any]

    def point(self) -> Floats:
        """Estimates of the leaves from the data themselves, shape (1, k, leaves)."""
        weighted = self.sums(self.leaf, len(self.leaves))
        return (self.scale * weighted / np.bincount(self.leaf, self.weight))[None]

    def sums(self, cell: Integers, cells: int) -> Floats:
        """Sums of weight * value over the rows of each cell, (k, cells)."""
        return np.stack([np.bincount(cell, self.weight * value, cells) for value in self.values])

    def over_tasks(self, estimates: Floats) -> Floats:
        """Hierarchical means over the tasks, (..., leaves) to (..., groups); NaN tasks are left out."""
        known = ~np.isnan(estimates)
        if known.all():
            return np.add.reduceat(estimates * self.share, self.starts, axis=-1)
        total = np.add.reduceat(np.where(known, estimates, 0) * self.share, self.starts, axis=-1)
        share = np.add.reduceat(known * self.share, self.starts, axis=-1)
        return total / np.where(share == 0, np.nan, share)

    def clusters(self, unit: Unit) -> tuple[Integers, Integers]:
        """Stratum of each leaf, and unit of each row; the units of a stratum are numbered in sequence.

        Simulations are shared by all tasks. Subjects are shared by the tasks of a cohort, for instance two
        labels of the same images, and drawn together there.
        """
        if unit == "simulation":
            return np.zeros(len(self.leaves), np.int64), self.simulation
        stratum = rank([self.leaves["dataset"], self.leaves["cohort"]])
        return stratum, rank([stratum[self.leaf], self.subject])


def take_apart(frame: pd.DataFrame, value: str, by: Sequence[str], statistic: Statistic) -> Design:
    """The design of a table for one value and grouping; see `bootstrap` for the arguments and errors."""
    keys = [*by, *(name for name in TASK if name not in by)]
    require(frame, [*keys, value])
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
    leaves = plain(frame[keys].iloc[_member(leaf)])
    group = rank([np.zeros(len(leaves), np.int64), *(leaves[name] for name in by)])
    starts = np.searchsorted(group, np.arange(group[-1] + 1))
    groups = leaves.iloc[starts][list(by)].reset_index(drop=True)
    # Floating-point sums depend on the order of their terms; results must not depend on the order of rows.
    part = rank([leaf, simulation]) * (subject.max() + 1) + subject
    order = np.lexsort((numbers, part))
    leaf, simulation, subject = leaf[order], simulation[order], subject[order]
    weight, scale = _weights(leaf, simulation, subject, statistic)
    share = _shares(leaves, list(by))
    return Design(
        groups, leaves, starts, share, scale, leaf, simulation, subject, weight, numbers[order][None]
    )


def require(frame: pd.DataFrame, columns: Iterable[str]) -> None:
    """Refuse a table that lacks any of the columns."""
    absent = [name for name in columns if name not in frame]
    if absent:
        raise StatisticsError(f"the table has no column {', '.join(absent)}")


def _weights(
    leaf: Integers, simulation: Integers, subject: Integers, statistic: Statistic
) -> tuple[Floats, Floats]:
    """Weight of each row in its leaf, and scale of each leaf (see `Design`); rows are sorted by all three."""
    cell = _runs(leaf, simulation)
    leaf_of_cell = leaf[_member(cell)]
    if statistic == "total":
        return np.ones(len(leaf)), np.bincount(leaf) / np.bincount(leaf_of_cell)
    part = _runs(cell, subject)
    cell_of_part = cell[_member(part)]
    weight = 1 / (np.bincount(part)[part] * np.bincount(cell_of_part)[cell])
    return weight, np.ones(len(np.bincount(leaf)))


def _shares(leaves: pd.DataFrame, by: list[str]) -> Floats:
    """Weight of each leaf when every level of the hierarchy is the plain mean of the level below."""
    share = np.ones(len(leaves))
    parent = rank([np.zeros(len(leaves), np.int64), *(leaves[name] for name in by)])
    for name in TASK:
        child = rank([parent, leaves[name]])
        parent_of_child = parent[_member(child)]
        share /= np.bincount(parent_of_child)[parent]
        parent = child
    return share


def resampled(design: Design, unit: Unit, reps: int, seed: int) -> Iterator[Floats]:
    """Estimates of the leaves in each replicate, (reps, k, leaves), some replicates at a time.

    NaN where nothing of a leaf is drawn.
    """
    blocks = list(_blocks(design, unit, seed))
    shape = (len(design.values), len(design.leaves))
    step = max(1, CHUNK // max(math.prod(shape), *(len(block.sums) for block in blocks)))
    for start in range(0, reps, step):
        estimates = np.empty((min(step, reps - start), *shape))
        for block in blocks:
            drawn = counts(block.rng, len(estimates), len(block.sums)) @ block.sums
            weighted, weight = np.split(drawn, [block.first], axis=1)
            weight = np.where(weight == 0, np.nan, weight)[:, None, block.column]
            estimates[..., block.leaves] = (
                weighted.reshape(-1, len(design.values), len(block.leaves)) / weight
            )
        yield estimates * design.scale


class _Block(NamedTuple):
    """What is drawn together, as sums over the rows of each unit: (units, k * leaves + weights).

    The first columns are of weight * value, those from ``first`` on of weight. As all models saw the same
    images, many leaves have equal weights; these come once, and ``column``, (leaves,), says where.
    """

    rng: np.random.Generator
    leaves: Integers
    sums: Floats
    first: int
    column: Integers


def _blocks(design: Design, unit: Unit, seed: int) -> Iterator[_Block]:
    """One block for every stratum."""
    stratum, units = design.clusters(unit)
    of_row = stratum[design.leaf]
    members, width = distinct(of_row, units), np.bincount(stratum)
    # The (units, leaves) cells of all strata behind one another, so that one pass over the rows fills them.
    ends, first = np.cumsum(members * width), np.cumsum(members) - members
    starts = ends - members * width
    column = np.empty_like(stratum)
    column[np.argsort(stratum, kind="stable")] = np.concatenate([np.arange(size) for size in width])
    cell = starts[of_row] + (units - first[of_row]) * width[of_row] + column[design.leaf]
    weighted, weight = design.sums(cell, ends[-1]), np.bincount(cell, design.weight, ends[-1])
    for code, shape in enumerate(zip(members, width, strict=True)):
        part, leaves = slice(starts[code], ends[code]), np.flatnonzero(stratum == code)
        weights, place = _once(weight[part].reshape(shape))
        sums = np.hstack([*(row[part].reshape(shape) for row in weighted), weights])
        # A generator per stratum: what else is in the table does not change the draws of a cohort.
        names = design.leaves.loc[leaves[0], ["dataset", "cohort"]] if unit == "subject" else []
        key = zlib.crc32("/".join([unit, *names]).encode())
        yield _Block(np.random.default_rng([seed, key]), leaves, sums, len(weighted) * len(leaves), place)


def _once(table: Floats) -> tuple[Floats, Integers]:
    """The distinct columns of a table, and where among them each column is."""
    seen: dict[bytes, int] = {}
    place = [seen.setdefault(column.tobytes(), len(seen)) for column in table.T]
    return np.stack([np.frombuffer(column) for column in seen], axis=1), np.array(place)


def counts(rng: np.random.Generator, reps: int, units: int) -> Floats:
    """How often each unit is drawn in each replicate, (reps, units): as many draws as there are units."""
    draws = rng.integers(units, size=(reps, units)) + units * np.arange(reps)[:, None]
    return np.bincount(draws.ravel(), minlength=reps * units).reshape(reps, units).astype(np.float64)


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its categorical columns as what they hold, and rows numbered anew."""
    held = {name: column.cat.categories.dtype for name, column in table.select_dtypes("category").items()}
    return table.astype(held).reset_index(drop=True)


def distinct(code: Integers, member: Integers) -> Integers:
    """Number of distinct members of each code."""
    return np.bincount(code[_member(rank([code, member]))])


def rank(columns: Iterable[Any]) -> Integers:
    """Code of each row's combination of values: dense, sorted by the first column first."""
    code, size = np.zeros(1, np.int64), 1
    for column in columns:
        part, count = _codes(column)
        code, size = _dense(code * count + part, size * count)
    return code


def _codes(column: Any) -> tuple[Integers, int]:
    """Codes of a column in the order of its values, and what they stay below."""
    column = pd.Series(column)
    if isinstance(column.dtype, pd.CategoricalDtype):
        place, values = pd.factorize(np.asarray(column.cat.categories), sort=True)
        return np.append(place, len(values))[column.cat.codes], len(values) + 1  # code -1 is a missing value
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu":
        lowest, highest = int(column.min()), int(column.max())
        if highest - lowest < LOOKUP * len(column):
            return column.to_numpy(np.int64) - lowest, highest - lowest + 1
    codes, values = pd.factorize(column, sort=True, use_na_sentinel=False)
    return codes.astype(np.int64), len(values)


def _dense(code: Integers, size: int) -> tuple[Integers, int]:
    """Codes below ``size``, some of which may not occur, numbered without gaps; and how many occur."""
    if size > LOOKUP * len(code):
        values, code = np.unique(code, return_inverse=True)
        return code, len(values)
    seen = np.zeros(size, np.bool_)
    seen[code] = True
    place = np.cumsum(seen) - 1
    return place[code], int(place[-1]) + 1


def _runs(*columns: Integers) -> Integers:
    """Dense codes of the combinations in rows that are sorted by them."""
    new = np.any([np.diff(column) != 0 for column in columns], axis=0)
    return np.concatenate([[0], np.cumsum(new)])


def _member(code: Integers) -> Integers:
    """The place of some row of each code."""
    place = np.empty(code.max() + 1, np.int64)
    place[code] = np.arange(len(code))
    return place
