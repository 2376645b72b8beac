"""Training learns, is reproducible, continues after a stop, and explains failures in one line."""

import csv
import dataclasses
import math
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from segbench.models.networks import MultiverSeg, ScribblePromptUNet, UniverSeg
from segbench.models.registry import MODELS, create_model
from segbench.models.training import checkpointed, loop, losses
from segbench.models.training.augmentation import TASK
from segbench.models.training.presets import PRESETS, Stage
from segbench.models.weights import OFFICIAL, WeightsError
from segbench.protocols.adapter import Context, Interactions, Query

NETWORKS = {"scribbleprompt": ScribblePromptUNet, "universeg": UniverSeg, "multiverseg": MultiverSeg}
PREDICTIONS = {"scribbleprompt": 2, "universeg": 1, "multiverseg": 3}  # per image, with ``smoke``


def training(model, output, preset="smoke", seed=0, start=None):
    return loop.Training(model, preset, output, seed, "cpu", "float32", start, ())


def one_line(caught):
    """The message, which must be one line."""
    message = str(caught.value)
    assert message and "\n" not in message
    return message


def changed(monkeypatch, model, **fields):
    """Register the preset ``changed``: ``smoke`` with other fields."""
    preset = dataclasses.replace(PRESETS["smoke"][model], **fields)
    monkeypatch.setitem(PRESETS, "changed", {model: preset})
    return "changed"


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """A folder of networks of width 2, half of that of ``smoke``."""
    folder = tmp_path_factory.mktemp("narrow")
    for name, network in NETWORKS.items():
        torch.manual_seed(5)
        state = network(2).state_dict()
        torch.save({key: value * 2 for key, value in state.items()}, folder / f"{name}.pt")
    return folder


def log_of(folder):
    return list(csv.DictReader((folder / "log.csv").read_text().splitlines()))


def query(model, side=32):
    generator = torch.Generator().manual_seed(3)
    image, positive, negative = torch.rand(3, 2, 1, side, side, generator=generator)
    context = Context(*torch.rand(2, 2, 3, 1, side, side, generator=generator).round(decimals=1))
    prompts = Interactions(positive.round(), negative.round(), torch.zeros_like(image))
    if model == "universeg":
        return Query(image, context=context)
    return Query(image, prompts, image - 0.5, context if model == "multiverseg" else None)


# Probabilities 1/2, 3/4 / 1/4, 1/2: the overlap is 5/4, both sizes are 2.
LOGITS = torch.tensor([[[[0, math.log(3)], [-math.log(3), 0]]]])
TRUTH = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
DICE = 1 - (2 * 1.25 + 1) / (2 + 2 + 1)


def test_loss_without_gamma_is_dice_and_cross_entropy():
    entropy = -(2 * math.log(0.5) + 2 * math.log(0.75)) / 4
    assert losses.segmentation_loss(LOGITS, TRUTH, 0).item() == pytest.approx(DICE + entropy)


@pytest.mark.parametrize("gamma", [1.0, 2.0, 20.0])
def test_loss_with_gamma_weights_pixels_by_their_error(gamma):
    focal = -(2 * 0.5**gamma * math.log(0.5) + 2 * 0.25**gamma * math.log(0.75)) / 4
    assert losses.segmentation_loss(LOGITS, TRUTH, gamma).item() == pytest.approx(DICE + focal)


@pytest.mark.parametrize("gamma", [0.0, 20.0])
def test_loss_of_correct_wrong_and_extreme_predictions(gamma):
    right, wrong = (sign * 100 * (2 * TRUTH - 1) for sign in (1, -1))
    assert losses.segmentation_loss(right, TRUTH, gamma).item() == pytest.approx(0, abs=1e-4)
    assert losses.segmentation_loss(wrong, TRUTH, gamma).item() > 1
    nothing = torch.zeros_like(TRUTH)
    assert losses.segmentation_loss(nothing - 100, nothing, gamma).item() == pytest.approx(0, abs=1e-4)
    together = losses.segmentation_loss(torch.cat([right, LOGITS]), torch.cat([TRUTH, TRUTH]), gamma)
    assert together.item() == pytest.approx(
        losses.segmentation_loss(LOGITS, TRUTH, gamma).item() / 2, rel=1e-4
    )
    for logits in (right, wrong, nothing):
        logits = logits.clone().requires_grad_()
        losses.segmentation_loss(logits, TRUTH, gamma).backward()
        assert torch.isfinite(logits.grad).all()


