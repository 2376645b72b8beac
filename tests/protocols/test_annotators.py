"""Annotators draw on a batch of images as on each image alone, for arrays and tensors."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from scipy import ndimage

from segbench.protocols.annotators import (
    Boxes,
    BoxThenClicks,
    CenterClicks,
    CenterlineScribbles,
    LineScribbles,
    RandomClicks,
    RitmClicks,
)
from segbench.protocols.config import Config
from segbench.protocols.interactions import Click, keyed_generator
from segbench.protocols.sequential import CENTERLINE_SCRIBBLES_128, CENTERLINE_SCRIBBLES_V1, RITM_CLICKS

LIMITED, RELEASED = CENTERLINE_SCRIBBLES_128.annotator, CENTERLINE_SCRIBBLES_V1.annotator
ANNOTATORS = pytest.mark.parametrize(
    "annotator",
    [
        *(CenterClicks(), RitmClicks(), CenterlineScribbles(), LIMITED, RELEASED),
        *(RandomClicks(), LineScribbles(), Boxes(), BoxThenClicks()),
    ],
    ids=lambda a: a.name,
)


@pytest.fixture
def images(make_task):
    """Labels and rough predictions of six images, the last two blank or full, and the generators of each."""
    labels = make_task(train=1, test=5, side=40).labels[:, 0].copy()
    predictions = np.roll(labels, (4, -3), (1, 2)) & (np.indices(labels.shape)[1] != 20)
    labels[4], predictions[5] = False, True
    return labels, predictions, [partial(keyed_generator, 0, "task", number) for number in range(6)]


def same(first, second):
    drawn = [
        np.zeros(1) if drawing is None else drawing
        for interaction in (first, second)
        for drawing in (interaction.positive, interaction.negative)
    ]
    exact = all(np.allclose(a, b, rtol=0, atol=1e-6) for a, b in zip(drawn[:2], drawn[2:], strict=True))
    given = [(each.kind, each.clicks, each.box, each.empty) for each in (first, second)]
    return exact and given[0] == given[1]


@ANNOTATORS
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy], ids=["arrays", "tensors"])
def test_the_interaction_on_an_image_does_not_depend_on_the_batch(annotator, images, kind):
    labels, predictions, rngs = images
    started = annotator.start(kind(labels), rngs)
    corrected = annotator.correct(kind(labels), kind(predictions), rngs)
    for number, rng_for in enumerate(rngs):
        single = slice(number, number + 1)
        (start,) = annotator.start(labels[single], [rng_for])
        (correction,) = annotator.correct(labels[single], predictions[single], [rng_for])
        assert same(started[number], start) and same(corrected[number], correction)
    sides = 1 if annotator.name in ("random-clicks", "line-scribbles", "boxes") else 2
    assert len({interaction.kind for interaction in corrected}) >= sides
    for interaction in started + corrected:
        for drawing in (interaction.positive, interaction.negative):
            assert drawing is None or isinstance(drawing, np.ndarray)


def test_a_correction_is_on_false_negatives_or_on_false_positives(images):
    labels, predictions, rngs = images
    for number, interaction in enumerate(CenterlineScribbles().correct(labels, predictions, rngs)):
        missed, spurious = labels[number] & ~predictions[number], predictions[number] & ~labels[number]
        on_missed = interaction.kind == "scribble+"
        drawn, region = (interaction.positive, missed) if on_missed else (interaction.negative, spurious)
        assert drawn.any() and not drawn[~region].any()


def test_scribbles_of_128_pixels_at_most(make_task):
    labels = make_task(train=1, test=5, side=128).labels[:, 0]
    rngs = [partial(keyed_generator, 0, "task", number) for number in range(6)]
    whole, limited = (annotator.start(labels, rngs) for annotator in (CenterlineScribbles(), LIMITED))
    for first, second in zip(whole, limited, strict=True):
        sizes = [np.count_nonzero(interaction.negative) for interaction in (first, second)]
        assert sizes[1] == 128 < sizes[0]
        assert set(np.flatnonzero(second.negative)) < set(np.flatnonzero(first.negative))
    (correction,) = LIMITED.correct(labels[:1], ~labels[:1], rngs[:1])
    drawn = correction.positive if correction.negative is None else correction.negative
    assert 0 < np.count_nonzero(drawn) <= 128


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy], ids=["arrays", "tensors"])
def test_empty_scribbles_are_counted_where_the_region_has_pixels(kind):
    rows, columns = np.indices((48, 48)) - 23.5
    disc = rows**2 + columns**2 <= 9**2  # thinning leaves nothing of it
    labels = np.stack([disc, ~disc, disc & (rows < -3), disc & False])
    border = np.ones((48, 48), bool)
    border[1:-1, 1:-1] = False
    corrected = np.stack([disc, border, disc & False, disc])
    rngs = [partial(keyed_generator, 0, "task", number) for number in range(4)]
    for annotator, started, corrections in (
        (RELEASED, [1, 1, 0, 0], [1, 1, 0, 1]),
        (CenterlineScribbles(), [0] * 4, [0] * 4),
        (LIMITED, [0] * 4, [0] * 4),
    ):
        assert [interaction.empty for interaction in annotator.start(kind(labels), rngs)] == started
        drawn = annotator.correct(kind(corrected), kind(corrected & False), rngs)
        assert [interaction.empty for interaction in drawn] == corrections


def ritm(label, prediction, clicks) -> Click:
    """The rule of RITM's evaluation, with SciPy's distances."""
    depths = []
    for errors in (label & ~prediction, prediction & ~label):
        depth = ndimage.distance_transform_edt(np.pad(errors, 1))[1:-1, 1:-1]
        for click in clicks:
            depth[click.row, click.column] = 0
        depths.append(depth)
    positive = depths[0].max() > depths[1].max()
    depth = depths[0] if positive else depths[1]
    return Click(*np.argwhere(depth == depth.max())[0].tolist(), bool(positive))


def test_ritm_clicks_follow_the_rule_on_error_maps_with_earlier_clicks():
    rng = np.random.default_rng(0)
    errors = ndimage.gaussian_filter(rng.standard_normal((2, 1000, 14, 18)), (0, 0, 1.5, 1.5)) > 0
    pairs, no_rngs = list(zip(*errors, strict=True)), [None] * 1000
    clicks = [[Click(*rng.integers(0, 14, 2).tolist(), True) for _ in range(rng.integers(6))] for _ in pairs]
    for pair, earlier in zip(pairs[::2], clicks[::2], strict=True):
        earlier += [ritm(*pair, earlier)]
    drawn = RITM_CLICKS.annotator.correct_after(*errors, no_rngs, clicks)
    expected = [ritm(*pair, earlier) for pair, earlier in zip(pairs, clicks, strict=True)]
    assert [interaction.clicks for interaction in drawn] == [(click,) for click in expected]
    assert {interaction.kind for interaction in drawn} == {"click+", "click-"}
    forgetful = RITM_CLICKS.annotator.correct(*errors, no_rngs)
    assert sum(a.clicks != b.clicks for a, b in zip(forgetful, drawn, strict=True)) > 500


def test_ritm_clicks_is_never_twice_on_a_pixel_and_stops_where_no_error_is_left(toy_task, toy_model):
    """A model that never changes its prediction is clicked at ever other pixels."""

    def stubborn(query):
        return torch.ones_like(query.image) > 0

    model = toy_model(stubborn)
    records = RITM_CLICKS.run(toy_task, model, range(1), Config(images=4), None, "toy")
    assert {row["annotator"] for row in records.images} == {"ritm-clicks"}
    assert {row["interactions"] for row in records.images} == {20}
    for query in model.queries:
        label = query.image[0, 0].numpy() > 0.5  # as in the images of the task
        *earlier, last = query.interactions.clicks[0]
        prediction = np.full(label.shape, query.previous_logits is not None)
        assert last == ritm(label, prediction, earlier)
        assert len({click[:2] for click in [*earlier, last]}) == len(earlier) + 1
    few = toy_task.labels[:1, 0] & (np.cumsum(toy_task.labels[0, 0].ravel()) <= 2).reshape(32, 32)
    clicked: list[Click] = []
    for expected in (1, 1, 0):
        (interaction,) = RITM_CLICKS.annotator.correct_after(few, few & False, [None], [clicked])
        assert len(interaction.clicks) == expected
        clicked += interaction.clicks
