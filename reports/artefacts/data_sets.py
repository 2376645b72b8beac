"""Evaluation and training data sets (MultiverSeg, Table 2 and 3; InterConv, Table 7 and 8)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from segbench.datasets.catalogue import entries, same_name
from segbench.reports import catalogue
from segbench.reports.artefact import Artefact
from segbench.reports.artefacts.set_gains import INTERACTIVE_PAIR
from segbench.reports.layout import Grid, plain
from segbench.reports.style import model_title
from segbench.results.schema import TASK

if TYPE_CHECKING:
    from segbench.results import Results

EVALUATION = (
    "The paper's data sets with their sizes in this run, then the run's other data sets. Scans count "
    "subjects and modalities. Tasks, images and labels include tasks that were left out; tasks and subjects "
    "evaluated are those with results. A data set is not held out for models whose authors trained the "
    "weights used here on it."
)
SEEN = {
    "paper": "yes",
    "synthetic": "no: synthetic tasks only",
    "nothing": "no: no weights",
    "unknown": "unknown",
}


def _evaluation(results: Results, artefact: str) -> pd.DataFrame:
    """Match the data sets of a paper's table with those of the run by name.

    Returns
    -------
    DataFrame
        A row per data set. Of the paper: ``name``, ``description``, ``paper_scans``, ``paper_labels``,
        ``paper_modalities``, ``licence``, ``link`` (where to get it) and ``note`` (differences elsewhere). Of
        the run: ``dataset`` (its name), ``tasks``, ``tasks_evaluated``, ``images`` (each counted once,
        whatever its number of labels), ``subjects_evaluated``, ``labels``, ``modalities`` and ``trained``,
        the models of the run whose weights its authors trained on it. Empty where the paper or the run lacks
        the data set.
    """
    columns = ["key", "name", "description", "scans", "labels", "modalities", "licence", "link", "note"]
    paper = pd.DataFrame(entries(artefact))[columns].rename(
        columns={name: f"paper_{name}" for name in ("scans", "labels", "modalities")}
    )
    paper = paper.assign(key=paper.key.map(same_name))
    table = paper.merge(_of_run(results), how="outer", on="key", sort=False)
    table = table.assign(absent=table.name.isna(), name=table.name.fillna(table.dataset))
    table = table.sort_values(["absent", "key"], ignore_index=True)
    return table.drop(columns=["key", "absent"])


def _of_run(results: Results) -> pd.DataFrame:
    """Count tasks, images and subjects of each data set of the run."""
    rows = []
    for name, tasks in catalogue.tasks(results).groupby("dataset"):
        images = results.images[results.images.dataset == name]
        # The labels of a cohort share images, and a task lacks the images on which its label is empty.
        counts = tasks[list(catalogue.SPLITS)].sum(axis=1, min_count=1)
        counts = counts.groupby([tasks[part] for part in TASK[1:-1]]).max()
        rows.append(
            {
                "key": same_name(str(name)),
                "dataset": name,
                "tasks": len(tasks),
                "tasks_evaluated": int(tasks.evaluated.sum()),
                "images": counts.sum(min_count=1),
                "subjects_evaluated": len(images[["cohort", "subject"]].drop_duplicates()),
                "labels": tasks.label.nunique(),
                "modalities": ", ".join(sorted(tasks.modality.unique())),
                "trained": ", ".join(map(model_title, catalogue.trained_before(results, str(name)))),
            }
        )
    columns = ["key", "dataset", "tasks", "tasks_evaluated", "images", "subjects_evaluated"]
    return pd.DataFrame(rows, columns=[*columns, "labels", "modalities", "trained"])


def _evaluation_grid(results: Results, table: pd.DataFrame) -> Grid:
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
        "trained": "Models trained on it",
    }
    return plain(table, columns)


def _training(artefact: str, seen: str) -> pd.DataFrame:
    """List the training data sets of a paper's table.

    Returns
    -------
    DataFrame
        A row per entry: ``name``, ``datasets`` (the number that it stands for), ``description``, ``scans``
        (pairs of subject and modality), ``modalities``, ``licence``, ``link``, ``note``, and ``seen``,
        whether the weights of this run were trained on it.
    """
    columns = ["name", "datasets", "description", "scans", "modalities", "licence", "link", "note"]
    return pd.DataFrame(entries(artefact))[columns].assign(seen=seen)


def _seen_by_pair(results: Results) -> str:
    weights = catalogue.models(results)
    kinds = {weights[model] for model in INTERACTIVE_PAIR if model in weights}
    return "no: synthetic sets only" if kinds == {"bundled"} else "unknown" if kinds else "not in this run"


def _training_grid(results: Results, table: pd.DataFrame) -> Grid:
    columns = {
        "name": "Data set",
        "description": "Description",
        "scans": "Scans",
        "modalities": "Modalities",
        "licence": "Licence",
        "seen": "Seen by this run's weights",
    }
    return plain(table, columns)


ARTEFACTS = {
    "table2": Artefact(
        "table",
        "Evaluation data sets (Table 2)",
        EVALUATION,
        requires=(),
        data=partial(_evaluation, artefact="table2"),
        grid=_evaluation_grid,
    ),
    "table3": Artefact(
        "table",
        "Training data sets (Table 3)",
        "The data sets that the paper's MultiverSeg was trained on, and whether the weights of this run saw "
        "them. The 55 rows are 67 data sets if MSD counts as its 10 and QUBIQ as its 4. The official weights "
        "of the other networks were trained on other collections; for them it is not known row by row.",
        requires=(),
        data=lambda results: _training("table3", SEEN[catalogue.trained_on(results)]),
        grid=_training_grid,
    ),
    "interconv-table7": Artefact(
        "table",
        "Evaluation data sets of interactive segmentation (InterConv, Table 7)",
        EVALUATION,
        requires=(),
        data=partial(_evaluation, artefact="interconv-table7"),
        grid=_evaluation_grid,
    ),
    "interconv-table8": Artefact(
        "table",
        "Training data sets of interactive segmentation (InterConv, Table 8)",
        "The data sets that the paper's ScribblePrompt pair was trained on, and whether the weights of this "
        "run's pair saw them. The 53 rows are 65 data sets if MSD counts as its 10 and QUBIQ as its 4. The "
        "bundled pair was trained on sets of synthetic images alone. For ToothSeg the text of the table has "
        "508 scans and misread characters; the number here is that of MultiverSeg, Table 3.",
        requires=(),
        data=lambda results: _training("interconv-table8", _seen_by_pair(results)),
        grid=_training_grid,
    ),
}