def test_targets_and_contexts_fit_into_the_images_of_a_stage():
    stage = Stage(side=64, images=16, context=8, steps=3, batches=1)
    assert [stage.targets(context) for context in (0, 1, 3, 8, 30)] == [8, 8, 4, 1, 1]
    assert dataclasses.replace(stage, context=0).targets(0) == 16  # no dummy entry
    two = dataclasses.replace(stage, tasks=2)
    assert [two.targets(context) for context in (0, 1, 8)] == [2, 2, 1]


def test_the_preset_paper_has_the_settings_of_the_paper():
    paper = {name: PRESETS["paper"][name] for name in NETWORKS}
    assert {name: preset.stages[0].context for name, preset in paper.items()} == {
        "scribbleprompt": 0,
        "universeg": 64,
        "multiverseg": 64,
    }
    assert paper["multiverseg"].stages[0].steps == 3 and paper["scribbleprompt"].stages[0].steps == 5
    for name, preset in paper.items():
        (stage,) = preset.stages
        assert stage.side == 128
        assert {stage.targets(context) for context in range(stage.context + 1)} == {2}
        assert (preset.learning_rate, preset.final_rate, preset.focal) == (1e-4, 1, 20)
        assert preset.superpixels == 0.5 and preset.chained and preset.single == 0
        assert preset.task_augmentations == TASK
        with torch.device("meta"):
            network = MODELS.get(name).network_class(preset.width)
        assert sum(value.numel() for value in network.parameters()) == OFFICIAL[name].parameters


@pytest.mark.parametrize(("preset", "model"), [(p, m) for p in PRESETS for m in PRESETS[p]])
def test_every_preset_builds_a_network_and_batches(preset, model):
    schedule = PRESETS[preset][model]
    with torch.device("meta"):
        MODELS.get(model).network_class(schedule.width)
    in_context = MODELS.get(model).capabilities.in_context
    for stage in schedule.stages:
        assert bool(stage.context) == in_context and stage.side % 16 == 0 and stage.batches > 0
        assert stage.steps + in_context > 0
        assert stage.targets(stage.context) >= (1 if in_context else 2)


@pytest.mark.parametrize("model", NETWORKS)
def test_an_episode_is_interactive_segmentation(model, tmp_path, monkeypatch):
    made, seen = training(model, tmp_path), []
    forward = made.adapter.forward
    monkeypatch.setattr(
        made.adapter, "forward", lambda query: seen.append((query, forward(query))) or seen[-1][1]
    )
    sizes = set()
    for index in range(5):
        seen.clear()
        row = made.batch(index)
        stage = made.schedule[index]
        first = seen[0][0]
        size = first.context.images.shape[1] if first.context else 0
        sizes.add(size)
        assert len(first.image) == stage.targets(size)
        assert first.image.shape[1:] == (1, stage.side, stage.side) and first.previous_logits is None
        assert (first.interactions is None) == (size > 0)
        assert len(seen) == stage.steps + (size > 0)
        logged = [int(name[5:]) for name in row if name.startswith("dice_")]
        assert logged == list(range(PREDICTIONS[model]))[-len(seen) :]
        if size:
            assert first.context.images.shape == first.context.labels.shape
        for (before, logits), (after, _) in pairwise(seen):
            assert torch.equal(after.previous_logits, logits) and not after.previous_logits.requires_grad
            assert after.image is before.image and after.context is before.context
            for side in ("positive", "negative"):
                earlier = getattr(before.interactions, side, torch.zeros(1))
                assert (getattr(after.interactions, side) >= earlier).all()
            assert after.interactions.positive.any() or after.interactions.negative.any()
    assert sizes == {"scribbleprompt": {0}, "universeg": {1, 2}, "multiverseg": {0, 1, 2}}[model]


