"""What networks trained on each task reach, beside published ones and segmentation in context."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from segbench.reports import bounds, estimates
from segbench.reports.artefact import Artefact, InsufficientRecords, Requirement
from segbench.reports.artefacts import fig6
from segbench.reports.layout import Grid, number, shown
from segbench.results import published, statistics

if TYPE_CHECKING:
    from segbench.results import Results

ARTEFACT = Artefact(
    "table",
    "Supervised upper bounds",
    "Networks that were trained on each task with its true labels, and that segment every test image "
    "without interactions. Beside them nnU-Net of the papers, on the whole data set or on all of "
    "MultiverSeg's tasks, and the models that take a context, on the same tasks with the largest context of "
    "the run and no interactions. Networks are trained before they run: python -m benchmark train nnunet "
    "--datasets NAME.",
    interval="± standard deviation of the bootstrap over training runs; 95% bootstrap intervals over the "
    "units named.",
    requires=(Requirement(("supervised",), (bounds.NNUNET,)),),
)

LEVELS = ("", "dataset", "task")
IN_CONTEXT = fig6.ARTEFACT.requires[0].models


def upper_bounds(results: Results) -> pd.DataFrame:
    """The upper bounds over all tasks, by data set and by task.

    Returns
    -------
    DataFrame
        A row per ``level`` (overall, dataset, task), ``group`` (its name, ``all`` of overall) and ``model``,
        with the columns of `segbench.reports.bounds.bounds`; ``target``, the target Dice as people say it; ``paper``,
        ``paper_std`` and ``source`` of the published nnU-Net on that data set or over all tasks;
        ``context_size``, the largest of protocol ``in-context``, and the Dice times 100 of ``universeg`` and
        ``multiverseg`` with it, NaN where a task of the row is without.

    Raises
    ------
    InsufficientRecords
        If there are no such records.
    """
    images = estimates.select(results, *ARTEFACT.requires)
    tables = []
    for level in LEVELS:
        table = bounds.bounds(results, level=level)
        table.insert(0, "level", level or "overall")
        tables.append(table if level else table.assign(group="all"))
    table = pd.concat(tables, ignore_index=True)
    own = images[["model", "dataset", "task"]].drop_duplicates().astype(str)
    tasks = [_tasks(own, row) for _, row in table.iterrows()]
    table["label"] = [bounds.label(results, m, t) for m, t in zip(table.model, tasks, strict=True)]
    table["target"] = estimates.target(results)
    table = table.merge(_published(), how="left", on=["level", "group", "model"])
    in_context = _in_context(results)
    table["context_size"] = in_context.context_size.max()
    for model in IN_CONTEXT:
        rows = in_context[in_context.model == model]
        table[model] = [_on(rows, names) for names in tasks]
    first = ["level", "group", "model"]
    return table[[*first, *table.columns.drop(first)]]


def _tasks(own: pd.DataFrame, row: pd.Series) -> list[str]:
    """The tasks of a row of the table."""
    mine = own[own.model == row.model]
    return sorted(mine.task if row.level == "overall" else mine.task[mine[row.level] == row.group])


def _published() -> pd.DataFrame:
    """nnU-Net in the papers: of single data sets, and over all tasks of MultiverSeg."""
    by_dataset = fig6.bound("fig19").rename(columns={"dataset": "group"}).assign(level="dataset")
    overall = published("table7").query("protocol == @SUPERVISED").assign(level="overall", group="all")
    paper = pd.concat([by_dataset, overall]).rename(columns={"value": "paper", "std": "paper_std"})
    return paper[["level", "group", "model", "paper", "paper_std", "source"]]


def _in_context(results: Results) -> pd.DataFrame:
    """The image records with the largest context and no interactions; none where there are none."""
    rows = results.images.iloc[:0]
    with suppress(InsufficientRecords):
        rows = estimates.select(results, *fig6.ARTEFACT.requires)
    return rows[rows.context_size == rows.context_size.max()]


def _on(rows: pd.DataFrame, tasks: list[str]) -> float:
    """Mean Dice times 100 over these tasks, NaN unless there are records of all of them."""
    here = rows[rows.task.isin(tasks)]
    if here.task.nunique() < len(tasks):
        return np.nan
    return 100 * float(statistics.hierarchical_mean(here, "dice", ["protocol"]).dice.iloc[0])


def upper_bounds_grid(table: pd.DataFrame) -> Grid:
    """The table for reading."""
    sizes = "" if table.context_size.isna().all() else f", context of {table.context_size.iloc[0]:.0f}"
    columns = [
        "Tasks",
        "Method",
        "Training runs",
        "Dice (×100) ↑",
        "95% over training runs",
        "95% over subjects",
        "HD95 (pixels) ↓",
        f"Images at {table.target.iloc[0]} Dice or better",
        "nnU-Net, papers",
    ]
    columns += [f"{shown('model', model)}{sizes}" for model in IN_CONTEXT]
    return Grid(columns, [_row(row) for _, row in table.iterrows()], heads=2)


def _row(row: pd.Series) -> list[str]:
    def joined(one: float, two: float, between: str, digits: int = 2) -> str:
        return number(one, digits) + (f" {between} {number(two, digits)}" if pd.notna(two) else "")

    group = {"overall": "All tasks", "dataset": f"Data set: {row.group}"}.get(row.level, row.group)
    return [
        group,
        row.label,
        str(row.runs),
        joined(row["mean"], row["std"], "±"),
        joined(row.low, row.high, "to"),
        joined(row.subject_low, row.subject_high, "to"),
        number(row.hd95),
        f"{number(row.at_target, 0)}%",
        joined(row.paper, row.paper_std, "±"),
        *(number(row[model]) for model in IN_CONTEXT),
    ]


ARTEFACTS = {
    "upper-bounds": dataclasses.replace(
        ARTEFACT, data=upper_bounds, grid=lambda _, table: upper_bounds_grid(table)
    )
}
