"""People's scribbles and simulated ones, on the same images."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from segbench.datasets.scribbled import ScribbledData
from segbench.protocols.adapter import Capabilities
from segbench.protocols.annotators import LineScribbles
from segbench.protocols.config import Config, ProtocolError
from segbench.protocols.interactions import centerline_scribble, keyed_generator
from segbench.protocols.manual import MANUAL_SCRIBBLES
from segbench.protocols.registry import PROTOCOLS
from segbench.results.schema import IMAGE_KEY, IMAGES, PICTURES, STEP_KEY, STEPS

ANNOTATORS = {"human", "centerline-scribbles", "line-scribbles"}


@pytest.fixture
def scribbled(make_task):
    """Three discs; the first of two people draws on all of each, the second on its upper half."""
    task = make_task(train=0, test=3)
    drawn = np.zeros((3, 2, 2, 32, 32), np.float32)
    drawn[:, 0, 0] = task.labels[:, 0]
    drawn[:, 1, 0, :16] = task.labels[:, 0, :16]
    drawn[:, :, 1] = 0.5 * ~task.labels
    return ScribbledData(task.task, task.images, task.labels, task.subjects, task.split, scribbles=drawn)


@pytest.fixture
def literal(toy_model):
    """A model that segments exactly the pixels with positive interactions."""
    return toy_model(lambda query: query.interactions.positive > 0)


def run(data, model, **config):
    return MANUAL_SCRIBBLES.run(data, model, (0,), Config(**config), None, "toy")


def by_annotator(rows):
    """Group rows by annotator and by number of the person, or of the simulation."""
    groups = {}
    for row in rows:
        number = row["person"] if row["annotator"] == "human" else row["simulation"]
        groups.setdefault((row["annotator"], number), []).append(row)
    return groups


def test_every_drawing_of_every_image_has_one_row_in_each_table(scribbled, literal):
    records = run(scribbled, literal)
    wanted = {(annotator, number) for annotator in ANNOTATORS for number in (0, 1)}
    for rows, columns, key in (
        (records.steps, STEPS, STEP_KEY),
        (records.images, IMAGES, IMAGE_KEY),
        (records.pictures, PICTURES, STEP_KEY),
    ):
        assert set(by_annotator(rows)) == wanted
        assert all([row["position"] for row in part] == [1, 2, 3] for part in by_annotator(rows).values())
        assert all(set(row) == set(columns) for row in rows)
        assert len({tuple(row[name] for name in key) for row in rows}) == len(rows) == 18
    assert {(row["step"], row["kind"]) for row in records.steps} == {(1, "scribble+-")}
    assert {(row["context"], row["context_size"], row["set_size"]) for row in records.images} == {
        ("none", 0, 1)
    }
    assert {row["simulation"] for row in records.images if row["annotator"] == "human"} == {0}
    assert {row["person"] for row in records.images if row["annotator"] != "human"} == {-1}


def test_dice_is_that_of_the_scribbles_of_each_person(scribbled, literal):
    images = by_annotator(run(scribbled, literal).images)
    assert [row["dice"] for row in images["human", 0]] == [1, 1, 1]
    assert [row["reached"] for row in images["human", 0]] == [True] * 3
    for row in images["human", 1]:
        label = scribbled.labels[row["image"], 0]
        upper = label[:16].sum()
        assert row["dice"] == pytest.approx(2 * upper / (upper + label.sum()))


def test_a_query_holds_the_scribbles_of_one_person_only(scribbled, literal):
    run(scribbled, literal)
    for number in range(2):
        for image in range(3):
            query = literal.queries[3 * number + image]
            np.testing.assert_array_equal(query.image[0], scribbled.images[image])
            for side, drawn in enumerate((query.interactions.positive, query.interactions.negative)):
                np.testing.assert_array_equal(drawn[0, 0], scribbled.scribbles[image, number, side])
            assert not query.interactions.box.any() and query.interactions.clicks == ((),)
            assert query.previous_logits is None and query.context is None and query.sets is None


def test_simulated_scribbles_are_those_of_the_other_protocols(scribbled, literal):
    run(scribbled, literal, seed=5)
    label = scribbled.labels[2, 0]
    key = 5, scribbled.task.name, 1, 2, 1  # seed, task, draw, image, step
    centerline, line = literal.queries[6 + 5].interactions, literal.queries[12 + 5].interactions
    np.testing.assert_array_equal(
        centerline.positive[0, 0], centerline_scribble(label, keyed_generator(*key, "positive"))
    )
    np.testing.assert_array_equal(
        centerline.negative[0, 0], centerline_scribble(~label, keyed_generator(*key, "negative"))
    )
    (expected,) = LineScribbles().start(label[None], [partial(keyed_generator, *key)])
    np.testing.assert_array_equal(line.positive[0, 0], expected.positive)


def test_pictures_keep_what_was_drawn(scribbled, literal):
    for row in by_annotator(run(scribbled, literal).pictures)["human", 1]:
        drawn = np.unpackbits(np.frombuffer(row["positive"], "u1")).reshape(32, 32)
        np.testing.assert_array_equal(drawn, scribbled.scribbles[row["image"], 1, 0])
        assert row["prediction"] == row["positive"]


def without_clock(records):
    return records.steps, records.pictures, [row | {"seconds": 0} for row in records.images]


def test_records_do_not_depend_on_micro_batch_simulations_or_other_images(scribbled, literal):
    once = without_clock(run(scribbled, literal))
    literal.micro_batch = 4
    assert without_clock(MANUAL_SCRIBBLES.run(scribbled, literal, (3, 1), Config(), None, "toy")) == once
    assert [len(query.image) for query in literal.queries[-5:]] == [4] * 5
    assert without_clock(run(scribbled, literal, images=1, eval_images=1)) == once  # all images, always
    split = np.array(["val", "val", "test"])
    parts = (scribbled.images, scribbled.labels, scribbled.subjects)
    alone = run(ScribbledData(scribbled.task, *parts, split, scribbles=scribbled.scribbles), literal)
    same_image = [row for row in once[0] if row["image"] == 2]
    assert [row | {"position": 3} for row in alone.steps] == same_image


def test_setwise_models_get_sets_of_one_and_in_context_models_no_context(scribbled, toy_model):
    setwise = toy_model(lambda query: query.interactions.positive > 0, setwise=True)
    in_context = toy_model(lambda query: query.interactions.positive > 0, in_context=True)
    assert {row["annotator"] for row in run(scribbled, setwise).images} == ANNOTATORS
    assert {query.sets for query in setwise.queries} == {(1,)}
    run(scribbled, in_context)
    assert all(query.context is None and query.sets is None for query in in_context.queries)


def test_unsupported_models_and_tasks(scribbled, make_task, toy_model):
    assert PROTOCOLS.get("manual-scribbles") is MANUAL_SCRIBBLES
    assert MANUAL_SCRIBBLES.unsupported_model(Capabilities(interactive=True, setwise=True)) is None
    assert "takes no interactions" in MANUAL_SCRIBBLES.unsupported_model(Capabilities(in_context=True))
    assert "has to be trained" in MANUAL_SCRIBBLES.unsupported_model(
        Capabilities(interactive=True, needs_training=True)
    )
    assert MANUAL_SCRIBBLES.unsupported_task(scribbled, Config()) is None
    assert "no scribbles that people drew" in MANUAL_SCRIBBLES.unsupported_task(make_task(), Config())
    assert "no val image" in MANUAL_SCRIBBLES.unsupported_task(scribbled, Config(split="val"))
    broken = toy_model(lambda query: torch.ones(1, 1, 3, 3, dtype=torch.bool))
    with pytest.raises(ProtocolError, match="logits of shape"):
        run(scribbled, broken)
