"""The numbers of figures and tables; all estimates come from `segbench.results.statistics`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import pandas as pd

from segbench.reports import protocols, style
from segbench.reports.layout import CHANGE, TASK_CHANGE
from segbench.reports.requirement import NO_CONTEXT
from segbench.results import statistics
from segbench.results.improvement import Samples
from segbench.results.resampling import Statistic, Unit
from segbench.results.schema import TASK
from segbench.text import count_of

if TYPE_CHECKING:
    from segbench.results import Results

# The paper's unit first: simulations in experiment 1, subjects in experiment 2, images in InterConv.
UNITS: tuple[Unit, ...] = ("simulation", "subject")
SUBJECTS_FIRST: tuple[Unit, ...] = ("subject", "simulation")
SAMPLES: tuple[Samples, ...] = ("image", "subject")
ALL_UNITS = ("simulation", "subject", "image", "training")

AnyUnit = TypeVar("AnyUnit", Unit, Samples)

CONTEXTS = ("binary", "soft", "ground-truth")
AVERAGES: dict[str, Literal["totals", "tasks"]] = {CHANGE: "totals", TASK_CHANGE: "tasks"}
SHOWN = ["mean", "low", "high"]
RENAMED = {"position": "example"}
# Columns by which the rows of a table are sorted, the first one first.
KEYS = (
    *(
        "protocol",
        "group",
        "model",
        "baseline",
        "measure",
        "context",
        "context_size",
        "set_size",
        "example",
        "step",
        "unit",
    ),
)


def estimates(
    rows: pd.DataFrame,
    value: str | Sequence[str],
    by: Sequence[str],
    group: str = "",
    statistic: Statistic = "mean",
    units: Sequence[Unit] = UNITS,
    reps: int = 1000,
) -> pd.DataFrame:
    """Estimate hierarchical means with the bootstrap interval of every unit.

    Parameters
    ----------
    rows : DataFrame
        Result of `select` or `select_steps`.
    value : str or sequence of str
        Column to average; several have a row each, with the column ``metric``.
    by : sequence of str
        Columns that identify an estimate, besides the protocol.
    group : str
        A further such column of the task, for instance ``dataset`` (see `grouping`).
    statistic, reps
        As in `segbench.results.statistics.bootstrap`.
    units : sequence of {"simulation", "subject"}
        The paper's unit first.

    Returns
    -------
    DataFrame
        In reading order: ``protocol``; with a group, ``level`` (its column) and ``group`` (its name); ``by``
        (``position`` as ``example``); ``mean``, ``std``, ``low``, ``high``, ``unit`` and ``n_units``.
    """
    keys = ["protocol", *([group] if group else []), *by]
    table = _in_units(
        units, lambda unit: statistics.bootstrap(rows, value, unit, keys, reps, statistic=statistic)
    )
    table = table.rename(columns=RENAMED | {group: "group"})
    if group:
        table.insert(1, "level", group)
    return in_reading_order(table)


def with_subjects(
    rows: pd.DataFrame,
    value: str | Sequence[str],
    by: Sequence[str],
    statistic: Statistic = "mean",
    unit: Unit = "simulation",
) -> pd.DataFrame:
    """Estimate hierarchical means with two bootstrap intervals in one row.

    Returns
    -------
    DataFrame
        Columns of `segbench.results.statistics.bootstrap` over ``unit``, then ``subject_std``,
        ``subject_low``, ``subject_high`` and ``subjects`` of the one over subjects.
    """
    ours, cautious = (
        statistics.bootstrap(rows, value, which, by, statistic=statistic) for which in (unit, "subject")
    )
    names = {"std": "subject_std", "low": "subject_low", "high": "subject_high", "n_units": "subjects"}
    keys = [*by] if isinstance(value, str) else [*by, "metric"]
    return ours.merge(cautious.rename(columns=names)[[*keys, *names.values()]], on=keys)


def changes(images: pd.DataFrame, model: str, baselines: Sequence[str]) -> pd.DataFrame:
    """Estimate the paired change of interactions per set, in percent, from each baseline to ``model``.

    Returns
    -------
    DataFrame
        A row per protocol, baseline, ``measure`` (a name in `segbench.reports.layout.CHANGES`) and unit, with
        the columns of `segbench.results.statistics.paired_change`.
    """

    def estimate(unit: Unit) -> pd.DataFrame:
        tables = {
            name: statistics.paired_change(images, model, baselines, unit=unit, average=average)
            for name, average in AVERAGES.items()
        }
        return pd.concat(table.assign(measure=name) for name, table in tables.items())

    table = _in_units(UNITS, estimate)
    first = ["protocol", "model", "baseline", "measure"]
    return in_reading_order(table[[*first, *table.columns.drop(first)]], measure=list(AVERAGES))


def improvements(rows: pd.DataFrame, model: str, baseline: str, by: Sequence[str]) -> pd.DataFrame:
    """Estimate the paired improvement of Dice times 100 from a baseline to ``model``.

    Returns
    -------
    DataFrame
        A row per protocol, ``by`` and unit (images first, then subjects), with the columns of
        `segbench.results.statistics.improvement`; ``t`` and ``p`` in the rows over images only, as the test
        is over images.
    """
    keys = ["protocol", *by]
    table = _in_units(SAMPLES, lambda unit: statistics.improvement(rows, model, baseline, "dice", keys, unit))
    table.loc[table.unit != "image", ["t", "p"]] = np.nan
    return in_reading_order(in_percent(table.assign(hierarchical=100 * table.hierarchical)))


def with_published(data: pd.DataFrame, paper: pd.DataFrame, column: str = "paper") -> pd.DataFrame:
    """Add the published ``value`` of the same keys and its ``paper_version``; NaN where there is none."""
    keys = [name for name in KEYS if name in data and name in paper]
    names = {"value": column, "version": "paper_version"}
    return data.merge(paper[[*keys, *names]].rename(columns=names), how="left", on=keys)


def in_percent(table: pd.DataFrame) -> pd.DataFrame:
    """Return estimates of Dice times 100, as the papers print it."""
    return table.assign(**{name: 100 * table[name] for name in [*SHOWN, "std"]})


def first_unit(data: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose interval is over the paper's unit, which comes first."""
    return data[data.unit == data.unit.iloc[0]]


