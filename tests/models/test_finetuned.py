"""The fine-tuning baselines: weights follow the context, answers follow the query alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from segbench.datasets.task import Task, TaskData
from segbench.models import create_model
from segbench.models.finetuned import MultiverSegFineTuned, ScribblePromptFineTuned
from segbench.models.multiverseg import MultiverSeg
from segbench.models.networks import MultiverSeg as MultiverSegNetwork
from segbench.models.networks import ScribblePromptUNet
from segbench.models.registry import runs_by_default
from segbench.models.scribbleprompt import ScribblePrompt
from segbench.protocols.adapter import Context, Interactions, Query
from segbench.protocols.config import Config
from segbench.protocols.metrics import dice
from segbench.protocols.sequential import CENTER_CLICKS
from segbench.randomness import keyed_generator

SIDE = 32


class EveryTwo(ScribblePromptFineTuned):
    """Fine-tuned every two images."""

    every, episodes = 2, 1
    capabilities = replace(ScribblePromptFineTuned.capabilities, min_context=2)


class MultiverSegEveryTwo(MultiverSegFineTuned):
    """Fine-tuned every two images."""

    every, episodes = 2, 1


def scribbleprompt(model=EveryTwo):
    torch.manual_seed(0)
    pretrained = ScribblePrompt(ScribblePromptUNet(4))
    return model(pretrained, pretrained)


def multiverseg():
    torch.manual_seed(0)
    fallback = ScribblePrompt(ScribblePromptUNet(4))
    return MultiverSegEveryTwo(MultiverSeg(MultiverSegNetwork(4), fallback=fallback), fallback)


MODELS = pytest.mark.parametrize("make", [scribbleprompt, multiverseg])


def dark_discs(count, seed=0):
    """Dark discs on a bright background, with as many bright discs that are no part of the label."""
    rng = keyed_generator(seed, "dark discs")
    rows, columns = np.indices((SIDE, SIDE))
    images, labels = [], []
    for _ in range(count):
        (y, v), (x, u) = rng.uniform(7, SIDE - 7, 2), rng.permuted([8, SIDE - 8])
        label = (rows - y) ** 2 + (columns - x) ** 2 < 36
        other = (rows - v) ** 2 + (columns - u) ** 2 < 36
        images.append(0.5 - 0.4 * label + 0.4 * other + rng.normal(0, 0.03, label.shape))
        labels.append(label)
    return tuple(
        torch.from_numpy(np.array(maps, np.float32))[:, None] for maps in (np.clip(images, 0, 1), labels)
    )


def query(entries, images=1, clicks=False):
    """Images with the same context of so many entries."""
    all_images, all_labels = dark_discs(entries + images)
    context = None
    if entries:
        context = Context(
            *(maps[:entries][None].repeat(images, 1, 1, 1, 1) for maps in (all_images, all_labels))
        )
    drawn = None
    if clicks:
        maps = torch.zeros(3, images, 1, SIDE, SIDE)
        maps[0, :, :, 16, 16] = 1
        drawn = Interactions(*maps)
    return Query(all_images[entries:], drawn, None, context)


@pytest.mark.parametrize("entries", [0, 1])
@MODELS
def test_below_the_first_fine_tuning_the_pretrained_network_predicts(make, entries):
    model = make()
    asked = query(entries, clicks=True)
    assert torch.equal(model.predict(asked), model.pretrained.predict(asked))


@MODELS
def test_weights_are_those_of_the_last_full_group_of_entries(make):
    model, asked = make(), query(4, clicks=True)
    without_context = replace(asked, context=None) if make is scribbleprompt else asked
    assert not torch.equal(model.predict(asked), model.pretrained.predict(without_context))
    changed = asked.context.labels.clone()
    changed[:, 1] = 1 - changed[:, 1]
    other = replace(asked, context=Context(asked.context.images, changed))
    assert not torch.equal(model.predict(other), model.predict(asked))


def test_an_entry_beyond_the_last_full_group_changes_no_weights():
    model, asked = scribbleprompt(), query(3)
    two = Context(asked.context.images[:, :2], asked.context.labels[:, :2])
    assert torch.equal(model.predict(asked), model.predict(replace(asked, context=two)))


@MODELS
def test_the_same_query_has_the_same_bytes_whatever_came_before(make):
    asked = [query(count, clicks=count > 4) for count in (2, 4, 6, 8, 10)]
    forwards, backwards = make(), make()
    there = [forwards.predict(each) for each in asked]
    back = [backwards.predict(each) for each in reversed(asked)]  # more contexts than networks are kept
    assert all(torch.equal(*pair) for pair in zip(there, reversed(back), strict=True))
    assert torch.equal(forwards.predict(asked[0]), there[0])


@MODELS
def test_global_generators_and_modes_stay_and_no_answer_keeps_a_graph(make):
    model, state = make(), torch.get_rng_state()
    answer = model.predict(query(2))
    assert torch.equal(torch.get_rng_state(), state) and not answer.requires_grad
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


@MODELS
def test_images_of_a_query_are_fine_tuned_each_for_its_own_context(make):
    model, both = make(), query(2, images=2, clicks=True)
    labels = both.context.labels.clone()
    labels[1] = 1 - labels[1]
    both = replace(both, context=Context(both.context.images, labels))
    logits = model.predict(both)
    for row in (0, 1):
        one = slice(row, row + 1)
        drawn = Interactions(
            *(getattr(both.interactions, name)[one] for name in ("positive", "negative", "box"))
        )
        single = Query(both.image[one], drawn, None, Context(both.context.images[one], labels[one]))
        assert torch.equal(model.predict(single), logits[one])


@MODELS
def test_empty_and_soft_masks_of_earlier_images_are_learnt_from(make):
    asked = query(2)
    for labels in (torch.zeros_like(asked.context.labels), 0.9 * asked.context.labels):
        answer = make().predict(replace(asked, context=Context(asked.context.images, labels)))
        assert torch.isfinite(answer).all()


def test_fine_tuning_on_a_task_of_dark_objects_improves_later_images():
    model = create_model("scribbleprompt-finetuned", precision="float32")
    images, labels = dark_discs(12)
    asked = Query(
        images[8:], context=Context(*(maps[None, :8].repeat(4, 1, 1, 1, 1) for maps in (images, labels)))
    )

    def quality(logits):
        return np.mean(
            [dice(*pair) for pair in zip((logits > 0).numpy(), labels[8:].bool().numpy(), strict=True)]
        )

    before, after = quality(model.pretrained.predict(asked)), quality(model.predict(asked))
    assert before < 0.6 and after > before + 0.3


def test_the_time_of_a_fine_tuning_is_recorded_at_its_image():
    images, labels = (maps.numpy() for maps in dark_discs(10))
    split = np.array(["train"] * 2 + ["test"] * 8)
    task = Task("toy", "toy", "drawing", "0", "dark-disc")
    data = TaskData(task, images, labels.astype(bool), np.arange(10).astype(str), split)
    config = Config(images=8, max_steps=1, target_dice=1.0)
    records = CENTER_CLICKS.run(data, scribbleprompt(), (0,), config, create_model("random-walker"), "toy")
    seconds = {row["position"]: row["seconds"] for row in records.images}
    assert all(seconds[tuned] > seconds[tuned + 1] for tuned in (2, 4, 6))


def test_the_baselines_run_only_when_named():
    for name in ("scribbleprompt-finetuned", "multiverseg-finetuned"):
        assert not runs_by_default(name, "center-clicks") and not runs_by_default(name, "in-context")