@pytest.mark.parametrize("model", NETWORKS)
def test_the_seed_decides_a_training_without_global_generators(model, tmp_path):
    def losses(name, seed, other):
        torch.manual_seed(other)
        made = training(model, tmp_path / name, seed=seed)
        torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
        row = made.batch(3)
        assert torch.equal(torch_state, torch.get_rng_state())
        assert np.array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002
        return {name: value for name, value in row.items() if name != "seconds"}

    assert losses("a", 0, 1) == losses("b", 0, 2) != losses("c", 1, 1)


@pytest.mark.parametrize("model", NETWORKS)
@pytest.mark.parametrize("chained", [True, False])
def test_there_is_one_update_per_batch_or_per_prediction(model, chained, tmp_path, monkeypatch):
    made = training(model, tmp_path, changed(monkeypatch, model, chained=chained))
    updates = []
    made.optimizer.register_step_post_hook(lambda *_: updates.append(None))
    for index in (0, 1):
        made.batch(index)
        assert all(value.grad is None or not value.grad.any() for value in made.network.parameters())
    assert len(updates) == 2 * (1 if chained else PREDICTIONS[model])


def test_the_learning_rate_warms_up_and_decays_linearly_to_its_final_share(tmp_path, monkeypatch):
    def rates(final):
        stages = (Stage(16, 2, 1, 0, 200),)
        made = training(
            "universeg",
            tmp_path / str(final),
            changed(monkeypatch, "universeg", stages=stages, final_rate=final),
        )
        for index in (0, 100, 199):
            made.batch(index)
            yield made.optimizer.param_groups[0]["lr"] / 1e-3

    first, middle, last = rates(1.0)
    assert first < 0.2 and middle == last == 1
    first, middle, last = rates(0.1)
    assert first < 0.2 and middle == pytest.approx(0.55) and last == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("model", NETWORKS)
