"""Every pair of methods: change in interactions, who needs fewer, difference of interquartile means."""

from __future__ import annotations

import dataclasses
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates, style
from segbench.reports.artefact import Artefact, InsufficientRecords, Requirement
from segbench.reports.layout import Grid, number, shown
from segbench.results import statistics
from segbench.results.statistics import StatisticsError

if TYPE_CHECKING:
    from segbench.results import Results

ARTEFACT = Artefact(
    "table",
    "Every pair of methods compared",
    "Each method against each other one, on the images that both were given at the same place of the same "
    "simulation. The change is that of the mean interactions per set of images, as in Table 7, while Fig. 4 "
    "averages the changes of the tasks. The probability is the share of simulations in which a set takes the "
    "method fewer interactions, equal ones counting half; over subjects it is not defined. The interquartile "
    "mean is that of the middle half of the images, so that failures and easy images have no part in it.",
    interval="95% bootstrap intervals over the units named.",
    requires=(Requirement(least=2),),
)

CHANGE, PROBABILITY, DIFFERENCE = "change_percent", "probability", "iqm_difference"
COLUMNS = ["protocol", "model", "baseline", "measure", "mean", "std", "low", "high", "unit", "n_units"]
# How a measure is called, its digits, and what follows the figure.
MEASURES = {
    CHANGE: ("Change in interactions", 1, "%"),
    PROBABILITY: ("Probability of fewer interactions", 2, ""),
    DIFFERENCE: ("Difference of interquartile means per image", 2, ""),
}


def comparisons(results: Results) -> pd.DataFrame:
    """Paired comparisons of all methods.

    Returns
    -------
    DataFrame
        A row per protocol, ``model``, ``baseline``, ``measure`` and interval unit, with ``mean``, ``std``,
        ``low``, ``high`` and ``n_units``. Measures, negative or above a half where the model needs fewer:
        ``change_percent``, ``probability`` (over simulations only) and ``iqm_difference`` (interactions per
        image).

    Raises
    ------
    InsufficientRecords
        If no two methods share an image.
    """
    table = _compared(estimates.select(results, *ARTEFACT.requires))
    if table.empty:
        raise InsufficientRecords(
            "No two methods were given the same images, so there is nothing to compare."
        )
    return table


def _compared(images: pd.DataFrame) -> pd.DataFrame:
    """The comparisons in reading order; no row where no two methods share an image."""
    models = list(style.looks(images.model))
    pairs = [(model, baseline) for place, model in enumerate(models) for baseline in models[:place]]
    tables = [table for pair in pairs for table in _pair(images, *pair)]
    if not tables:
        return pd.DataFrame(columns=COLUMNS)
    table = pd.concat(tables)[COLUMNS]
    place = {name: index for index, name in enumerate(style.protocols_in_order(table.protocol))}
    return table.sort_values("protocol", key=lambda c: c.map(place), kind="stable", ignore_index=True)


def _pair(images: pd.DataFrame, model: str, baseline: str) -> list[pd.DataFrame]:
    """The measures of one pair."""
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


def comparisons_grid(table: pd.DataFrame) -> Grid:
    """The table for reading: a row per pair and measure, with the interval over either unit."""
    columns = ["Protocol", "Method", "Compared with", "Measure", "Mean"]
    columns += [f"95% over {unit}s" for unit in estimates.UNITS]
    parts = table.groupby(["protocol", "model", "baseline", "measure"], sort=False)
    return Grid(columns, [_row(part) for _, part in parts], heads=4)


def _row(part: pd.DataFrame) -> list[str]:
    """One measure of one pair; ``part`` has its rows over either unit."""
    first = part.iloc[0]
    title, digits, sign = MEASURES[first.measure]
    names = [shown(name, first[name]) for name in ("protocol", "model", "baseline")]
    ends = part.dropna(subset="low").set_index("unit")[["low", "high"]]
    texts = {
        unit: f"{number(row.low, digits)}{sign} to {number(row.high, digits)}{sign}"
        for unit, row in ends.iterrows()
    }
    mean = number(first["mean"], digits) + sign
    return [*names, title, mean, *(texts.get(unit, "–") for unit in estimates.UNITS)]


