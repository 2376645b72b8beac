"""Two tables of records, image by image, and whether the second is worse (docs/checking-regressions.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from segbench.results.resampling import (
    Design,
    Floats,
    Integers,
    StatisticsError,
    distinct,
    plain,
    rank,
    require,
    take_apart,
)
from segbench.results.schema import TASK

BY = ("protocol", "model", "dataset", "context", "split")
WHOLE = (*BY, *TASK[1:])  # a task of a group
IMAGE = (*WHOLE, "image", "subject")
ROUNDING = 1e-9  # a standard error below is one of sums, not of subjects
CONFIDENCE = 0.95  # that a check of an unchanged program raises no alarm at all


@dataclass(frozen=True)
class Measure:
    """What is compared.

    Attributes
    ----------
    name : column of the values: ``interactions``, ``dice``, ``failures`` (1 where not reached) or ``hd95``
    worse : 1 if more is worse, -1 if less is
    margin : change for the worse that a check tolerates
    relative : whether the margin is a share of the baseline's mean
    """

    name: str
    worse: int
    margin: float
    relative: bool = False

    def tolerated(self, baseline: float) -> float:
        """The margin in the unit of the measure."""
        return self.margin * abs(baseline) if self.relative else self.margin


MEASURES = (
    Measure("interactions", 1, 0.05, relative=True),
    Measure("dice", -1, 0.01),
    Measure("failures", 1, 0.05),
)
NUMBERS = ("baseline", "now", "difference", "low", "high", "error", "freedom", "images", "subjects")
OF_PLAY = (
    "interactions",
    "failures",
)  # mean something only where images take unequal numbers of interactions


def differences(
    old: pd.DataFrame, new: pd.DataFrame, measures: Sequence[str], level: float = 0.95
) -> pd.DataFrame:
    """Mean differences, new minus old, over the images that both tables have.

    Each image counts with its mean over simulations, so that two tables with the same draws are paired
    exactly and others by image. Context sizes are kept apart where a protocol has several of the same image.
    Means are those of `segbench.results.statistics.hierarchical_mean` over images, subjects and tasks.

    Parameters
    ----------
    old, new : DataFrame
        Columns of `segbench.results.schema.IMAGES`, at least those of `BY`, the task's, simulation, image, subject and
        context_size, and what the measures come from.
    measures : sequence of str
        Names as of `Measure`. Interactions and failures are left out of a protocol in which every image of
        both tables has the same number of interactions; so is a value that is not finite.
    level : float in (0, 1)
        Coverage of the interval.

    Returns
    -------
    DataFrame
        A row per group of `BY` and measure: baseline and now (means), difference, low and high (t interval
        over subjects), error (standard error), freedom (its degrees of freedom), images, subjects. Error, low
        and high are NaN where every task of the group has a single subject, which says nothing about the
        spread; low and high also where all differences are one number and there are too few subjects to rule
        out chance.

    Raises
    ------
    StatisticsError
        If a table lacks a column, or no image is in both.
    """
    pairs = _pairs(old, new, measures)
    played = _played(old, new)
    tables = []
    for measure in measures:
        values = pairs[[*IMAGE, f"{measure}_old", f"{measure}_new"]]
        values = values.set_axis([*IMAGE, "baseline", "now"], axis=1)
        values = values[np.isfinite(values.baseline) & np.isfinite(values.now)]
        if measure in OF_PLAY:
            values = values[values.protocol.isin(played)]
        if len(values):
            tables.append(_summary(values).assign(measure=measure))
    if not tables:
        return pd.DataFrame(columns=[*BY, "measure", *NUMBERS])
    table = pd.concat(tables).sort_values(list(BY), kind="stable", ignore_index=True)
    half = _half_width(table, (1 - level) / 2)
    return table.assign(low=table.difference - half, high=table.difference + half)[[*BY, "measure", *NUMBERS]]


def judged(table: pd.DataFrame, confidence: float = CONFIDENCE) -> pd.DataFrame:
    """Verdicts on `differences` of `MEASURES`, which all hold together with the confidence (Bonferroni).

    Returns
    -------
    DataFrame
        The table with ``margin``, ``bound`` (what the change for the worse is at least, NaN if unknown) and
        ``verdict``: ``regression`` if the bound exceeds the margin, ``passed`` if the change itself does not,
        else ``cannot tell``.
    """
    known = {measure.name: measure for measure in MEASURES}
    own = [known[name] for name in table.measure]
    margin = np.array([m.tolerated(base) for m, base in zip(own, table.baseline, strict=True)])
    worsening = np.array([m.worse for m in own]) * table.difference.to_numpy(np.float64)
    bound = worsening - _half_width(table, (1 - confidence) / max(1, len(table)))
    verdict = np.select([bound > margin, worsening <= margin], ["regression", "passed"], "cannot tell")
    return table.assign(margin=margin, bound=bound, verdict=verdict)


def missing(old: pd.DataFrame, new: pd.DataFrame, same_draws: bool) -> list[str]:
    """What of the old table the new one lacks, in words: groups, tasks, images to compare, records, or Dice.

    An image lacks its Dice if that was a finite number and is none now.

    Parameters
    ----------
    old, new : DataFrame
        As of `differences`.
    same_draws : bool
        Whether equal simulations should hold equal images, so that each of these records must be there.
    """
    groups, rest = _lacking(old, new, BY)
    tasks, rest = _lacking(rest, new, WHOLE)
    words = [_named(row) for row in groups]
    words += [f"{_named(row)}, task {'/'.join(row[name] for name in TASK)}" for row in tasks]
    if same_draws:
        rest = rest[rest.simulation.isin(new.simulation)]
        records, _ = _lacking(rest, new, (*IMAGE, "simulation", "context_size"))
        for name, count in Counter(map(_named, records)).items():
            words.append(f"{name}, {count} of its records")
    else:
        images, shared = _lacking(rest, new, IMAGE)
        compared = {tuple(row) for row in shared[list(BY)].drop_duplicates().itertuples(index=False)}
        alone = {tuple(row[name] for name in BY): _named(row) for row in images}
        words += [f"{said}, any image in common" for group, said in alone.items() if group not in compared]
    return words + _without_dice(old, new)


def _without_dice(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    """Where images have lost their Dice, in words."""
    before, now = (table[~np.isfinite(table.dice)] for table in (old, new))
    _, known = _lacking(now, old, IMAGE)
    lost, _ = _lacking(known, before, IMAGE)
    return [
        f"{name}, a finite Dice of {some} of its images" for name, some in Counter(map(_named, lost)).items()
    ]


def _lacking(
    old: pd.DataFrame, new: pd.DataFrame, keys: Sequence[str]
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """The distinct keys that only the old table has, and the old rows with the others."""
    ours, theirs = (plain(frame[list(keys)]) for frame in (old, new))
    found = ours.merge(theirs.drop_duplicates(), how="left", on=list(keys), indicator="where")
    alone = (found["where"] == "left_only").to_numpy()
    rows = ours[alone].drop_duplicates().sort_values(list(keys))
    return [dict(zip(keys, row, strict=True)) for row in rows.itertuples(index=False)], old[~alone]


def _named(row: Mapping[str, Any]) -> str:
    said = [f"{name} {row[name]}" for name in ("context", "split")]
    return f"{row['model']} in {row['protocol']} on {row['dataset']} ({', '.join(said)})"


def _pairs(old: pd.DataFrame, new: pd.DataFrame, measures: Sequence[str]) -> pd.DataFrame:
    """A row per image and context size of both tables, each measure as ``<measure>_old`` and ``_new``."""
    needed = [*IMAGE, "simulation", "context_size", *("reached" if m == "failures" else m for m in measures)]
    tables = {}
    for name, frame in (("old", old), ("new", new)):
        require(frame, needed)
        table = plain(frame[list(dict.fromkeys(needed))])
        tables[name] = table.assign(failures=1.0 - table.reached) if "failures" in measures else table
    both = pd.concat(tables, names=["table"]).reset_index("table")
    sizes = both.groupby(["table", *IMAGE, "simulation"]).context_size.nunique()
    several = sizes.groupby("protocol").max() > 1
    sized = both.protocol.isin(several.index[several])
    both = both.assign(context_size=both.context_size.where(sized, -1))
    both[list(measures)] = both[list(measures)].astype(np.float64).replace([np.inf, -np.inf], np.nan)
    means = both.groupby(["table", *IMAGE, "context_size"])[list(measures)].mean()
    runs = [means.loc[[name]].droplevel("table").add_suffix(f"_{name}") for name in tables]
    shared = runs[0].join(runs[1], how="inner")
    if shared.empty:
        raise StatisticsError(
            "the two tables share no image of a model and protocol; run both on the same tasks"
        )
    return shared.reset_index()


def _played(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    """The protocols in which images take unequal numbers of interactions."""
    both = pd.concat([plain(frame[["protocol", "interactions"]]) for frame in (old, new)])
    numbers = both.groupby("protocol").interactions.nunique()
    return list(numbers.index[numbers > 1])


def _summary(values: pd.DataFrame) -> pd.DataFrame:
    """Means, difference and its spread, a row per group."""
    values = values.assign(difference=values.now - values.baseline)
    means = {name: take_apart(values, name, BY, "mean") for name in ("baseline", "now", "difference")}
    design = means["difference"]
    columns = {name: each.over_tasks(each.point())[0, 0] for name, each in means.items()}
    group = np.searchsorted(design.starts, np.arange(len(design.leaves)), side="right") - 1
    stratum, unit = design.clusters("subject")
    return design.groups.assign(
        **columns,
        **_spread(design, group, columns["difference"]),
        images=np.bincount(group[design.leaf]),
        subjects=distinct(group[design.leaf], rank([stratum[design.leaf], unit])),
    )


def _spread(design: Design, group: Integers, estimate: Floats) -> dict[str, Floats]:
    """Standard error of each group's mean and its degrees of freedom (Welch and Satterthwaite).

    Cohorts are strata and their subjects the independent units; tasks of a cohort may share subjects, whose
    parts in them are added before they are squared. Each task is corrected for its own number of subjects,
    and a cohort has the degrees of freedom of its smallest task. A task of one subject borrows its spread
    (`_borrowed`), which is added to that of its cohort, as the subject may be the same.
    """
    stratum, unit = design.clusters("subject")
    count = distinct(design.leaf, unit).astype(np.float64)
    correction = np.sqrt(count / np.maximum(count - 1, 1))
    part_of_leaf = rank([group, stratum])
    residual = design.values[0] - design.point()[0, 0][design.leaf]
    share = (design.share * correction / np.bincount(design.leaf, design.weight))[design.leaf]
    cell = rank([part_of_leaf[design.leaf], unit])
    sums = np.bincount(cell, share * design.weight * residual)
    part = part_of_leaf[design.leaf][np.unique(cell, return_index=True)[1]]
    borrowed, freedom = _borrowed(design, group, unit, residual, count)
    variance = (np.sqrt(np.bincount(part, sums**2)) + np.bincount(part_of_leaf, design.share * borrowed)) ** 2
    least = np.full(len(variance), np.inf)
    np.minimum.at(least, part_of_leaf, freedom)
    whole = group[np.unique(part_of_leaf, return_index=True)[1]]
    total = np.bincount(whole, variance)
    error = np.sqrt(total)
    error[error <= ROUNDING * np.maximum(1, np.abs(estimate))] = 0
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = total**2 / np.bincount(whole, variance**2 / least)
    return {"error": error, "freedom": np.where(error > 0, freedom, np.nan)}


def _borrowed(
    design: Design, group: Integers, unit: Integers, residual: Floats, count: Floats
) -> tuple[Floats, Floats]:
    """Standard deviation that each task takes from others of its group, and each task's degrees of freedom.

    One of a single subject takes the pooled standard deviation between the subjects of a task, with the
    degrees of freedom of the largest task, as tasks may share subjects; it is NaN if all have one subject.
    Others take none.
    """
    cell = rank([design.leaf, unit])
    leaf = design.leaf[np.unique(cell, return_index=True)[1]]
    scale = count / np.bincount(design.leaf, design.weight)
    deviation = scale[leaf] * np.bincount(cell, design.weight * residual)
    squares = np.bincount(group, np.bincount(leaf, deviation**2))
    with np.errstate(invalid="ignore"):
        pooled = np.sqrt(squares / np.bincount(group, count - 1))
    largest = np.zeros(len(pooled))
    np.maximum.at(largest, group, count - 1)
    alone = count == 1
    return np.where(alone, pooled[group], 0.0), np.where(alone, largest[group], count - 1)


def _half_width(table: pd.DataFrame, tail: float) -> Floats:
    """From the difference to the bound that chance exceeds with the probability ``tail``; NaN if unknown.

    Differences that are all one number leave t without a say. A sign test has one: that all subjects change
    for the worse by chance has at most the probability 2 ** -subjects.
    """
    from scipy.stats import t

    error, count = (table[name].to_numpy(np.float64) for name in ("error", "subjects"))
    same = (error == 0) & ((table.difference.to_numpy(np.float64) == 0) | (0.5**count <= tail))
    half = t.isf(tail, table.freedom.to_numpy(np.float64)) * error
    return np.where(same, 0.0, half)
