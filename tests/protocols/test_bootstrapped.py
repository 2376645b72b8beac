"""Bootstrapping with toy models whose context can be read off their queries."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segbench.protocols.config import Config, ProtocolError
from segbench.protocols.sampling import draw_images
from segbench.protocols.sequential import BOOTSTRAPPED
from segbench.results.schema import IMAGES, PICTURES, STEPS


def left_half(query):
    """The object's left half, whatever the context says."""
    mask = query.image > 0.5
    mask[..., mask.shape[-1] // 2 :] = False
    return mask


def run(data, model, simulations=(0,), **config):
    return BOOTSTRAPPED.run(data, model, simulations, Config(**config), None, "toy")


def test_every_prediction_joins_the_context_of_the_next_image(toy_task, toy_model):
    model = toy_model(left_half, interactive=False, in_context=True)
    run(toy_task, model, images=3)
    order = draw_images(toy_task, 0, Config(images=3))
    assert [query.context.images.shape[1] for query in model.queries] == [1, 2, 3]
    assert all(query.interactions is None and query.previous_logits is None for query in model.queries)
    last = model.queries[-1].context
    np.testing.assert_array_equal(last.labels[0, 0, 0], toy_task.labels[order[0], 0])  # the seed's true label
    np.testing.assert_array_equal(last.images[0, 2, 0], toy_task.images[order[2], 0])
    np.testing.assert_array_equal(last.labels[0, 2], left_half(model.queries[1])[0])


@pytest.mark.parametrize("kind", ["binary", "soft", "ground-truth"])
def test_content_of_the_context(toy_task, toy_model, kind):
    model = toy_model(left_half, interactive=False, in_context=True)
    records = run(toy_task, model, images=2, context=kind)
    order = draw_images(toy_task, 0, Config(images=2))
    entry = model.queries[1].context.labels[0, 1, 0]
    prediction = left_half(model.queries[0])[0, 0]
    expected = {
        "binary": prediction.float(),
        "soft": torch.where(prediction, 4.0, -4.0).sigmoid(),
        "ground-truth": torch.from_numpy(toy_task.labels[order[1], 0]).float(),
    }[kind]
    torch.testing.assert_close(entry, expected)
    assert {row["context"] for row in records.images} == {kind}


def test_the_context_of_an_oracle_holds_true_labels(toy_task, toy_model):
    oracle = toy_model(left_half, interactive=False, in_context=True, true_context=True)
    records = run(toy_task, oracle, images=2, context="soft")
    order = draw_images(toy_task, 0, Config(images=2))
    np.testing.assert_array_equal(
        oracle.queries[1].context.labels[0, 1, 0], toy_task.labels[order[1], 0].astype(np.float32)
    )
    assert {row["context"] for row in records.images} == {"ground-truth"}


def test_records_have_one_prediction_and_no_interaction(toy_task, toy_model):
    model = toy_model(lambda query: query.image > 0.5, interactive=False, in_context=True)
    records = run(toy_task, model, simulations=(0, 3), images=4)
    assert [(row["simulation"], row["position"]) for row in records.images] == [
        (simulation, position) for simulation in (0, 3) for position in (1, 2, 3, 4)
    ]
    assert {(row["step"], row["kind"]) for row in records.steps} == {(0, "none")}
    assert {(row["interactions"], row["reached"], row["dice"]) for row in records.images} == {(0, True, 1.0)}
    assert [row["context_size"] for row in records.images] == [1, 2, 3, 4] * 2
    assert set(records.steps[0]) == set(STEPS)
    assert set(records.images[0]) == set(IMAGES)
    assert records.pictures == []
    assert set(PICTURES) > set(STEPS) - {"drawn", "tp", "fp", "fn"}


def test_simulations_do_not_depend_on_each_other(toy_task, toy_model):
    model = toy_model(left_half, interactive=False, in_context=True)
    together = run(toy_task, model, simulations=(0, 1), images=3)
    alone = run(toy_task, model, simulations=(1,), images=3)
    assert [row for row in together.steps if row["simulation"] == 1] == alone.steps


@pytest.mark.parametrize(
    ("capabilities", "reason"),
    [
        ({"in_context": False}, "it takes no context"),
        ({"in_context": True, "min_context": 5}, "fewer than 5 images"),
        ({"in_context": True, "setwise": True}, "predicts sets"),
        ({"in_context": True, "needs_training": True}, "has to be trained"),
    ],
)
def test_unsupported_models(toy_task, toy_model, capabilities, reason):
    with pytest.raises(ProtocolError, match=reason):
        run(toy_task, toy_model(left_half, **capabilities), images=2)
