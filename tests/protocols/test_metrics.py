"""Metrics by hand, against medpy, and the known traps."""

from __future__ import annotations

import numpy as np
import pytest
from medpy.metric import binary
from scipy import ndimage

from protocols.metrics import confusion, dice, hd95


def blobs(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    smooth = ndimage.gaussian_filter(rng.standard_normal(shape), (*[0] * (len(shape) - 2), 2, 2))
    return smooth > rng.normal(0, 0.05)


def test_by_hand():
    label, prediction = np.zeros((2, 8, 8), bool)
    label[2:4, 2:4] = True
    prediction[2:4, 3:6] = True
    assert confusion(prediction, label) == (2, 4, 2)
    assert dice(prediction, label) == 0.4
    # Distances: prediction to label 0 1 2 twice, label to prediction 1 0 twice.
    assert hd95(prediction, label) == np.percentile([0, 1, 2, 0, 1, 2, 1, 0, 1, 0], 95)


def test_equal_to_medpy_where_both_are_there():
    rng = np.random.default_rng(0)
    compared = 0
    for _ in range(200):
        a, b = blobs(rng, (2, *rng.integers(2, 40, 2)))
        if a.any() and b.any():
            assert hd95(a, b) == binary.hd95(a, b)
            assert dice(a, b) == pytest.approx(binary.dc(a, b), abs=1e-12)
            compared += 1
    assert compared > 150


def test_empty_masks():
    nothing, something = np.zeros((30, 40), bool), np.zeros((30, 40), bool)
    something[3, 4] = True
    assert dice(nothing, nothing) == 1 and hd95(nothing, nothing) == 0
    for pair in ((nothing, something), (something, nothing)):
        assert dice(*pair) == 0
        assert hd95(*pair) == 50  # the diagonal
    assert dice(something, something) == 1 and hd95(something, something) == 0


def test_a_batch_equals_its_images():
    rng = np.random.default_rng(1)
    a, b = blobs(rng, (7, 24, 24)), blobs(rng, (7, 24, 24))
    a[2] = False
    b[2:4] = False
    for metric in (dice, hd95):
        batch = metric(a, b)
        assert batch.shape == (7,) and batch.dtype == np.float64
        assert batch.tolist() == [metric(x, y) for x, y in zip(a, b, strict=True)]
    assert np.transpose(confusion(a, b)).tolist() == [
        list(confusion(x, y)) for x, y in zip(a, b, strict=True)
    ]
    assert hd95(a[:0], b[:0]).shape == dice(a[:0], b[:0]).shape == (0,)


def test_results_of_single_images_are_plain_numbers():
    mask = np.eye(4, dtype=bool)
    assert isinstance(dice(mask, mask), float) and isinstance(hd95(mask, mask), float)
    assert all(isinstance(count, int) for count in confusion(mask, mask))


def test_probabilities_and_differing_shapes_are_refused():
    mask = np.ones((4, 4), bool)
    for metric in (dice, hd95, confusion):
        with pytest.raises(TypeError, match="apply a threshold"):
            metric(mask.astype(float), mask)
        with pytest.raises(ValueError, match="one shape"):
            metric(mask, mask[:3])
        with pytest.raises(ValueError, match="one shape"):
            metric(mask[0], mask[0])
