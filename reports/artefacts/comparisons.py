"""Every pair of methods: change in interactions, probability of fewer, difference of interquartile means."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates, protocols, selection, style
from segbench.reports.artefact import Artefact
from segbench.reports.layout import Grid, number, title_of
from segbench.reports.requirement import InsufficientRecords, Requirement
from segbench.reports.style import model_title
from segbench.results import statistics
from segbench.results.statistics import StatisticsError

if TYPE_CHECKING:
    from segbench.results import Results

COMPARED = Requirement(least=2)
CHANGE, PROBABILITY, DIFFERENCE = "change_percent", "probability", "iqm_difference"
COLUMNS = ["protocol", "model", "baseline", "measure", "mean", "std", "low", "high", "unit", "n_units"]
MEASURES = {  # title, digits, unit of the value
    CHANGE: ("Change in interactions", 1, "%"),
    PROBABILITY: ("Probability of fewer interactions", 2, ""),
    DIFFERENCE: ("Difference of interquartile means per image", 2, ""),
}


def comparisons(results: Results) -> pd.DataFrame:
    """Compare all pairs of methods on the images that both segmented.

    Returns
    -------
    DataFrame
        A row per protocol, ``model``, ``baseline``, ``measure`` and interval unit, with ``mean``, ``std``,
        ``low``, ``high`` and ``n_units``. The measures ``change_percent`` and ``iqm_difference``
        (interactions per image) are negative, ``probability`` (over simulations only) is above 0.5, where
        the model needs fewer interactions.

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
        for unit in estimates.UNITS:
            change = statistics.paired_change(*pair, unit=unit, average="totals")
            tables.append(change.assign(measure=CHANGE))
        tables.append(statistics.probability_of_superiority(*pair).assign(measure=PROBABILITY))
        for unit in estimates.UNITS:
            difference = statistics.interquartile_difference(*pair, unit=unit)
            tables.append(difference.assign(measure=DIFFERENCE))
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
    measure, digits, sign = MEASURES[first.measure]
    names = [title_of(results, name, first[name]) for name in ("protocol", "model", "baseline")]
    ends = rows.dropna(subset="low").set_index("unit")[["low", "high"]]
    intervals = {
        unit: f"{number(row.low, digits)}{sign} to {number(row.high, digits)}{sign}"
        for unit, row in ends.iterrows()
    }
    mean = number(first["mean"], digits) + sign
    return [*names, measure, mean, *(intervals.get(unit, "–") for unit in estimates.UNITS)]


def sentences(results: Results, table: pd.DataFrame | None = None) -> list[str]:
    """State for each protocol which method needs the fewest interactions, and how many fewer.

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
    texts = []
    for protocol in protocols.in_order(images.protocol):
        labels = protocols.labels(results, protocol)
        changes = table[(table.protocol == protocol) & (table.measure == CHANGE)]
        records = images[images.protocol == protocol]
        text = _means(records, labels.unit) if changes.empty else _winner(changes, labels.unit)
        texts.append(f"{labels.title}: {text}")
    return texts


def _means(images: pd.DataFrame, unit: str) -> str:
    """State the mean interactions of methods that cannot be compared."""
    texts = []
    means = estimates.estimates(images, "interactions", ["model"])
    for model, rows in means.groupby("model", sort=False):
        mean = number(rows["mean"].iloc[0], 1)
        texts.append(f"{model_title(model)} needs {mean} {unit} per image {_intervals(rows, 1)}")
    return f"{', '.join(texts)}; there is no other method on the same images to compare with."


def _winner(changes: pd.DataFrame, unit: str) -> str:
    """State which method needs the fewest interactions, and how many fewer than the next best."""
    best, second, only_two = _leaders(changes)
    saved = _saved(changes, best, second)
    share = saved["mean"].iloc[0]
    best_title, second_title = model_title(best), model_title(second)
    if not abs(share) > 0:  # also if neither needs any
        return f"{best_title} and {second_title} need equally many {unit}."
    digits = 0 if share >= 10 else 1
    other = second_title if only_two else f"the next best, {second_title}"
    difference = f"{number(share, digits)}% fewer than {other} {_intervals(saved, digits)}"
    known = saved.dropna(subset="low")
    undecided = ((known.low <= 0) & (known.high >= 0)).tolist()
    if undecided and undecided[0]:
        return f"{best_title} needs the fewest {unit}, but only {difference}, too few to rank the two."
    doubt = "; with other subjects the order could be different" if any(undecided) else ""
    return f"{best_title} needs the fewest {unit}, {difference}{doubt}."


def _leaders(changes: pd.DataFrame) -> tuple[str, str, bool]:
    """Return the method that beats most others, its best opponent, and whether this is its only opponent."""
    wins: Counter[str] = Counter()
    rows = estimates.first_unit(changes)
    for model, baseline, mean in rows[["model", "baseline", "mean"]].itertuples(index=False):
        wins[model] += mean < 0
        wins[baseline] += mean > 0
    ranking = sorted(style.line_styles(wins), key=lambda name: -wins[name])
    best = ranking[0]
    compared = {name for pair in zip(rows.model, rows.baseline, strict=True) if best in pair for name in pair}
    second = next(name for name in ranking[1:] if name in compared)
    return best, second, len(compared) == 2


def _saved(changes: pd.DataFrame, best: str, second: str) -> pd.DataFrame:
    """Return how many percent fewer interactions ``best`` needs than ``second``, over either unit."""
    forward = changes[(changes.model == best) & (changes.baseline == second)]
    if len(forward):
        return forward.assign(mean=-forward["mean"], low=-forward.high, high=-forward.low)
    backward = changes[(changes.model == second) & (changes.baseline == best)]
    # x percent more than the best one needs are 100 x / (100 + x) percent of the second one's interactions.
    return backward.assign(
        **{name: 100 * backward[name] / (100 + backward[name]) for name in estimates.SHOWN}
    )


def _intervals(rows: pd.DataFrame, digits: int) -> str:
    """Return both intervals in brackets."""
    texts = []
    for _, row in rows.sort_values("low", key=pd.isna, kind="stable").iterrows():
        if pd.notna(row.low):
            texts.append(f"{number(row.low, digits)}, {number(row.high, digits)} over {row.unit}s")
        else:
            reason = ", because there is only one" if row.n_units == 1 else ""
            texts.append(f"no interval over {row.unit}s{reason}")
    return f"[{'; '.join(texts)}]"


ARTEFACTS = {
    "comparisons": Artefact(
        "table",
        "Every pair of methods compared",
        "Each method is compared with each other one on the images that both segmented at the same position "
        "of the same simulation. The change is that of the mean interactions per set of images, as in Table "
        "7; Fig. 4 averages the changes of the tasks instead. The probability is the share of simulations "
        "in which a set takes the method fewer interactions, where ties count half; it is not defined over "
        "subjects. The interquartile mean is the mean of the middle half of the images, without failures "
        "and easy images.",
        interval="95% bootstrap intervals over the units named.",
        requires=(COMPARED,),
        data=comparisons,
        grid=comparisons_grid,
    )
}
