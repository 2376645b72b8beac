"""Compare two tables of records image by image and find regressions (docs/regression-checks.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from segbench.results.resampling import (
    PASS,
    Design,
    Floats,
    StatisticsError,
    as_text,
    count_distinct,
    group_codes,
    require,
    to_design,
)
from segbench.results.schema import TASK
from segbench.text import count_of

KIND = ("context", "annotator", "split")
BY = ("protocol", "model", "dataset", *KIND)
GROUP_TASK = (*BY, *TASK[1:])  # one task of one group
IMAGE = (*GROUP_TASK, "image", "subject")
SIZES = ("context_size", "set_size")
ROUNDING = 1e-9  # a smaller standard error comes from the rounding of sums
CONFIDENCE = 0.95  # probability that a check of an unchanged program raises no alarm at all


@dataclass(frozen=True)
class Measure:
    """A compared quantity.

    Attributes
    ----------
    name : column of the values: ``interactions``, ``dice``, ``failures`` (1 where not reached) or ``hd95``
    worse : 1 if more is worse, -1 if less is worse
    margin : change for the worse that a check tolerates
    relative : whether the margin is a share of the baseline's mean
    """

    name: str
    worse: int
    margin: float
    relative: bool = False

    def tolerance(self, baseline: float) -> float:
        """The margin in the unit of the measure."""
        return self.margin * abs(baseline) if self.relative else self.margin


MEASURES = (
    Measure("interactions", 1, 0.05, relative=True),
    Measure("dice", -1, 0.01),
    Measure("failures", 1, 0.05),
)
NUMBERS = ("baseline", "now", "difference", "low", "high", "error", "freedom", "images", "subjects")
# Compared only in protocols whose images take unequal numbers of interactions.
INTERACTIVE_MEASURES = ("interactions", "failures")


def differences(
    old: pd.DataFrame, new: pd.DataFrame, measures: Sequence[str], level: float = 0.95
) -> pd.DataFrame:
    """Mean differences, new minus old, over the images that both tables have.

    Each image counts with its mean over passes: two tables with the same draws are paired exactly, other
    tables by image. Context and set sizes are kept apart where a protocol has several of the same image.
    Means are those of `segbench.results.statistics.hierarchical_mean` over images, subjects and tasks.

    Parameters
    ----------
    old, new : DataFrame
        Columns of `segbench.results.schema.IMAGES`: those of `IMAGE`, of the pass and of `SIZES`, and the
        measures' columns.
    measures : sequence of str
        Names as of `Measure`. Interactions and failures are left out of a protocol in which every image of
        both tables has the same number of interactions. Values that are not finite are left out.
    level : float in (0, 1)
        Coverage of the interval.

    Returns
    -------
    DataFrame
        A row per group of `BY` and measure: baseline and now (means), difference, low and high (t interval
        over subjects), error (standard error), freedom (its degrees of freedom), images, subjects. Error, low
        and high are NaN where every task of the group has a single subject, which says nothing about the
        spread. Low and high are also NaN where all differences are one number and there are too few subjects
        to rule out chance.

    Raises
    ------
    StatisticsError
        If a table lacks a column, or no image is in both.
    """
    pairs = _pairs(old, new, measures)
    interactive = _interactive_protocols(old, new)
    tables = []
    for measure in measures:
        values = pairs[[*IMAGE, f"{measure}_old", f"{measure}_new"]]
        values = values.set_axis([*IMAGE, "baseline", "now"], axis=1)
        values = values[np.isfinite(values.baseline) & np.isfinite(values.now)]
        if measure in INTERACTIVE_MEASURES:
            values = values[values.protocol.isin(interactive)]
        if len(values):
            tables.append(_summary(values).assign(measure=measure))
    if not tables:
        return pd.DataFrame(columns=[*BY, "measure", *NUMBERS])
    table = pd.concat(tables).sort_values(list(BY), kind="stable", ignore_index=True)
    half = _half_width(table, (1 - level) / 2)
    return table.assign(low=table.difference - half, high=table.difference + half)[[*BY, "measure", *NUMBERS]]


def with_verdicts(table: pd.DataFrame, confidence: float = CONFIDENCE) -> pd.DataFrame:
    """Add verdicts to `differences` of `MEASURES`; all hold together with the confidence (Bonferroni).

    Returns
    -------
    DataFrame
        The table with ``margin``, ``bound`` (least change for the worse with this confidence, NaN if unknown)
        and ``verdict``: ``regression`` if the bound exceeds the margin, ``passed`` if the change itself does
        not exceed it, else ``cannot tell``.
    """
    known = {measure.name: measure for measure in MEASURES}
    measures = [known[name] for name in table.measure]
    margin = np.array([m.tolerance(mean) for m, mean in zip(measures, table.baseline, strict=True)])
    worsening = np.array([m.worse for m in measures]) * table.difference.to_numpy(np.float64)
    bound = worsening - _half_width(table, (1 - confidence) / max(1, len(table)))
    verdict = np.select([bound > margin, worsening <= margin], ["regression", "passed"], "cannot tell")
    return table.assign(margin=margin, bound=bound, verdict=verdict)


def missing_records(old: pd.DataFrame, new: pd.DataFrame, same_draws: bool) -> list[str]:
    """Describe what of the old table is missing in the new one: groups, tasks, images, records, or Dice.

    A Dice value is missing if it was finite and is not any more. With ``same_draws``, equal passes hold equal
    images, and each record of a pass that both tables have must be there.
    """
    groups, rest = _absent(old, new, BY)
    tasks, rest = _absent(rest, new, GROUP_TASK)
    lines = [_group_name(row) for row in groups]
    lines += [f"{_group_name(row)}, task {'/'.join(row[name] for name in TASK)}" for row in tasks]
    if same_draws:
        _, rest = _absent(rest, new, PASS)
        records, _ = _absent(rest, new, (*IMAGE, *PASS, *SIZES))
        lines += _counts(records, "record")
    else:
        images, shared = _absent(rest, new, IMAGE)
        compared = {_group_name(row) for row in _rows(shared, BY)}
        names = dict.fromkeys(map(_group_name, images))
        lines += [f"{name}, all of its images" for name in names if name not in compared]
    _, known = _absent(new[~np.isfinite(new.dice)], old, IMAGE)
    lost, _ = _absent(known, old[~np.isfinite(old.dice)], IMAGE)
    return lines + _counts(lost, "finite Dice value")


def _counts(rows: list[dict[str, Any]], noun: str) -> list[str]:
    counts = Counter(map(_group_name, rows))
    return [f"{name}, {count_of(count, noun)}" for name, count in counts.items()]


def _rows(frame: pd.DataFrame, keys: Sequence[str]) -> list[dict[str, Any]]:
    """The distinct combinations of keys, sorted."""
    table = frame[list(keys)].drop_duplicates().sort_values(list(keys))
    return [dict(zip(keys, row, strict=True)) for row in table.itertuples(index=False)]


def _absent(
    old: pd.DataFrame, new: pd.DataFrame, keys: Sequence[str]
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """The distinct keys that only the old table has, sorted, and the old rows with other keys."""
    before, now = (as_text(frame[list(keys)]) for frame in (old, new))
    joined = before.merge(now.drop_duplicates(), how="left", on=list(keys), indicator="found_in")
    absent = (joined["found_in"] == "left_only").to_numpy()
    return _rows(before[absent], keys), old[~absent]


def _group_name(row: Mapping[str, Any]) -> str:
    kinds = ", ".join(f"{name} {row[name]}" for name in KIND)
    return f"{row['model']} in {row['protocol']} on {row['dataset']} ({kinds})"


def _pairs(old: pd.DataFrame, new: pd.DataFrame, measures: Sequence[str]) -> pd.DataFrame:
    """A row per image and sizes of both tables, each measure as ``<measure>_old`` and ``<measure>_new``."""
    columns = dict.fromkeys("reached" if name == "failures" else name for name in measures)
    needed = list(dict.fromkeys([*IMAGE, *PASS, *SIZES, *columns]))
    for frame in (old, new):
        require(frame, needed)
    both = pd.concat([as_text(frame[needed]) for frame in (old, new)], keys=["old", "new"], names=["table"])
    both = both.reset_index("table")
    if "failures" in measures:
        both["failures"] = 1.0 - both.reached
    for size in SIZES:
        counts = both.groupby(["table", *IMAGE, *PASS])[size].nunique().groupby("protocol").max()
        both[size] = both[size].where(both.protocol.isin(counts.index[counts > 1]), -1)
    both[list(measures)] = both[list(measures)].astype(np.float64).replace([np.inf, -np.inf], np.nan)
    means = both.groupby(["table", *IMAGE, *SIZES])[list(measures)].mean()
    tables = [means.loc[[name]].droplevel("table").add_suffix(f"_{name}") for name in ("old", "new")]
    shared = tables[0].join(tables[1], how="inner")
    if shared.empty:
        raise StatisticsError(
            "the two runs share no image of a model and protocol; run both on the same tasks"
        )
    return shared.reset_index()


def _interactive_protocols(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    """The protocols whose images take unequal numbers of interactions."""
    numbers = pd.concat([old, new]).groupby("protocol").interactions.nunique()
    return list(numbers.index[numbers > 1])


def _summary(values: pd.DataFrame) -> pd.DataFrame:
    """Means, difference and its spread, a row per group."""
    values = values.assign(difference=values.now - values.baseline)
    columns = {}
    for name in ("baseline", "now", "difference"):
        design = to_design(values, name, BY, unit="subject")
        columns[name] = design.over_tasks(design.point())[0, 0]
    group = design.group[design.cell]
    subject = group_codes([design.stratum[design.cell], design.member])
    return design.groups.assign(
        **columns,
        **_spread(design, columns["difference"]),
        images=np.bincount(group),
        subjects=count_distinct(group, subject),
    )


def _spread(design: Design, estimate: Floats) -> dict[str, Floats]:
    """Standard error of each group's mean and its degrees of freedom (Welch and Satterthwaite).

    Cohorts are strata and their subjects the independent units. Tasks of a cohort may share subjects, whose
    parts in them are added before they are squared. Each task is corrected for its own number of subjects,
    and a cohort has the degrees of freedom of its smallest task. A task of one subject borrows its spread
    (`_borrowed_spread`), which is added to that of its cohort, as the subject may be the same.
    """
    cell, member = design.cell, design.member
    subjects = count_distinct(cell, member).astype(np.float64)
    correction = np.sqrt(subjects / np.maximum(subjects - 1, 1))
    cohort = group_codes([design.group, design.stratum])  # of each cell, within its group
    residual = design.values[0] - design.point()[0, 0][cell]
    share = (design.share * correction / np.bincount(cell, design.weight))[cell]
    part = group_codes([cohort[cell], member])  # one subject of one cohort
    sums = np.bincount(part, share * design.weight * residual)
    cohort_of_part = cohort[cell][np.unique(part, return_index=True)[1]]
    borrowed, freedom = _borrowed_spread(design, residual, subjects)
    deviation = np.sqrt(np.bincount(cohort_of_part, sums**2))
    variance = (deviation + np.bincount(cohort, design.share * borrowed)) ** 2
    least = np.full(len(variance), np.inf)
    np.minimum.at(least, cohort, freedom)
    group_of_cohort = design.group[np.unique(cohort, return_index=True)[1]]
    total = np.bincount(group_of_cohort, variance)
    error = np.sqrt(total)
    error[error <= ROUNDING * np.maximum(1, np.abs(estimate))] = 0
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = total**2 / np.bincount(group_of_cohort, variance**2 / least)
    return {"error": error, "freedom": np.where(error > 0, freedom, np.nan)}


def _borrowed_spread(design: Design, residual: Floats, subjects: Floats) -> tuple[Floats, Floats]:
    """Standard deviation that each task takes from others of its group, and each task's degrees of freedom.

    A task of a single subject takes the pooled standard deviation between the subjects of a task, with the
    degrees of freedom of the largest task, as tasks may share subjects. It is NaN if all tasks have one
    subject. Tasks of several subjects take none.
    """
    group, cell = design.group, design.cell
    part = group_codes([cell, design.member])  # one subject of one task
    cell_of_part = cell[np.unique(part, return_index=True)[1]]
    scale = subjects / np.bincount(cell, design.weight)
    deviation = scale[cell_of_part] * np.bincount(part, design.weight * residual)
    squares = np.bincount(group, np.bincount(cell_of_part, deviation**2))
    with np.errstate(invalid="ignore"):
        pooled = np.sqrt(squares / np.bincount(group, subjects - 1))
    largest = np.zeros(len(pooled))
    np.maximum.at(largest, group, subjects - 1)
    single = subjects == 1
    return np.where(single, pooled[group], 0.0), np.where(single, largest[group], subjects - 1)


def _half_width(table: pd.DataFrame, tail: float) -> Floats:
    """Distance from the difference to the bound that chance exceeds with probability ``tail``, or NaN.

    The t distribution does not apply where all differences are one number. A sign test does: all subjects
    change for the worse by chance with at most the probability 2 ** -subjects.
    """
    from scipy.stats import t

    error, count = (table[name].to_numpy(np.float64) for name in ("error", "subjects"))
    same = (error == 0) & ((table.difference.to_numpy(np.float64) == 0) | (0.5**count <= tail))
    half = t.isf(tail, table.freedom.to_numpy(np.float64)) * error
    return np.where(same, 0.0, half)
