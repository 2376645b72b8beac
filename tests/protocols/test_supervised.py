"""The supervised upper bound: every test image once, without interactions and context."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from segbench.protocols.adapter import Capabilities
from segbench.protocols.config import Config, ProtocolError
from segbench.protocols.supervised import SUPERVISED


class Learner:
    """Segments bright pixels, but none on the left; asserts that queries hold an image only."""

    capabilities = Capabilities(needs_training=True)

    def __init__(self, left: int = 0):
        self.left = left

    def predict(self, query):
        assert query.interactions is None and query.previous_logits is None and query.context is None
        logits = query.image - 0.5
        logits[..., : self.left] = -1
        return logits


def test_every_test_image_is_predicted_once_whatever_the_settings(toy_task):
    records = SUPERVISED.run(toy_task, Learner(), (3,), Config(images=2, eval_images=2), None, "mine")
    assert len(records.steps) == len(records.images) == 20
    assert {row["image"] for row in records.images} == set(toy_task.indices("test"))
    assert [row["position"] for row in records.images] == list(range(1, 21))
    assert {(row["training"], row["simulation"]) for row in records.images} == {(3, 0)}
    for row in records.images:
        assert (row["interactions"], row["reached"], row["dice"]) == (0, True, 1.0)
        assert (row["context"], row["annotator"], row["context_size"]) == ("none", "none", 0)
        assert (row["set_size"], row["person"], row["split"]) == (1, -1, "test")
    assert {row["kind"] for row in records.steps} == {"none"}


def test_a_bad_prediction_is_not_corrected(toy_task):
    records = SUPERVISED.run(toy_task, Learner(left=32), (0,), Config(), None, "mine")
    assert {row["dice"] for row in records.images} == {0.0}
    assert not any(row["reached"] or row["interactions"] for row in records.images)


def test_pictures_are_of_18_images_of_the_first_training(toy_task):
    first, second = (
        SUPERVISED.run(toy_task, Learner(), (number,), Config(), None, "mine").pictures for number in (0, 1)
    )
    assert len(first) == 18 and not second


@pytest.mark.parametrize(
    ("capabilities", "reason"),
    [
        (Capabilities(interactive=True), "it is not trained on the task"),
        (Capabilities(in_context=True), "it is not trained on the task"),
        (Capabilities(needs_training=True, automatic=True), "all structures at once"),
        (Capabilities(needs_training=True), None),
    ],
)
def test_supported_models_are_trained_on_the_task(capabilities, reason):
    unsupported = SUPERVISED.unsupported_model(capabilities)
    assert unsupported is None if reason is None else reason in unsupported


def test_the_validation_split_is_not_supported(toy_task):
    assert "took part in training" in SUPERVISED.unsupported_task(toy_task, Config(split="val"))
    untested = replace(toy_task, split=toy_task.split.copy())
    untested.split[:] = "train"
    assert "no test image" in SUPERVISED.unsupported_task(untested, Config())
    with pytest.raises(ProtocolError, match=r"mine cannot run supervised: .* took part in training"):
        SUPERVISED.run(toy_task, Learner(), (0,), Config(split="val"), None, "mine")


def test_logits_must_be_valid(toy_task):
    class Wrong(Learner):
        def predict(self, query):
            return torch.full_like(query.image, float("nan"))

    with pytest.raises(ProtocolError, match="NaN"):
        SUPERVISED.run(toy_task, Wrong(), (0,), Config(), None, "mine")
