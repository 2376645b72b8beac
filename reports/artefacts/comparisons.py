"""Every pair of methods: changes in interactions, probability of fewer, interquartile means."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates, protocols, selection, style
from segbench.reports.artefact import Artefact
from segbench.reports.layout import CHANGE, CHANGES, TASK_CHANGE, Grid, change, number, title_of
from segbench.reports.requirement import InsufficientRecords, Requirement
from segbench.reports.style import model_title
from segbench.results import statistics
from segbench.results.statistics import StatisticsError
from segbench.text import count_of

if TYPE_CHECKING:
    from segbench.results import Results

COMPARED = Requirement(least=2)
PROBABILITY, DIFFERENCE = "probability", "iqm_difference"
COLUMNS = ["protocol", "model", "baseline", "measure", "mean", "std", "low", "high", "unit", "n_units"]
MEASURES: dict[str, tuple[str, Callable[[float], str]]] = {  # title and format
    CHANGE: (CHANGES[CHANGE], change),
    TASK_CHANGE: (CHANGES[TASK_CHANGE], change),
    PROBABILITY: ("Probability of fewer interactions", number),
    DIFFERENCE: ("Difference of interquartile means per image", number),
}


def comparisons(results: Results) -> pd.DataFrame:
    """Compare all pairs of methods on the images that both segmented.

    Returns
    -------
    DataFrame
        A row per protocol, ``model``, ``baseline``, ``measure`` and interval unit, with ``mean``, ``std``,
        ``low``, ``high`` and ``n_units``. The measures ``change_percent`` (of mean totals),
        ``task_change_percent`` (mean of the tasks' changes) and ``iqm_difference`` (interactions per image)
        are negative, ``probability`` (over simulations only) is above 0.5, where the model needs fewer
        interactions. Changes stand in both directions of a pair: one does not follow from the other by its
        sign.

    Raises
    ------
    InsufficientRecords
        If no two methods share an image.
    """
    table = _compared(selection.select(results, COMPARED))
    if table.empty:
        raise InsufficientRecords("No two methods segmented the same images, so none can be compared.")
    return table


def _compared(images: pd.DataFrame) -> pd.DataFrame:
    """Return the comparisons in reading order; no rows if no two methods share an image."""
    models = list(style.line_styles(images.model))
    pairs = [(model, baseline) for rank, model in enumerate(models) for baseline in models[:rank]]
    tables = [table for pair in pairs for table in _measures(images, *pair)]
    if not tables:
        return pd.DataFrame(columns=COLUMNS)
    table = pd.concat(tables)[COLUMNS]
    order = {name: rank for rank, name in enumerate(protocols.in_order(table.protocol))}
    return table.sort_values("protocol", key=lambda c: c.map(order), kind="stable", ignore_index=True)


def _measures(images: pd.DataFrame, model: str, baseline: str) -> list[pd.DataFrame]:
    """Return the measures of one pair."""
    pair = (images, model, [baseline])
    tables = []
    with suppress(StatisticsError):  # methods of different runs may have no image in common
        tables.append(estimates.changes(*pair))
        tables.append(statistics.probability_of_superiority(*pair).assign(measure=PROBABILITY))
        for unit in estimates.UNITS:
            difference = statistics.interquartile_difference(*pair, unit=unit)
            tables.append(difference.assign(measure=DIFFERENCE))
        tables.append(estimates.changes(images, baseline, [model]))
    return tables


def comparisons_grid(results: Results, table: pd.DataFrame) -> Grid:
    """Lay out a row per pair and measure, with the interval over either unit."""
    columns = ["Protocol", "Method", "Compared with", "Measure", "Mean"]
    columns += [f"95% over {unit}s" for unit in estimates.UNITS]
    groups = table.groupby(["protocol", "model", "baseline", "measure"], sort=False)
    return Grid(columns, [_cells(results, rows) for _, rows in groups], heads=4)


def _cells(results: Results, rows: pd.DataFrame) -> list[str]:
    """Lay out one measure of one pair; ``rows`` has a row per interval unit."""
    first = rows.iloc[0]
    measure, formatted = MEASURES[first.measure]
    names = [title_of(results, name, first[name]) for name in ("protocol", "model", "baseline")]
    ends = rows.dropna(subset="low").set_index("unit")[["low", "high"]]
    intervals = {unit: f"{formatted(row.low)} to {formatted(row.high)}" for unit, row in ends.iterrows()}
    mean = formatted(first["mean"])
    return [*names, measure, mean, *(intervals.get(unit, "–") for unit in estimates.UNITS)]


def sentences(results: Results, table: pd.DataFrame | None = None) -> list[str]:
    """State for each protocol which method needs the fewest interactions, the change, and the failures.

    Parameters
    ----------
    results : Results
    table : DataFrame, optional
        Result of `comparisons`, if it is already computed.

    Raises
    ------
    InsufficientRecords
        If there are no results to compare.
    """
    images = selection.select(results, COMPARED)
    table = _compared(images) if table is None else table
    target = f"{estimates.target(results)} Dice"
    texts = []
    for protocol in protocols.in_order(images.protocol):
        labels = protocols.labels(results, protocol)
        changes = table[(table.protocol == protocol) & (table.measure == CHANGE)]
        answer = _answer(images[images.protocol == protocol], changes, labels.unit, target)
        texts.append(f"{labels.title}: {answer}")
    return texts


def _answer(images: pd.DataFrame, changes: pd.DataFrame, unit: str, target: str) -> str:
    """Answer for one protocol, with the failures of the methods that the answer names."""
    if not images.reached.any():
        return f"No method reached {target} on any image, so there is nothing to rank."
    if changes.empty:
        text, named = _means(images, unit, target), list(style.line_styles(images.model))
    else:
        best, second, only_two = _leaders(changes)
        text, named = _winner(changes, best, second, only_two, unit), [best, second]
    return text + _failures(images, named, unit, target)


def _means(images: pd.DataFrame, unit: str, target: str) -> str:
    """State the mean interactions of methods that cannot be compared."""
    texts = []
    means = estimates.estimates(images, "interactions", ["model"])
    for model, rows in means.groupby("model", sort=False):
        if not images.reached[images.model == model].any():
            texts.append(f"{model_title(model)} reached {target} on no image")
            continue
        mean = number(rows["mean"].iloc[0], 1)
        ends = _intervals(rows, partial(number, digits=1))
        texts.append(f"{model_title(model)} needs {mean} {unit} per image {ends}")
    return f"{', '.join(texts)}; there is no other method on the same images to compare with."


def _failures(images: pd.DataFrame, models: Iterable[str], unit: str, target: str) -> str:
    """State how many images of these methods missed the target, and on how many tasks all methods did."""
    missed = ~images.reached.astype(bool)
    shares = statistics.hierarchical_mean(images.assign(missed=missed), "missed", ["model"])
    of_model = shares.set_index("model").missed
    parts = [f"{_share(of_model[name])} with {model_title(name)}" for name in models if of_model[name] > 0]
    if not parts:
        return ""
    maximum = int(images.interactions[missed].max())
    shares_of_all = ", ".join(parts)
    text = f" Images that missed {target}: {shares_of_all}; each counts with the maximum, {maximum} {unit}."
    solved = images.groupby("task", observed=True).reached.any()
    if not solved.all():
        text += f" No method reached it on any image of {(~solved).sum()} of {count_of(len(solved), 'task')}."
    return text


def _share(share: float) -> str:
    return "less than 0.1%" if share < 0.0005 else f"{number(100 * share, 1)}%"


def _winner(changes: pd.DataFrame, best: str, second: str, only_two: bool, unit: str) -> str:
    """State which method needs the fewest interactions, and the change from the next best."""
    rows = changes[(changes.model == best) & (changes.baseline == second)]
    mean = rows["mean"].iloc[0]
    titles = model_title(best), model_title(second)
    if not abs(mean) > 0:  # also if neither needs any
        amount = f"equally many {unit}" if only_two else f"the fewest {unit}, equally many"
        return f"{titles[0]} and {titles[1]} need {amount}."
    other = titles[1] if only_two else f"the next best, {titles[1]}"
    difference = f"a change of {change(mean)} from {other} {_intervals(rows, change)}"
    known = rows.dropna(subset="low")
    undecided = ((known.low <= 0) & (known.high >= 0)).tolist()
    if undecided and undecided[0]:
        return f"{titles[0]} needs the fewest {unit}, but {difference} is too small to rank the two."
    doubt = "; with other subjects the order could be different" if any(undecided) else ""
    return f"{titles[0]} needs the fewest {unit}: {difference}{doubt}."


def _leaders(changes: pd.DataFrame) -> tuple[str, str, bool]:
    """Return the method that beats most others, its best opponent, and whether this is its only opponent."""
    rows = estimates.first_unit(changes)
    wins = (rows["mean"] < 0).groupby(rows.model).sum()
    ranking = sorted(style.line_styles(wins.index), key=lambda name: -wins[name])
    best = ranking[0]
    opponents = set(rows.baseline[rows.model == best])
    return best, next(name for name in ranking[1:] if name in opponents), len(opponents) == 1


def _intervals(rows: pd.DataFrame, formatted: Callable[[float], str]) -> str:
    """Return both intervals in brackets."""
    texts = []
    for _, row in rows.sort_values("low", key=pd.isna, kind="stable").iterrows():
        if pd.notna(row.low):
            units = count_of(row.n_units, row.unit)
            texts.append(f"{formatted(row.low)}, {formatted(row.high)} over {units}")
        else:
            reason = ", because there is only one" if row.n_units == 1 else ""
            texts.append(f"no interval over {row.unit}s{reason}")
    return f"[{'; '.join(texts)}]"


ARTEFACTS = {
    "comparisons": Artefact(
        "table",
        "Every pair of methods compared",
        "Each method is compared with each other one on the images that both segmented at the same position "
        "of the same simulation. The first change is that of the mean interactions per set of images, as in "
        "Table 7 and in the bars of Fig. 4; the second is the mean of the changes of the tasks. Negative is "
        "less work. Changes stand in both directions: 50% less one way is 100% more the other way. The "
        "probability is the share of simulations in which a set takes the method fewer interactions, where "
        "ties count half; it is not defined over subjects. The interquartile mean is the mean of the middle "
        "half of the images, without failures and easy images.",
        interval="95% bootstrap intervals over the units named.",
        requires=(COMPARED,),
        data=comparisons,
        grid=comparisons_grid,
    )
}
