"""Metrics by hand, against medpy and surface-distance, and the known traps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from medpy.metric import binary
from scipy import ndimage
from surface_distance import compute_surface_dice_at_tolerance, compute_surface_distances

from segbench.protocols.metrics import PIXELS, confusion, dice, dice_of, hd95, nsd


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


def test_a_large_batch_equals_medpy():
    """More pairs than are worked on at a time, among them empty ones, on images that are not square."""
    rng = np.random.default_rng(2)
    a, b = blobs(rng, (2, 3 * PIXELS // (2 * 40 * 56), 40, 56))
    a[::9], b[::15] = False, False
    there = a.any(axis=(1, 2)) & b.any(axis=(1, 2))
    distances = hd95(a, b)
    assert distances[there].tolist() == [binary.hd95(x, y) for x, y in zip(a[there], b[there], strict=True)]
    assert set(distances[~there]) == {0, np.hypot(40, 56)}
    assert np.array_equal(hd95(b, a), distances)


def test_masks_of_noise_and_of_lines_equal_medpy():
    rng = np.random.default_rng(3)
    for height, width in ((1, 30), (30, 1), (2, 300), (300, 3), (17, 23)):
        a, b = rng.random((2, 20, height, width)) > rng.random((2, 20, 1, 1))
        a[:, 0, 0] = b[:, -1, -1] = True
        assert hd95(a, b).tolist() == [binary.hd95(x, y) for x, y in zip(a, b, strict=True)]


def test_far_apart_by_hand():
    prediction, label = np.zeros((2, 3, 90, 400), bool)
    prediction[:, 10, 0] = True
    label[0, 10, 399] = label[1, 85, 100] = label[2, 10, 0] = True  # a neighbour in the batch is nearer
    assert hd95(prediction, label).tolist() == [399, 125, 0]
    prediction[0, 50, 80] = True
    # 399 and sqrt(40^2 + 319^2) one way, the latter the other way.
    assert hd95(prediction[0], label[0]) == pytest.approx(0.9 * 399 + 0.1 * np.hypot(40, 319), abs=1e-12)


def test_empty_masks():
    nothing, something = np.zeros((30, 40), bool), np.zeros((30, 40), bool)
    something[3, 4] = True
    assert dice(nothing, nothing) == 1 and hd95(nothing, nothing) == 0
    for pair in ((nothing, something), (something, nothing)):
        assert dice(*pair) == 0
        assert hd95(*pair) == 50  # the diagonal
    assert dice(something, something) == 1 and hd95(something, something) == 0


def degenerate(rng: np.random.Generator, shape: tuple[int, ...], kind: int) -> np.ndarray:
    """Empty and full masks, single pixels, corners of the image, noise, and blobs."""
    mask = np.zeros(shape, bool)
    match kind:
        case 0 | 1:
            return blobs(rng, shape)
        case 2:
            return rng.random(shape) > rng.random()
        case 3:
            mask[tuple(rng.integers(shape))] = True
        case 4:
            mask[rng.integers(shape[0]) :, : 1 + rng.integers(shape[1])] = True
        case 5:
            mask[:] = True
    return mask


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the package imports from old modules of SciPy
def test_nsd_equals_that_of_surface_distance():
    rng = np.random.default_rng(5)
    compared, numbers = 0, set()
    for number in range(300):
        shape = tuple(rng.integers(1, 40, 2))
        prediction, label = (degenerate(rng, shape, kind) for kind in (number % 7, number // 7 % 7))
        ours = {tolerance: nsd(prediction, label, tolerance) for tolerance in (0, 1, 2**0.5, 2, 3.7)}
        if prediction.any() and label.any():
            distances = compute_surface_distances(label, prediction, (1, 1))
            theirs = {
                tolerance: compute_surface_dice_at_tolerance(distances, tolerance) for tolerance in ours
            }
            assert ours == pytest.approx(theirs, abs=1e-12)
            compared, numbers = compared + 1, numbers | set(theirs.values())
        else:  # the package has no number
            assert set(ours.values()) == {float(prediction.any() == label.any())}
    assert compared > 200 and len(numbers) > 500


def test_nsd_by_hand():
    label, prediction = np.zeros((2, 9, 9), bool)
    label[0, 0] = prediction[0, 3] = True  # four corners of sqrt(1/2) each, two of them 2 pixels apart
    assert [nsd(prediction, label, tolerance) for tolerance in (1.9, 2, 3)] == pytest.approx([0, 0.5, 1])
    label[0, :4] = prediction[0, 1:4] = True
    # Bars of 4 and 3 pixels: four ends of sqrt(1/2), 6 and 4 corners of 1. The label's left ends are alone.
    end = 0.5**0.5
    assert nsd(prediction, label, 0) == pytest.approx((2 * end + 6 + 4 * end + 4) / (8 * end + 10))
    assert nsd(prediction, label, 1) == 1


def test_a_batch_equals_its_images():
    rng = np.random.default_rng(1)
    a, b = blobs(rng, (7, 24, 24)), blobs(rng, (7, 24, 24))
    a[2] = False
    b[2:4] = False
    for metric in (dice, hd95, lambda x, y: nsd(x, y, 2)):
        batch = metric(a, b)
        assert batch.shape == (7,) and batch.dtype == np.float64
        assert batch.tolist() == [metric(x, y) for x, y in zip(a, b, strict=True)]
    assert np.transpose(confusion(a, b)).tolist() == [
        list(confusion(x, y)) for x, y in zip(a, b, strict=True)
    ]
    assert hd95(a[:0], b[:0]).shape == dice(a[:0], b[:0]).shape == nsd(a[:0], b[:0], 2).shape == (0,)


def test_results_of_single_images_are_plain_numbers():
    mask = np.eye(4, dtype=bool)
    assert all(isinstance(value, float) for value in (dice(mask, mask), hd95(mask, mask), nsd(mask, mask, 1)))
    assert all(isinstance(count, int) for count in confusion(mask, mask))


def test_dice_of_counts():
    assert dice_of(2, 4, 2) == 0.4 and dice_of(0, 0, 0) == 1 and dice_of(0, 3, 0) == 0
    counts = np.array([[2, 0, 0], [4, 0, 3], [2, 0, 0]])
    assert dice_of(*counts).tolist() == [0.4, 1, 0]


def test_tensors_are_counted_where_they_are():
    rng = np.random.default_rng(4)
    a, b = blobs(rng, (2, 7, 24, 24))
    a[1], b[1:3] = False, False
    counts = confusion(torch.from_numpy(a), torch.from_numpy(b))
    assert all(count.dtype == torch.int64 and count.shape == (7,) for count in counts)
    assert np.array_equal(torch.stack(counts).numpy(), confusion(a, b))
    assert dice_of(*(count.double() for count in counts)).tolist() == dice(a, b).tolist()
    on_meta = torch.ones(7, 24, 24, dtype=torch.bool, device="meta")
    assert {count.device.type for count in confusion(on_meta, on_meta)} == {"meta"}
    with pytest.raises(TypeError, match="apply a threshold"):
        confusion(torch.ones(7, 24, 24), torch.from_numpy(b))
    with pytest.raises(ValueError, match="one shape"):
        confusion(torch.from_numpy(a), torch.from_numpy(b[:3]))


def test_probabilities_and_differing_shapes_are_refused():
    mask = np.ones((4, 4), bool)
    for metric in (dice, hd95, lambda x, y: nsd(x, y, 1), confusion):
        with pytest.raises(TypeError, match="apply a threshold"):
            metric(mask.astype(float), mask)
        with pytest.raises(ValueError, match="one shape"):
            metric(mask, mask[:3])
        with pytest.raises(ValueError, match="one shape"):
            metric(mask[0], mask[0])
