"""The numbers behind figures and tables, as tidy tables; all estimates come from `results.statistics`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from reports import style
from results import statistics
from results.resampling import Unit

if TYPE_CHECKING:
    from results import Results

# The paper's unit first; the more cautious one beside it.
UNITS: tuple[Unit, ...] = ("simulation", "subject")


def by_example(results: Results, protocols: Sequence[str], grouped: bool = False) -> pd.DataFrame:
    """Mean interactions of the n-th image, with both intervals; ``grouped`` by data set or cohort."""
    images = only(results, protocols)
    level = [grouping(images)] if grouped else []
    by = ["protocol", *level, "model", "position"]
    table = _in_both_units(lambda unit: statistics.bootstrap(images, "interactions", unit, by))
    return _ordered(_named(table, level).rename(columns={"position": "example"}))


def totals_by_group(results: Results, protocols: Sequence[str]) -> pd.DataFrame:
    """Mean interactions of a whole set of images, by data set or cohort, with both intervals."""
    images = only(results, protocols)
    level = [grouping(images)]
    by = ["protocol", *level, "model"]
    table = _in_both_units(
        lambda unit: statistics.bootstrap(images, "interactions", unit, by, statistic="total")
    )
    return _ordered(_named(table, level))


def changes(results: Results, protocols: Sequence[str], model: str) -> pd.DataFrame:
    """Paired change in percent of the interactions per set from each other model to ``model``."""
    images = only(results, protocols)
    baselines = [name for name in style.looks(images.model) if name != model]
    table = _in_both_units(lambda unit: statistics.paired_change(images, model, baselines, unit=unit))
    return _ordered(table.loc[:, ["protocol", *table.columns.drop("protocol")]])


def only(results: Results, protocols: Sequence[str]) -> pd.DataFrame:
    """The image records of some protocols."""
    return results.images[results.images.protocol.isin(protocols)]


def first_unit(data: pd.DataFrame) -> pd.DataFrame:
    """The rows whose interval is over the paper's unit, the simulations."""
    return data[data.unit == UNITS[0]]


def grouping(images: pd.DataFrame) -> str:
    """What tells groups of tasks apart here: the data set, or the cohort where there is one data set."""
    return "dataset" if images.dataset.nunique() > 1 else "cohort"


def group_title(data: pd.DataFrame) -> str:
    """What the column ``group`` holds, in words."""
    return {"dataset": "data set", "cohort": "cohort"}[data.level.iloc[0]]


def set_size(results: Results, protocols: Sequence[str]) -> int:
    """Images that a simulation segments."""
    return int(only(results, protocols).position.max())


def target(results: Results) -> str:
    """The target Dice in percent; 90% where no manifest says it."""
    known = [(manifest.get("settings") or {}).get("target_dice") for manifest in results.manifests]
    return f"{100 * next((value for value in known if value), 0.9):g}%"


def describe_interval(template: str, data: pd.DataFrame) -> str:
    """Fill ``{simulation}`` and ``{subject}`` with the number of units that were resampled.

    A single simulation shows no spread; the text then says so, and what is left.
    """
    counts = {unit: _count(data.loc[data.unit == unit, "n_units"], unit) for unit in UNITS}
    if first_unit(data).low.notna().any():
        return template.format(**counts)
    rest = f" Whiskers: 95% bootstrap interval over {counts['subject']}." if "{subject}" in template else ""
    return f"No interval over simulations, as there is only one.{rest}"


def _count(units: pd.Series, unit: str) -> str:
    if units.empty:
        return f"{unit}s"
    fewest, most = int(units.min()), int(units.max())
    number = str(most) if fewest == most else f"{fewest} to {most}"
    return f"{number} {unit}{'' if most == 1 else 's'}"


def _in_both_units(estimate: Callable[[Unit], pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([estimate(unit) for unit in UNITS], ignore_index=True)


def _named(table: pd.DataFrame, level: Sequence[str]) -> pd.DataFrame:
    """The column of a level as ``group``, with the level's name beside it."""
    for name in level:
        table = table.rename(columns={name: "group"})
        table.insert(1, "level", name)
    return table


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Rows in reading order: protocols and models in the papers' order, the rest ascending."""
    order = {name: place for place, name in enumerate(style.protocols_in_order(table.protocol))}
    for column in {"model", "baseline"} & set(table.columns):
        order |= {name: place for place, name in enumerate(style.looks(table[column]))}
    keys = ("protocol", "group", "model", "baseline", "example", "unit")
    columns = [name for name in keys if name in table.columns]
    named = ("protocol", "model", "baseline")
    return table.sort_values(
        columns, key=lambda column: column.map(order) if column.name in named else column, ignore_index=True
    )
