"""Annotators mark a batch of images as each alone, arrays and tensors alike."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from segbench.protocols.annotators import CenterClicks, CenterlineScribbles
from segbench.protocols.interactions import keyed_generator

ANNOTATORS = pytest.mark.parametrize("annotator", [CenterClicks(), CenterlineScribbles()])


@pytest.fixture
def images(make_task):
    """Labels and rough predictions of six images, the last two blank or full, and what draws for each."""
    labels = make_task(train=1, test=5, side=40).labels[:, 0].copy()
    predictions = np.roll(labels, (4, -3), (1, 2)) & (np.indices(labels.shape)[1] != 20)
    labels[4], predictions[5] = False, True
    return labels, predictions, [partial(keyed_generator, 0, "task", number) for number in range(6)]


def same(mark, other):
    drawn = [(np.zeros(1) if own is None else own) for m in (mark, other) for own in (m.positive, m.negative)]
    exact = all(np.allclose(a, b, rtol=0, atol=1e-6) for a, b in zip(drawn[:2], drawn[2:], strict=True))
    return exact and (mark.kind, mark.click) == (other.kind, other.click)


@ANNOTATORS
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy], ids=["arrays", "tensors"])
def test_a_batch_is_marked_as_each_image_alone(annotator, images, kind):
    labels, predictions, draws = images
    started = annotator.start(kind(labels), draws)
    corrected = annotator.correct(kind(labels), kind(predictions), draws)
    for number, draw in enumerate(draws):
        own = slice(number, number + 1)
        (first,) = annotator.start(labels[own], [draw])
        (then,) = annotator.correct(labels[own], predictions[own], [draw])
        assert same(started[number], first) and same(corrected[number], then)
    assert len({mark.kind for mark in corrected}) > 1
    for mark in started + corrected:
        assert all(drawn is None or isinstance(drawn, np.ndarray) for drawn in (mark.positive, mark.negative))


def test_a_correction_is_on_all_misses_or_on_all_false_alarms(images):
    labels, predictions, draws = images
    for number, mark in enumerate(CenterlineScribbles().correct(labels, predictions, draws)):
        missed, spurious = labels[number] & ~predictions[number], predictions[number] & ~labels[number]
        drawn, inside = (mark.positive, missed) if mark.kind == "scribble+" else (mark.negative, spurious)
        assert drawn.any() and not drawn[~inside].any()
