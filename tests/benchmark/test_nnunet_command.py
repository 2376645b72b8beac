"""``train nnunet`` from the command to the report, with a task that fails at first."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from segbench.benchmark.cli import cli
from segbench.models.registry import MODELS
from segbench.results import load

FIRST, SECOND = (f"toys/drawn/synthetic/0/{label}" for label in ("one", "two"))
FOLDER = "results/training/toys_drawn_synthetic_0_{}/nnunet-0"
CPU = ["--device", "cpu", "--precision", "float32", "--workers", "1"]
TRAIN = ["train", "nnunet", "--datasets", "toys:Toys", "--epochs", "2", *CPU]


def invoke(*words):
    return CliRunner().invoke(cli, list(map(str, words)))


def measured() -> dict[str, pd.DataFrame]:
    """Return the records of all runs, by task."""
    images = pd.concat([load(run).images for run in Path("results/runs").iterdir()])
    return dict(list(images.groupby(images.task.astype(str))))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Iterator[Path]:
    """The working folder. A stub trains, and a file is in the way of the second task's results.

    `tests/models/test_nnunet.py` trains with nnU-Net itself.
    """
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("study")
        patch.chdir(folder)
        patch.setattr("segbench.models.nnunet.pipeline.require_nnunet", lambda: None)
        patch.setattr("segbench.models.nnunet.pipeline.child_command", stub_command)
        patch.setitem(MODELS.builtin, "nnunet", "toys:Learner")
        obstacle = folder / FOLDER.format("two") / "results"
        obstacle.parent.mkdir(parents=True)
        obstacle.touch()
        yield folder


def stub_command(step: str, **arguments: Any) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("stub_child.py")), step, json.dumps(arguments)]


@pytest.fixture(scope="module")
def failed(folder) -> Result:
    return invoke(*TRAIN)


@pytest.fixture(scope="module")
def repaired(failed, folder) -> Result:
    (folder / FOLDER.format("two") / "results").unlink()
    return invoke(*TRAIN)


def test_a_failed_task_leaves_the_others_and_its_log_is_named(failed, folder):
    assert failed.exit_code == 1
    log = Path(FOLDER.format("two")) / "train.log"
    assert "1 of 2 trainings failed; the same command continues them" in failed.stderr
    assert f"nnU-Net failed to train {SECOND}" in failed.stderr and f"log: {log}" in failed.stderr
    assert "Traceback" in log.read_text()
    assert "2 epochs of 20 iterations (shortened)" in failed.output
    images = measured()
    assert set(images) == {FIRST} and len(images[FIRST]) == 6
    assert images[FIRST].dice.mean() > 0.8


def test_the_same_command_continues(repaired, folder):
    assert repaired.exit_code == 0, repaired.output
    assert "100%" in repaired.stderr and "2 of 2 tasks" in repaired.stderr
    first, second = (Path(FOLDER.format(label)) / "train.log" for label in ("one", "two"))
    assert first.stat().st_mtime < second.stat().st_mtime
    assert first.read_text().count("Epoch time") == 2
    images = measured()
    assert set(images) == {FIRST, SECOND} and images[SECOND].dice.mean() > 0.8
    assert "nnunet was trained for 2 epochs of 20 iterations only (shortened)" in repaired.output


def test_all_models_include_it_and_the_report_shows_the_bound(repaired, folder):
    protocols = ["--protocol", "supervised,center-clicks"]
    words = [*protocols, "--datasets", "toys:Toys", "--images", "3", "--max-steps", "2", *CPU]
    result = invoke("run", *words, "--models", "all", "--output", "run")
    assert result.exit_code == 0, result.output
    assert "  supervised: nnunet" in result.output.splitlines()
    manifest = json.loads(Path("run/manifest.json").read_text())
    training = manifest["models"]["nnunet"]["training"][FIRST]
    assert training == {
        "trainer": "nnUNetTrainerScheduled, nnunetv2 stub",
        "schedule": "2 epochs of 20 iterations",
        "precision": "float32",
        "shortened": True,
        "runs": 1,
    }
    assert len(manifest["models"]["nnunet"]["trained"]) == 2
    result = invoke("report", "run", "--only", "table7,upper-bounds", "--output", "report")
    assert result.exit_code == 0, result.output
    label = "2 epochs of 20 iterations (shortened)"
    for name in ("table7.md", "upper-bounds.csv", "index.html"):
        (path,) = Path("report").rglob(name)
        assert label in path.read_text(), name


def test_another_schedule_needs_another_folder(repaired, folder):
    result = invoke(*TRAIN, "--epochs", "3")
    assert result.exit_code == 1
    assert "another epochs (2, not 3); choose another --output or --seed" in result.stderr
