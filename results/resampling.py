"""Tables of records as dense arrays, and their bootstrap by matrix products (docs/statistics.md)."""

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

Unit = Literal["simulation", "training", "person", "subject"]
Statistic = Literal["mean", "total"]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PASS = ("training", "simulation", "person")  # together they identify one pass over a task
CHUNK = 8_000_000  # numbers per temporary array of the bootstrap, 64 MB
LOOKUP = 8  # largest lookup table of `group_codes`, as a multiple of the rows


class StatisticsError(SegbenchError, ValueError):
    """A statistic cannot be computed from this table; the message is one sentence."""


@dataclass(frozen=True, eq=False)
class Design:
    """A table as arrays for matrix products. A cell is one task in one group.

    The estimate of a cell is scale * sum(weight * value) / sum(weight).

    Attributes
    ----------
    groups : DataFrame
        Columns ``by``, one row per group.
    cells : DataFrame
        Columns ``by`` and the task's, one row per cell, sorted by group.
    group : (cells,) code of the group
    starts : (groups,) first cell of each group
    share : (cells,) weight in the hierarchical mean of the group
    scale : (cells,) factor on the cell's mean: 1, or the images per pass for a total
    unit : str
        Name of the resampled unit.
    stratum : (cells,) code of the collection that the cell's units are drawn from
    cell : (rows,) code of the cell
    member : (rows,) code of the resampled unit; the codes of a stratum are consecutive
    weight : (rows,)
    values : (k, rows), bool or float, for k estimates from the same rows
    """

    groups: pd.DataFrame
    cells: pd.DataFrame
    group: Integers
    starts: Integers
    share: Floats
    scale: Floats
    unit: Unit
    stratum: Integers
    cell: Integers
    member: Integers
    weight: Floats
    values: NDArray[Any]

    def point(self) -> Floats:
        """Estimates of the cells from the data themselves, shape (1, k, cells)."""
        weighted = self.sums(self.cell, len(self.cells))
        return (self.scale * weighted / np.bincount(self.cell, self.weight))[None]

    def sums(self, code: Integers, size: int) -> Floats:
        """Sums of weight * value over the rows of each code, (k, size)."""
        return np.stack([np.bincount(code, self.weight * value, size) for value in self.values])

    def over_tasks(self, estimates: Floats) -> Floats:
        """Hierarchical means over the tasks, (..., cells) to (..., groups); NaN tasks are left out."""
        known = ~np.isnan(estimates)
        if known.all():
            return np.add.reduceat(estimates * self.share, self.starts, axis=-1)
        total = np.add.reduceat(np.where(known, estimates, 0) * self.share, self.starts, axis=-1)
        share = np.add.reduceat(known * self.share, self.starts, axis=-1)
        return total / np.where(share == 0, np.nan, share)


def to_design(
    frame: pd.DataFrame,
    value: str | Sequence[str],
    by: Sequence[str],
    statistic: Statistic = "mean",
    unit: Unit = "simulation",
) -> Design:
    """Convert a table to a design; see `segbench.results.statistics.bootstrap` for arguments and errors.

    Each of several values has an estimate.

    Units that are not subjects are shared by all tasks. Subjects are shared by the tasks of a cohort, for
    instance two labels of the same images, and are resampled within the cohort.
    """
    keys = [*by, *(name for name in TASK if name not in by)]
    columns = [value] if isinstance(value, str) else list(value)
    require(frame, [*keys, *columns])
    if frame.empty:
        raise StatisticsError("the table has no rows, so there is nothing to average")
    numbers = np.stack([frame[name].to_numpy(np.float64) for name in columns])
    for name, row in zip(columns, numbers, strict=True):
        if not np.isfinite(row).all():
            raise StatisticsError(f"column {name} holds values that are not finite numbers")
    cell = group_codes(frame[name] for name in keys)
    passes, subject, member = (_codes_of(frame, names) for names in (PASS, ["subject"], [unit]))
    cell_pass = group_codes([cell, passes])
    cells = as_text(frame[keys].iloc[_representatives(cell)])
    group = _codes_of(cells, by)
    starts = np.searchsorted(group, np.arange(group[-1] + 1))
    # Floating-point sums depend on the order of their terms; results must not depend on the order of rows.
    order = np.lexsort((*numbers, cell_pass * (subject.max() + 1) + subject))
    cell, cell_pass, subject, member = cell[order], cell_pass[order], subject[order], member[order]
    weight, scale = _weights(cell, cell_pass, subject, statistic)
    stratum = np.zeros(len(cells), np.int64)
    if unit == "subject":
        stratum = group_codes([cells["dataset"], cells["cohort"]])
        member = group_codes([stratum[cell], subject])
    groups, share = cells.iloc[starts][list(by)].reset_index(drop=True), _shares(cells, group)
    of_rows = cell, member, weight, numbers[:, order]
    return Design(groups, cells, group, starts, share, scale, unit, stratum, *of_rows)


