"""The catalogue: the papers' data sets, complete and as printed, and how to get each registered data set."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest

from segbench.datasets import catalogue
from segbench.datasets.catalogue import entries, entry, trained_on_by
from segbench.datasets.registry import DATASETS, EMBEDDED
from segbench.datasets.task import base_name
from segbench.models.registry import MODELS


def names(table: str) -> set[str]:
    return {row.name for row in entries(table)}


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
def test_every_table_has_the_number_of_data_sets_of_its_paper(table, rows, datasets):
    listed = entries(table)
    assert (len(listed), sum(row.datasets for row in listed)) == (rows, datasets)


def test_the_tables_of_the_papers_differ_in_four_data_sets():
    assert names("table2") - names("interconv-table7") == {"COBRE", "SCR"}
    assert names("table3") - names("interconv-table8") == {"CoNSEP", "DukeLiver"}
    assert names("interconv-table7") < names("table2")
    assert names("interconv-table8") < names("table3")
    assert not names("table2") & names("table3")


def test_numbers_are_as_printed():
    printed = [(row.name, row.scans, row.labels, row.modalities) for row in entries("table2")]
    assert printed[0] == ("ACDC", 99, 3, "cine-MRI")
    assert printed[-1] == ("WBC", 400, 2, "Microscopy")
    assert sum(labels or 0 for _, _, labels, _ in printed) == 68
    assert sum(scans for _, scans, _, _ in printed) == 2171
    assert sum(row.scans for row in entries("table3")) == 51276
    assert sum(row.scans for row in entries("interconv-table8")) == 51276 - 27 - 310
    assert {row.labels for row in entries("table3")} == {None}


def test_a_data_set_is_one_row_that_its_registered_name_finds():
    counts = Counter(row.key for row in entries())
    assert set(counts.values()) == {1}
    acdc = entry("acdc")
    assert acdc is not None and acdc.tables == ("table2", "interconv-table7")
    assert entry("ACDC") is None and entry("phantoms") is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        acdc.name = "other"  # type: ignore[misc]


def test_the_catalogue_gives_the_steps_to_get_each_registered_data_set_and_no_other():
    registered = {base_name(name) for name in DATASETS.builtin} - set(EMBEDDED.values())
    assert {row.key for row in entries() if row.steps} == registered
    assert all(row.link for row in entries() if row.steps)


@pytest.mark.parametrize("row", entries(), ids=lambda row: row.key)
def test_fields_have_the_forms_that_readers_rely_on(row):
    assert row.description and row.citation and row.modalities
    assert row.link.startswith(("https://", "http://")) or not (row.link or row.steps)
    assert row.doi.startswith("10.") or not row.doi
    assert row.access in {"open", "login", "agreement", ""}
    texts = [value for value in dataclasses.astuple(row) if isinstance(value, str)]
    assert all(text == text.strip() and "\n" not in text for text in texts)


def test_a_data_set_of_neither_paper_needs_no_numbers(tmp_path, monkeypatch):
    file = tmp_path / "catalogue.csv"
    header = catalogue.FILE.read_text(encoding="utf-8").splitlines()[0]
    file.write_text(
        f"{header}\nmine,Mine,cells,,,,,Microscopy,CC0 1.0,Me 2025,,https://mine,open,Unpack it.,,\n"
    )
    monkeypatch.setattr(catalogue, "FILE", file)
    (row,) = catalogue._read.__wrapped__()
    assert (row.key, row.tables, row.datasets, row.scans, row.labels) == ("mine", (), 1, None, None)


def test_only_stare_is_both_readable_here_and_training_data_of_the_authors():
    """MultiverSeg's Table 3, and InterConv's Table 8, whose authors name it ScribblePrompt's."""
    assert {row.key for row in entries() if "seggpt" in row.trained_on_by} == {"drive", "stare"}
    by = {row.key: set(row.trained_on_by) - {"seggpt"} for row in entries()}
    assert {row.key for row in entries("table3")} == {
        key for key, names in by.items() if "multiverseg" in names
    }
    assert {row.key for row in entries("interconv-table8")} == {
        key for key, names in by.items() if "scribbleprompt" in names
    }
    assert {base_name(name) for name in DATASETS.builtin if by.get(base_name(name))} == {"stare"}
    assert not any(by[row.key] for row in (*entries("table2"), *entries("interconv-table3")))
    assert set().union(*by.values()) <= set(MODELS.builtin)
    assert entry("stare@second-reader") == entry("stare")
    assert "seggpt" in trained_on_by("STARE@second-reader")
    assert trained_on_by("phantoms") == ()


def test_licences():
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
    assert {row.key: row.licence for row in entries() if row.key in given} == given
