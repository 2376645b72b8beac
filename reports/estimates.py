"""The numbers behind figures and tables, as tidy tables; all estimates come from `segbench.results.statistics`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from segbench.reports import protocols, style
from segbench.reports.artefact import NO_CONTEXT, InsufficientRecords, Requirement
from segbench.results import statistics
from segbench.results.improvement import Samples
from segbench.results.resampling import Statistic, Unit
from segbench.results.schema import TASK

if TYPE_CHECKING:
    from segbench.results import Results

# The paper's unit first, the other one beside it: simulations in experiment 1, subjects in experiment 2.
UNITS: tuple[Unit, ...] = ("simulation", "subject")
CAUTIOUS_FIRST: tuple[Unit, ...] = ("subject", "simulation")
SAMPLES: tuple[Samples, ...] = ("image", "subject")  # InterConv

AnyUnit = TypeVar("AnyUnit", Unit, Samples)

CONTEXTS = ("binary", "soft", "ground-truth")
SHOWN = ["mean", "low", "high"]
RENAMED = {"position": "example"}
# Columns that order the rows of a table, in this order.
KEYS = ("protocol", "group", "model", "baseline", "context", "context_size", "example", "step", "unit")


def select(results: Results, *needs: Requirement) -> pd.DataFrame:
    """The image records that any of some needs asks for.

    Parameters
    ----------
    results : Results
    *needs : Requirement
        Protocols, split and context decide, and whether sets go on beyond the run's standard size; models do
        not, as figures show every model of the run.

    Returns
    -------
    DataFrame
        Rows of ``results.images``, in their order.

    Raises
    ------
    InsufficientRecords
        If there are none.
    """
    return _matching(results, results.images, needs)


def select_models(results: Results, *needs: Requirement) -> pd.DataFrame:
    """As `select`, of the needs' own models only."""
    rows = select(results, *needs)
    models = list(dict.fromkeys(name for need in needs for name in need.models))
    rows = rows[rows.model.isin(models)]
    if rows.empty:
        raise InsufficientRecords(
            f"There are no results of {' or '.join(models)} on the {needs[0].split} split."
        )
    return rows


def select_steps(results: Results, need: Requirement) -> pd.DataFrame:
    """The step records that a need asks for; otherwise as `select`."""
    return _matching(results, results.steps_of(protocols.recorded(results, need)), [need])


def _matching(results: Results, frame: pd.DataFrame, needs: Sequence[Requirement]) -> pd.DataFrame:
    standard = in_standard_sets(results, frame)
    wanted = pd.Series(False, index=frame.index)
    for need in needs:
        wanted |= (
            frame.protocol.isin(protocols.recorded(results, need))
            & (frame.split == need.split)
            & frame.context.isin([need.context, NO_CONTEXT])
            & (standard | need.longer)
        )
    if not wanted.any():
        raise InsufficientRecords(f"There are no results of {' or of '.join(_described(needs))}.")
    return frame[wanted]


def _described(needs: Sequence[Requirement]) -> list[str]:
    """What needs ask for, in words, each once."""
    texts = [
        f"{' or '.join(protocols.expected(need))} with {need.context} contexts on the {need.split} split"
        for need in needs
    ]
    return list(dict.fromkeys(texts))


def standard_size(results: Results) -> int | None:
    """Images of a standard set, the shortest of the manifests; None without a manifest or a limit."""
    return min(
        (int(manifest["images"]) for manifest in results.manifests if manifest.get("images")), default=None
    )


def in_standard_sets(results: Results, frame: pd.DataFrame) -> pd.Series:
    """Which records of images or steps are not of the part of longer sets that goes on beyond the standard.

    In experiment 2, in sets and for networks trained on the task, images come in no sequence, and position
    only numbers them.
    """
    size = standard_size(results)
    if size is None:
        return pd.Series(True, index=frame.index)
    unordered = [name for name in frame.protocol.unique() if not protocols.labels(results, name).ordered]
    return frame.protocol.isin(unordered) | (frame.position <= size)


def estimates(
    rows: pd.DataFrame,
    value: str,
    by: Sequence[str],
    group: str = "",
    statistic: Statistic = "mean",
    units: Sequence[Unit] = UNITS,
    reps: int = 1000,
) -> pd.DataFrame:
    """Hierarchical means with the bootstrap interval of every unit.

    Parameters
    ----------
    rows : DataFrame
        Of `select` or `select_steps`.
    value : str
        Column to average.
    by : sequence of str
        What tells estimates apart besides the protocol.
    group : str
        A level whose groups are told apart, too, such as ``dataset`` (see `grouping`).
    statistic, reps
        As of `segbench.results.statistics.bootstrap`.
    units : sequence of {"simulation", "subject"}
        The paper's first.

    Returns
    -------
    DataFrame
        In reading order: ``protocol``, with a group ``level`` (its level) and ``group`` (its name), ``by``
        (``position`` as ``example``), and ``mean``, ``std``, ``low``, ``high``, ``unit`` and ``n_units``.
    """
    keys = ["protocol", *([group] if group else []), *by]
    table = _in_units(
        units, lambda unit: statistics.bootstrap(rows, value, unit, keys, reps, statistic=statistic)
    )
    table = table.rename(columns=RENAMED | {group: "group"})
    if group:
        table.insert(1, "level", group)
    return _ordered(table)


