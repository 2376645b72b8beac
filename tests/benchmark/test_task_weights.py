"""Models that are trained on each task: which trainings are measured, and the options of ``train``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from safetensors.numpy import save_file
from toys import Toys

from segbench.benchmark.cli import cli
from segbench.datasets.splits import digest
from segbench.results import load

FIRST, SECOND = (f"toys/drawn/synthetic/0/{label}" for label in ("one", "two"))
CPU = ["--device", "cpu", "--precision", "float32", "--workers", "1"]


def invoke(*words):
    return CliRunner().invoke(cli, list(map(str, words)))


def learn(weights: Path, label: str, number: int, **header: object) -> None:
    """Write the file of a training of the toy model on a task."""
    path = weights / f"toys_drawn_synthetic_0_{label}" / f"toys:Learner-1-{number}.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_file({}, path, metadata={"training": json.dumps({"threshold": 0.45} | header)})


LEARNER = ["--protocol", "supervised", "--models", "toys:Learner", "--datasets", "toys:Toys", *CPU]


def test_each_training_is_measured_separately(tmp_path):
    for label in ("one", "two"):
        learn(tmp_path, label, 0)
        learn(tmp_path, label, 3, threshold=0.95)
    words = [*LEARNER, "--weights", tmp_path, "--output", tmp_path / "run"]
    result = invoke("run", *words)
    assert result.exit_code == 0, result.output
    images = load(tmp_path / "run").images
    assert images.groupby("training").dice.mean().round(3).to_dict() == {0: 1.0, 3: 0.0}
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


def test_an_untrained_model_comes_with_the_command_that_trains_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--datasets", "toys:Toys", "--dry-run", "--images", 3, *CPU]
    result = invoke("run", "--protocol", "supervised", "--models", "nnunet", *words)
    command = "python -m benchmark train nnunet --datasets toys:Toys"
    reason = f"it has no weights; train it: {command}"
    assert result.exit_code == 1 and f"nnunet cannot take part: {reason}" in result.stderr
    result = invoke("run", "--protocol", "center-clicks,supervised", "--models", "all", *words)
    assert result.exit_code == 0 and f"Left out: model nnunet: {reason}" in result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nnunet", "--width", "8"], "--width is for models that are trained on scans, not for nnunet"),
        (["nnunet", "--start", "bundled"], "--start is for models that are trained on synthetic tasks"),
        (["universeg", "--teacher", "bundled"], "--teacher is for multiverseg, not for universeg"),
        (["universeg", "--epochs", "3"], "--epochs is for nnunet, not for universeg"),
        (["simpleunet", "--workers", "3"], "--workers is for nnunet, not for simpleunet"),
        (["nnunet", "--preset", "large"], "unknown preset"),
        (["nnunet", "--seed", "-1"], "Invalid value for '--seed'"),
    ],
)
def test_options_of_other_models(words, message):
    result = invoke("train", *words)
    assert result.exit_code == 2 and message in result.stderr


def test_it_does_not_learn_from_scans_of_several_structures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("segbench.models.nnunet.pipeline.require_nnunet", lambda: None)
    result = invoke("train", "nnunet", "--datasets", "toys:Scans")
    assert result.exit_code == 1 and "has no tasks with one label each" in result.stderr


def test_without_nnunet_the_message_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("segbench.models.nnunet.pipeline.find_spec", lambda name: None)
    result = invoke("train", "nnunet", "--datasets", "toys:Toys")
    assert result.exit_code == 1 and "nnU-Net is not installed: pip install" in result.stderr
