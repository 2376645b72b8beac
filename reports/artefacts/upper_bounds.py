"""Supervised upper bounds: networks trained on each task, published ones, and segmentation in context."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from segbench.reports import bounds, estimates, papers, selection
from segbench.reports.artefact import Artefact
from segbench.reports.artefacts.context_size import IN_CONTEXT
from segbench.reports.layout import Grid, joined, number
from segbench.reports.requirement import SUPERVISED, InsufficientRecords, Requirement
from segbench.reports.style import model_title
from segbench.results import statistics
from segbench.results.reference import PREPRINT, UNIVERSEG

if TYPE_CHECKING:
    from segbench.results import Results

TRAINED = Requirement(("supervised",), (bounds.NNUNET,))
LEVELS = ("", "dataset", "task")


def upper_bounds(results: Results) -> pd.DataFrame:
    """Estimate the upper bounds over all tasks, by data set and by task.

    Returns
    -------
    DataFrame
        A row per ``level`` (overall, dataset, task), ``group`` (its name; "all" for overall) and ``model``,
        with the columns of `segbench.reports.bounds.bounds`; ``target``, the target Dice in percent;
        ``paper``, ``paper_std``, ``paper_version`` and ``paper_source`` of the published nnU-Net on that data
        set or over all tasks;
        ``context_size``, the largest of protocol ``in-context``, and the Dice times 100 of ``universeg`` and
        ``multiverseg`` with it, NaN if a task of the row has no such record.

    Raises
    ------
    InsufficientRecords
        If there are no such records.
    """
    images = selection.select(results, TRAINED)
    tables = []
    for level in LEVELS:
        table = bounds.bounds(results, level=level)
        table.insert(0, "level", level or "overall")
        tables.append(table if level else table.assign(group="all"))
    table = pd.concat(tables, ignore_index=True)
    trained = images[["model", "dataset", "task"]].drop_duplicates().astype(str)
    tasks = [_tasks(trained, row) for _, row in table.iterrows()]
    table["label"] = [
        bounds.label(results, model, names) for model, names in zip(table.model, tasks, strict=True)
    ]
    table["target"] = estimates.target(results)
    table = table.merge(_published(results), how="left", on=["level", "group", "model"])
    in_context = _in_context(results)
    table["context_size"] = in_context.context_size.max()
    for model in IN_CONTEXT.models:
        rows = in_context[in_context.model == model]
        table[model] = [_mean_dice(rows, names) for names in tasks]
    first = ["level", "group", "model"]
    return table[[*first, *table.columns.drop(first)]]


def _tasks(trained: pd.DataFrame, row: pd.Series) -> list[str]:
    """List the tasks of a row of the table."""
    of_model = trained[trained.model == row.model]
    return sorted(
        of_model.task if row.level == "overall" else of_model.task[of_model[row.level] == row.group]
    )


def _published(results: Results) -> pd.DataFrame:
    """Return the papers' nnU-Net: of single data sets, and over all tasks of MultiverSeg."""
    by_dataset, overall = (papers.published(results, name) for name in ("fig19", "table7"))
    by_dataset = by_dataset[by_dataset.model == bounds.NNUNET].rename(columns={"dataset": "group"})
    overall = overall[overall.protocol == SUPERVISED].assign(level="overall", group="all")
    paper = pd.concat([by_dataset.assign(level="dataset"), overall])
    named = {"value": "paper", "std": "paper_std", "version": "paper_version", "source": "paper_source"}
    return paper.rename(columns=named)[["level", "group", "model", *named.values()]]


def _in_context(results: Results) -> pd.DataFrame:
    """Return the image records with the largest context and no interactions; no rows without any."""
    rows = results.images.iloc[:0]
    with suppress(InsufficientRecords):
        rows = selection.select(results, IN_CONTEXT)
    return rows[rows.context_size == rows.context_size.max()]


def _mean_dice(rows: pd.DataFrame, tasks: list[str]) -> float:
    """Return the mean Dice times 100 over these tasks, NaN if one of them has no records."""
    rows = rows[rows.task.isin(tasks)]
    if rows.task.nunique() < len(tasks):
        return np.nan
    return 100 * float(statistics.hierarchical_mean(rows, "dice", ["protocol"]).dice.iloc[0])


def upper_bounds_grid(results: Results, table: pd.DataFrame) -> Grid:
    """Lay out a row per group and model."""
    with_paper = bool(table.paper.notna().any())
    size = "" if table.context_size.isna().all() else f", context of {table.context_size.iloc[0]:.0f}"
    columns = [
        "Tasks",
        "Method",
        "Trainings",
        "Dice (×100) ↑",
        "95% over trainings",
        "95% over subjects",
        "HD95 (pixels) ↓",
        f"Images at {table.target.iloc[0]} Dice or better",
        *(["nnU-Net, papers"] if with_paper else []),
        *(f"{model_title(model)}{size}" for model in IN_CONTEXT.models),
    ]
    return Grid(columns, [_cells(row, with_paper) for _, row in table.iterrows()], heads=2)


def _cells(row: pd.Series, with_paper: bool) -> list[str]:
    paper = joined(row.paper, "±", row.paper_std)
    paper += "" if pd.isna(row.paper) else f" ({row.paper_version})"
    group = {"overall": "All tasks", "dataset": f"Data set: {row.group}"}.get(row.level, row.group)
    return [
        group,
        row.label,
        str(row.runs),
        joined(row["mean"], "±", row["std"]),
        joined(row.low, "to", row.high),
        joined(row.subject_low, "to", row.subject_high),
        number(row.hd95),
        f"{number(row.at_target, 0)}%",
        *([paper] if with_paper else []),
        *(number(row[model]) for model in IN_CONTEXT.models),
    ]


ARTEFACTS = {
    "upper-bounds": Artefact(
        "table",
        "Supervised upper bounds",
        "Networks that were trained on each task with its true labels, and segment every test image without "
        "interactions. For comparison: the models that use a context, on the same tasks with the largest "
        "context of the run and without interactions.",
        interval="± standard deviation of the bootstrap over trainings; 95% bootstrap intervals over the "
        "units named.",
        requires=(TRAINED,),
        data=upper_bounds,
        grid=upper_bounds_grid,
        beside_papers=f"nnU-Net of the papers: on the whole data set (UniverSeg, {UNIVERSEG}), or on all "
        f"of MultiverSeg's tasks ({PREPRINT}).",
    )
}
