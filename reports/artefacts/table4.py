"""Augmentations that make a synthetic task out of one image (MultiverSeg, Table 4)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports.artefact import Artefact
from segbench.reports.layout import Grid, plain, text
from segbench.results import published

if TYPE_CHECKING:
    from segbench.models.training.augmentation import Augmentation
    from segbench.results import Results

ARTEFACT = Artefact(
    "table",
    "Augmentations of synthetic tasks (Table 4)",
    "Each copy of an image is augmented on its own, each row with probability p: the paper's numbers and "
    "those of this project's training code. The paper's sharpness of 5 is read as the upper end of a "
    "range.",
    requires=(),
)


Parameters = dict[str, float | tuple[float, float]]


def table4(results: Results) -> pd.DataFrame:
    """The rows of the training code beside the paper's; the same for every run.

    Returns
    -------
    DataFrame
        As of `compared`.
    """
    from segbench.models.training.augmentation import SYNTHETIC

    return compared(published("table4"), {"synthetic": SYNTHETIC})


def compared(paper: pd.DataFrame, ours: Mapping[str, Sequence[Augmentation]]) -> pd.DataFrame:
    """Augmentations of the paper beside ours.

    Parameters
    ----------
    paper : DataFrame
        ``published("table4")`` or ``published("table5")``.
    ours : mapping of part to augmentations

    Returns
    -------
    DataFrame
        A row per ``part`` and ``augmentation``: ``paper_p`` and ``p``, the probabilities; ``paper`` and
        ``ours``, the parameters in words; ``same``, whether all of it agrees. Empty on the side that has no
        such row.
    """
    theirs: dict[tuple[str, str], Parameters] = {}
    for part, name, parameter, low, high in paper.to_numpy(object):
        theirs.setdefault((part, name), {})[parameter] = low if pd.isna(high) else (low, high)
    own = {(part, row.name): {"p": row.p, **row.parameters} for part, table in ours.items() for row in table}
    rows = []
    for part, name in dict.fromkeys([*theirs, *own]):
        one, other = theirs.get((part, name), {}), own.get((part, name), {})
        rows.append(
            {
                "part": part,
                "augmentation": name,
                "paper_p": one.get("p"),
                "p": other.get("p"),
                "paper": _words(one),
                "ours": _words(other),
                "same": one == other,
            }
        )
    return pd.DataFrame(rows)


def _words(parameters: Parameters) -> str:
    """Parameters in words, without the probability."""
    words = []
    for name, value in parameters.items():
        if name != "p":
            ends = value if isinstance(value, tuple) else (value,)
            words.append(f"{name} {' to '.join(text(end) for end in ends)}")
    return "; ".join(words)


COLUMNS = {
    "augmentation": "Augmentation",
    "paper_p": "Paper: p",
    "paper": "Paper: parameters",
    "p": "Ours: p",
    "ours": "Ours: parameters",
    "same": "Same",
}


def table4_grid(table: pd.DataFrame) -> Grid:
    """The table for reading."""
    return plain(table, COLUMNS)


ARTEFACTS = {"table4": dataclasses.replace(ARTEFACT, data=table4, grid=lambda _, table: table4_grid(table))}
