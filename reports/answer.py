"""The answer of a page: its heading, and what the run found, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import (
    bounds,
    by_task,
    catalogue,
    estimates,
    pictures,
    protocols,
    selection,
    style,
    targets,
)
from segbench.reports.artefacts import comparisons, set_gains
from segbench.reports.layout import CHANGE
from segbench.reports.ranking import (
    MOST_NAMES,
    Effort,
    dice,
    missed_shares,
    named_amounts,
    percent,
    ranking,
)
from segbench.reports.requirement import NO_CONTEXT, InsufficientRecords, Requirement
from segbench.results.resampling import Unit
from segbench.text import amount, count_of, join_names, printable

if TYPE_CHECKING:
    from segbench.results import Results

FEW = 10  # resampled units; a bootstrap interval over fewer is an indication


def heading(results: Results) -> str:
    """Return the page's title: models and data sets, by name up to three of each."""
    models = [style.model_title(name) for name in style.line_styles(results.images.model)]
    if not models:
        return "Benchmark report"
    return f"{_named(models, 'model')} on {_datasets(results.images)}"


def _named(names: Sequence[str], noun: str) -> str:
    return count_of(len(names), noun) if len(names) > MOST_NAMES else join_names(names)


def _datasets(images: pd.DataFrame) -> str:
    return _named(sorted(images.dataset.unique()), "data set")


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
    between = "; " if any("," in title for title in titles) else ", "
    return " · ".join([between.join(titles) or "no protocols", *counts])


def answer(results: Results, table: pd.DataFrame | None = None) -> list[str]:
    """Answer for each protocol in sentences, and say what the intervals lack.

    Parameters
    ----------
    results : Results
    table : DataFrame, optional
        Result of `comparisons`, if it is already computed.
    """
    texts = [*_unstarted(results), *sentences(results, table), *qualities(results)]
    gains = [*set_gains.sentences(results), *bounds.sentences(results)]
    return [*texts, *gains, *_indications(results)]


def plain_lines(results: Results) -> list[str]:
    """Return the answer for a terminal, with a minus sign that every terminal can print."""
    return [printable(text.replace("−", "-")) for text in answer(results)]


def _unstarted(results: Results) -> list[str]:
    """Name the protocols, models and data sets of an unfinished run without any record."""
    if not results.unfinished():
        return []
    images = results.images

    def planned(entry: str, present: pd.Series) -> list[str]:
        names = [name for manifest in results.manifests for name in manifest.get(entry) or {}]
        names = [name.split("/")[0] for name in names] if entry == "tasks" else names
        return [name for name in dict.fromkeys(names) if name not in set(present)]

    missing = [protocols.labels(results, name).title for name in planned("protocols", images.protocol)]
    missing += [style.model_title(name) for name in planned("models", images.model)]
    missing += planned("tasks", images.dataset)
    return [f"There is no result yet of {join_names(missing)}."] if missing else []


def sentences(results: Results, table: pd.DataFrame | None = None) -> list[str]:
    """State for each protocol of experiment 1 which method needs the fewest interactions, and the failures.

    Parameters
    ----------
    results : Results
    table : DataFrame, optional
        Result of `comparisons`, if it is already computed.
    """
    requirement, images = _compared(results)
    usual = requirement == comparisons.COMPARED
    texts = []
    for protocol in protocols.in_order(images.protocol):
        rows = images[images.protocol == protocol]
        changes = None
        if usual and table is not None:
            changes = table[(table.protocol == protocol) & (table.measure == CHANGE)]
        text = _of_protocol(results, replace(requirement, protocols=(protocol,)), rows, changes)
        texts.append(f"{_place(results, rows)}: {text}")
    return texts


def _compared(results: Results) -> tuple[Requirement, pd.DataFrame]:
    """Return the records of experiment 1: of binary contexts on the test split, else of the first others."""
    for split, context in product(("test", "val"), estimates.CONTEXTS):
        requirement = replace(comparisons.COMPARED, split=split, context=context)
        try:
            return requirement, selection.select(results, requirement)
        except InsufficientRecords:
            continue
    return comparisons.COMPARED, results.images[:0]


def _place(results: Results, images: pd.DataFrame) -> str:
    """Return the protocol of some records, their split and context if unusual, and their data sets."""
    (protocol,), (split,) = images.protocol.unique(), images.split.unique()
    title = pictures.protocol_title(results, str(protocol), str(split))
    contexts = set(images.context.unique()) & {"soft", "ground-truth"}
    context = f", {contexts.pop()} contexts" if contexts else ""
    return f"{title}{context} on {_datasets(images)}"


