"""The answer of a page: its heading, and what the run found, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import bounds, catalogue, estimates, protocols, selection, style
from segbench.reports.artefacts import comparisons, set_gains
from segbench.reports.layout import CHANGE, change, number
from segbench.reports.requirement import InsufficientRecords
from segbench.reports.style import model_title
from segbench.results import statistics
from segbench.text import count_of, join_names

if TYPE_CHECKING:
    from segbench.results import Results

MOST_NAMES = 3  # in a sentence; more are counted


def heading(results: Results) -> str:
    """Return the page's title: models and data sets, by name up to three of each."""
    models = [style.model_title(name) for name in style.line_styles(results.images.model)]
    datasets = sorted(results.images.dataset.unique())
    if not models:
        return "Benchmark report"
    return f"{_named(models, 'model')} on {_named(datasets, 'data set')}"


def _named(names: Sequence[str], noun: str) -> str:
    return count_of(len(names), noun) if len(names) > MOST_NAMES else join_names(names)


def summary(results: Results) -> str:
    """Return one line: protocols, numbers of models, tasks, simulations and trainings, unfinished units."""
    images = results.images
    titles = [protocols.labels(results, name).title for name in protocols.in_order(images.protocol)]
    trained = images.protocol.isin(protocols.of_families(results, "supervised"))
    sizes = {
        "model": images.model.nunique(),
        "task": len(catalogue.task_names(results)),
        "simulation": images.simulation[~trained].nunique(),
        "training": images.training[trained].nunique(),
    }
    optional = ("simulation", "training") if trained.any() else ("training",)
    counts = [count_of(size, noun) for noun, size in sizes.items() if size or noun not in optional]
    counts += [f"{one.finished} of {one.planned} units" for _, one in results.unfinished()]
    return " · ".join([", ".join(titles) or "no protocols", *counts])


def answer(results: Results, table: pd.DataFrame | None) -> list[str]:
    """Summarise the results in sentences: fewest interactions, gain of sets, supervised upper bounds.

    Without any of these, the one sentence gives the reason.
    """
    gains = [*set_gains.sentences(results), *bounds.sentences(results)]
    try:
        return [*sentences(results, table), *gains]
    except InsufficientRecords as error:
        return gains or [str(error)]


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
    images = selection.select(results, comparisons.COMPARED)
    table = comparisons.compared(images) if table is None else table
    target = f"{estimates.target(results)} Dice"
    texts = []
    for protocol in protocols.in_order(images.protocol):
        labels = protocols.labels(results, protocol)
        changes = table[(table.protocol == protocol) & (table.measure == CHANGE)]
        ranking = _ranking(images[images.protocol == protocol], changes, labels.unit, target)
        texts.append(f"{labels.title}: {ranking}")
    return texts


def _ranking(images: pd.DataFrame, changes: pd.DataFrame, unit: str, target: str) -> str:
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
            texts.append(f"{model_title(str(model))} reached {target} on no image")
            continue
        mean = number(rows["mean"].iloc[0], 1)
        ends = _intervals(rows, partial(number, digits=1))
        texts.append(f"{model_title(str(model))} needs {mean} {unit} per image {ends}")
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