def with_subjects(
    rows: pd.DataFrame, value: str, by: Sequence[str], statistic: Statistic = "mean"
) -> pd.DataFrame:
    """Hierarchical means with both bootstrap intervals in one row.

    Columns as of `segbench.results.statistics.bootstrap` over simulations, then ``subject_std``, ``subject_low``,
    ``subject_high`` and ``subjects`` of the one over subjects.
    """
    ours, cautious = (statistics.bootstrap(rows, value, unit, by, statistic=statistic) for unit in UNITS)
    names = {"std": "subject_std", "low": "subject_low", "high": "subject_high", "n_units": "subjects"}
    return ours.merge(cautious.rename(columns=names)[[*by, *names.values()]], on=list(by))


def changes(images: pd.DataFrame, model: str) -> pd.DataFrame:
    """Paired change in percent of the interactions per set from each other model to ``model``."""
    baselines = [name for name in style.looks(images.model) if name != model]
    table = _in_units(UNITS, lambda unit: statistics.paired_change(images, model, baselines, unit=unit))
    return _ordered(table.loc[:, ["protocol", *table.columns.drop("protocol")]])


def improvements(rows: pd.DataFrame, model: str, baseline: str, by: Sequence[str]) -> pd.DataFrame:
    """Paired improvement of Dice times 100 from a baseline to ``model`` by protocol and ``by``.

    Columns as of `segbench.results.statistics.improvement`, with the intervals over samples first, then over subjects.
    """
    keys = ["protocol", *by]
    table = _in_units(SAMPLES, lambda unit: statistics.improvement(rows, model, baseline, "dice", keys, unit))
    return _ordered(in_percent(table.assign(hierarchical=100 * table.hierarchical)))


def beside(data: pd.DataFrame, paper: pd.DataFrame, column: str = "paper") -> pd.DataFrame:
    """Our estimates with the published ``value`` of the same keys in a further column, NaN without one."""
    keys = [name for name in KEYS if name in data and name in paper]
    return data.merge(paper[[*keys, "value"]].rename(columns={"value": column}), how="left", on=keys)


def in_percent(table: pd.DataFrame) -> pd.DataFrame:
    """Estimates of Dice times 100, as the papers print it."""
    return table.assign(**{name: 100 * table[name] for name in [*SHOWN, "std"]})


def first_unit(data: pd.DataFrame) -> pd.DataFrame:
    """The rows whose interval is over the paper's unit, which comes first."""
    return data[data.unit == data.unit.iloc[0]]


def grouping(rows: pd.DataFrame) -> str:
    """What tells groups of tasks apart here: the data set, or the cohort where there is one data set."""
    return "dataset" if rows.dataset.nunique() > 1 else "cohort"


def group_title(data: pd.DataFrame) -> str:
    """What the column ``group`` holds, in words."""
    return {"dataset": "Data set", "cohort": "Cohort", "task": "Task"}[data.level.iloc[0]]


def group_titles(data: pd.DataFrame) -> dict[str, str]:
    """The groups in their order, with a title for each."""
    return {name: f"{group_title(data)}: {name}" for name in sorted(data.group.unique())}


def task_titles(images: pd.DataFrame) -> dict[str, str]:
    """The tasks in their order, with the parts of their names that tell them apart."""
    parts = images.drop_duplicates("task").set_index("task")[list(TASK)].astype(str)
    differing = [name for name in TASK if parts[name].nunique() > 1] or ["label"]
    return {str(task): ", ".join(row) for task, row in parts[differing].sort_index().iterrows()}


def target_dice(results: Results) -> float:
    """The target Dice; 0.9 where no manifest says it."""
    known = [(manifest.get("settings") or {}).get("target_dice") for manifest in results.manifests]
    return float(next((value for value in known if value), 0.9))


def target(results: Results) -> str:
    """The target Dice as people say it, such as 90%."""
    return f"{100 * target_dice(results):g}%"


def describe_interval(template: str, data: pd.DataFrame | None) -> str:
    """Fill ``{simulation}``, ``{subject}`` and ``{image}`` with the number of units that were resampled.

    A single unit shows no spread; the text then says so, and what is left. An artefact without an interval
    has no text, and one whose rows are of no single unit has its template.
    """
    if not template or data is None:
        return ""
    if "unit" not in data:
        return template
    counts = {unit: counted(data.loc[data.unit == unit, "n_units"], unit) for unit in (*UNITS, "image")}
    if first_unit(data).low.notna().any():
        return template.format(**counts)
    first = data.unit.iloc[0]
    others = [counts[unit] for unit in counts if unit != first and f"{{{unit}}}" in template]
    rest = f" Whiskers: 95% bootstrap interval over {others[0]}." if others else ""
    return f"No interval over {first}s, as there is only one.{rest}"


def counted(units: pd.Series, unit: str) -> str:
    """Numbers of units in words, such as "3 to 5 subjects"; without a number where there are none."""
    if units.empty:
        return f"{unit}s"
    fewest, most = int(units.min()), int(units.max())
    number = str(most) if fewest == most else f"{fewest} to {most}"
    return f"{number} {unit}{'' if most == 1 else 's'}"


def _in_units(units: Sequence[AnyUnit], estimate: Callable[[AnyUnit], pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([estimate(unit) for unit in units], ignore_index=True)


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Rows in reading order: protocols, models and contexts in the papers' order, units as they come."""
    named = {"protocol": protocols.in_order(table.protocol), "unit": list(table.unit.unique())}
    named |= {name: list(style.looks(table[name])) for name in ("model", "baseline") if name in table}
    named["context"] = [*CONTEXTS, NO_CONTEXT]

    def rank(column: pd.Series) -> pd.Series:
        names = named.get(str(column.name))
        return column if names is None else column.map({name: place for place, name in enumerate(names)})

    return table.sort_values([name for name in KEYS if name in table], key=rank, ignore_index=True)
