"""Two methods on the images that both were given: paired changes, differences and who needs less."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from segbench.results.distribution import distribution, middle
from segbench.results.intervals import check, intervals
from segbench.results.resampling import (
    Design,
    Floats,
    Integers,
    StatisticsError,
    Unit,
    plain,
    rank,
    require,
    take_apart,
)
from segbench.results.schema import TASK

SAME_IMAGE = ("protocol", *TASK, "simulation", "position", "image")


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
    average: Literal["tasks", "totals"] = "tasks",
) -> pd.DataFrame:
    """Change in percent of the total per image set from each baseline to a model (MultiverSeg, Fig. 4).

    Only images that both methods were given, at the same place of the same simulation, are compared.

    Parameters
    ----------
    images, value, unit, reps, seed, level
        As in `segbench.results.statistics.bootstrap`.
    model, baselines : str, sequence of str
        Names in the column ``model``.
    by : sequence of str
        Columns that tell the groups apart, without ``model``.
    average : {"tasks", "totals"}
        ``tasks``: hierarchical mean of the changes of the tasks (Fig. 4). ``totals``: change of the
        hierarchical mean of the totals, to which the figures of section 6.2 and Table 7 agree.

    Returns
    -------
    DataFrame
        Columns model, baseline, ``by``, mean, std, low, high (percent; negative: the model needs fewer), unit
        and n_units. A task whose baseline total is 0 has no change and is left out of the average.

    Raises
    ------
    StatisticsError
        As `bootstrap`, and if a baseline shares no image with the model or is the model, or if a model has
        several results of one image at the same place, for instance with different contexts.
    """
    check(unit, reps, level)
    if average not in ("tasks", "totals"):
        raise StatisticsError(f"average must be tasks or totals, not {average!r}")
    tables = []
    for baseline, shared in _pairs(images, model, baselines, value, by):
        design = take_apart(shared, value, ["model", *by], "total")
        ours, _ = _of(design.groups, model, baseline)
        change = _change(design, model, baseline, average)
        tables.append(_against(baseline, intervals(design, change, unit, reps, seed, level, ours)))
    return pd.concat(tables, ignore_index=True)


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
    check(unit, reps, level)
    tables = []
    for baseline, shared in _pairs(images, model, baselines, value, by):
        design, values = distribution(take_apart(shared, value, ["model", *by], "mean"))
        ours, _ = _of(design.groups, model, baseline)
        difference = _difference(design, values, model, baseline)
        tables.append(_against(baseline, intervals(design, difference, unit, reps, seed, level, ours)))
    return pd.concat(tables, ignore_index=True)


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
    """Probability that a set of images takes a model less than a baseline.

    For each task it is the share of the simulations in which the model's total over the images of both is the
    lower one, equal totals counting half; then the hierarchical mean over the tasks.

    Parameters
    ----------
    images, model, baselines, value, by, reps, seed, level
        As in `paired_change`.
    unit : {"simulation"}
        The total of a set joins many subjects, so that resampling these does not repeat the comparison: it
        would pull every probability towards a half.

    Returns
    -------
    DataFrame
        As of `paired_change`; probabilities from 0 to 1.

    Raises
    ------
    StatisticsError
        As `paired_change`, and if the unit is the subject.
    """
    check(unit, reps, level)
    if unit != "simulation":
        raise StatisticsError("the probability that a set takes less is defined over simulations only")
    tables = []
    for baseline, shared in _pairs(images, model, baselines, value, by):
        keys = list(dict.fromkeys([*by, *TASK, "simulation"]))
        totals = plain(shared.groupby([*keys, "model"], observed=True)[value].sum().reset_index())
        new, old = (totals[totals.model == name].set_index(keys)[value] for name in (model, baseline))
        less = ((new < old) + 0.5 * (new == old)).rename("less").reset_index().assign(model=model)
        design = take_apart(less, "less", ["model", *by], "mean")
        tables.append(_against(baseline, intervals(design, design.over_tasks, unit, reps, seed, level)))
    return pd.concat(tables, ignore_index=True)


def _against(baseline: str, table: pd.DataFrame) -> pd.DataFrame:
    table.insert(1, "baseline", baseline)
    return table


def _of(rows: pd.DataFrame, model: str, baseline: str) -> tuple[Integers, Integers]:
    """Places of both methods; these correspond, as both have the same tasks and the model sorts first."""
    return np.flatnonzero(rows["model"] == model), np.flatnonzero(rows["model"] == baseline)


def _change(design: Design, model: str, baseline: str, average: str) -> Callable[[Floats], Floats]:
    """What makes the estimates of the leaves, (n, 1, leaves), the model's changes in percent."""
    new, old = _of(design.leaves, model, baseline)
    ours, theirs = _of(design.groups, model, baseline)

    def of_totals(estimates: Floats) -> Floats:
        means = design.over_tasks(estimates)
        return _percent(means[..., ours], means[..., theirs])

    def of_tasks(estimates: Floats) -> Floats:
        changes = np.full_like(estimates, np.nan)
        changes[..., new] = _percent(estimates[..., new], estimates[..., old])
        return design.over_tasks(changes)[..., ours]

    return of_totals if average == "totals" else of_tasks


def _difference(design: Design, values: Floats, model: str, baseline: str) -> Callable[[Floats], Floats]:
    """What makes shares at or below each value, (n, values, leaves), differences of interquartile means."""
    ours, theirs = _of(design.groups, model, baseline)

    def difference(estimates: Floats) -> Floats:
        means = middle(values, design.over_tasks(estimates))
        return means[..., ours] - means[..., theirs]

    return difference


def _percent(new: Floats, old: Floats) -> Floats:
    return 100 * (new - old) / np.where(old == 0, np.nan, old)


def _pairs(
    images: pd.DataFrame, model: str, baselines: Sequence[str], value: str, by: Sequence[str]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each baseline with the rows of both models, where both saw the same image at the same place."""
    place_of = list(dict.fromkeys([*SAME_IMAGE, *by]))
    require(images, ["model", *place_of, value])
    present = set(images["model"].unique())
    known = images[[name for name in dict.fromkeys(["model", *place_of, "subject", value]) if name in images]]
    for baseline in baselines:
        if model == baseline or not {model, baseline} <= present:
            names = ", ".join(sorted(present))
            raise StatisticsError(f"cannot compare {model} with {baseline}; there are results of {names}")
        pair = known[known["model"].isin([model, baseline])]
        place = rank(pair[name] for name in place_of)
        ours = np.bincount(place, pair["model"] == model)
        theirs = np.bincount(place) - ours
        if max(ours.max(), theirs.max()) > 1:
            raise StatisticsError(
                f"{model} or {baseline} has several results of an image at the same place; select one context"
            )
        shared = pair[((ours == 1) & (theirs == 1))[place]]
        if shared.empty:
            raise StatisticsError(
                f"{model} and {baseline} share no image; run both on the same tasks and seed"
            )
        yield baseline, shared
