"""Every pair of methods: changes in interactions, probability of fewer, interquartile means."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates, protocols, selection, style
from segbench.reports.artefact import Artefact
from segbench.reports.layout import CHANGE, CHANGES, TASK_CHANGE, Grid, change, number, title_of
from segbench.reports.requirement import InsufficientRecords, Requirement
from segbench.results import statistics
from segbench.results.statistics import StatisticsError

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
    table = compared(selection.select(results, COMPARED))
    if table.empty:
        raise InsufficientRecords("No two methods segmented the same images, so none can be compared.")
    return table


def compared(images: pd.DataFrame) -> pd.DataFrame:
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


ARTEFACTS = {
    "comparisons": Artefact(
        "table",
        "Every pair of methods compared",
        "Each method is compared with each other one on the images that both segmented at the same position "
        "of the same simulation. The first change is that of the mean interactions per set of images; the "
        "second is the mean of the changes of the tasks. Negative is less work. Changes stand in both "
        "directions: 50% less one way is 100% more the other way. The second leaves out tasks on which "
        "the other method needs no interaction. The probability is the share of the sets that need fewer "
        "interactions with the method than with the other one, where ties count half; it is not defined over "
        "subjects. The interquartile mean is the mean of the middle half of the images: the quarter with the "
        "fewest interactions and the quarter with the most do not count.",
        interval="95% bootstrap intervals over the units named.",
        requires=(COMPARED,),
        data=comparisons,
        grid=comparisons_grid,
    )
}