def sentences(results: Results, table: pd.DataFrame | None = None) -> list[str]:
    """The answer in words: for each protocol, who needs the fewest interactions and how many fewer.

    Parameters
    ----------
    results : Results
    table : DataFrame, optional
        That of `comparisons`, where it is at hand.

    Raises
    ------
    InsufficientRecords
        If there are no results to compare.
    """
    images = estimates.select(results, *ARTEFACT.requires)
    table = _compared(images) if table is None else table
    found = []
    for protocol in style.protocols_in_order(images.protocol):
        changes = table[(table.protocol == protocol) & (table.measure == CHANGE)]
        here = images[images.protocol == protocol]
        answer = _alone(here) if changes.empty else _answer(changes)
        found.append(f"{style.wording(protocol).title}: {answer}")
    return found


def _alone(images: pd.DataFrame) -> str:
    """What methods need that cannot be compared."""
    unit = style.wording(str(images.protocol.iloc[0])).unit
    means = estimates.estimates(images, "interactions", ["model"])
    parts = [
        f"{shown('model', model)} needs {number(rows['mean'].iloc[0], 1)} {unit} per image {_within(rows, 1)}"
        for model, rows in means.groupby("model", sort=False)
    ]
    return f"{', '.join(parts)}; there is no other method on the same images to compare with."


def _answer(changes: pd.DataFrame) -> str:
    """Which method needs the fewest interactions, how many fewer than the next one, and how sure that is."""
    best, second, of_two = _leaders(changes)
    unit = style.wording(changes.protocol.iloc[0]).unit
    saved = _saved(changes, best, second)
    share = saved["mean"].iloc[0]
    names = shown("model", best), shown("model", second)
    if not abs(share) > 0:  # also where neither needs any
        return f"{' and '.join(names)} need equally many {unit}."
    digits = 0 if share >= 10 else 1
    other = names[1] if of_two else f"the next best, {names[1]}"
    within = _within(saved, digits)
    known = saved.dropna(subset="low")
    undecided = ((known.low <= 0) & (known.high >= 0)).tolist()
    if undecided and undecided[0]:
        few = f"only {number(share, digits)}% fewer than {other} {within}, too few to tell the two apart"
        return f"{names[0]} needs the fewest {unit}, but {few}."
    doubt = "; with other subjects the order could be another" if any(undecided) else ""
    return f"{names[0]} needs the fewest {unit}, {number(share, digits)}% fewer than {other} {within}{doubt}."


def _leaders(changes: pd.DataFrame) -> tuple[str, str, bool]:
    """The method that beats most others, the best one compared with it, and whether that is the only one."""
    wins: Counter[str] = Counter()
    rows = estimates.first_unit(changes)
    for model, baseline, mean in rows[["model", "baseline", "mean"]].itertuples(index=False):
        wins[model] += mean < 0
        wins[baseline] += mean > 0
    ranking = sorted(style.looks(wins), key=lambda name: -wins[name])
    best = ranking[0]
    others = {name for pair in zip(rows.model, rows.baseline, strict=True) if best in pair for name in pair}
    second = next(name for name in ranking[1:] if name in others)
    return best, second, len(others) == 2


def _saved(changes: pd.DataFrame, best: str, second: str) -> pd.DataFrame:
    """How many percent fewer interactions ``best`` needs than ``second``, over either unit."""
    ours = changes[(changes.model == best) & (changes.baseline == second)]
    if len(ours):
        return ours.assign(mean=-ours["mean"], low=-ours.high, high=-ours.low)
    theirs = changes[(changes.model == second) & (changes.baseline == best)]
    # They need x% more than the best; of what they need, that is 100 x / (100 + x) percent.
    return theirs.assign(**{name: 100 * theirs[name] / (100 + theirs[name]) for name in estimates.SHOWN})


def _within(rows: pd.DataFrame, digits: int) -> str:
    """Both intervals in brackets."""
    parts = []
    for _, row in rows.sort_values("low", key=pd.isna, kind="stable").iterrows():
        if pd.notna(row.low):
            parts.append(f"{number(row.low, digits)}, {number(row.high, digits)} over {row.unit}s")
        else:
            why = ", as there is only one" if row.n_units == 1 else ""
            parts.append(f"no interval over {row.unit}s{why}")
    return f"[{'; '.join(parts)}]"


ARTEFACTS = {
    "comparisons": dataclasses.replace(
        ARTEFACT, data=comparisons, grid=lambda _, table: comparisons_grid(table)
    )
}
