"""Training runs, repeats, and goes on after a stop."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from models.training import loop
from models.training.presets import PRESETS
from models.training.prompts import Annotator, interactions
from models.training.synthetic import synthetic_tasks
from protocols.interactions import keyed_generator


def draw(seed, tasks=6, members=3, side=64):
    return synthetic_tasks(torch.Generator().manual_seed(seed), tasks, members, side)


def test_synthetic_tasks_are_images_with_a_visible_label():
    images, labels = draw(0, tasks=24)
    assert images.shape == labels.shape == (24, 3, 1, 64, 64)
    assert images.min() >= 0 and images.max() <= 1 and set(labels.unique().tolist()) == {0.0, 1.0}
    area = labels.mean((2, 3, 4))
    assert (area > 0).float().mean() > 0.97 and (area < 0.9).float().mean() > 0.9


def test_synthetic_tasks_repeat_by_seed_and_differ_without():
    assert torch.equal(draw(1)[0], draw(1)[0])
    assert not torch.equal(draw(1)[0], draw(2)[0])


def test_members_of_a_task_are_different_images_of_one_label():
    images, labels = draw(3)
    assert not torch.equal(images[:, 0], images[:, 1])
    area = labels.mean((2, 3, 4))
    between, within = area.mean(1).std(), area.std(1).mean()
    assert between > within


def test_annotator_marks_the_right_side_of_the_label():
    label = np.zeros((32, 32), bool)
    label[8:24, 8:24] = True
    for seed in range(60):
        annotator = Annotator(label, keyed_generator(seed, "test"))
        annotator.start()
        positive, negative, _ = annotator.marks
        assert positive[label].any() and not positive[~label].any() and not negative[label].any()
        annotator.correct(np.zeros_like(label))
        assert not annotator.marks[0][~label].any() and not annotator.marks[1][label].any()
    assert interactions([annotator], torch.zeros(1)).positive.shape == (1, 1, 32, 32)


@pytest.mark.parametrize("model", PRESETS["smoke"])
def test_a_stopped_training_ends_where_an_unbroken_one_does(tmp_path, model, monkeypatch):
    whole = loop.train(model, "smoke", tmp_path / "whole", precision="float32")

    calls, real = [], loop.Training.batch

    def breaks(training, index):
        calls.append(None)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(training, index)

    monkeypatch.setattr(loop, "SAVE_EVERY", 0)
    monkeypatch.setattr(loop.Training, "batch", breaks)
    with pytest.raises(KeyboardInterrupt):
        loop.train(model, "smoke", tmp_path / "broken", precision="float32")
    resumed = loop.train(model, "smoke", tmp_path / "broken", precision="float32")
    assert resumed.read_bytes() == whole.read_bytes()
    assert len(calls) == 4 + 2  # of five batches, two were left


def test_training_learns(tmp_path):
    schedule = dataclasses.replace(
        PRESETS["smoke"]["universeg"], width=8, stages=(loop.Stage(32, 4, 2, 0, 40),), learning_rate=3e-3
    )
    PRESETS["learns"] = {"universeg": schedule}
    try:
        loop.train("universeg", "learns", tmp_path, precision="float32")
    finally:
        del PRESETS["learns"]
    losses = np.genfromtxt(tmp_path / "log.csv", delimiter=",", names=True)["loss_0"]
    assert losses[-10:].mean() < losses[:10].mean() - 0.05


def test_errors_are_one_sentence(tmp_path, monkeypatch):
    with pytest.raises(loop.TrainingError, match="no training of 'nnunet'"):
        loop.train("nnunet", "small", tmp_path)
    loop.train("universeg", "smoke", tmp_path / "a", seed=0)
    with pytest.raises(loop.TrainingError, match="another configuration"):
        loop.train("universeg", "smoke", tmp_path / "a", seed=1)
    monkeypatch.setattr(
        loop, "soft_dice_and_cross_entropy", lambda logits, label: logits.sum() * float("nan")
    )
    with pytest.raises(loop.TrainingError, match="not finite"):
        loop.train("universeg", "smoke", tmp_path / "b")


def test_training_sees_no_evaluation_data():
    code = (
        "import sys, models.training.loop;"
        "print([m for m in sys.modules if m.startswith(('datasets.phantoms', 'datasets.sources'))])"
    )
    root = Path(__file__).resolve().parents[2]
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert out.stdout.strip() == "[]"