def require(frame: pd.DataFrame, columns: Iterable[str]) -> None:
    """Raise a `StatisticsError` if the table lacks any of the columns."""
    absent = [name for name in columns if name not in frame]
    if absent:
        raise StatisticsError(f"the table has no column {', '.join(absent)}")


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Convert categories, as which `segbench.results.load` reads text, to text; number the rows anew."""
    kinds = {name: column.cat.categories.dtype for name, column in table.select_dtypes("category").items()}
    return table.astype(kinds).reset_index(drop=True)


def sums_per_pass(frame: pd.DataFrame, value: str, keys: Sequence[str]) -> pd.DataFrame:
    """Sum a column over each pass and combination of keys; columns ``keys``, those of `PASS`, ``value``."""
    names = list(dict.fromkeys([*keys, *(name for name in PASS if name in frame)]))
    sums = as_text(frame.groupby(names, sort=False, observed=True)[value].sum().reset_index())
    return sums.sort_values(names, ignore_index=True)


def _weights(
    cell: Integers, cell_pass: Integers, subject: Integers, statistic: Statistic
) -> tuple[Floats, Floats]:
    """Weight of each row in its cell, and scale of each cell (see `Design`)."""
    passes = np.bincount(cell[_representatives(cell_pass)])
    if statistic == "total":
        return np.ones(len(cell)), np.bincount(cell) / passes
    part = group_codes([cell_pass, subject])  # one subject in one pass
    subjects = np.bincount(cell_pass[_representatives(part)])
    return 1 / (np.bincount(part)[part] * subjects[cell_pass]), np.ones(len(passes))


def _shares(cells: pd.DataFrame, group: Integers) -> Floats:
    """Weight of each cell when every level of the hierarchy is the plain mean of the level below."""
    share, parent = np.ones(len(cells)), group
    for name in TASK:
        child = group_codes([parent, cells[name]])
        share /= np.bincount(parent[_representatives(child)])[parent]
        parent = child
    return share


def resample(design: Design, reps: int, seed: int) -> Iterator[Floats]:
    """Estimates of the cells in each replicate, (reps, k, cells), some replicates at a time.

    NaN where no row of a cell is drawn.
    """
    blocks = list(_blocks(design, seed))
    shape = (len(design.values), len(design.cells))
    step = max(1, CHUNK // max(math.prod(shape), *(len(block.sums) for block in blocks)))
    for start in range(0, reps, step):
        estimates = np.empty((min(step, reps - start), *shape))
        for block in blocks:
            drawn = draw_counts(block.rng, len(estimates), len(block.sums)) @ block.sums
            weighted, weight = np.split(drawn, [block.first], axis=1)
            weight = np.where(weight == 0, np.nan, weight)[:, None, block.column]
            estimates[..., block.cells] = weighted.reshape(-1, len(design.values), len(block.cells)) / weight
        yield estimates * design.scale


class _Block(NamedTuple):
    """One stratum as sums over the rows of each unit: (units, k * cells + weights).

    The first columns hold sums of weight * value, the columns from ``first`` on sums of weight. Cells of
    models that saw the same images have equal weights. Each distinct column of weights is kept once;
    ``column``, (cells,), is its index.
    """

    rng: np.random.Generator
    cells: Integers
    sums: Floats
    first: int
    column: Integers


def _blocks(design: Design, seed: int) -> Iterator[_Block]:
    """One block for every stratum."""
    stratum = design.stratum
    row_stratum = stratum[design.cell]
    units, width = count_distinct(row_stratum, design.member), np.bincount(stratum)
    # The (units, cells) tables of all strata lie in one array, filled in one pass over the rows.
    ends, first_unit = np.cumsum(units * width), np.cumsum(units) - units
    starts = ends - units * width
    column = np.empty_like(stratum)
    column[np.argsort(stratum, kind="stable")] = np.concatenate([np.arange(size) for size in width])
    place = (design.member - first_unit[row_stratum]) * width[row_stratum] + column[design.cell]
    place += starts[row_stratum]
    weighted, weight = design.sums(place, ends[-1]), np.bincount(place, design.weight, ends[-1])
    for code, shape in enumerate(zip(units, width, strict=True)):
        part, cells = slice(starts[code], ends[code]), np.flatnonzero(stratum == code)
        weights, index = _distinct_columns(weight[part].reshape(shape))
        sums = np.hstack([*(row[part].reshape(shape) for row in weighted), weights])
        # A generator per stratum: the draws of a cohort do not depend on other cohorts in the table. Passes
        # of all kinds share one generator.
        names = design.cells.loc[cells[0], ["dataset", "cohort"]]
        key = "/".join(["subject", *names]) if design.unit == "subject" else "simulation"
        rng = np.random.default_rng([seed, zlib.crc32(key.encode())])
        yield _Block(rng, cells, sums, len(weighted) * len(cells), index)


def _distinct_columns(table: Floats) -> tuple[Floats, Integers]:
    """The distinct columns of a table, and the index of each column among them."""
    seen: dict[bytes, int] = {}
    index = [seen.setdefault(column.tobytes(), len(seen)) for column in table.T]
    return np.stack([np.frombuffer(column) for column in seen], axis=1), np.array(index)


def draw_counts(rng: np.random.Generator, reps: int, units: int) -> Floats:
    """How often each unit is drawn in each replicate, (reps, units): as many draws as there are units."""
    draws = rng.integers(units, size=(reps, units)) + units * np.arange(reps)[:, None]
    return np.bincount(draws.ravel(), minlength=reps * units).reshape(reps, units).astype(np.float64)


def count_distinct(code: Integers, member: Integers) -> Integers:
    """Number of distinct members of each code."""
    return np.bincount(code[_representatives(group_codes([code, member]))])


def group_codes(columns: Iterable[Any]) -> Integers:
    """Code of each row's combination of values: dense, sorted by the first column first."""
    code, size = np.zeros(1, np.int64), 1
    for column in columns:
        part, count = _column_codes(column)
        code, size = _dense(code * count + part, size * count)
    return code


