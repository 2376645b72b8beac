"""nnU-Net's pipeline on a toy task: what it is given, what comes out, and going on after a kill."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import io

from segbench.datasets.task import DataError, Task, TaskData
from segbench.models import WeightsError, create_model
from segbench.models.nnunet.child import visible
from segbench.models.nnunet.pipeline import Training
from segbench.models.nnunet.raw import export
from segbench.models.nnunet.schedule import SCHEDULES, Schedule
from segbench.models.training.checkpointed import TrainingError
from segbench.models.weights import training_metadata
from segbench.protocols.adapter import Query

pytestmark = pytest.mark.skipif(find_spec("nnunetv2") is None, reason="nnU-Net is not installed")

ROOT = Path(__file__).resolve().parents[2]
SCHEDULE = Schedule(epochs=4, iterations=10)


@pytest.fixture(scope="module")
def task():
    """Bright discs on a noisy ground, each of its own subject: 6 train, 2 val and 6 test images."""
    rng = np.random.default_rng(1)
    rows, columns = np.indices((32, 32))
    centre, radius = rng.integers(10, 22, (14, 2, 1, 1)), rng.integers(5, 8, (14, 1, 1))
    labels = ((rows - centre[:, 0]) ** 2 + (columns - centre[:, 1]) ** 2 <= radius**2)[:, None]
    images = (0.7 * labels + rng.uniform(0, 0.3, labels.shape)).astype(np.float32)
    split = np.repeat(["train", "val", "test"], (6, 2, 6))
    return TaskData(
        Task("toy", "toy", "drawing", "0", "disc"), images, labels, np.arange(14).astype(str), split
    )


def training(task, output, seed=0, schedule=SCHEDULE):
    return Training(task.task, Path(output), schedule, seed, "float32")


@pytest.fixture(scope="module")
def trained(task, tmp_path_factory):
    """A training that nothing has disturbed."""
    found = training(task, tmp_path_factory.mktemp("whole"))
    before = dict(os.environ)
    assert found.run(task, "cpu", 1) == found.weights
    assert dict(os.environ) == before
    return found


def test_schedules_say_whether_they_are_short():
    assert str(SCHEDULES["paper"]) == "1000 epochs of 250 iterations" and not SCHEDULES["paper"].shortened
    assert str(SCHEDULES["small"]) == "20 epochs of 20 iterations" and SCHEDULES["small"].shortened
    assert Schedule(999, 250).shortened and not Schedule(2000, 250).shortened


def test_test_images_are_not_exported_and_the_split_is_ours(task, tmp_path):
    (fold,) = export(task, tmp_path)
    assert fold == {
        "train": [f"image_{number:05d}" for number in range(6)],
        "val": ["image_00006", "image_00007"],
    }
    images = sorted(path.name for path in (tmp_path / "imagesTr").iterdir())
    assert images == [f"image_{number:05d}_0000.png" for number in range(8)]
    assert sorted(path.name for path in (tmp_path / "labelsTr").iterdir()) == [
        name.replace("_0000.png", ".png") for name in images
    ]
    found = io.imread(tmp_path / "imagesTr" / images[3]) / 65535
    assert np.abs(found - task.images[3, 0]).max() <= 0.5 / 65535 + 1e-7
    label = io.imread(tmp_path / "labelsTr" / "image_00003.png")
    assert np.array_equal(label, task.labels[3, 0].astype(np.uint8)) and label.max() == 1
    about = json.loads((tmp_path / "dataset.json").read_text())
    assert about["numTraining"] == 8 and about["labels"] == {"background": 0, "foreground": 1}


def test_a_task_without_validation_images_is_refused(toy_task, tmp_path):
    with pytest.raises(DataError, match="has no val image; nnU-Net needs train and val images"):
        training(toy_task, tmp_path).run(toy_task, "cpu", 1)


def test_a_trained_network_segments_test_images(task, trained):
    model = create_model("nnunet", weights=str(trained.weights))
    test = task.indices("test")
    logits = model.predict(Query(torch.from_numpy(task.images[test])))
    assert logits.shape == (6, 1, 32, 32) and logits.dtype == torch.float32
    wrong = (logits.numpy() > 0) != task.labels[test]
    assert wrong.mean() < 0.03  # discs are a tenth of an image
    alone = model.predict(Query(torch.from_numpy(task.images[test[3:4]])))
    assert torch.equal(alone, logits[3:4])  # whatever else is asked for


def test_what_it_says_of_itself(trained, task):
    about = training_metadata(trained.weights)
    assert (about["schedule"], about["shortened"]) == ("4 epochs of 10 iterations", True)
    assert about["trainer"] == f"nnUNetTrainerScheduled, nnunetv2 {version('nnunetv2')}"
    assert about["precision"] == "float32"
    assert about["fingerprint"] == task.fingerprint and about["plans"]["dataset_name"] == "Dataset001_task"
    assert trained.epochs == 4
    log = (trained.folder / "train.log").read_text()
    assert "This split has 6 training and 2 validation cases" in log
    assert log.count("Epoch time") == 4
    assert not list(trained.folder.rglob("*.pth")) and not (trained.folder / "raw").exists()


def test_a_finished_training_is_not_done_again(trained, task):
    before = trained.weights.stat().st_mtime_ns
    assert trained.run(task, "cpu", 1) == trained.weights
    assert trained.weights.stat().st_mtime_ns == before
    longer = replace(trained, schedule=Schedule(7, 10))
    with pytest.raises(TrainingError, match=r"another epochs \(4, not 7\); choose another --output"):
        longer.run(task, "cpu", 1)
    other = replace(task, images=1 - task.images)
    with pytest.raises(TrainingError, match="another fingerprint"):
        trained.run(other, "cpu", 1)


@pytest.mark.slow  # trains a second network
def test_a_killed_training_goes_on_from_the_last_checkpoint_to_the_same_bytes(trained, task, tmp_path):
    again = training(task, tmp_path / "weights")
    (tmp_path / "training").write_bytes(pickle.dumps((again, task)))
    program = "import pickle, sys; again, task = pickle.load(sys.stdin.buffer); again.run(task, 'cpu', 1)"
    with (tmp_path / "training").open("rb") as given:
        process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdin=given)
    checkpoint = again.folder / "results" / "Dataset001_task"
    deadline = time.monotonic() + 120
    while again.epochs < 2 or not list(checkpoint.glob("*/fold_0/checkpoint_latest.pth")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(1.5)  # nobody asks the child any more
    done = again.epochs
    time.sleep(1.5)
    assert again.epochs == done < 4
    again.run(task, "cpu", 1)
    log = (again.folder / "train.log").read_text()
    begun = [line.split()[-1] for line in log.splitlines() if line.split()[-2:-1] == ["Epoch"]]
    assert begun.count("0") == 1 and sorted(set(begun)) == [str(epoch) for epoch in range(4)]
    assert again.weights.read_bytes() == trained.weights.read_bytes()


def test_a_failed_step_names_the_log(task, tmp_path):
    blank = replace(task, images=np.zeros_like(task.images))
    broken = training(blank, tmp_path)
    broken.folder.mkdir(parents=True)
    (broken.folder / "export.done").touch()  # so that there is nothing to plan for
    with pytest.raises(TrainingError, match=r"nnU-Net failed to plan toy/.* log: .*plan\.log") as caught:
        broken.run(blank, "cpu", 1)
    log = Path(str(caught.value).rpartition("log: ")[2].rstrip(")"))
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize("content", [None, b"", b"no safetensors"])
def test_weights_of_another_kind_are_refused(tmp_path, content):
    path = tmp_path / "nnunet-32-0.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError):
        create_model("nnunet", weights=str(path))


def test_other_networks_are_refused():
    bundled = ROOT / "models" / "bundled" / "scribbleprompt.safetensors"
    with pytest.raises(WeightsError, match="does not hold a network of nnU-Net"):
        create_model("nnunet", weights=str(bundled))


def test_a_damaged_network_fails_with_a_reason(trained, tmp_path):
    from safetensors.torch import load_file, save_file

    weights = load_file(trained.weights)
    weights.pop(next(iter(weights)))
    path = tmp_path / "nnunet-32-0.safetensors"
    save_file(weights, path, metadata={"training": json.dumps(training_metadata(trained.weights))})
    model = create_model("nnunet", weights=str(path))
    with pytest.raises(
        WeightsError, match=r"nnU-Net cannot predict .* do not fit the network that their plans"
    ):
        model.predict(Query(torch.zeros(1, 1, 32, 32)))


def test_without_nnunet_the_message_says_what_to_install(task, tmp_path, monkeypatch):
    monkeypatch.setattr("segbench.models.nnunet.pipeline.find_spec", lambda name: None)
    with pytest.raises(TrainingError, match="pip install"):
        training(task, tmp_path).run(task, "cpu", 1)


def test_a_child_sees_its_own_gpu_only():
    assert visible("cpu", "0,1") == visible("cpu", None) == ""
    assert (visible("cuda:1", None), visible("cuda", None)) == ("1", "0")
    assert visible("cuda:1", "4,6") == "6"