def _of_protocol(
    results: Results, requirement: Requirement, images: pd.DataFrame, changes: pd.DataFrame | None
) -> str:
    """Answer for one protocol: rank the methods on the tasks that some method solves, and name the others."""
    (protocol,) = requirement.protocols
    target = f"{estimates.target(results)} Dice"
    unit = protocols.labels(results, protocol).unit
    solved = images.groupby("task", observed=True).reached.any()
    if solved.all():
        return ranking(Effort(images, unit, target), changes)
    unsolved = images[~images.task.isin(solved.index[solved])]
    advice = targets.advice(results, requirement, set(unsolved.task))
    if not solved.any():
        table = dice(images)
        titles = [style.model_title(name) for name in table.model]
        quality = join_names(named_amounts(table, titles))
        after = f"after {amount(int(images.interactions.max()), unit)}"
        return f"No method reached {target} on any image. Dice (×100) {after}: {quality}. {advice}"
    known = _task_names(results.images)
    names = [known[str(name)] for name in solved.index[~solved]]
    rest = images[images.task.isin(solved.index[solved])]
    others = "task" if solved.sum() == 1 else f"{solved.sum()} tasks"
    return (
        f"No method reached {target} on any image of {join_names(names, MOST_NAMES)}. {advice} "
        f"On the other {others}: {ranking(Effort(rest, unit, target))}"
    )


def _task_names(images: pd.DataFrame) -> dict[str, str]:
    """Return short names of the tasks: the data set, if there are several, and what differs within it."""
    names = by_task.short_names(images)
    if images.dataset.nunique() > 1:
        alone = images.groupby("dataset", observed=True).task.nunique() == 1
        datasets = {task: task.split("/")[0] for task in names}
        names = {
            task: datasets[task] if alone[datasets[task]] else f"{datasets[task]}/{name}"
            for task, name in names.items()
        }
    names = {task: f"label {name}" if name.isdigit() else name for task, name in names.items()}
    return {task: name.replace(", ", "/") for task, name in names.items()}


def qualities(results: Results) -> list[str]:
    """State Dice for each protocol that counts no interactions to a target, except supervised networks."""
    counted = protocols.of_families(results, "sequential", "supervised")
    images = results.images[~results.images.protocol.isin(counted)]
    if images.empty:
        return []
    images = by_task.largest(images)
    titles = by_task.protocol_titles(results, images)
    return [
        f"{titles[name]} on {_quality(results, name, images[images.protocol == name])}"
        for name in protocols.in_order(images.protocol)
    ]


def _quality(results: Results, protocol: str, images: pd.DataFrame) -> str:
    """State Dice of the best methods of a protocol, on the test split if it has records of it."""
    if (images.split == "test").any():
        images = images[images.split == "test"]
    labels, most = protocols.labels(results, protocol), int(images.interactions.max())
    if (images.annotator == "human").any():
        images = images[images.annotator == "human"]
    units: tuple[Unit, Unit] = ("subject", "person" if labels.family == "manual" else "simulation")
    table = dice(images, ["model", "context"], units)
    contexts = table.context if table.context.nunique() > 1 else [NO_CONTEXT] * len(table)
    titles = [pictures.method_title(*names) for names in zip(table.model, contexts, strict=True)]
    listed = join_names(named_amounts(table, titles), MOST_NAMES)
    fixed = labels.family in ("boxes", "interactive-in-context")
    after = f"after {amount(most, labels.unit)}:" if fixed else "of"
    text = f"{_datasets(images)}: Dice (×100) {after} {listed}."
    if labels.family != "boxes":
        return text
    missed = missed_shares(images, ["model", "context"]).set_index(["model", "context"]).missed
    pairs = zip(table.model, table.context, titles, strict=True)
    shares = [f"{percent(missed[model, context])} with {title}" for model, context, title in pairs]
    return f"{text} Images below {estimates.target(results)} Dice: {join_names(shares[:MOST_NAMES])}."


def _indications(results: Results) -> list[str]:
    """Say once which intervals do not exist, and which are over few units."""
    _, compared = _compared(results)
    trained = results.images.protocol.isin(protocols.of_families(results, "supervised"))
    images = results.images[~trained] if compared.empty else compared
    if images.empty:
        return []
    solved = images.groupby(["protocol", "task"], observed=True).reached.transform("any")
    images = images[solved] if solved.any() else images
    subjects = images.drop_duplicates(["protocol", "dataset", "cohort", "subject"])
    counts = {"subject": subjects.groupby("protocol", observed=True).size().min()}
    if len(compared):  # elsewhere the answer has no interval over simulations
        counts["simulation"] = images.groupby("protocol", observed=True).simulation.nunique().min()
    texts = [f"One {unit} only: no interval over {unit}s." for unit, count in counts.items() if count == 1]
    few = sorted(f"{unit}s" for unit, count in counts.items() if 1 < count < FEW)
    if few:
        texts.append(f"Intervals over fewer than ten {' or '.join(few)} are only an indication.")
    return [" ".join(texts)] if texts else []
