"""Runs of which some planned units are not finished: what every command says about them."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path

import pytest
from click.testing import CliRunner

from segbench.benchmark.cli import cli
from segbench.results import load
from segbench.results.progress import Progress, abbreviated, progress

WORDS = [
    *("run", "--protocol", "center-clicks,centerline-scribbles", "--datasets", "toys:Toys", "--images", "1"),
    *(
        "--simulations",
        "11",
        "--max-steps",
        "2",
        "--device",
        "cpu",
        "--precision",
        "float32",
        "--workers",
        "1",
    ),
]
KEPT = 3  # of 8 units


def invoke(*words: object, status: int = 0):
    result = CliRunner().invoke(cli, [str(word) for word in words])
    assert result.exit_code == status, result.output
    return result


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A finished run of one model."""
    output = tmp_path_factory.mktemp("whole") / "run"
    invoke(*WORDS, "--models", "toys:Brush", "--output", output)
    return output


@pytest.fixture
def cut(whole, tmp_path) -> Path:
    """The same run, as a killed command leaves it."""
    run = shutil.copytree(whole, tmp_path / "run")
    for unit in sorted((run / "units").iterdir())[KEPT:]:
        shutil.rmtree(unit)
    return run


def command_of(text: str) -> list[str]:
    """Return the words of the first ``run`` command in a text."""
    return re.search(r"python -m benchmark (run [^\n<]*)", unescape(text))[1].split()


def test_a_finished_run_is_not_called_unfinished(whole, tmp_path):
    assert load(whole).progress == [Progress(8, 8)]
    result = invoke("report", whole, "--only", "table7", "--output", tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert "Note:" not in result.stderr and "Unfinished run." not in page and "of 8 units" not in page


def test_the_page_says_how_much_is_finished_and_how_to_continue(cut, whole, tmp_path):
    assert len(load(cut).images) < len(load(whole).images)
    result = invoke("report", cut, "--only", "table1", "--output", tmp_path)
    sentence = f"Note: {cut} is not finished: 3 of 8 units are finished; continue by: python -m benchmark run"
    assert sentence in result.stderr
    page = (tmp_path / "index.html").read_text()
    assert "3 of 8 units</p>" in page  # in the head
    warning = page.partition("Unfinished run.")[2].partition("</aside>")[0]
    assert "3 of 8 units are finished" in warning
    continued = invoke(*command_of(warning))  # into the copy, and not into the folder of the command
    assert "3 of 8 units are finished already" in continued.output
    assert "is not finished" not in continued.output
    assert load(cut).steps.equals(load(whole).steps)


def test_a_run_to_which_several_commands_add_keeps_the_plan_of_each(cut):
    result = invoke(*WORDS, "--models", "toys:Slow", "--output", cut)
    [line] = [line for line in result.output.splitlines() if "is not finished" in line]
    assert "11 of 16 units are finished" in line
    assert "--models toys:Brush" in line and "toys:Slow" not in line
    invoke(*command_of(line))
    assert load(cut).progress == [Progress(16, 16)]


def test_compare_notes_an_unfinished_run(cut, whole):
    comparison = json.loads(invoke("compare", whole, cut, "--format", "json").output)
    assert not comparison["equal"]
    [note] = comparison["notes"]
    assert note.startswith(f"{cut} is not finished: 3 of 8 units are finished; continue by: ")


def test_check_refuses_an_unfinished_run_and_keeps_the_baseline(cut, whole, tmp_path):
    baseline = tmp_path / "baseline.csv"
    for words in (
        [cut, "--baseline", whole],
        [whole, "--baseline", cut],
        [cut, "--baseline", baseline, "--update"],
    ):
        assert "3 of 8 units are finished; continue by" in invoke("check", *words, status=2).stderr
    assert not baseline.exists()
    invoke("check", whole, "--baseline", baseline, "--update")


def test_a_unit_of_two_plans_is_counted_once_and_the_longest_command_continues_both():
    plans = [{"arguments": {"models": name}, "units": abbreviated(keys)} for name, keys in PLANS.items()]
    command = "python -m benchmark run --models"
    both, other = (f"{command} {name} --output here" for name in ("both", "other"))
    assert progress({"plans": plans}, ["a" * 64], "here") == Progress(1, 4, (both, other))
    assert progress({"plans": plans}, ["a" * 64, "d" * 64], "here") == Progress(2, 4, (both,))
    assert progress({}, ["a" * 64], "here") == Progress(0, 0)


PLANS = {
    "one": ["a" * 64, "b" * 64],
    "both": ["a" * 64, "b" * 64, "c" * 64],
    "other": ["d" * 64],
}


def test_a_damaged_plan_is_refused(cut):
    manifest = json.loads((cut / "manifest.json").read_text())
    (cut / "manifest.json").write_text(json.dumps(manifest | {"plans": [{"units": 7}]}))
    assert "manifest.json is damaged" in invoke("report", cut, status=1).stderr
