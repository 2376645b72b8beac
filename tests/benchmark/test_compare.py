"""``compare`` from end to end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from segbench import benchmark
from segbench.benchmark.cli import cli

RUN = (
    *("run", "--datasets", "toys:Toys", "--images", "6", "--simulations", "1", "--device", "cpu"),
    *("--precision", "float32", "--workers", "1", "--max-steps", "4", "--protocol", "center-clicks"),
)


def tool(*words):
    return CliRunner().invoke(cli, [str(word) for word in words])


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    """Runs of two models, of one of them, with an easier target, and with another seed."""
    folder = tmp_path_factory.mktemp("runs")
    words = {
        "both": ("--models", "toys:Brush,toys:Wide"),
        "one": ("--models", "toys:Brush"),
        "easier": ("--models", "toys:Brush", "--target-dice", "0.7"),
        "other seed": ("--models", "toys:Brush", "--seed", "3"),
    }
    for name, options in words.items():
        result = tool(*RUN, *options, "--output", folder / name)
        assert result.exit_code == 0, result.output
    return {name: folder / name for name in words}


def manifest_of(run: Path, change, to: Path) -> Path:
    """A copy of a run with another manifest."""
    shutil.copytree(run, to)
    file = to / "manifest.json"
    manifest = json.loads(file.read_text())
    change(manifest)
    file.write_text(json.dumps(manifest))
    return to


def test_a_run_with_itself(runs):
    result = tool("compare", runs["one"], runs["one"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[:4] == [f"{s}: equal" for s in ("environment", "configuration", "data", "weights")]
    assert lines[-1] == "All records are equal."


def test_models_of_one_run_only(runs):
    result = tool("compare", runs["both"], runs["one"])
    assert "    models toys:Wide: present and none" in result.stdout.splitlines()
    comparison = benchmark.compare(runs["both"], runs["one"])
    assert not comparison.equal
    assert set(comparison.table.model) == {"toys:Brush"} and (comparison.table.difference == 0).all()


def test_another_seed(runs):
    comparison = benchmark.compare(runs["one"], runs["other seed"])
    assert comparison.differing["configuration"] == ["settings seed: 0 and 3"]
    assert not comparison.differing["weights"] and not comparison.differing["data"]
    assert list(comparison.table.measure) == ["interactions", "dice", "failures", "hd95"]
    assert (comparison.table.images == 12).all() and (comparison.table.subjects == 6).all()
    result = tool("compare", runs["one"], runs["other seed"])
    assert "B - A" in result.stdout and "not corrected for the number of comparisons" in result.stdout


def test_another_target_has_no_common_count_of_interactions(runs):
    result = tool("compare", runs["one"], runs["easier"], "--format", "json")
    answer = json.loads(result.stdout)
    assert answer["notes"] == ["target_dice differ: interactions and failures are not compared"]
    assert "settings target_dice: 0.9 and 0.7" in answer["differing"]["configuration"]
    assert {row["measure"] for row in answer["table"]} == {"dice", "hd95"}
    (dice,) = [row for row in answer["table"] if row["measure"] == "dice"]
    assert dice["difference"] < 0 and dice["low"] <= dice["difference"] <= dice["high"]
    assert dice["now"] - dice["baseline"] == pytest.approx(dice["difference"])


def test_environment_weights_and_data(runs, tmp_path):
    def change(manifest):
        manifest["python"] = "2.7"
        manifest["packages"]["torch"] = None
        manifest["models"]["toys:Brush"]["checksum"] = "ab" * 32
        manifest["tasks"]["toys/drawn/synthetic/0/one"]["fingerprint"] = "f" * 64

    other = manifest_of(runs["one"], change, tmp_path / "other")
    comparison = benchmark.compare(runs["one"], other)
    assert any(
        line.startswith("python: ") and line.endswith("and 2.7")
        for line in comparison.differing["environment"]
    )
    assert any(line.endswith("and none") for line in comparison.differing["environment"])
    assert comparison.differing["weights"] == ["models toys:Brush checksum: none and abababababababab"]
    assert any(line.endswith("and ffffffffffffffff") for line in comparison.differing["data"])
    assert comparison.notes == ["left out because their data differ: toys/drawn/synthetic/0/one"]
    assert comparison.equal and (comparison.table.images == 6).all()


def test_a_folder_without_a_run_is_refused(runs, tmp_path):
    result = tool("compare", runs["one"], tmp_path)
    assert result.exit_code == 1 and "holds no run" in result.stderr
    assert tool("compare", runs["one"]).exit_code == 2