def test_an_interrupted_training_ends_with_the_same_weights(tmp_path, model, monkeypatch):
    whole = loop.train(model, "smoke", tmp_path / "whole", precision="float32")

    calls, batch = [], loop.Training.batch

    def interrupted(training, index):
        calls.append(None)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return batch(training, index)

    monkeypatch.setattr(checkpointed, "SAVE_INTERVAL", -1)
    monkeypatch.setattr(loop.Training, "batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop.train(model, "smoke", tmp_path / "resumed", precision="float32")
    resumed = loop.train(model, "smoke", tmp_path / "resumed", precision="float32")
    assert resumed.read_bytes() == whole.read_bytes()
    assert len(calls) == 4 + 2  # two of five batches were left
    logs = [log_of(tmp_path / name) for name in ("whole", "resumed")]
    for row in logs[0] + logs[1]:
        del row["seconds"]
    assert logs[0] == logs[1] and [int(row["batch"]) for row in logs[0]] == [0, 1, 2, 3, 4]


def test_training_learns(tmp_path, monkeypatch):
    preset = changed(monkeypatch, "universeg", width=8, stages=(Stage(32, 4, 2, 0, 40),), learning_rate=3e-3)
    loop.train("universeg", preset, tmp_path, precision="float32")
    losses = np.genfromtxt(tmp_path / "log.csv", delimiter=",", names=True)["loss_0"]
    assert losses[-10:].mean() < losses[:10].mean() - 0.05


@pytest.mark.parametrize("model", NETWORKS)
def test_a_training_starts_with_the_function_of_a_narrower_network(model, tmp_path, narrow):
    start = narrow / f"{model}.pt"
    made = training(model, tmp_path, start=str(start))
    expected = create_model(model, weights=str(start)).predict(query(model))
    assert (made.adapter.predict(query(model)) - expected).abs().max() < 1e-5 * expected.abs().max()
    assert expected.std() > 1e-3
    made.batch(0)
    assert (made.adapter.predict(query(model)) - expected).abs().max() > 1e-5 * expected.abs().max()


def test_initial_weights_wider_than_the_network_are_refused(tmp_path):
    with pytest.raises(loop.TrainingError, match=r"width \d+, more than 4") as caught:
        training("universeg", tmp_path, start="bundled")
    assert "universeg" in one_line(caught)


@pytest.mark.parametrize("content", [None, b"", b"no checkpoint"])
def test_unreadable_initial_weights_are_named(content, tmp_path):
    path = tmp_path / "start.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        training("universeg", tmp_path / "out", start=str(path))
    assert str(path) in one_line(caught)


@pytest.mark.parametrize(
    ("model", "other"),
    [("scribbleprompt", "universeg"), ("universeg", "scribbleprompt"), ("multiverseg", "universeg")],
)
def test_initial_weights_of_another_model_are_refused(model, other, tmp_path, narrow):
    with pytest.raises(WeightsError) as caught:
        training(model, tmp_path, start=str(narrow / f"{other}.pt"))
    assert f"{other}.pt" in one_line(caught)


@pytest.mark.parametrize("difference", ["seed", "start", "model", "preset"])
def test_a_folder_with_another_training_is_refused(difference, tmp_path, narrow, monkeypatch):
    training("universeg", tmp_path).save(0)
    other = {
        "seed": {"seed": 1},
        "start": {"start": str(narrow)},
        "model": {"model": "multiverseg"},
        "preset": {"preset": changed(monkeypatch, "universeg", focal=1.0)},
    }[difference]
    with pytest.raises(loop.TrainingError, match="another configuration") as caught:
        training(**({"model": "universeg", "output": tmp_path} | other))
    assert str(tmp_path) in one_line(caught)
    assert training("universeg", tmp_path).done == 0


def test_a_damaged_checkpoint_is_named(tmp_path):
    training("universeg", tmp_path).save(0)
    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(loop.TrainingError) as caught:
        training("universeg", tmp_path)
    assert "checkpoint.pt" in one_line(caught)


@pytest.mark.parametrize("quantity", ["loss", "gradient"])
def test_the_last_checkpoint_survives_a_loss_that_is_not_finite(quantity, tmp_path, monkeypatch):
    loss, kept, calls = losses.segmentation_loss, [], []

    def diverges(logits, label, gamma):
        calls.append(None)
        if len(calls) < 3:
            return loss(logits, label, gamma)
        kept.append((tmp_path / "checkpoint.pt").read_bytes())
        return logits.sum() * math.nan if quantity == "loss" else (logits * 0).sum().abs().sqrt()

    monkeypatch.setattr(checkpointed, "SAVE_INTERVAL", -1)
    monkeypatch.setattr(loop, "segmentation_loss", diverges)
    with pytest.raises(loop.TrainingError, match=f"{quantity} of batch 2 is not finite") as caught:
        loop.train("universeg", "smoke", tmp_path, precision="float32")
    assert str(tmp_path) in one_line(caught)
    assert [(tmp_path / "checkpoint.pt").read_bytes()] == kept
    resumed = training("universeg", tmp_path)
    assert resumed.done == 2
    assert all(torch.isfinite(value).all() for value in resumed.network.state_dict().values())


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 192 vs 81\nframe #0: c10"),
        RuntimeError("PytorchStreamWriter failed writing file data/3: file write failed"),
    ],
    ids=["system", "position", "stream"],
)
def test_the_last_checkpoint_survives_a_full_disk(error, tmp_path, monkeypatch):
    made = training("universeg", tmp_path)
    made.batch(0)
    made.save(1)
    before = made.checkpoint.read_bytes()
    made.batch(1)

    def full(state, path, *_):
        Path(path).write_bytes(b"incomplete")
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(loop.TrainingError, match="cannot be written") as caught:
            made.save(2)
    assert str(made.checkpoint) in one_line(caught)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert made.checkpoint.read_bytes() == before and training("universeg", tmp_path).done == 1
    made.save(2)
    assert training("universeg", tmp_path).done == 2


def test_an_empty_log_gets_a_header(tmp_path):
    (tmp_path / "log.csv").touch()  # as after a full disk
    made = training("universeg", tmp_path)
    made.log(made.batch(0))
    (row,) = log_of(tmp_path)
    assert row["batch"] == "0" and math.isfinite(float(row["loss_0"]))


@pytest.mark.parametrize("model", NETWORKS)
def test_exported_weights_predict_like_the_trained_network(model, tmp_path, monkeypatch):
    last = changed(monkeypatch, model, horizon=1)  # the mean is the last network
    made = training(model, tmp_path, last)
    for index in range(3):
        made.batch(index)
    path = made.export()
    assert path == tmp_path / f"{model}.safetensors"
    assert {value.dtype for value in load_file(path).values()} == {torch.float16}
    expected = made.adapter.predict(query(model))
    exported = create_model(model, weights=str(path)).predict(query(model))
    assert expected.std() > 0.05 and (exported - expected).abs().max() < 1e-2


