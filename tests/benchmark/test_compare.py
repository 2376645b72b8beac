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
    """Runs of two models and of one of them, and with another target and seed."""
    folder = tmp_path_factory.mktemp("runs")
    words = {
        "both": ("--models", "toys:Brush,toys:Wide"),
        "one": ("--models", "toys:Brush"),
        "easier": ("--models", "toys:Brush", "--target-dice", "0.7"),
        "needs_seed_image": ("--models", "toys:Brush", "--seed", "3"),
    }
    for name, own in words.items():
        result = tool(*RUN, *own, "--output", folder / name)
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
    assert lines[:4] == [f"{s}: nothing differs" for s in ("environment", "configuration", "data", "weights")]
    assert lines[-1] == "All records are equal."


def test_models_of_one_run_only(runs):
    result = tool("compare", runs["both"], runs["one"])
    assert "    models toys:Wide: present and none" in result.stdout.splitlines()
    found = benchmark.compare(runs["both"], runs["one"])
    assert not found.equal
    assert set(found.table.model) == {"toys:Brush"} and (found.table.difference == 0).all()


def test_another_seed(runs):
    found = benchmark.compare(runs["one"], runs["needs_seed_image"])
    assert found.differing["configuration"] == ["settings seed: 0 and 3"]
    assert not found.differing["weights"] and not found.differing["data"]
    assert list(found.table.measure) == ["interactions", "dice", "failures", "hd95"]
    assert (found.table.images == 12).all() and (found.table.subjects == 6).all()
    result = tool("compare", runs["one"], runs["needs_seed_image"])
    assert "B - A" in result.stdout and "not corrected for their number" in result.stdout


def test_another_target_has_no_common_count_of_interactions(runs):
    result = tool("compare", runs["one"], runs["easier"], "--format", "json")
    said = json.loads(result.stdout)
    assert said["notes"] == ["target_dice differ, so interactions and failures are not compared"]
    assert "settings target_dice: 0.9 and 0.7" in said["differing"]["configuration"]
    assert {row["measure"] for row in said["table"]} == {"dice", "hd95"}
    (dice,) = [row for row in said["table"] if row["measure"] == "dice"]
    assert dice["difference"] < 0 and dice["low"] <= dice["difference"] <= dice["high"]
    assert dice["now"] - dice["baseline"] == pytest.approx(dice["difference"])


def test_environment_weights_and_data(runs, tmp_path):
    def change(manifest):
        manifest["python"] = "2.7"
        manifest["packages"]["torch"] = None
        manifest["models"]["toys:Brush"]["checksum"] = "ab" * 32
        manifest["tasks"]["toys/drawn/synthetic/0/one"]["fingerprint"] = "f" * 64

    other = manifest_of(runs["one"], change, tmp_path / "other")
    found = benchmark.compare(runs["one"], other)
    assert any(
        line.startswith("python: ") and line.endswith("and 2.7") for line in found.differing["environment"]
    )
    assert any(line.endswith("and none") for line in found.differing["environment"])
    assert found.differing["weights"] == ["models toys:Brush checksum: none and abababababababab"]
    assert any(line.endswith("and ffffffffffffffff") for line in found.differing["data"])
    assert found.notes == ["left out, as their data differ: toys/drawn/synthetic/0/one"]
    assert found.equal and (found.table.images == 6).all()


def test_what_is_no_run_is_refused(runs, tmp_path):
    result = tool("compare", runs["one"], tmp_path)
    assert result.exit_code == 1 and "holds no run" in result.stderr
    assert tool("compare", runs["one"]).exit_code == 2
