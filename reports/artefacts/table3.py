"""Training data sets of MultiverSeg (MultiverSeg, Table 3)."""

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
    "Training data sets (Table 3)",
    "What the paper's MultiverSeg was trained on, and whether the weights of this run saw it. The 55 rows"
    " are 67 data sets when MSD counts as its 10 and QUBIQ as its 4. The official weights of the other "
    "networks were trained on other collections, so of them it is not known row by row.",
    requires=(),
)

SEEN = {
    "paper": "yes",
    "synthetic": "no: synthetic tasks only",
    "nothing": "no: no weights",
    "unknown": "unknown",
}


def table3(results: Results) -> pd.DataFrame:
    """The paper's training data sets.

    Returns
    -------
    DataFrame
        A row per entry of the paper's table: ``name``, ``datasets`` (how many it stands for),
        ``description``, ``scans`` (pairs of subject and modality), ``modalities``, ``licence``, ``link``
        (where to get it), ``note`` (what differs elsewhere), and ``seen``, whether the weights of this run
        were trained on it.
    """
    return training("table3", SEEN[catalogue.trained_on(results)])


def training(artefact: str, seen: str) -> pd.DataFrame:
    """The training data sets of a paper's table; columns as of `table3`."""
    columns = ["name", "datasets", "description", "scans", "modalities", "licence", "link", "note"]
    return pd.DataFrame(entries(artefact))[columns].assign(seen=seen)


def table3_grid(table: pd.DataFrame) -> Grid:
    """The table for reading."""
    columns = {
        "name": "Data set",
        "description": "Description",
        "scans": "Scans",
        "modalities": "Modalities",
        "licence": "Licence",
        "seen": "Seen by this run's weights",
    }
    return plain(table, columns)


ARTEFACTS = {"table3": dataclasses.replace(ARTEFACT, data=table3, grid=lambda _, table: table3_grid(table))}
