"""Annotators draw on a batch of images as on each image alone, for arrays and tensors."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from segbench.protocols.annotators import CenterClicks, CenterlineScribbles, LineScribbles, RandomClicks
from segbench.protocols.interactions import keyed_generator

ANNOTATORS = pytest.mark.parametrize(
    "annotator",
    [CenterClicks(), CenterlineScribbles(), RandomClicks(), LineScribbles()],
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
    return exact and (first.kind, first.clicks) == (second.kind, second.clicks)


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
    sides = 1 if annotator.name in ("random-clicks", "line-scribbles") else 2
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
