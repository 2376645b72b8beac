"""The data sets that the papers name, what their tables say of them, and where each is to be had.

``catalogue.csv`` has a row per entry of MultiverSeg's Tables 2 and 3 and of InterConv's Tables 3, 7 and 8,
and one for MedScribble. A data set of both papers is one row with one set of figures; where a paper prints
something else, its note says so. What public documentation does not state for certain is empty.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_suffix(".csv")


@dataclass(frozen=True)
class Entry:
    """A data set of the papers.

    Attributes
    ----------
    key : str
        What we call it; the name of its source where there is one.
    name : str
        As printed.
    description : str
    tables : tuple of str
        The artefacts that list it: ``table2`` and ``interconv-table7`` (evaluation), ``table3`` and
        ``interconv-table8`` (training), ``interconv-table3`` (scans with all structures), or
        ``manual-scribbles``.
    datasets : int
        How many data sets the entry stands for.
    scans : int
        Pairs of subject and modality, as printed.
    labels : int or None
        None for training data, of which the papers do not tell it.
    modalities, citation : str
    licence, doi, link : str
        Empty where not stated.
    access : str
        What the download takes: ``open`` (nothing), ``login`` (an account), ``agreement`` (an application or
        a signed agreement); empty where not stated.
    steps : str
        What to do by hand to get it; only for what we evaluate on or read.
    note : str
        What differs between the papers, or from the release.
    """

    key: str
    name: str
    description: str
    tables: tuple[str, ...]
    datasets: int
    scans: int
    labels: int | None
    modalities: str
    licence: str
    citation: str
    doi: str
    link: str
    access: str
    steps: str
    note: str


def entries(table: str | None = None) -> tuple[Entry, ...]:
    """All entries, or those that a table lists, in its order."""
    return tuple(found for found in _read() if table is None or table in found.tables)


def entry(key: str) -> Entry | None:
    """The entry that we call by this name; None where the papers have no such data set."""
    return next((found for found in _read() if found.key == key), None)


@cache
def _read() -> tuple[Entry, ...]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return tuple(_entry(**row) for row in csv.DictReader(file))


def _entry(tables: str, datasets: str, scans: str, labels: str, **words: str) -> Entry:
    """A row of the file."""
    return Entry(
        tables=tuple(tables.split()),
        datasets=int(datasets),
        scans=int(scans),
        labels=int(labels) if labels else None,
        **words,
    )
