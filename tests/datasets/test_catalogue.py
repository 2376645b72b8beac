"""The catalogue: the papers' data sets, complete, as printed, and how to get each that is evaluated on."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import pytest

from segbench.datasets.catalogue import Entry, entries, entry
from segbench.datasets.registry import DATASETS, EMBEDDED

DOCS = Path(__file__).resolve().parents[2] / "docs" / "datasets.md"
SOURCES = {"oasis3-t2star", "oasis3-t2tse", "adni-flair", "stare", "medscribble"}


def names(table: str) -> set[str]:
    return {found.name for found in entries(table)}


def read() -> list[Entry]:
    """What can be had by hand and read."""
    return [found for found in entries() if found.steps]


@pytest.mark.parametrize(
    ("table", "rows", "datasets"),
    [
        ("table2", 11, 11),
        ("table3", 55, 67),
        ("interconv-table7", 9, 9),
        ("interconv-table8", 53, 65),
        ("interconv-table3", 3, 3),
        ("manual-scribbles", 1, 1),
    ],
)
def test_every_table_has_as_many_data_sets_as_its_paper_says(table, rows, datasets):
    found = entries(table)
    assert (len(found), sum(row.datasets for row in found)) == (rows, datasets)


def test_the_tables_of_the_papers_differ_in_four_data_sets():
    assert names("table2") - names("interconv-table7") == {"COBRE", "SCR"}
    assert names("table3") - names("interconv-table8") == {"CoNSEP", "DukeLiver"}
    assert names("interconv-table7") < names("table2")
    assert names("interconv-table8") < names("table3")
    assert not names("table2") & names("table3")


def test_figures_are_those_that_are_printed():
    printed = [(found.name, found.scans, found.labels, found.modalities) for found in entries("table2")]
    assert printed[0] == ("ACDC", 99, 3, "cine-MRI")
    assert printed[-1] == ("WBC", 400, 2, "Microscopy")
    assert sum(labels or 0 for _, _, labels, _ in printed) == 68
    assert sum(scans for _, scans, _, _ in printed) == 2171
    assert sum(found.scans for found in entries("table3")) == 51276
    assert sum(found.scans for found in entries("interconv-table8")) == 51276 - 27 - 310
    assert {found.labels for found in entries("table3")} == {None}


def test_a_data_set_is_one_row_and_found_by_our_name():
    counts = Counter(found.key for found in entries())
    assert set(counts.values()) == {1}
    acdc = entry("acdc")
    assert acdc is not None and acdc.tables == ("table2", "interconv-table7")
    assert entry("ACDC") is None and entry("phantoms") is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        acdc.name = "other"  # type: ignore[misc]


def test_every_registered_data_set_that_is_not_drawn_is_catalogued():
    for name in set(DATASETS.builtin) - set(EMBEDDED.values()):
        found = entry(name)
        assert found is not None and found.steps and found.link


def test_every_data_set_that_is_evaluated_on_can_be_had():
    assert {found.key for found in read()} == SOURCES | {found.key for found in entries("table2")}


@pytest.mark.parametrize("found", entries(), ids=lambda found: found.key)
def test_words_are_of_the_forms_that_readers_rely_on(found):
    assert found.description and found.citation and found.modalities
    assert found.link.startswith(("https://", "http://")) or not (found.link or found.steps)
    assert found.doi.startswith("10.") or not found.doi
    assert found.access in {"open", "login", "agreement", ""}
    told = dataclasses.astuple(found)
    assert all(word == word.strip() and "\n" not in word for word in told if isinstance(word, str))


def test_licences_that_are_given():
    given = {
        "wbc": "GPL-3.0",
        "btcv-cervix": "CC BY 4.0",
        "hipxray": "CC BY 4.0",
        "octa500": "CC BY 4.0",
        "scd": "CC0 1.0",
        "chaos": "CC BY-NC-SA 4.0",
        "paxray": "CC BY-NC-SA 4.0",
        "pandental": "CC BY-NC 3.0",
        **dict.fromkeys(("acdc", "camus", "oasis", "stare"), "research use"),
    }
    assert {found.key: found.licence for found in entries() if found.key in given} == given


def test_the_docs_tell_how_to_get_each():
    text = DOCS.read_text(encoding="utf-8")
    takes = {"open": "nothing", "login": "an account", "agreement": "an agreement", "": "not stated"}
    for found in read():
        who = f"[{found.name}]({found.link}), {found.citation}"
        row = (f"`{found.key}`", who, found.licence or "not stated", takes[found.access], found.steps)
        assert f"| {' | '.join(row)} |" in text
    assert all(f"- {found.name}: {found.note}" in text for found in entries() if found.note)
