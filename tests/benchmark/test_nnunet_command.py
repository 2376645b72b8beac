"""``train nnunet`` from nothing to a report, with a task that fails in between."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from safetensors.numpy import save_file
from toys import Toys

from segbench.benchmark.cli import cli
from segbench.datasets.splits import digest
from segbench.results import load

FIRST, SECOND = (f"toys/drawn/synthetic/0/{label}" for label in ("one", "two"))
FOLDER = "results/training/toys_drawn_synthetic_0_{}/nnunet-0"
CPU = ["--device", "cpu", "--precision", "float32"]
TRAIN = ["train", "nnunet", "--datasets", "toys:Toys", "--epochs", "2", *CPU]
needs_nnunet = pytest.mark.skipif(find_spec("nnunetv2") is None, reason="nnU-Net is not installed")


def invoke(*words):
    return CliRunner().invoke(cli, list(map(str, words)))


def measured() -> dict[str, pd.DataFrame]:
    """The records of every run, by the task that they are of."""
    images = pd.concat([load(run).images for run in Path("results/runs").iterdir()])
    return dict(list(images.groupby(images.task.astype(str))))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder to work in, where something is in the way of the second task."""
    with pytest.MonkeyPatch.context() as patch:
        where = tmp_path_factory.mktemp("study")
        patch.chdir(where)
        obstacle = Path(FOLDER.format("two")) / "results"
        obstacle.parent.mkdir(parents=True)
        obstacle.touch()
        yield where


@pytest.fixture(scope="module")
def failed(folder):
    return invoke(*TRAIN)


@pytest.fixture(scope="module")
def repaired(failed, folder):
    (folder / FOLDER.format("two") / "results").unlink()
    return invoke(*TRAIN)


@needs_nnunet
def test_a_failed_task_leaves_the_others_and_names_the_log(failed, folder):
    assert failed.exit_code == 1
    log = Path(FOLDER.format("two")) / "train.log"
    assert "1 of 2 trainings failed, and the same command goes on with them" in failed.stderr
    assert f"nnU-Net failed to train {SECOND}" in failed.stderr and f"log: {log}" in failed.stderr
    assert "Traceback" in log.read_text()
    assert "2 epochs of 20 iterations (shortened)" in failed.output
    images = measured()
    assert set(images) == {FIRST} and len(images[FIRST]) == 6
    assert images[FIRST].dice.mean() > 0.8


@needs_nnunet
def test_the_same_command_does_what_is_left(repaired, folder):
    assert repaired.exit_code == 0, repaired.output
    assert "100%" in repaired.stderr and "2 of 2 tasks" in repaired.stderr
    first, second = (Path(FOLDER.format(label)) / "train.log" for label in ("one", "two"))
    assert first.stat().st_mtime < second.stat().st_mtime
    assert first.read_text().count("Epoch time") == 2
    images = measured()
    assert set(images) == {FIRST, SECOND} and images[SECOND].dice.mean() > 0.8
    assert "nnunet was trained for 2 epochs of 20 iterations only (shortened)" in repaired.output


@needs_nnunet
def test_all_models_include_it_and_the_report_carries_the_bound(repaired, folder):
    protocols = ["--protocol", "supervised,center-clicks"]
    words = [*protocols, "--datasets", "toys:Toys", "--images", "3", "--max-steps", "2", *CPU]
    result = invoke("run", *words, "--models", "all", "--output", "run")
    assert result.exit_code == 0, result.output
    assert "  supervised: nnunet" in result.output.splitlines()
    manifest = json.loads(Path("run/manifest.json").read_text())
    said = manifest["models"]["nnunet"]["training"][FIRST]
    assert said.pop("trainer").startswith("nnUNetTrainerScheduled, nnunetv2 ")
    assert said == {
        "schedule": "2 epochs of 20 iterations",
        "precision": "float32",
        "shortened": True,
        "runs": 1,
    }
    assert len(manifest["models"]["nnunet"]["trained"]) == 2
    result = invoke("report", "run", "--output", "report")
    assert result.exit_code == 0, result.output
    label = "2 epochs of 20 iterations (shortened)"
    for name in ("table7.md", "upper-bounds.csv", "index.html"):
        (path,) = Path("report").rglob(name)
        assert label in path.read_text(), name


