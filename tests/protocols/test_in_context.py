"""Experiment 2 with toy models: their contexts and steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segbench.protocols.config import Config, ProtocolError
from segbench.protocols.in_context import IN_CONTEXT, INTERACTIVE_CLICKS, INTERACTIVE_SCRIBBLES
from segbench.protocols.registry import PROTOCOLS
from segbench.protocols.sampling import draw_context
from segbench.results.schema import IMAGES, STEPS

SIZES = (1, 2, 4)


def bright_after_interaction(query):
    """Segment the object after the first interaction; nothing before."""
    return (query.image > 0.5) & (query.interactions is not None)


def run(protocol, data, model, simulations=(0, 1), **config):
    config = {"eval_images": 3, "context_sizes": SIZES} | config
    return protocol.run(data, model, simulations, Config(**config), None, "toy")


@pytest.fixture
def in_context(toy_model):
    return toy_model(lambda query: query.image > 0.5, interactive=False, in_context=True)


def test_every_image_in_contexts_of_every_size(toy_task, in_context):
    records = run(IN_CONTEXT, toy_task, in_context)
    places = [(row["context_size"], row["simulation"], row["position"]) for row in records.images]
    assert places == [(n, s, p) for n in SIZES for s in (0, 1) for p in (1, 2, 3)]
    assert {row["context"] for row in records.images} == {"ground-truth"}
    assert {(row["step"], row["kind"]) for row in records.steps} == {(0, "none")}
    assert {toy_task.split[row["image"]] for row in records.images} == {"test"}
    assert set(records.images[0]) == set(IMAGES)
    assert set(records.steps[0]) == set(STEPS)


def test_contexts_come_from_the_train_split_with_replacement_and_grow(toy_task):
    drawn = draw_context(toy_task, 0, 7, 64, seed=0)
    assert {toy_task.split[index] for index in drawn} == {"train"}
    assert len(set(drawn)) == 4 < len(drawn)  # all four train images, again and again
    np.testing.assert_array_equal(draw_context(toy_task, 0, 7, 8, seed=0), drawn[:8])
    assert (draw_context(toy_task, 1, 7, 64, seed=0) != drawn).any()


def test_the_model_is_given_the_drawn_images_and_their_true_labels(toy_task, in_context):
    records = run(IN_CONTEXT, toy_task, in_context, simulations=(1,), eval_images=1, context_sizes=(4,))
    indices = draw_context(toy_task, 1, records.images[0]["image"], 4, seed=0)
    context = in_context.queries[0].context
    np.testing.assert_array_equal(context.images[0], toy_task.images[indices])
    np.testing.assert_array_equal(context.labels[0], toy_task.labels[indices].astype(np.float32))


def test_a_model_gets_as_many_contexts_as_it_averages_over(toy_task, toy_model, in_context):
    """Of the size asked for each, the first that of all models; each counts in the size of a query."""
    ensemble = toy_model(lambda query: query.image > 0.5, interactive=False, in_context=True, contexts=3)
    ensemble.micro_batch = 12
    records = run(IN_CONTEXT, toy_task, ensemble, (1,), eval_images=5, context_sizes=(2,))
    assert {row["context_size"] for row in records.images} == {2}
    assert [len(query.image) for query in ensemble.queries] == [2, 2, 2]  # of 6 entries each
    run(IN_CONTEXT, toy_task, in_context, (1,), eval_images=5, context_sizes=(2,))
    for number, query in enumerate(in_context.queries):
        several = ensemble.queries[number // 2].context.images[number % 2]
        assert len(several) == 6
        np.testing.assert_array_equal(several[:2], query.context.images[0])
    drawn = draw_context(toy_task, 1, records.images[0]["image"], 2, seed=0, contexts=3)
    np.testing.assert_array_equal(ensemble.queries[0].context.images[0], toy_task.images[drawn])
    larger = draw_context(toy_task, 1, records.images[0]["image"], 4, seed=0, contexts=3)
    np.testing.assert_array_equal(larger.reshape(3, 4)[:, :2], drawn.reshape(3, 2))
    assert len({tuple(part) for part in draw_context(toy_task, 1, 7, 8, 0, 3).reshape(3, 8)}) == 3


def test_only_protocols_that_draw_contexts_take_a_model_that_averages_over_several(toy_task, toy_model):
    model = toy_model(bright_after_interaction, in_context=True, contexts=3)
    for name in ("center-clicks", "bootstrapped-in-context"):
        with pytest.raises(ProtocolError, match="averages over 3 random contexts"):
            run(PROTOCOLS.get(name), toy_task, model)
    assert run(INTERACTIVE_CLICKS, toy_task, model, (0,), max_steps=1).images


def test_without_a_limit_all_images_of_the_split_are_segmented(toy_task, in_context):
    records = run(IN_CONTEXT, toy_task, in_context, (0,), eval_images=None, context_sizes=(1,))
    assert len(records.images) == 20


@pytest.mark.parametrize(
    ("protocol", "steps"), [(INTERACTIVE_CLICKS, 10), (INTERACTIVE_SCRIBBLES, 5)], ids=lambda p: str(p)[:20]
)
def test_all_corrections_are_made_whether_or_not_the_target_is_met(toy_task, toy_model, protocol, steps):
    model = toy_model(bright_after_interaction, in_context=True)
    records = run(protocol, toy_task, model, (0,), eval_images=1, context_sizes=(2,))
    assert [row["step"] for row in records.steps] == list(range(steps + 1))
    assert [row["dice"] for row in records.steps] == [0.0] + [1.0] * steps
    assert records.steps[0]["kind"] == "none"
    assert records.images[0]["interactions"] == steps
    assert records.images[0]["reached"]


def test_the_first_prediction_is_that_without_interactions(toy_task, toy_model):
    def as_large_as_the_context(query):
        """A disc whose size depends on the context alone."""
        rows = torch.arange(query.image.shape[-2]).reshape(1, 1, -1, 1)
        return (rows < query.context.labels.mean(dim=(1, 2, 3, 4)) * 100) & (query.image >= 0)

    model = toy_model(as_large_as_the_context, in_context=True)
    without = run(IN_CONTEXT, toy_task, model)
    with_clicks = run(INTERACTIVE_CLICKS, toy_task, model, max_steps=2)
    first = [row["dice"] for row in with_clicks.steps if row["step"] == 0]
    assert first == [row["dice"] for row in without.steps]
    assert len(set(first)) > 3


def test_draws_do_not_depend_on_other_simulations(toy_task, toy_model):
    model = toy_model(bright_after_interaction, in_context=True)
    together = run(INTERACTIVE_SCRIBBLES, toy_task, model, max_steps=2)
    alone = run(INTERACTIVE_SCRIBBLES, toy_task, model, (1,), max_steps=2, context_sizes=(4,))
    same = [row for row in together.steps if row["simulation"] == 1 and row["context_size"] == 4]
    assert same == alone.steps


@pytest.mark.parametrize(
    ("protocol", "capabilities", "reason"),
    [
        (IN_CONTEXT, {"in_context": False}, "it takes no context"),
        (IN_CONTEXT, {"in_context": True, "true_context": True}, "it equals another model"),
        (INTERACTIVE_CLICKS, {"interactive": False, "in_context": True}, "it takes no interactions"),
        (IN_CONTEXT, {"in_context": True, "min_context": 5}, "fewer than 5"),
    ],
)
def test_unsupported_models(toy_task, toy_model, protocol, capabilities, reason):
    with pytest.raises(ProtocolError, match=reason):
        run(protocol, toy_task, toy_model(bright_after_interaction, **capabilities))


def test_protocols_have_the_names_of_their_figures():
    for name in ("in-context", "interactive-in-context-clicks", "interactive-in-context-scribbles"):
        assert PROTOCOLS.get(name).name == name
        assert PROTOCOLS.get(name).max_simulations == 10


@pytest.mark.parametrize("sizes", [(), (0, 1)])
def test_context_sizes_are_checked(sizes):
    with pytest.raises(ProtocolError, match="context sizes"):
        Config(context_sizes=sizes)
