"""Training on scans with labels of all structures, and the adapters of the trained networks."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch
from torch import Tensor

from segbench.datasets.scans import ALL, ScanData
from segbench.datasets.task import Task
from segbench.models import create_model
from segbench.models.training import checkpointed, scans
from segbench.models.training.presets import SCAN_PRESETS, ScanPreset
from segbench.models.training.scans import deep_loss, scan_dice, scan_loss, train_on_scans
from segbench.models.weights import WeightsError, read_header, trained_files, trained_folder
from segbench.protocols.adapter import Query

MODELS = ["simpleunet", "simpleunet-interconv", "swinunet", "swinunet-interconv", "nnunet2d-interconv"]


def toy_scans(subjects: int = 16, noise: float = 0.0) -> ScanData:
    """Subjects with one to three scans of two rectangles; the grey value shows the structure."""
    rng = np.random.default_rng(3)
    images, labels, names, split = [], [], [], []
    for subject in range(subjects):
        label = np.zeros((32, 48), np.uint8)
        row, column = rng.integers(2, 14, 2)
        label[row : row + 14, column : column + 10] = 1
        label[row : row + 14, column + 20 : column + 30] = 2
        for _ in range(1 + subject % 3):
            images.append(np.clip(label / 2 + noise * rng.normal(size=label.shape), 0, 1))
            labels.append(label)
            names.append(f"s{subject:02d}")
            split.append(("train", "train", "stopping-val", "val")[subject % 4])
    return ScanData(
        Task("toy", "squares", "drawing", "0", ALL),
        np.array(images, np.float32)[:, None],
        np.array(labels)[:, None],
        np.array(names),
        np.array(split),
        ("left", "right"),
    )


def preset(monkeypatch, model: str = "simpleunet", **fields) -> str:
    """Register a preset ``toy`` for one model: 8 features, Adam, and other fields."""
    base = {"width": 8, "batches": 60, "patience": None, "check": 20, "learning_rate": 1e-2}
    monkeypatch.setitem(SCAN_PRESETS, "toy", {model: ScanPreset(**(base | fields))})
    return "toy"


def log_of(folder):
    with (folder / "log.csv").open() as stream:
        return list(csv.DictReader(stream))


def metadata(path):
    return json.loads(read_header(path)["training"])


def one_hot(label: Tensor, classes: int, sure: float = 50.0) -> Tensor:
    return sure * torch.nn.functional.one_hot(label, classes).movedim(-1, 1).float()


TRUTH = torch.tensor([[[0, 0, 1, 1], [2, 2, 1, 1]], [[0, 0, 0, 0], [1, 1, 1, 1]]])


def test_dice_of_a_scan_is_the_mean_over_present_structures():
    predicted = TRUTH.clone()
    predicted[0, 1] = 1  # the second structure of the first scan is predicted as the first
    assert scan_dice(one_hot(TRUTH, 4), TRUTH).tolist() == [1, 1]
    assert scan_dice(one_hot(predicted, 4), TRUTH).tolist() == pytest.approx([(2 * 4 / (4 + 6) + 0) / 2, 1])
    predicted = TRUTH.clone()
    predicted[1, 0] = 3  # a structure without truth
    assert scan_dice(one_hot(predicted, 4), TRUTH).tolist() == pytest.approx([1, (1 + 0) / 2])


def test_loss_of_correct_and_uncertain_predictions():
    assert scan_loss(one_hot(TRUTH, 3), TRUTH).item() == pytest.approx(0, abs=1e-4)
    label = torch.tensor([[[0, 1]]])
    # Two classes, each with probability one half: soft Dice (2 x 0.5 + 1) / (1 + 1 + 1), entropy log 2.
    assert scan_loss(torch.zeros(1, 2, 1, 2), label).item() == pytest.approx(1 - 2 / 3 + np.log(2))


def test_lower_resolutions_have_half_the_weight_and_the_lowest_none():
    right, halved = one_hot(TRUTH, 3), one_hot(TRUTH[:, ::2, ::2], 3)
    quarter = torch.zeros(2, 3, 1, 1)
    assert deep_loss([right, halved, quarter], TRUTH).item() == pytest.approx(0, abs=1e-4)
    wrong = scan_loss(torch.zeros_like(right), TRUTH).item()
    assert deep_loss([torch.zeros_like(right), halved, quarter], TRUTH).item() == pytest.approx(
        wrong * 2 / 3, abs=1e-4
    )
    assert deep_loss([torch.zeros_like(right)], TRUTH).item() == pytest.approx(wrong)


@pytest.mark.parametrize("model", MODELS)
def test_every_architecture_trains_and_predicts(model, tmp_path):
    data = toy_scans()
    path = train_on_scans(model, "smoke", data, tmp_path, precision="float32")
    width = SCAN_PRESETS["smoke"][model].width
    assert path == tmp_path / "toy_squares_drawing_0_all-structures" / f"{model}-{width}-0.safetensors"
    rows = log_of(path.with_suffix(""))
    assert [row["batch"] for row in rows] == ["0", "1", "2", "3"][: len(rows)]
    assert [bool(row["stopping_loss"]) for row in rows] == [False, True, False, True][: len(rows)]
    adapter = create_model(model, weights=str(path.parent))
    assert adapter.capabilities.automatic and adapter.capabilities.setwise == model.endswith("interconv")
    logits = adapter.predict(Query(torch.from_numpy(data.images[:3]), sets=(1, 2)))
    assert logits.shape == (3, 3, 32, 48) and torch.isfinite(logits).all()
    torch.testing.assert_close(logits.exp().sum(1), torch.ones(3, 32, 48))


def test_training_learns(tmp_path, monkeypatch):
    path = train_on_scans("simpleunet", preset(monkeypatch), toy_scans(), tmp_path, precision="float32")
    assert metadata(path)["val_dice"] > 0.9
    assert metadata(path)["task"].startswith("toy/squares")


def test_training_ends_when_the_stopping_loss_stays_high(tmp_path, monkeypatch):
    losses = iter([5.0, 3.0, 4.0, 4.0, 1.0])

    def loss(logits, label):
        return logits.mean() if logits.requires_grad else torch.tensor(current[0])

    current = [0.0]
    check = scans.ScanTraining._check

    def scripted(training, batches):
        current[0] = next(losses)
        return check(training, batches)

    monkeypatch.setattr(scans, "scan_loss", loss)
    monkeypatch.setattr(scans.ScanTraining, "_check", scripted)
    name = preset(monkeypatch, batches=50, check=2, patience=4)
    path = train_on_scans("simpleunet", name, toy_scans(), tmp_path, precision="float32")
    rows = log_of(path.with_suffix(""))
    assert len(rows) == 8  # the lowest loss came after batch 4
    assert [row["stopping_loss"] for row in rows if row["stopping_loss"]] == ["5", "3", "4", "4"]


@pytest.mark.parametrize("stop", [1, 3])
def test_an_interrupted_training_ends_with_the_same_weights(stop, tmp_path, monkeypatch):
    name = preset(monkeypatch, batches=5, check=2, patience=4)

    def trained(folder):
        return train_on_scans("simpleunet", name, toy_scans(), tmp_path / folder, precision="float32")

    whole = trained("whole")
    batch, calls = scans.ScanTraining.batch, []

    def interrupted(training, index):
        calls.append(index)
        if len(calls) == stop + 1:
            raise KeyboardInterrupt
        return batch(training, index)

    monkeypatch.setattr(checkpointed, "SAVE_INTERVAL", -1)
    monkeypatch.setattr(scans.ScanTraining, "batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained("resumed")
    resumed = trained("resumed")
    assert resumed.read_bytes() == whole.read_bytes()
    assert len(calls) == 5 + 1


def test_seeds_give_different_weights_in_files_of_their_own(tmp_path, monkeypatch):
    name = preset(monkeypatch, batches=2, check=1)
    data = toy_scans()
    paths = [train_on_scans("simpleunet", name, data, tmp_path, seed, precision="float32") for seed in (0, 1)]
    assert paths[0].read_bytes() != paths[1].read_bytes()
    assert trained_files("simpleunet", paths[0].parent) == paths


def test_probabilities_of_initialisations_are_averaged(tmp_path, monkeypatch):
    name, data = preset(monkeypatch, batches=3, check=1), toy_scans()
    folder = trained_folder(data.task.name, str(tmp_path))
    query = Query(torch.from_numpy(data.images[:2]))
    probabilities = []
    for seed in range(3):
        path = train_on_scans("simpleunet", name, data, tmp_path / str(seed), seed, precision="float32")
        probabilities.append(create_model("simpleunet", weights=str(path.parent)).predict(query).exp())
        folder.mkdir(exist_ok=True)
        (folder / path.name).write_bytes(path.read_bytes())
    together = create_model("simpleunet", weights=str(folder)).predict(query).exp()
    torch.testing.assert_close(together, sum(probabilities) / 3)
    assert (probabilities[0] - probabilities[1]).abs().max() > 1e-3


def test_the_adapter_takes_the_width_with_the_best_validation_dice(tmp_path, monkeypatch):
    data, query = toy_scans(noise=0.1), Query(torch.from_numpy(toy_scans(noise=0.1).images[:1]))
    long, short = preset(monkeypatch, batches=60), {"batches": 1, "check": 1}
    good = train_on_scans("simpleunet", long, data, tmp_path, width=6, precision="float32")
    alone = create_model("simpleunet", weights=str(good.parent)).predict(query)
    bad = train_on_scans(
        "simpleunet", preset(monkeypatch, **short), data, tmp_path, width=12, precision="float32"
    )
    assert good.parent == bad.parent and metadata(bad)["val_dice"] < 0.5
    torch.testing.assert_close(create_model("simpleunet", weights=str(bad.parent)).predict(query), alone)


def test_an_untrained_model_names_the_training_command(tmp_path):
    with pytest.raises(WeightsError, match="python -m benchmark train swinunet --datasets"):
        create_model("swinunet", weights=str(tmp_path))


def test_unknown_presets_missing_splits_and_other_data_are_refused(tmp_path):
    data = toy_scans()
    for model, name in (("universeg", "small"), ("simpleunet", "large")):
        with pytest.raises(checkpointed.TrainingError, match=f"no training of '{model}' on scans"):
            train_on_scans(model, name, data, tmp_path)
    few = toy_scans(subjects=2)
    with pytest.raises(checkpointed.TrainingError, match="has no stopping-val scan"):
        train_on_scans("simpleunet", "smoke", few, tmp_path)
    train_on_scans("simpleunet", "smoke", data, tmp_path, precision="float32")
    with pytest.raises(checkpointed.TrainingError, match="another configuration"):
        train_on_scans("simpleunet", "smoke", toy_scans(noise=0.1), tmp_path, precision="float32")