def test_exported_weights_are_a_mean_over_the_horizon(tmp_path, monkeypatch):
    preset = changed(monkeypatch, "universeg", horizon=2)
    made, seen = training("universeg", tmp_path, preset), []  # one update per batch
    for index in range(3):
        made.batch(index)
        seen.append({name: value.clone() for name, value in made.network.state_dict().items()})
    moved = [(seen[2][name] - value).abs().max() > 1e-3 for name, value in seen[0].items()]
    assert sum(moved) > len(moved) / 2
    for name, value in load_file(made.export()).items():
        expected = ((seen[0][name] + seen[1][name]) / 2 + seen[2][name]) / 2
        torch.testing.assert_close(value.float(), expected, atol=1e-6, rtol=1e-3)


def test_unknown_models_and_presets_are_refused(tmp_path):
    for model, preset in (("nnunet", "small"), ("universeg", "large")):
        with pytest.raises(
            loop.TrainingError, match=f"no training of '{model}' by preset '{preset}'"
        ) as caught:
            loop.train(model, preset, tmp_path / "out")
        one_line(caught)
    assert not (tmp_path / "out").exists()


def test_the_preset_paper_has_the_settings_of_the_interconv_paper():
    for name, parameters in (("scribbleprompt-matched", 3_659_905), ("scribbleprompt-interconv", 3_729_826)):
        preset = PRESETS["paper"][name]
        (stage,) = preset.stages
        assert (stage.side, stage.targets(0), stage.sets, stage.steps) == (128, 8, 8, 1)
        assert stage.batches == 20_000 * 125
        with torch.device("meta"):
            network = MODELS.get(name).untrained(preset.width)
        assert sum(value.numel() for value in network.parameters()) == parameters


def test_interconv_and_its_baseline_learn_from_the_same_sets(tmp_path, monkeypatch):
    def queries(model):
        seen, made = [], training(model, tmp_path / model)
        forward = made.adapter.forward
        monkeypatch.setattr(made.adapter, "forward", lambda query: seen.append(query) or forward(query))
        for index in range(5):
            made.batch(index)
        return seen

    pair = [queries(model) for model in ("scribbleprompt-matched", "scribbleprompt-interconv")]
    assert len(pair[0]) == 3 + 2 * 2  # one step in the first stage of ``smoke``, two in the second
    for one, other in zip(*pair, strict=True):
        assert one.sets == other.sets and len(one.sets) == 2 and sum(one.sets) == len(one.image)
        assert torch.equal(one.image, other.image)
        assert (one.interactions.positive.flatten(1).amax(1) > 0).all()
        if one.previous_logits is None:  # later prompts depend on the predictions
            assert torch.equal(one.interactions.positive, other.interactions.positive)
            assert torch.equal(one.interactions.negative, other.interactions.negative)
    assert len({query.sets for query in pair[0]}) > 1


def test_interconv_starts_with_the_function_of_its_baseline(tmp_path):
    trained = training("scribbleprompt-matched", tmp_path / "baseline")
    for index in range(3):
        trained.batch(index)
    start = trained.export()
    image = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    prompts = Interactions((image > 0.9).float(), (image < 0.1).float(), torch.zeros_like(image))
    expected = create_model("scribbleprompt-matched", weights=str(start)).predict(Query(image, prompts))
    made = training("scribbleprompt-interconv", tmp_path / "sets", start=str(start))
    together = Query(image, prompts, sets=(3,))
    torch.testing.assert_close(made.adapter.predict(together), expected, atol=1e-4, rtol=1e-3)
    alone = Query(image, prompts, sets=(1, 1, 1))
    for index in range(5):
        made.batch(index)
    assert (made.adapter.predict(together) - made.adapter.predict(alone)).abs().max() > 1e-3


def test_training_imports_no_evaluation_data():
    code = (
        "import sys, segbench.models.training.loop;"
        "packages = 'segbench.datasets.phantoms', 'segbench.datasets.sources';"
        "print([name for name in sys.modules if name.startswith(packages)])"
    )
    root = Path(__file__).resolve().parents[2]
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert out.stdout.strip() == "[]"