def _codes_of(frame: pd.DataFrame, names: Iterable[str]) -> Integers:
    """Codes by the columns that the table has, (rows,)."""
    return group_codes([np.zeros(len(frame), np.int64), *(frame[name] for name in names if name in frame)])


def _column_codes(column: Any) -> tuple[Integers, int]:
    """Codes of a column in the order of its values, and their upper bound."""
    column = pd.Series(column)
    if isinstance(column.dtype, pd.CategoricalDtype):
        order, values = pd.factorize(np.asarray(column.cat.categories), sort=True)
        return np.append(order, len(values))[column.cat.codes], len(values) + 1  # code -1 is a missing value
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu":
        lowest, highest = int(column.min()), int(column.max())
        if highest - lowest < LOOKUP * len(column):
            return column.to_numpy(np.int64) - lowest, highest - lowest + 1
    codes, values = pd.factorize(column, sort=True, use_na_sentinel=False)
    return codes.astype(np.int64), len(values)


def _dense(code: Integers, size: int) -> tuple[Integers, int]:
    """Codes below ``size`` without gaps, and their number."""
    if size > LOOKUP * len(code):
        values, code = np.unique(code, return_inverse=True)
        return code, len(values)
    seen = np.zeros(size, np.bool_)
    seen[code] = True
    dense = np.cumsum(seen) - 1
    return dense[code], int(dense[-1]) + 1


def _representatives(code: Integers) -> Integers:
    """The index of one row of each code."""
    index = np.empty(code.max() + 1, np.int64)
    index[code] = np.arange(len(code))
    return index