@needs_nnunet
def test_another_schedule_needs_another_place(repaired, folder):
    result = invoke(*TRAIN[:-5], "3", *CPU)
    assert result.exit_code == 1
    assert "another epochs (2, not 3); choose another --output or --seed" in result.stderr


def learn(weights: Path, label: str, number: int, **header: object) -> None:
    """A file of a training of the toy model on a task."""
    path = weights / f"toys_drawn_synthetic_0_{label}" / f"toys:Learner-1-{number}.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_file({}, path, metadata={"training": json.dumps({"threshold": 0.45} | header)})


LEARNER = ["--protocol", "supervised", "--models", "toys:Learner", "--datasets", "toys:Toys", *CPU]


def test_each_training_is_a_simulation_of_its_own(tmp_path):
    for label in ("one", "two"):
        learn(tmp_path, label, 0)
        learn(tmp_path, label, 3, threshold=0.95)
    words = [*LEARNER, "--workers", 1, "--weights", tmp_path, "--output", tmp_path / "run"]
    result = invoke("run", *words)
    assert result.exit_code == 0, result.output
    images = load(tmp_path / "run").images
    assert images.groupby("simulation").dice.mean().round(3).to_dict() == {0: 1.0, 3: 0.0}
    learn(tmp_path, "one", 4)
    assert "4 of 5 units are finished already" in invoke("run", *words).output
    learn(tmp_path, "one", 4, threshold=0.5)
    assert "toys:Learner had another checksum" in invoke("run", *words).stderr


def test_networks_of_another_split_are_not_measured(tmp_path):
    data = Toys().load(Toys().tasks(None)[0], None)
    learn(tmp_path, "one", 0, splits=digest(data.subjects, data.split))
    learn(tmp_path, "two", 0, splits=digest(data.subjects, data.split[::-1]))
    result = invoke("run", *LEARNER, "--weights", tmp_path, "--output", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert f"Left out: model toys:Learner on {SECOND}: " in result.output
    assert "was trained on another split of the subjects" in result.output
    assert set(load(tmp_path / "run").images.task) == {FIRST}


def test_who_has_not_trained_is_told_how(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--datasets", "toys:Toys", "--dry-run", "--images", 3, *CPU]
    result = invoke("run", "--protocol", "supervised", "--models", "nnunet", *words)
    command = "python -m benchmark train nnunet --datasets toys:Toys"
    told = f"on none of the 2 tasks: it has no weights; train it: {command}"
    assert result.exit_code == 1 and told in result.stderr
    result = invoke("run", "--protocol", "center-clicks,supervised", "--models", "all", *words)
    assert result.exit_code == 0 and f"Left out: model nnunet: {told}" in result.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nnunet", "--width", "8"], "--width is for models that are trained on scans, not for nnunet"),
        (["nnunet", "--start", "bundled"], "--start is for models that are trained on synthetic tasks"),
        (["universeg", "--epochs", "3"], "--epochs is for nnunet, not for universeg"),
        (["simpleunet", "--workers", "3"], "--workers is for nnunet, not for simpleunet"),
        (["nnunet", "--preset", "large"], "unknown preset"),
        (["nnunet", "--seed", "-1"], "Invalid value for '--seed'"),
    ],
)
def test_options_that_it_does_not_have(words, told):
    result = invoke("train", *words)
    assert result.exit_code == 2 and told in result.stderr


@needs_nnunet
def test_scans_of_many_structures_are_no_task_of_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = invoke("train", "nnunet", "--datasets", "toys:Scans")
    assert result.exit_code == 1 and "has no task of one structure" in result.stderr


def test_without_nnunet_the_message_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("segbench.models.nnunet.pipeline.find_spec", lambda name: None)
    result = invoke("train", "nnunet", "--datasets", "toys:Toys")
    assert result.exit_code == 1 and "nnU-Net is not installed: pip install" in result.stderr
