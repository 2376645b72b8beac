"""Two models on the images of both: relative changes, differences, and the probability of needing fewer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from segbench.results.distribution import distribution, interquartile
from segbench.results.improvement import require_models
from segbench.results.intervals import intervals, validate
from segbench.results.resampling import (
    PASS,
    Floats,
    Integers,
    StatisticsError,
    Unit,
    group_codes,
    require,
    sums_per_pass,
    to_design,
)
from segbench.results.schema import TASK


def paired_change(
    images: pd.DataFrame,
    model: str,
    baselines: Sequence[str],
    value: str = "interactions",
    unit: Unit = "simulation",
    by: Sequence[str] = ("protocol",),
    reps: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    average: Literal["totals", "tasks"] = "totals",
) -> pd.DataFrame:
    """Change in percent of the total per image set from each baseline to a model (MultiverSeg, Fig. 4).

    Only images that both models segmented, at the same position of the same pass, are compared.

    Parameters
    ----------
    images, value, unit, reps, seed, level
        As in `segbench.results.statistics.bootstrap`.
    model, baselines : str, sequence of str
        Names in the column ``model``.
    by : sequence of str
        Columns that define the groups, without ``model``.
    average : {"totals", "tasks"}
        ``totals``: change of the hierarchical mean of the totals, which the paper prints (its section 6.2
        follows from its Table 7). ``tasks``: hierarchical mean of the changes of the tasks.

    Returns
    -------
    DataFrame
        Columns model, baseline, ``by``, mean, std, low, high (percent; negative: the model needs fewer), unit
        and n_units. The change from a baseline without interactions is NaN; ``tasks`` leaves such tasks out
        of the average.

    Raises
    ------
    StatisticsError
        As `bootstrap`, and if a baseline shares no image with the model or is the model, or if a model has
        several results of one image at the same position, for instance with different contexts.
    """
    if average not in ("totals", "tasks"):
        raise StatisticsError(f"average must be totals or tasks, not {average!r}")

    def compare(baseline: str, shared: pd.DataFrame) -> pd.DataFrame:
        design = to_design(shared, value, ["model", *by], "total", unit)
        new, old = _rows_of(design.groups, model, baseline)
        new_cells, old_cells = _rows_of(design.cells, model, baseline)

        def change(estimates: Floats) -> Floats:
            if average == "totals":
                means = design.over_tasks(estimates)
                return _percent(means[..., new], means[..., old])
            changes = np.full_like(estimates, np.nan)
            changes[..., new_cells] = _percent(estimates[..., new_cells], estimates[..., old_cells])
            return design.over_tasks(changes)[..., new]

        return intervals(design, change, reps, seed, level, new)

    validate(unit, reps, level)
    return _tables(compare, images, model, baselines, value, by)


def interquartile_difference(
    images: pd.DataFrame,
    model: str,
    baselines: Sequence[str],
    value: str = "interactions",
    unit: Unit = "simulation",
    by: Sequence[str] = ("protocol",),
    reps: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Difference of the interquartile means of a model and of each baseline, on the images of both.

    Parameters, errors and result are those of `paired_change`, except that the difference is in the unit of
    ``value``; negative: the model needs fewer. See `segbench.results.statistics.interquartile_mean`.
    """

    def compare(baseline: str, shared: pd.DataFrame) -> pd.DataFrame:
        design, values = distribution(to_design(shared, value, ["model", *by], unit=unit))
        new, old = _rows_of(design.groups, model, baseline)

        def difference(shares: Floats) -> Floats:
            means = interquartile(values, design.over_tasks(shares))
            return means[..., new] - means[..., old]

        return intervals(design, difference, reps, seed, level, new)

    validate(unit, reps, level)
    return _tables(compare, images, model, baselines, value, by)


def probability_of_superiority(
    images: pd.DataFrame,
    model: str,
    baselines: Sequence[str],
    value: str = "interactions",
    unit: Unit = "simulation",
    by: Sequence[str] = ("protocol",),
    reps: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Probability that a model needs less than a baseline for a set of images.

    The probability of a task is the share of the passes in which the model's total over the images of both is
    lower; equal totals count half. The result is the hierarchical mean over the tasks.

    Parameters
    ----------
    images, model, baselines, value, by, reps, seed, level
        As in `paired_change`.
    unit : {"simulation", "training", "person"}
        Not the subject: the total of a set joins many subjects, and resampling these does not repeat the
        comparison. It would pull every probability towards a half.

    Returns
    -------
    DataFrame
        As of `paired_change`; probabilities from 0 to 1.

    Raises
    ------
    StatisticsError
        As `paired_change`, and if the unit is the subject.
    """

    def compare(_: str, shared: pd.DataFrame) -> pd.DataFrame:
        keys = list(dict.fromkeys([*by, *TASK]))
        totals = sums_per_pass(shared, value, ["model", *keys])
        both = totals[totals.model == model].merge(
            totals[totals.model != model].drop(columns="model"),
            on=[name for name in totals if name not in ("model", value)],
        )
        new, old = both[f"{value}_x"], both[f"{value}_y"]
        less = both.assign(less=(new < old) + 0.5 * (new == old))
        design = to_design(less, "less", ["model", *by], unit=unit)
        return intervals(design, design.over_tasks, reps, seed, level)

    validate(unit, reps, level)
    if unit == "subject":
        raise StatisticsError("the probability of needing less is defined over simulations only")
    return _tables(compare, images, model, baselines, value, by)


def _tables(
    compare: Callable[[str, pd.DataFrame], pd.DataFrame],
    images: pd.DataFrame,
    model: str,
    baselines: Sequence[str],
    value: str,
    by: Sequence[str],
) -> pd.DataFrame:
    """Join the tables of all baselines; the baseline stands in the second column."""
    tables = []
    for baseline, shared in _pairs(images, model, baselines, value, by):
        table = compare(baseline, shared)
        table.insert(1, "baseline", baseline)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _rows_of(rows: pd.DataFrame, model: str, baseline: str) -> tuple[Integers, Integers]:
    """Row numbers of both models; these correspond, as both have the same tasks and the model sorts first."""
    return np.flatnonzero(rows["model"] == model), np.flatnonzero(rows["model"] == baseline)


def _percent(new: Floats, old: Floats) -> Floats:
    return 100 * (new - old) / np.where(old == 0, np.nan, old)


def _pairs(
    images: pd.DataFrame, model: str, baselines: Sequence[str], value: str, by: Sequence[str]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each baseline with the rows of both models on the images that both segmented at the same position."""
    same = ["protocol", *TASK, *(name for name in PASS if name in images), "position", "image", *by]
    same = list(dict.fromkeys(same))
    require(images, ["model", *same, value])
    columns = dict.fromkeys(["model", *same, "subject", value])
    known = images[[name for name in columns if name in images]]
    for baseline in baselines:
        require_models(images["model"], model, baseline)
        pair = known[known["model"].isin([model, baseline])]
        image = group_codes(pair[name] for name in same)
        new = np.bincount(image, pair["model"] == model)
        old = np.bincount(image) - new
        if max(new.max(), old.max()) > 1:
            raise StatisticsError(
                f"{model} or {baseline} has several results of an image at the same position; "
                "select one context"
            )
        shared = pair[((new == 1) & (old == 1))[image]]
        if shared.empty:
            raise StatisticsError(
                f"{model} and {baseline} share no image; run both on the same tasks and seed"
            )
        yield baseline, shared
