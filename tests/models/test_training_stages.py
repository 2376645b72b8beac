"""MultiverSeg's stages: the target path from ScribblePrompt, alone, taught, then with contexts."""

import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from segbench.models.networks import MultiverSeg, ScribblePromptUNet
from segbench.models.scribbleprompt import ScribblePrompt
from segbench.models.training import loop, losses
from segbench.models.training.checkpointed import TrainingError
from segbench.models.training.presets import PRESETS, Preset, Stage
from segbench.models.training.transplant import transplant
from segbench.models.weights import file_checksum

STAGE = Stage(32, 8, 2, 2, 4, fewest=1)


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Make a training of MultiverSeg of width 4 with one stage of other fields."""

    def make(name="out", start=None, teacher=None, **fields):
        preset = Preset(4, 1e-3, (dataclasses.replace(STAGE, **fields),))
        monkeypatch.setitem(PRESETS, "changed", {"multiverseg": preset})
        return loop.Training(
            "multiverseg", "changed", tmp_path / name, 0, "cpu", "float32", start, (), teacher=teacher
        )

    return make


def test_alone_no_batch_has_a_context(make):
    made = make(alone=1.0)
    examples = [made._examples(made.schedule[index], index) for index in range(4)]
    assert all(example.alone and example.context is None for example in examples)
    made.batch(0)
    assert all(value.grad is None for name, value in made.network.named_parameters() if ".support." in name)


def test_the_smallest_context_and_fewer_steps_are_drawn(make):
    made = make(fewest=2, fewer_steps=True, steps=2)
    examples = [made._examples(made.schedule[0], index) for index in range(12)]
    assert {example.context.images.shape[1] for example in examples} == {2}
    assert {example.steps for example in examples} == {0, 1, 2}


def test_distillation_pulls_to_the_teacher(make):
    logits = torch.zeros(1, 1, 4, 4, requires_grad=True)
    teacher = torch.full((1, 1, 4, 4), 8.0)
    far = losses.distillation_loss(logits, teacher)
    assert far > losses.distillation_loss(teacher, teacher) + 0.5
    far.backward()
    assert (logits.grad < 0).all()
    plain, taught = make("plain"), make("taught", distillation=1.0)
    assert taught.batch(0)["loss_1"] > plain.batch(0)["loss_1"]


def test_the_teacher_has_the_given_weights(make, tmp_path):
    torch.manual_seed(1)
    teacher = ScribblePromptUNet(2)
    save_file(teacher.state_dict(), tmp_path / "teacher.safetensors")
    made = make(teacher=str(tmp_path / "teacher.safetensors"), distillation=1.0)
    assert torch.equal(made.teacher.network.downs[0].conv[0].weight, teacher.downs[0].conv[0].weight)
    assert made.metadata()["teacher"] == file_checksum(tmp_path / "teacher.safetensors")


def test_a_schedule_without_a_teacher_takes_none(make):
    with pytest.raises(TrainingError, match="has no teacher; leave out its weights"):
        make(teacher="bundled")


def test_a_part_of_the_context_is_predicted(make):
    true, mixed = make("true"), make("mixed", predicted=0.5)
    different = total = 0
    for index in range(6):
        before, after = (t._examples(t.schedule[0], index).context for t in (true, mixed))
        assert torch.equal(before.images, after.images) and set(after.labels.unique().tolist()) <= {0.0, 1.0}
        different += int((before.labels != after.labels).flatten(2).any(2).sum())
        total += before.labels.shape[0] * before.labels.shape[1]
    assert 0.2 * total < different < 0.8 * total


def test_the_rate_of_each_stage_rises_and_decays():
    stages = (dataclasses.replace(STAGE, batches=2), dataclasses.replace(STAGE, batches=4))
    assert Preset(4, 1e-3, stages, restarts=True).progress() == [0, 0.5, 0, 0.25, 0.5, 0.75]
    assert Preset(4, 1e-3, stages).progress() == [index / 6 for index in range(6)]


@pytest.mark.parametrize("width", [2, 4])
def test_a_training_begins_with_a_scribbleprompt_of_at_most_its_width(make, tmp_path, width):
    torch.manual_seed(0)
    start, inputs = tmp_path / "narrow.safetensors", torch.rand(2, 5, 32, 32)
    donor = ScribblePromptUNet(width)
    save_file(donor.state_dict(), start)
    network = make(start=str(start)).network
    copied = network.enc_blocks[0].cross.cross_conv.weight[:width, :5]
    assert torch.equal(copied, donor.downs[0].conv[0].weight)
    with torch.inference_mode():
        assert not torch.equal(network.alone(inputs), make("random").network.alone(inputs))


def test_a_wider_scribbleprompt_is_refused(make, tmp_path):
    save_file(ScribblePromptUNet(6).state_dict(), tmp_path / "wide.safetensors")
    with pytest.raises(TrainingError, match="holds a network of width 6, more than 4"):
        make(start=str(tmp_path / "wide.safetensors"))


@pytest.mark.slow
def test_a_transplanted_network_predicts_much_as_its_teacher():
    teacher = ScribblePrompt.create("scribbleprompt", "bundled", "cpu", "float32").network
    assert isinstance(teacher, ScribblePromptUNet)
    network = MultiverSeg(teacher.bottleneck.conv[0].out_channels)
    transplant(network, teacher, seed=0)
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(4, 1, 8, 8, generator=generator)
    image = torch.nn.functional.interpolate(image, size=(64, 64), mode="bicubic").clamp(0, 1)
    clicks = torch.zeros(4, 3, 64, 64)
    clicks[:, 1, 28:36, 28:36] = 1
    inputs = torch.cat([image, clicks, torch.zeros(4, 1, 64, 64)], 1)
    with torch.inference_mode():
        wanted, found = teacher(inputs).flatten(1).numpy(), network.alone(inputs).flatten(1).numpy()
    assert min(np.corrcoef(a, b)[0, 1] for a, b in zip(wanted, found, strict=True)) > 0.7
