"""Boxes: the rule of the simulator, the queries and records of protocols with boxes, and who takes part."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from scipy import stats

from segbench.protocols import cache
from segbench.protocols.adapter import Box, Capabilities, Click
from segbench.protocols.annotators import Boxes, Interaction
from segbench.protocols.boxes import BOX_THEN_CLICKS, BOXES
from segbench.protocols.config import Config
from segbench.protocols.interactions import boxes, keyed_generator, label_box
from segbench.protocols.registry import PROTOCOLS
from segbench.protocols.scheduler import plain_loop
from segbench.protocols.sequential import Sequential

ALL = ("clicks", "scribbles", "boxes", "masks")
BOTH = pytest.mark.parametrize("protocol", [BOXES, BOX_THEN_CLICKS], ids=lambda p: p.name)


@pytest.fixture(autouse=True)
def empty_cache():
    """No predictions of other tests are cached."""
    cache.forget()


def in_box(query):
    """The object inside the box, from its coordinates, without what negative clicks mark."""
    mask = torch.zeros_like(query.image, dtype=torch.bool)
    for inside, box in zip(mask[:, 0], query.interactions.boxes, strict=True):
        if box is not None:
            inside[box.top : box.bottom, box.left : box.right] = True
    return mask & (query.interactions.negative == 0)


def run(protocol, data, model, simulations=(0,), seed_model=None, **config):
    return protocol.run(data, model, simulations, Config(**config), seed_model or model, "toy")


def drawn_boxes(count, bounds, shape):
    """Boxes around a rectangle of an image, one for each simulation."""
    label = np.zeros(shape, bool)
    label[bounds.top : bounds.bottom, bounds.left : bounds.right] = True
    rngs = [partial(keyed_generator, 0, "task", simulation, 0, 1) for simulation in range(count)]
    boxes = [each.box for each in Boxes().start(np.broadcast_to(label, (count, *shape)).copy(), rngs)]
    assert {type(side) for box in boxes for side in box} == {int}
    return np.array(boxes)


def test_each_side_moves_outwards_by_0_to_19_pixels_uniformly_and_independently():
    bounds = Box(30, 40, 61, 55)
    moves = (drawn_boxes(5000, bounds, (100, 120)) - bounds) * [-1, -1, 1, 1]
    for side in moves.T:
        counts = np.bincount(side, minlength=20)
        assert len(counts) == 20 and stats.chisquare(counts).pvalue > 1e-4
    assert np.abs(np.corrcoef(moves.T) - np.eye(4)).max() < 0.06


def test_boxes_are_clipped_to_the_image():
    boxes = drawn_boxes(2000, Box(0, 5, 20, 27), (24, 30))
    assert (boxes[:, 0] == 0).all()
    for side, limit, room in ((1, 0, 5), (2, 24, 4), (3, 30, 3)):
        clipped = (boxes[:, side] == limit).mean()  # moves of at least the room, of twenty
        assert clipped == pytest.approx((20 - room) / 20, abs=0.03)
    assert boxes.min() == 0 and (boxes <= [24, 30, 24, 30]).all()


def test_a_box_contains_all_components_and_an_empty_label_has_none(monkeypatch):
    label = np.zeros((64, 64), bool)
    label[[3, 50], [60, 8]] = True
    with monkeypatch.context() as patch:
        patch.setattr(boxes, "MAX_JITTER", 0)
        assert label_box(label, keyed_generator(0)) == (3, 8, 51, 61)
    for number in range(50):
        top, left, bottom, right = label_box(label, keyed_generator(number))
        assert label[top:bottom, left:right].sum() == 2
    (nothing,) = Boxes().start(label[None] & False, [partial(keyed_generator, 0)])
    assert (nothing.kind, nothing.box) == ("none", None)


@BOTH
def test_a_box_is_the_first_interaction_in_queries_and_records(protocol, toy_task, toy_model):
    model = toy_model(in_box, prompts=ALL)
    records = run(protocol, toy_task, model, images=6, max_steps=4)
    first = [query for query in model.queries if query.previous_logits is None]
    assert len(first) == len(records.images) == 6
    for query in model.queries:
        (box,), inside = query.interactions.boxes, np.zeros((32, 32))
        inside[box.top : box.bottom, box.left : box.right] = 1
        assert (query.interactions.box[0, 0].numpy() == inside).all()  # the box stays after later clicks
        assert (len(query.interactions.clicks[0]) == 0) == (query.previous_logits is None)
    kinds = {step: {row["kind"] for row in records.steps if row["step"] == step} for step in range(1, 5)}
    assert kinds.pop(1) == {"box"}
    clicks = set().union(*kinds.values())
    assert clicks == (set() if protocol is BOXES else {"click-"})
    assert all(row["row"] == row["column"] == -1 for row in records.steps if row["kind"] == "box")
    expected = 1 if protocol is BOXES else 4
    assert max(row["interactions"] for row in records.images) == expected


@BOTH
def test_pictures_hold_the_box_where_it_is_drawn(protocol, toy_task, toy_model):
    model = toy_model(in_box, prompts=ALL)
    records = run(protocol, toy_task, model, images=2)
    drawn = iter(query.interactions.box for query in model.queries if query.previous_logits is None)
    for frame in records.pictures:
        if frame["step"] > 1:
            assert frame["box"] == b""
            continue
        bits = np.unpackbits(np.frombuffer(frame["box"], np.uint8), count=32 * 32)
        assert (bits.reshape(32, 32) == next(drawn)[0, 0].numpy()).all() and bits.any()
    assert next(drawn, None) is None


@BOTH
def test_images_with_a_context_begin_with_a_box_too(protocol, toy_task, toy_model):
    """The context of image n holds n earlier images; no prediction is from a context alone."""
    model, seed_model = toy_model(in_box, prompts=ALL, in_context=True), toy_model(in_box, prompts=ALL)
    records = run(protocol, toy_task, model, (0, 1), seed_model, images=5)
    assert min(row["step"] for row in records.steps) == 1
    assert [row["context_size"] for row in records.images] == [1, 2, 3, 4, 5] * 2
    for query in model.queries:
        assert query.context is not None and query.interactions.boxes[0] is not None
    assert [row["position"] for row in records.seeds] == [0, 0]


@BOTH
@pytest.mark.parametrize("in_context", [False, True])
def test_predictions_are_counted(protocol, in_context, toy_task, toy_model):
    def never(query):
        return torch.ones_like(query.image) > 0

    model = toy_model(never, prompts=ALL, in_context=in_context)
    run(protocol, toy_task, model, (0, 1), images=4, max_steps=3)
    announced = protocol.predictions(2, 20, Config(images=4, max_steps=3), model.capabilities)
    made: dict[tuple[int, bool], int] = {}
    for query in model.queries:
        size = 0 if query.context is None else query.context.images.shape[1]
        kind = size, query.interactions is not None
        made[kind] = made.get(kind, 0) + 1
    assert made == {kind: number for kind, number in announced.items() if number}


def test_simulations_and_models_have_the_same_boxes_in_any_batch(toy_task, toy_model):
    """The box depends on seed, task, simulation and image, as for all interactions."""

    def boxes(**attributes):
        model = toy_model(in_box, prompts=ALL)
        vars(model).update(attributes)
        records = run(BOXES, toy_task, model, (0, 1, 2), images=4)
        keys = [(row["simulation"], row["image"]) for row in records.images]
        found = [box for query in model.queries for box in query.interactions.boxes]
        return keys, found

    (keys, alone), (_, together) = boxes(), boxes(micro_batch=7)
    assert len(set(alone)) > 6 and set(alone) == set(together)
    assert len(keys) == 12


def test_the_scheduler_gives_the_records_of_the_plain_loop(toy_task, toy_model):
    """Experiment 1 with an annotator that draws another box at each step, of which the last counts."""

    def segment(query):
        return torch.zeros_like(query.image) > 0 if query.interactions is None else in_box(query)

    model, seed_model = (toy_model(segment, prompts=ALL, in_context=one) for one in (True, False))
    protocol, config = Sequential("mine", Boxes()), Config(images=4, max_steps=5)
    records = protocol.run(toy_task, model, [0], config, seed_model, "toy")
    plain = plain_loop(toy_task, model, seed_model, protocol.annotator, 5, 0, config)
    assert [{name: row[name] for name in plain[0]} for row in records.steps] == plain
    assert {row["kind"] for row in plain} == {"none", "box"}
    assert len({row["fp"] for row in plain if row["position"] == 1}) > 2


def test_the_last_box_counts():
    first, second = (Interaction("box", box=Box(0, 0, side, side)) for side in (4, 6))
    click = Interaction("click+", clicks=(Click(1, 1, True),))
    assert (first + second).box == second.box and (first + click).box == first.box
    assert (first + click).clicks == click.clicks and first.drawn == 0


@pytest.mark.parametrize(
    ("prompts", "reasons"),
    [
        (("clicks", "scribbles"), {"boxes": "it takes no boxes", "box-then-clicks": "it takes no boxes"}),
        (("boxes",), {"boxes": None, "box-then-clicks": "it takes no clicks"}),
        (
            ("clicks",),
            {"set-scribbles": "it takes no scribbles", "manual-scribbles": "it takes no scribbles"},
        ),
        (("scribbles",), {"center-clicks": "it takes no clicks", "set-clicks": "it takes no clicks"}),
        (ALL, dict.fromkeys(("boxes", "box-then-clicks", "center-clicks", "manual-scribbles"))),
    ],
)
def test_models_that_lack_a_prompt_are_left_out(prompts, reasons):
    can = Capabilities(interactive=True, prompts=prompts)
    assert {name: PROTOCOLS.get(name).unsupported_model(can) for name in reasons} == reasons


def test_contexts_do_not_need_prompts_but_interactions_in_context_do():
    can = Capabilities(interactive=True, in_context=True, prompts=("boxes",))
    reasons = {name: PROTOCOLS.get(name).unsupported_model(can) for name in PROTOCOLS.builtin}
    assert reasons["in-context"] is reasons["bootstrapped-in-context"] is reasons["boxes"] is None
    assert reasons["interactive-in-context-clicks"] == "it takes no clicks"
    assert reasons["interactive-in-context-scribbles"] == "it takes no scribbles"


def test_the_study_of_the_papers_has_no_boxes():
    assert not BOXES.in_study and not BOX_THEN_CLICKS.in_study
