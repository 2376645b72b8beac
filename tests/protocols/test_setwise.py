"""Interactions on sets of images, with toy models whose predictions can be calculated by hand."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch

from segbench.datasets.scans import ALL, ScanData
from segbench.datasets.task import DataError, Task, TaskData
from segbench.protocols.adapter import Capabilities
from segbench.protocols.config import Config, ProtocolError
from segbench.protocols.registry import PROTOCOLS
from segbench.protocols.sampling import draw_images, draw_set_order
from segbench.protocols.sequential import CENTER_CLICKS, CENTERLINE_SCRIBBLES
from segbench.protocols.setwise import SET_CLICKS, SET_SCRIBBLES
from segbench.results.schema import IMAGES, PICTURES, STEPS

BOTH = pytest.mark.parametrize("protocol", [SET_CLICKS, SET_SCRIBBLES], ids=lambda p: p.name)
SEQUENTIAL = pytest.mark.parametrize("protocol", [CENTER_CLICKS, CENTERLINE_SCRIBBLES], ids=lambda p: p.name)


def run(protocol, data, model, simulations=(0,), **config):
    return protocol.run(data, model, simulations, Config(**config), None, "toy")


def bright(query):
    return query.image > 0.5


def drawn_anywhere_in_the_set(query):
    """Segment every pixel with a positive interaction on any image of its set."""
    sets = query.interactions.positive.split(list(query.sets or [1] * len(query.image)))
    return torch.cat([(drawn.amax(dim=0, keepdim=True) > 0).expand_as(drawn) for drawn in sets])


@pytest.fixture
def setwise(toy_model):
    """A toy model that pools the positive interactions of a set."""
    return toy_model(drawn_anywhere_in_the_set, setwise=True)


@pytest.fixture
def nine(make_task) -> TaskData:
    """Nine test images: one more than the largest set."""
    return make_task(train=0, test=9)


def rows_without_clock(records):
    return records.steps, [{k: v for k, v in row.items() if k != "seconds"} for row in records.images]


@BOTH
def test_every_image_is_scored_once_at_every_size(protocol, nine, setwise):
    records = run(protocol, nine, setwise, (0, 1))
    images = Counter((row["simulation"], row["set_size"], row["image"]) for row in records.images)
    assert images == Counter({(s, k, i): 1 for s in (0, 1) for k in (1, 2, 4, 8) for i in range(9)})
    steps = Counter((row["simulation"], row["set_size"], row["image"], row["step"]) for row in records.steps)
    assert steps == Counter({(*image, n): 1 for image in images for n in (1, 2, 4, 8)})
    assert {(row["interactions"], row["context"], row["context_size"]) for row in records.images} == {
        (8, "none", 0)
    }
    assert {row["annotator"] for row in records.images} == {protocol.annotator.name}
    assert {(row["row"], row["column"]) for row in records.steps} == {(-1, -1)}
    assert {row["kind"] for row in records.steps} == {"click+-" if protocol is SET_CLICKS else "scribble+-"}
    for simulation in (0, 1):
        order = draw_set_order(nine, simulation, Config())
        rows = [row for row in records.images if row["simulation"] == simulation]
        assert [row["image"] for row in rows] == [*order] * 4
        assert [row["position"] for row in rows] == [*range(1, 10)] * 4
    assert set(records.steps[0]) == set(STEPS) and set(records.images[0]) == set(IMAGES)


def test_sets_follow_the_order_and_the_first_images_fill_the_last_set(nine, setwise):
    run(SET_CLICKS, nine, setwise)
    order = draw_set_order(nine, 0, Config())
    found = {}
    for query in setwise.queries:
        assert query.sets == (len(query.image),)  # one set at a time
        assert query.previous_logits is None and query.context is None
        found.setdefault(query.sets[0], []).append(query.image.numpy())
    assert {size: len(images) for size, images in found.items()} == {1: 9 * 4, 2: 5 * 4, 4: 3 * 4, 8: 2 * 4}
    for size, last in ((2, [8, 0]), (4, [8, 0, 1, 2]), (8, [8, 0, 1, 2, 3, 4, 5, 6])):
        np.testing.assert_array_equal(found[size][0], nine.images[order[:size]])
        np.testing.assert_array_equal(found[size][-1], nine.images[order[last]])


def test_predictions_depend_on_the_set(nine, setwise):
    """Pooled clicks on equal discs: the overlap grows with the size of the set."""
    nine.labels[:] = nine.labels[:1]
    records = run(SET_CLICKS, nine, setwise)
    clicks = {}
    for query in setwise.queries[: 9 * 4]:  # sets of one
        clicks.setdefault(int(query.interactions.positive[0].sum()), []).append(
            query.interactions.positive[0]
        )
    mean = {
        key: np.mean([row["tp"] for row in records.steps if (row["set_size"], row["step"]) == key])
        for key in ((1, 1), (2, 1), (4, 1), (8, 1), (1, 8), (8, 8))
    }
    assert mean[1, 1] == 1
    assert mean[1, 1] < mean[2, 1] < mean[4, 1] < mean[8, 1] <= 8
    assert mean[1, 8] <= 8 < mean[8, 8]
    first = [row for row in records.steps if (row["set_size"], row["step"], row["position"]) == (8, 1, 1)]
    pooled = torch.stack(clicks[1][:8]).amax(dim=0) > 0
    assert first[0]["tp"] == int(pooled.sum())
    assert first[0]["fp"] == 0


@BOTH
def test_interactions_are_nested_and_the_same_for_every_size_and_model(protocol, nine, setwise, toy_model):
    alone = toy_model(lambda query: query.interactions.negative > 0)
    run(protocol, nine, setwise)
    records = run(protocol, nine, alone)
    drawn: dict[bytes, dict[bytes, None]] = {}
    for query in setwise.queries + alone.queries:
        for image, *sides in zip(
            query.image, query.interactions.positive, query.interactions.negative, strict=True
        ):
            drawn.setdefault(image.numpy().tobytes(), {})[np.stack(sides).tobytes()] = None
    assert len(drawn) == 9
    for image, maps in drawn.items():
        assert len(maps) <= 4  # n = 1, 2, 4, 8, whatever the set and the model
        several = [np.frombuffer(m, np.float32).reshape(2, 32, 32) for m in maps]
        label = np.frombuffer(image, np.float32).reshape(32, 32) > 0.5
        for fewer, more in pairwise(several):
            assert (more >= fewer).all() and (more > fewer).any()
        assert not several[-1][0][~label].any() and not several[-1][1][label].any()
        assert several[0][0].any() and several[0][1].any()
    assert {(row["set_size"], row["context"]) for row in records.images} == {(1, "none")}
    assert all(query.sets is None and len(query.image) == 1 for query in alone.queries)
    assert len(alone.queries) == 9 * 4


def test_queries_hold_the_coordinates_of_clicks(nine, setwise):
    run(SET_CLICKS, nine, setwise)
    for query in setwise.queries:
        for number, clicks in enumerate(query.interactions.clicks):
            assert [click.positive for click in clicks] == [True, False] * (len(clicks) // 2)
            for row, column, positive in clicks:
                assert (query.image[number, 0, row, column] > 0.5) == positive
                drawn = query.interactions.positive if positive else query.interactions.negative
                assert drawn[number, 0, row, column] == 1
    assert {len(query.interactions.clicks[0]) for query in setwise.queries} == {2, 4, 8, 16}


@BOTH
def test_simulations_differ_and_depend_on_nothing_else(protocol, nine, setwise, toy_model):
    together = run(protocol, nine, setwise, range(3))
    singly = [run(protocol, nine, setwise, [simulation]) for simulation in range(3)]
    assert rows_without_clock(together)[0] == [row for records in singly for row in records.steps]
    larger = toy_model(drawn_anywhere_in_the_set, setwise=True)
    larger.micro_batch = 16
    assert rows_without_clock(run(protocol, nine, larger, range(3))) == rows_without_clock(together)
    assert {len(query.image) for query in larger.queries} == {16}
    scores = [[row["dice"] for row in records.steps] for records in singly]
    assert scores[0] != scores[1] != scores[2]


def test_a_limit_of_images_is_rounded_up_to_whole_sets(make_task, setwise):
    task = make_task(test=20)
    for limit, images in ((1, 8), (8, 8), (9, 16), (17, 20), (None, 20)):
        orders = [draw_set_order(task, simulation, Config(eval_images=limit)) for simulation in (0, 1)]
        assert len(orders[0]) == images
        assert set(orders[0]) == set(orders[1]) and (orders[0] != orders[1]).any()
    records = run(SET_CLICKS, task, setwise, eval_images=2)
    assert {row["image"] for row in records.images} == set(draw_set_order(task, 0, Config(eval_images=2)))
    assert {task.split[row["image"]] for row in records.images} == {"test"}


def unpacked(row, name):
    size = row["height"] * row["width"]
    return np.unpackbits(np.frombuffer(row[name], "u1"))[:size].reshape(row["height"], row["width"]) > 0


def test_pictures_hold_all_interactions_of_the_first_images(nine, setwise, obedient):
    pictures = run(SET_CLICKS, nine, setwise, (0, 1)).pictures
    keys = Counter((row["simulation"], row["set_size"], row["position"], row["step"]) for row in pictures)
    wanted = {(0, k, p, n): 1 for k in (1, 4, 8) for p in range(1, 9) for n in (1, 2, 4, 8)}
    assert keys == Counter(wanted)
    for row in pictures:
        positive = unpacked(row, "positive")
        assert 1 <= positive.sum() <= row["step"] and not positive[~nine.labels[row["image"], 0]].any()
        assert 1 <= unpacked(row, "negative").sum() <= row["step"]
    assert set(pictures[0]) == set(PICTURES)
    alone = run(SET_CLICKS, nine, obedient).pictures
    assert {(row["set_size"], row["position"]) for row in alone} == {(1, p) for p in range(1, 9)}


def test_a_side_without_pixels_gets_no_interaction(nine, setwise):
    nine.labels[:] = False
    for protocol in (SET_CLICKS, SET_SCRIBBLES):
        records = run(protocol, nine, setwise)
        assert {row["dice"] for row in records.steps} == {1.0}
    assert not any(query.interactions.positive.any() for query in setwise.queries)
    assert all(query.interactions.negative.flatten(1).any(1).all() for query in setwise.queries)


@BOTH
def test_unsupported_models_and_tasks(protocol, make_task, setwise, toy_model):
    assert protocol.unsupported_model(Capabilities(interactive=True)) is None
    assert protocol.unsupported_model(Capabilities(interactive=True, setwise=True)) is None
    for capabilities, reason in (
        (Capabilities(automatic=True), "it takes no interactions"),
        (Capabilities(interactive=True, in_context=True), "it takes a context"),
        (Capabilities(interactive=True, needs_training=True), "has to be trained"),
    ):
        assert reason in (protocol.unsupported_model(capabilities) or "")
    with pytest.raises(ProtocolError, match="has 7 test images, fewer than the 8 needed"):
        run(protocol, make_task(test=7), setwise)
    with pytest.raises(ProtocolError, match="NotANumber returned NaN"):
        run(protocol, make_task(test=8), NotANumber())
    assert PROTOCOLS.get(protocol.name) is protocol
    assert (protocol.max_simulations, protocol.block) == (5, 1)


class NotANumber:
    capabilities = Capabilities(interactive=True, setwise=True)

    def predict(self, query):
        return query.image / 0


def test_images_of_mixed_sizes_are_refused_before_any_set_is_made(nine):
    with pytest.raises(DataError, match="must share one shape"):
        TaskData(nine.task, nine.images, nine.labels[..., :-2], nine.subjects, nine.split)


def test_scans_are_refused_by_all_protocols_for_one_structure():
    scans = ScanData(
        Task("toy", "toy", "MR", "0", ALL),
        np.zeros((9, 1, 8, 8), np.float32),
        np.ones((9, 1, 8, 8), np.uint8),
        np.array([f"s{n}" for n in range(9)]),
        np.array(["test"] * 9),
        ("all",),
    )
    for name in PROTOCOLS.names():
        reason = PROTOCOLS.get(name).unsupported_task(scans, Config())
        assert reason is None if name == "set-automatic" else "several structures" in reason


def test_predictions_count_sizes():
    """Two simulations of 10 images with 1, 2, 4 and 8 interactions, in sets of 1, 2, 4 and 8."""
    able, alone = Capabilities(interactive=True, setwise=True), Capabilities(interactive=True)
    assert SET_CLICKS.predictions(2, 10, Config(), alone) == {(0, True): 2 * 4 * 10}
    sets = {1: 10, 2: 5, 4: 3, 8: 2}
    made = {(size, True): 2 * 4 * number for size, number in sets.items()}
    assert SET_CLICKS.predictions(2, 10, Config(), able) == made
    # 4 images are rounded up to a set of 8.
    assert SET_CLICKS.predictions(1, 10, Config(eval_images=4), alone) == {(0, True): 4 * 8}


# Image by image, with the earlier ones as the set (experiment 1).


def own_or_earlier(query):
    """Segment the object in sets with a positive interaction on any image; else nothing."""
    parts = zip(
        query.image.split(list(query.sets)), query.interactions.positive.split(list(query.sets)), strict=True
    )
    return torch.cat([(image > 0.5) & (drawn.amax() > 0) for image, drawn in parts])


@SEQUENTIAL
def test_earlier_images_are_the_set(protocol, toy_task, toy_model, obedient):
    model = toy_model(own_or_earlier, setwise=True)
    records = protocol.run(toy_task, model, [0], Config(images=5), obedient, "toy")
    assert [(row["set_size"], row["context"], row["context_size"]) for row in records.images] == [
        (n, "none", 0) for n in range(2, 7)
    ]
    assert [row["interactions"] for row in records.images] == [1] * 5  # never 0, as the annotator begins
    assert {row["step"] for row in records.steps} == {1}
    order = draw_images(toy_task, 0, Config(images=5))
    assert [query.sets for query in model.queries] == [(n,) for n in range(2, 7)]
    last = model.queries[-1]
    np.testing.assert_array_equal(last.image, toy_task.images[order])  # seed image first, its own last
    assert last.context is None
    assert (last.interactions.positive.flatten(1) > 0).any(1).all()
    for image, logits in zip(order[:-1], last.previous_logits[:-1], strict=True):
        np.testing.assert_array_equal(logits > 0, toy_task.labels[image])
    assert not last.previous_logits[-1].any()  # no prediction yet


def test_only_the_last_image_of_the_set_is_predicted_anew(toy_task, toy_model, obedient):
    """A model that never reaches the target: the logits of finished images stay the same."""
    model = toy_model(lambda query: torch.zeros_like(query.image, dtype=torch.bool), setwise=True)
    records = CENTER_CLICKS.run(toy_task, model, [0], Config(images=2, max_steps=3), obedient, "toy")
    assert [row["interactions"] for row in records.images] == [3, 3]
    assert [len(query.image) for query in model.queries] == [2] * 3 + [3] * 3
    for query in model.queries:
        np.testing.assert_array_equal(query.previous_logits[0] > 0, query.image[0] > 0.5)  # the seed image
    counts = [[int(drawn.sum()) for drawn in query.interactions.positive] for query in model.queries]
    assert counts == [[1, 1]] * 3 + [[1, 1, 1]] * 3  # the same click again and again


@SEQUENTIAL
def test_the_set_of_a_simulation_does_not_depend_on_the_others(protocol, toy_task, toy_model, obedient):
    def segment(query):
        parts = query.interactions.positive.split(list(query.sets))
        pooled = torch.cat([part.mean(dim=0, keepdim=True).expand_as(part) for part in parts])
        grown = torch.nn.functional.max_pool2d(pooled, 7, 1, 3) > 0.1
        return (
            grown & (query.image > 0.5) | (query.previous_logits > 0)
            if query.previous_logits is not None
            else grown
        )

    def model(micro_batch=1):
        made = toy_model(segment, setwise=True)
        made.micro_batch = micro_batch
        return made

    config = Config(images=4, max_steps=3)
    together = protocol.run(toy_task, model(), range(4), config, obedient, "toy")
    singly = [protocol.run(toy_task, model(), [s], config, obedient, "toy") for s in range(4)]
    assert rows_without_clock(together)[0] == [row for records in singly for row in records.steps]
    larger = protocol.run(toy_task, model(3), range(4), config, obedient, "toy")
    assert rows_without_clock(larger) == rows_without_clock(together)
