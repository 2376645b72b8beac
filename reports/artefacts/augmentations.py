"""Augmentations of the training code, compared with the paper (MultiverSeg, Table 4 and 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports.artefact import Artefact
from segbench.reports.layout import Grid, plain, text
from segbench.results import published
from segbench.results.reference import PREPRINT

if TYPE_CHECKING:
    from segbench.models.training.augmentation import Augmentation
    from segbench.results import Results

Parameters = dict[str, float | tuple[float, float]]

SHARPNESS = "The paper's sharpness of 5 is read as the upper end of a range."
COLUMNS = {
    "augmentation": "Augmentation",
    "paper_p": "Paper: p",
    "paper": "Paper: parameters",
    "p": "Ours: p",
    "ours": "Ours: parameters",
    "same": "Same",
}


def compared(paper: pd.DataFrame, ours: Mapping[str, Sequence[Augmentation]]) -> pd.DataFrame:
    """Compare augmentations of the paper with ours.

    Parameters
    ----------
    paper : DataFrame
        ``published("table4")`` or ``published("table5")``.
    ours : mapping of part to augmentations

    Returns
    -------
    DataFrame
        A row per ``part`` and ``augmentation``: ``paper_p`` and ``p``, the probabilities; ``paper`` and
        ``ours``, the parameters in words; ``same``, whether everything agrees. Empty where one side lacks the
        augmentation.
    """
    printed: dict[tuple[str, str], Parameters] = {}
    printed_columns = ["part", "augmentation", "parameter", "low", "high"]
    for part, name, parameter, low, high in paper[printed_columns].to_numpy(object):
        printed.setdefault((part, name), {})[parameter] = low if pd.isna(high) else (low, high)
    coded = {
        (part, row.name): {"p": row.p, **row.parameters} for part, table in ours.items() for row in table
    }
    rows = []
    for part, name in dict.fromkeys([*printed, *coded]):
        theirs, implemented = printed.get((part, name), {}), coded.get((part, name), {})
        rows.append(
            {
                "part": part,
                "augmentation": name,
                "paper_p": theirs.get("p"),
                "p": implemented.get("p"),
                "paper": _in_words(theirs),
                "ours": _in_words(implemented),
                "same": theirs == implemented,
            }
        )
    return pd.DataFrame(rows)


def _in_words(parameters: Parameters) -> str:
    """Return parameters as text, without the probability."""
    words = []
    for name, value in parameters.items():
        if name != "p":
            ends = value if isinstance(value, tuple) else (value,)
            words.append(f"{name} {' to '.join(text(end) for end in ends)}")
    return "; ".join(words)


def _synthetic_data(results: Results) -> pd.DataFrame:
    from segbench.models.training.augmentation import SYNTHETIC

    return compared(published("table4"), {"synthetic": SYNTHETIC})


def _training_data(results: Results) -> pd.DataFrame:
    """Compare Table 5; ``small`` is whether the preset of the bundled weights uses the row."""
    from segbench.models.training.augmentation import TASK, WITHIN_TASK
    from segbench.models.training.presets import PRESETS

    table = compared(published("table5"), {"within-task": WITHIN_TASK, "task": TASK})
    used = {row.name for row in PRESETS["small"]["multiverseg"].task_augmentations}
    return table.assign(small=(table.part == "within-task") | table.augmentation.isin(used))


def _training_grid(results: Results, table: pd.DataFrame) -> Grid:
    parts = table.part.map({"within-task": "Within a task (a)", "task": "Of a task (b)"})
    columns = {"part": "Augments", **COLUMNS, "small": "In preset small"}
    return plain(table.assign(part=parts), columns, heads=2)


ARTEFACTS = {
    "table4": Artefact(
        "table",
        "Augmentations of synthetic tasks (Table 4)",
        "Each copy of an image is augmented independently, each row with probability p: the paper's numbers "
        f"({PREPRINT}) and those of this project's training code. {SHARPNESS}",
        requires=(),
        data=_synthetic_data,
        grid=lambda results, table: plain(table, COLUMNS),
    ),
    "table5": Artefact(
        "table",
        "Augmentations in training (Table 5)",
        "Within a task each image is augmented independently, then all images of the task in the same way, "
        f"each row with probability p: the paper's numbers ({PREPRINT}) and those of this project's training "
        f"code. {SHARPNESS} The bundled weights were trained with the preset small, which leaves a row out.",
        requires=(),
        data=_training_data,
        grid=_training_grid,
    ),
}
