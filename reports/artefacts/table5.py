"""Augmentations within a task and of whole tasks (MultiverSeg, Table 5)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports.artefact import Artefact
from segbench.reports.artefacts.table4 import COLUMNS, compared
from segbench.reports.layout import Grid, plain
from segbench.results import published

if TYPE_CHECKING:
    from segbench.results import Results

ARTEFACT = Artefact(
    "table",
    "Augmentations in training (Table 5)",
    "Within a task each image is augmented on its own, then the whole task alike, each row with "
    "probability p: the paper's numbers and those of this project's training code. The paper's sharpness "
    "of 5 is read as the upper end of a range. The bundled weights were trained with the preset small, "
    "which leaves a row out.",
    requires=(),
)


def table5(results: Results) -> pd.DataFrame:
    """The rows of the training code beside the paper's; the same for every run.

    Returns
    -------
    DataFrame
        As of `segbench.reports.artefacts.table4.compared`, and ``small``: whether the preset of the bundled weights uses
        the row.
    """
    from segbench.models.training.augmentation import TASK, WITHIN_TASK
    from segbench.models.training.presets import PRESETS

    ours = {"within-task": WITHIN_TASK, "task": TASK}
    table = compared(published("table5"), ours)
    used = {row.name for row in PRESETS["small"]["multiverseg"].task_augmentations}
    return table.assign(small=(table.part == "within-task") | table.augmentation.isin(used))


def table5_grid(table: pd.DataFrame) -> Grid:
    """The table for reading."""
    parts = table.part.map({"within-task": "Within a task (a)", "task": "Of a task (b)"})
    columns = {"part": "Augments", **COLUMNS, "small": "In preset small"}
    return plain(table.assign(part=parts), columns, heads=2)


ARTEFACTS = {"table5": dataclasses.replace(ARTEFACT, data=table5, grid=lambda _, table: table5_grid(table))}