def grouping(rows: pd.DataFrame) -> str:
    """Return the column that groups tasks: the data set, or the cohort if there is one data set."""
    return "dataset" if rows.dataset.nunique() > 1 else "cohort"


def group_title(data: pd.DataFrame) -> str:
    """Return the heading of the column ``group``."""
    return {"dataset": "Data set", "cohort": "Cohort", "task": "Task"}[data.level.iloc[0]]


def group_titles(data: pd.DataFrame) -> dict[str, str]:
    """Return the groups in their order, with a title for each."""
    return {name: f"{group_title(data)}: {name}" for name in sorted(data.group.unique())}


def task_titles(images: pd.DataFrame) -> dict[str, str]:
    """Return the tasks in their order, each with the parts of its name that differ between them."""
    parts = images.drop_duplicates("task").set_index("task")[list(TASK)].astype(str)
    differing = [name for name in TASK if parts[name].nunique() > 1] or ["label"]
    return {str(task): ", ".join(row) for task, row in parts[differing].sort_index().iterrows()}


def target_dice(results: Results) -> float:
    """Return the target Dice; 0.9 if no manifest has it."""
    targets = [(manifest.get("settings") or {}).get("target_dice") for manifest in results.manifests]
    return float(next((target for target in targets if target), 0.9))


def target(results: Results) -> str:
    """Return the target Dice in percent, such as 90%."""
    return f"{100 * target_dice(results):g}%"


def describe_interval(template: str, data: pd.DataFrame | None) -> str:
    """Fill in the numbers of resampled units in a description of intervals.

    A single unit has no interval; the text then says so and names the other interval, if the template does.
    Data without the column ``unit`` leave the template unchanged; no data give an empty text.

    Parameters
    ----------
    template : str
        Text with the names of `ALL_UNITS` in braces, or an empty one.
    data : DataFrame or None
        Estimates with the columns ``unit``, ``n_units`` and ``low``.
    """
    if not template or data is None:
        return ""
    if "unit" not in data:
        return template
    counts = {unit: range_of(data.loc[data.unit == unit, "n_units"], unit) for unit in ALL_UNITS}
    if first_unit(data).low.notna().any():
        return template.format(**counts)
    first = data.unit.iloc[0]
    others = [counts[unit] for unit in counts if unit != first and f"{{{unit}}}" in template]
    rest = f" Whiskers: 95% bootstrap interval over {others[0]}." if others else ""
    return f"No interval over {first}s, because there is only one.{rest}"


def range_of(counts: pd.Series, noun: str) -> str:
    """Return several counts with their noun, such as "3 to 5 subjects"; the noun alone without counts."""
    if counts.empty:
        return f"{noun}s"
    fewest, most = int(counts.min()), int(counts.max())
    return count_of(most, noun) if fewest == most else f"{fewest} to {count_of(most, noun)}"


def _in_units(units: Sequence[AnyUnit], estimate: Callable[[AnyUnit], pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([estimate(unit) for unit in units], ignore_index=True)


def in_reading_order(
    table: pd.DataFrame, keys: Sequence[str] = KEYS, **orders: Sequence[Any]
) -> pd.DataFrame:
    """Sort rows by their keys: protocols, models and contexts in the papers' order, other values ascending.

    Parameters
    ----------
    table : DataFrame
    keys : sequence of str
        Columns to sort by, the first one first; absent ones are left out.
    **orders : sequence
        The order of the values of further columns.
    """
    if "protocol" in table:
        orders.setdefault("protocol", protocols.in_order(table.protocol))
    if "unit" in table:
        orders.setdefault("unit", list(table.unit.unique()))
    for name in ("model", "baseline"):
        if name in table:
            orders.setdefault(name, list(style.line_styles(table[name])))
    orders.setdefault("context", [*CONTEXTS, NO_CONTEXT])

    def rank(column: pd.Series) -> pd.Series:
        order = orders.get(str(column.name))
        return column if order is None else column.map({value: rank for rank, value in enumerate(order)})

    return table.sort_values([name for name in keys if name in table], key=rank, ignore_index=True)
