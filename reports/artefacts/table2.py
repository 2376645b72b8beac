"""Evaluation data sets (MultiverSeg, Table 2)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.datasets.catalogue import entries
from segbench.reports import catalogue
from segbench.reports.artefact import Artefact
from segbench.reports.layout import Grid, plain

if TYPE_CHECKING:
    from segbench.results import Results

ARTEFACT = Artefact(
    "table",
    "Evaluation data sets (Table 2)",
    "The paper's data sets and what this run has of them, then the run's other data sets. Scans count "
    "subjects and modalities. Tasks, images and labels are those found, also where a task was left out; "
    "tasks and subjects evaluated are those with results.",
    requires=(),
)


def table2(results: Results) -> pd.DataFrame:
    """Evaluation data sets of the paper and of the run; names match without regard to case and punctuation.

    Returns
    -------
    DataFrame
        A row per data set: ``name``, ``description``, ``paper_scans``, ``paper_labels``,
        ``paper_modalities``, ``licence``, ``link`` (where to get it), ``note`` (what differs elsewhere),
        empty for data sets that the paper has not; ``dataset`` (our name), ``tasks``, ``tasks_evaluated``,
        ``images``, ``subjects_evaluated``, ``labels``, ``modalities``, empty for data sets that the run has
        not. ``images`` counts each image once, whatever number of labels it has.
    """
    return evaluation(results, "table2")


def evaluation(results: Results, artefact: str) -> pd.DataFrame:
    """The evaluation data sets of a paper's table beside those of the run; columns as of `table2`."""
    columns = ["key", "name", "description", "scans", "labels", "modalities", "licence", "link", "note"]
    paper = pd.DataFrame(entries(artefact))[columns].rename(
        columns={name: f"paper_{name}" for name in ("scans", "labels", "modalities")}
    )
    paper = paper.assign(key=paper.key.map(catalogue.same_name))
    table = paper.merge(_ours(results), how="outer", on="key", sort=False)
    table = table.assign(absent=table.name.isna(), name=table.name.fillna(table.dataset))
    table = table.sort_values(["absent", "key"], ignore_index=True)
    return table.drop(columns=["key", "absent"])


def _ours(results: Results) -> pd.DataFrame:
    """What the run has of each data set."""
    rows = []
    for name, tasks in catalogue.tasks(results).groupby("dataset"):
        images = results.images[results.images.dataset == name]
        # Labels of a cohort share images; one with an empty label is no image of that label's task.
        scans = tasks[list(catalogue.SPLITS)].sum(axis=1, min_count=1)
        scans = scans.groupby([tasks.cohort, tasks.modality, tasks.axis]).max()
        rows.append(
            {
                "key": catalogue.same_name(str(name)),
                "dataset": name,
                "tasks": len(tasks),
                "tasks_evaluated": int(tasks.evaluated.sum()),
                "images": scans.sum(min_count=1),
                "subjects_evaluated": len(images[["cohort", "subject"]].drop_duplicates()),
                "labels": tasks.label.nunique(),
                "modalities": ", ".join(sorted(tasks.modality.unique())),
            }
        )
    columns = ["key", "dataset", "tasks", "tasks_evaluated", "images", "subjects_evaluated"]
    return pd.DataFrame(rows, columns=[*columns, "labels", "modalities"])


def table2_grid(table: pd.DataFrame) -> Grid:
    """The table for reading."""
    columns = {
        "name": "Data set",
        "description": "Description",
        "paper_scans": "Paper: scans",
        "paper_labels": "Paper: labels",
        "paper_modalities": "Paper: modalities",
        "licence": "Licence",
        "dataset": "This run: name",
        "tasks": "Tasks",
        "tasks_evaluated": "Tasks evaluated",
        "images": "Images",
        "subjects_evaluated": "Subjects evaluated",
        "labels": "Labels",
        "modalities": "Modalities",
    }
    return plain(table, columns)


ARTEFACTS = {"table2": dataclasses.replace(ARTEFACT, data=table2, grid=lambda _, table: table2_grid(table))}
