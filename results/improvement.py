"""Gain of a setwise model over its single-image baseline, sample by sample (InterConv, section 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from segbench.results.intervals import validate
from segbench.results.resampling import (
    PASS,
    Floats,
    Integers,
    StatisticsError,
    as_text,
    draw_counts,
    group_codes,
    require,
    to_design,
)
from segbench.results.schema import TASK

Samples = Literal["image", "subject"]

SAMPLE = (*TASK, "image", "subject")
COLUMNS = ("mean", "std", "low", "high", "unit", "n_units", "n", "t", "p")
CHUNK = 2_000_000  # draws of the bootstrap at a time


def improvement(
    rows: pd.DataFrame,
    model: str,
    baseline: str,
    value: str = "dice",
    by: Sequence[str] = ("protocol",),
    unit: Samples = "image",
    reps: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Mean difference, model minus baseline, over samples, with its interval and the paired t-test.

    A sample is one image of one task. Both models are compared on the same image, pass and, if the rows have
    one, step. The baseline has one result per image, which is compared with the model's result of every
    ``set_size``. Passes (seeds of the prompts) are averaged within the sample first. Every sample counts the
    same, as in the paper: a task weighs by its images.

    Parameters
    ----------
    rows : DataFrame
        Rows of ``images`` or ``steps`` of `segbench.results.load`.
    model, baseline : str
        Names in the column ``model``.
    value, by : str, sequence of str
        Column to compare, of finite numbers; columns that define the groups, with the model's values.
    unit : {"image", "subject"}
        What is resampled with replacement within a group: samples, as in the paper, or subjects of a cohort
        with all their images and labels together, for statements about new subjects.
    reps : int
        Bootstrap replicates, at least 2; 1,000, as in the paper, by default.
    seed : int
        Seed of the resampling; groups of the same samples share their draws.
    level : float in (0, 1)
        Nominal coverage of the interval.

    Returns
    -------
    DataFrame
        A row per group, sorted: model, baseline, ``by``, mean, std (of the replicates), low, high (in the
        unit of ``value``; NaN over a single unit), unit, n_units; n (samples), t and p (of the two-sided
        paired t-test over samples; NaN for one sample or for differences that are all zero); hierarchical
        (the mean as `segbench.results.statistics.hierarchical_mean` weighs it: data sets count the same).

    Raises
    ------
    StatisticsError
        If a column is missing, an argument is out of range, either model has no results, the models share no
        image, or a model has several results of an image in the same group.
    """
    if unit not in ("image", "subject"):
        raise StatisticsError(f"unit must be image or subject, not {unit!r}")
    validate("subject", reps, level)
    samples = _samples(rows, model, baseline, value, list(by))
    table = [_estimate(*group, unit, reps, seed, level) for group in _groups(samples, list(by))]
    gains = pd.DataFrame(table, columns=[*by, *COLUMNS])
    design = to_design(samples, "difference", by)
    gains["hierarchical"] = design.over_tasks(design.point())[0, 0]
    return gains.assign(model=model, baseline=baseline)[["model", "baseline", *gains.columns]]


def require_models(present: pd.Series, model: str, baseline: str) -> None:
    """Raise a `StatisticsError` if two models are the same or either has no results."""
    names = set(map(str, present.unique()))
    if model == baseline or not {model, baseline} <= names:
        known = ", ".join(sorted(names))
        raise StatisticsError(f"cannot compare {model} with {baseline}; there are results of {known}")


def _samples(rows: pd.DataFrame, model: str, baseline: str, value: str, by: list[str]) -> pd.DataFrame:
    """The ``difference`` of every sample in every group, averaged over passes; samples in order."""
    pair = ["protocol", "split", *SAMPLE, *(name for name in (*PASS, "step") if name in rows)]
    require(rows, ["model", *pair, *by, value])
    require_models(rows["model"], model, baseline)
    keys = list(dict.fromkeys([*pair, *by]))
    rows = as_text(rows[list(dict.fromkeys(["model", *keys, value]))])
    new = rows.loc[rows["model"] == model, [*keys, value]]
    old = rows.loc[rows["model"] == baseline, [*pair, value]]
    for name, table, columns in ((model, new, keys), (baseline, old, pair)):
        if table.duplicated(columns).any():
            raise StatisticsError(f"{name} has several results of an image in a group; select one kind")
    both = new.merge(old, on=pair, suffixes=("", "_baseline"))
    if both.empty:
        raise StatisticsError(f"{model} and {baseline} share no image; run both on the same tasks and seed")
    both["difference"] = both[value].to_numpy(np.float64) - both[f"{value}_baseline"].to_numpy(np.float64)
    if not np.isfinite(both["difference"]).all():
        raise StatisticsError(f"column {value} holds values that are not finite numbers")
    sample = list(dict.fromkeys([*by, *SAMPLE]))
    return both.groupby(sample, sort=True)["difference"].mean().reset_index()


def _groups(samples: pd.DataFrame, by: list[str]) -> Iterator[tuple[tuple, Floats, Integers]]:
    """Each group in order: its keys, the differences of its samples, and the codes of their subjects."""
    subject = group_codes(samples[name] for name in ("dataset", "cohort", "subject"))
    for key, part in samples.groupby(by, sort=True):
        yield key, part["difference"].to_numpy(np.float64), group_codes([subject[part.index]])


def _estimate(
    key: tuple, difference: Floats, subject: Integers, unit: Samples, reps: int, seed: int, level: float
) -> tuple:
    """One row of the result: the keys of a group and `COLUMNS`."""
    units = np.arange(len(difference)) if unit == "image" else subject
    low = high = std = np.nan
    if (n_units := len(np.unique(units))) > 1:
        values = _replicates(difference, units, reps, seed)
        low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
        std = values.std(ddof=1)
    return (*key, difference.mean(), std, low, high, unit, n_units, len(difference), *_t_test(difference))


def _replicates(difference: Floats, units: Integers, reps: int, seed: int) -> Floats:
    """Means over as many drawn units as there are, (reps,)."""
    sums, sizes = np.bincount(units, difference), np.bincount(units)
    rng, step = np.random.default_rng(seed), max(1, CHUNK // len(sums))
    parts = [draw_counts(rng, min(step, reps - start), len(sums)) for start in range(0, reps, step)]
    return np.concatenate([(drawn @ sums) / (drawn @ sizes) for drawn in parts])


def _t_test(difference: Floats) -> tuple[float, float]:
    """Statistic and two-sided probability of the paired t-test."""
    from scipy.special import stdtr

    freedom = len(difference) - 1
    if not (freedom and difference.any()):
        return np.nan, np.nan
    with np.errstate(divide="ignore"):  # differences without any spread
        t = difference.mean() / np.sqrt(difference.var(ddof=1) / len(difference))
    return float(t), float(2 * stdtr(freedom, -abs(t)))
