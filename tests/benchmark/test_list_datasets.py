"""``list datasets``: what there is, what is missing, and how to get it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from segbench.benchmark.__main__ import cli
from segbench.datasets.catalogue import entries
from segbench.datasets.registry import DATASETS


def listed(root, *words):
    result = CliRunner().invoke(cli, ["list", "datasets", "--data-root", str(root), *words])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def rows(tmp_path):
    return {row["name"]: row for row in json.loads(listed(tmp_path, "--format", "json"))}


def test_registered_and_catalogued_data_sets_are_listed_once(rows, tmp_path):
    registered = {name for name in DATASETS.names() if "@" not in name}
    assert registered >= {*(found.key for found in entries("table2")), "stare", "medscribble"}
    assert set(rows) == registered
    assert len(listed(tmp_path).splitlines()) == len(registered)
    columns = "name", "installed", "kind", "licence", "variants", "trained_on_by", "how", "link"
    assert {tuple(row) for row in rows.values()} == {(*columns, "title", "description")}


def test_each_is_told_how_to_get_it(rows):
    assert rows["wbc"] == {
        "name": "wbc",
        "installed": False,
        "kind": "tasks",
        "licence": "GPL-3.0",
        "variants": "wbc@scribbleprompt wbc@universeg",
        "trained_on_by": "",
        "how": "python -m benchmark data fetch wbc",
        "link": "https://github.com/zxaoyou/segmentation_WBC",
        "title": "WBC",
        "description": "white blood cells",
    }
    adni = rows["adni-flair"]
    assert (adni["kind"], adni["how"]) == ("scans", "get it from https://adni.loni.usc.edu")
    assert [rows[name]["how"] for name in ("phantoms", "brain-phantom")] == ["embedded", "embedded"]
    assert [name for name, row in rows.items() if row["installed"]] == ["phantoms", "brain-phantom"]


def test_second_readers_and_training_data_are_named(rows, tmp_path):
    stare = rows["stare"]
    assert stare["variants"] == "stare@second-reader"
    assert {"multiverseg", "scribbleprompt"} < set(stare["trained_on_by"].split())
    lines = [line for line in listed(tmp_path).splitlines() if "training data" in line]
    assert [line.split()[0] for line in lines] == ["drive", "stare"]
    assert "training data of seggpt" in lines[0]
    assert "training data of multiverseg and 4 more" in lines[1]


class Plugin:
    name = "plugin"

    def installed(self, root):
        return True

    def tasks(self, root):
        return []

    def load(self, task, root): ...

    def cases(self, folder): ...

    def examples(self, case): ...


def test_what_reads_files_is_imported_from_where_the_catalogue_says(tmp_path, monkeypatch):
    for name in ("plugin", "cobre"):
        monkeypatch.setitem(DATASETS.builtin, name, f"{__name__}:Plugin")
    rows = {row["name"]: row for row in json.loads(listed(tmp_path, "--format", "json"))}
    plugin, cobre = rows["plugin"], rows["cobre"]
    assert (plugin["installed"], plugin["licence"], plugin["link"]) == (True, "", "")
    assert plugin["how"] == "python -m benchmark data import plugin FOLDER"
    link = "http://fcon_1000.projects.nitrc.org/indi/retro/cobre.html"
    assert cobre["how"] == f"get it from {link}, then: python -m benchmark data import cobre FOLDER"


def test_lines_are_aligned_and_say_the_link_once(rows, tmp_path):
    lines = listed(tmp_path).splitlines()
    state = {line.index("installed") - 4 * ("not installed" in line) for line in lines}
    assert len(state) == 1
    kinds = {line.index(f"  {rows[line.split()[0]]['kind']}  ") for line in lines}
    assert len(kinds) == 1
    for line in lines:
        row = rows[line.split()[0]]
        assert line.endswith(row["how"])
        assert line.count(row["link"]) == ("get it from" in row["how"]) or not row["link"]


def test_real_data_are_installed(shared_data):
    lines = listed(shared_data).splitlines()
    assert [line.split()[1] for line in lines if line.startswith("wbc ")] == ["installed"]
