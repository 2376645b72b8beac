"""Catalogue of public data sets: facts of the papers' tables, licences, citations and links.

``catalogue.csv`` has one row per data set: every entry of MultiverSeg's Tables 2 and 3 and of InterConv's
Tables 3, 7 and 8, and all other data sets of the registry. A data set of both papers is one row; its note
states differences between the papers. Fields that public documentation does not state are empty.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from segbench.datasets.task import base_name

FILE = Path(__file__).with_suffix(".csv")


@dataclass(frozen=True)
class Entry:
    """One row of the catalogue.

    Attributes
    ----------
    key : str
        Name of the data set in the registry, if it is registered.
    name : str
        As printed in the papers.
    description : str
    tables : tuple of str
        Artefacts that list it: ``table2`` and ``interconv-table7`` (evaluation), ``table3`` and
        ``interconv-table8`` (training), ``interconv-table3`` (scans with all structures), or
        ``manual-scribbles``. Empty for a data set of neither paper.
    datasets : int
        Number of data sets in the entry.
    scans : int or None
        Pairs of subject and modality, as printed; None where not stated.
    labels : int or None
        None where not stated, as for all training data.
    modalities, citation : str
    licence, doi, link : str
        Empty where not stated.
    access : str
        Condition of the download: ``open`` (none), ``login`` (an account), ``agreement`` (an application or a
        signed agreement); empty where not stated.
    steps : str
        Manual steps to get the data set; for data sets of the registry only.
    note : str
        Differences between the papers, or from the release.
    trained_on_by : tuple of str
        Models whose authors trained the published weights on it; for them it is not held out. The bundled
        weights have seen none of the data sets. Stated for the models of MultiverSeg's Table 3 and of
        InterConv's Table 8, which has ScribblePrompt's, and for SegGPT (its section 4.1). Not known here for
        the others, among them UniverSeg and MedSAM.
    """

    key: str
    name: str
    description: str
    tables: tuple[str, ...]
    datasets: int
    scans: int | None
    labels: int | None
    modalities: str
    licence: str
    citation: str
    doi: str
    link: str
    access: str
    steps: str
    note: str
    trained_on_by: tuple[str, ...]


def entries(table: str | None = None) -> tuple[Entry, ...]:
    """List all entries, or those of one table in its order."""
    return tuple(entry for entry in _read() if table is None or table in entry.tables)


def entry(key: str) -> Entry | None:
    """Find the entry of a registered name, or of a variant of it; None for a data set without one."""
    return next((entry for entry in _read() if entry.key == base_name(key)), None)


def trained_on_by(dataset: str) -> tuple[str, ...]:
    """List the models whose authors trained the published weights on a data set, whatever its variant."""
    found = (entry.trained_on_by for entry in _read() if same_name(entry.key) == same_name(dataset))
    return next(found, ())


def same_name(name: str) -> str:
    """Return a data set's name without variant, case and punctuation, in which papers and files differ."""
    return re.sub(r"[^a-z0-9]", "", base_name(name).lower())


@cache
def _read() -> tuple[Entry, ...]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return tuple(_parse(**row) for row in csv.DictReader(file))


def _parse(tables: str, datasets: str, scans: str, labels: str, trained_on_by: str, **fields: str) -> Entry:
    return Entry(
        tables=tuple(tables.split()),
        trained_on_by=tuple(trained_on_by.split()),
        datasets=int(datasets or 1),
        scans=int(scans) if scans else None,
        labels=int(labels) if labels else None,
        **fields,
    )
