"""Batches of interactions, as arrays and as tensors, against the versions for one image."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import cv2
import numpy as np
import pytest
import torch
from scipy import ndimage

from segbench.datasets.registry import load_dataset
from segbench.protocols.interactions import (
    Click,
    center_click,
    center_clicks,
    centerline_scribble,
    centerline_scribbles,
    keyed_generator,
    line_scribble,
    line_scribbles,
)
from segbench.protocols.interactions.geometry import skeleton, squared_distance
from segbench.protocols.interactions.tensors.clicks import component_starts, squared_distances
from segbench.protocols.interactions.tensors.thinning import skeletons

SCRIBBLES = [
    (centerline_scribbles, centerline_scribble),
    (partial(centerline_scribbles, max_pixels=9), partial(centerline_scribble, max_pixels=9)),
    (partial(centerline_scribbles, may_be_empty=True), partial(centerline_scribble, may_be_empty=True)),
    (line_scribbles, line_scribble),
]


@pytest.fixture
def threads() -> Iterator[None]:
    """Lets a test change how many threads OpenCV and PyTorch use."""
    before = cv2.getNumThreads(), torch.get_num_threads()
    yield
    cv2.setNumThreads(before[0])
    torch.set_num_threads(before[1])


def masks_of(shape: tuple[int, int], count: int = 12) -> np.ndarray:
    """Blobs, white noise, single pixels, a spiral, a frame, the empty and the full mask."""
    rng = keyed_generator(0, "masks", *shape)
    masks = []
    for width in np.linspace(0.5, 5, count):
        masks += [
            ndimage.gaussian_filter(rng.standard_normal(shape), width) > 0,
            rng.random(shape) < width / 5,
        ]
    frame, full = np.ones(shape, bool), np.ones(shape, bool)
    frame[1:-1, 1:-1] = False
    pixels = np.zeros((2, *shape), bool)
    pixels[0, 0, 0] = pixels[1, shape[0] // 2, shape[1] // 2] = True
    return np.stack([*masks, spiral(shape), frame, full, ~full, *pixels])


def spiral(shape: tuple[int, int]) -> np.ndarray:
    """One winding line, the hardest component to follow."""
    mask = np.zeros(shape, bool)
    top, left, bottom, right = 0, 0, shape[0] - 1, shape[1] - 1
    while top <= bottom and left <= right:
        mask[top, max(left - 2, 0) : right + 1] = mask[top : bottom + 1, right] = True
        mask[bottom, left : right + 1] = mask[top + 2 : bottom + 1, left] = True
        top, left, bottom, right = top + 2, left + 2, bottom - 2, right - 2
    return mask


SHAPES = [(32, 32), (17, 40), (3, 3), (2, 5), (1, 9), (64, 23)]


def generators(count: int) -> list[np.random.Generator]:
    return [keyed_generator(0, "scribble", index) for index in range(count)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_batched_clicks_equal_single_ones(shape, kind):
    masks = masks_of(shape)
    for labels, predictions in ((masks, masks[::-1].copy()), (masks, np.zeros_like(masks)), (masks, masks)):
        singles = [center_click(*pair) for pair in zip(labels, predictions, strict=True)]
        assert center_clicks(kind(labels), kind(predictions)) == singles


def test_a_click_among_equal_errors_of_a_batch_of_tensors_goes_to_the_first():
    label, prediction = torch.zeros(2, 2, 9, 9, dtype=torch.bool)
    label[0, 5:7, 5:7] = prediction[0, 1:3, 5:7] = True
    label[1, 2:5, 2:5] = prediction[1, 2:5, 5:9] = True
    assert center_clicks(label, prediction) == [Click(1, 5, False), Click(3, 6, False)]
    assert center_clicks(prediction, label) == [Click(1, 5, True), Click(3, 6, True)]
    assert center_clicks(label[:0], prediction[:0]) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_components_of_tensors_are_those_of_scipy(shape):
    masks = masks_of(shape)
    for mask, starts in zip(masks, component_starts(torch.from_numpy(masks)).numpy(), strict=True):
        numbers, count = ndimage.label(mask, np.ones((3, 3)))
        expected = np.full(mask.size, mask.size)
        for number in range(1, count + 1):
            pixels = np.flatnonzero(numbers == number)
            expected[pixels] = pixels[0]
        np.testing.assert_array_equal(starts, expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_distances_and_skeletons_of_tensors_equal_single_ones(shape):
    masks = masks_of(shape)
    tensors = torch.from_numpy(masks)
    np.testing.assert_array_equal(squared_distances(tensors), np.stack(list(map(squared_distance, masks))))
    np.testing.assert_array_equal(skeletons(tensors), np.stack(list(map(skeleton, masks))))


def test_every_neighbourhood_is_thinned_as_in_a_single_image():
    codes = np.arange(2**12)
    masks = np.zeros((len(codes), 5, 6), bool)
    masks[:, 1:4, 1:5] = (codes[:, None] >> np.arange(12) & 1).reshape(-1, 3, 4)
    np.testing.assert_array_equal(skeletons(torch.from_numpy(masks)), np.stack(list(map(skeleton, masks))))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("batched", "single"), SCRIBBLES)
def test_scribbles_on_arrays_equal_single_ones_and_on_tensors_nearly(shape, batched, single):
    masks = masks_of(shape)
    alone = np.stack(list(map(single, masks, generators(len(masks)))))
    np.testing.assert_array_equal(batched(masks, generators(len(masks))), alone)
    tensors = batched(torch.from_numpy(masks), generators(len(masks)))
    assert tensors.dtype == torch.float32
    if min(shape) > 5:  # in smaller images the rescaling can blow up what rounding left
        np.testing.assert_allclose(tensors.numpy(), alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("batched", [centerline_scribbles, line_scribbles])
def test_empty_batches_and_batches_of_empty_masks(batched):
    for count in (0, 3):
        masks = torch.zeros(count, 8, 9, dtype=torch.bool)
        rngs = generators(count)
        drawn = batched(masks, rngs)
        assert drawn.shape == masks.shape and drawn.dtype == torch.float32 and not drawn.any()
        unused = generators(count)
        assert [rng.random() for rng in rngs] == [rng.random() for rng in unused]


@pytest.mark.parametrize("batched", [partial(centerline_scribbles, max_pixels=30), line_scribbles])
def test_no_scribble_depends_on_its_batch_or_on_threads(batched, threads):
    masks = masks_of((70, 96))
    together: dict[object, bytes] = {}
    for number in (1, 2):
        cv2.setNumThreads(number)
        torch.set_num_threads(number)
        for kind in (np.asarray, torch.from_numpy):
            for size in (len(masks), 1, 2, 7):
                rngs = generators(len(masks))
                parts = [
                    np.asarray(batched(kind(masks[k : k + size]), rngs[k : k + size]))
                    for k in range(0, len(masks), size)
                ]
                results = np.concatenate(parts).tobytes()
                assert results == together.setdefault(kind, results)


def test_clicks_do_not_depend_on_threads(threads):
    labels = np.concatenate([masks_of((40, 40))] * 3)
    predictions = labels[::-1].copy()
    results = []
    for number in (1, 2):
        cv2.setNumThreads(number)
        results.append(center_clicks(labels, predictions))
        assert cv2.getNumThreads() == number
    assert results[0] == results[1]


@pytest.mark.parametrize("batched", [centerline_scribbles, line_scribbles])
def test_batches_of_different_lengths_are_refused(batched):
    with pytest.raises(ValueError, match=r"length|shorter"):
        batched(np.ones((3, 8, 8), bool), generators(2))


def test_scribbles_on_real_labels(shared_data):
    labels = np.concatenate([data.labels[:10, 0] for data in load_dataset("wbc", shared_data)])
    masks = np.concatenate([labels, ~labels])
    limited = {"max_pixels": 128}
    alone = np.stack(list(map(partial(centerline_scribble, **limited), masks, generators(len(masks)))))
    tensors = centerline_scribbles(torch.from_numpy(masks), generators(len(masks)), **limited)
    np.testing.assert_allclose(tensors.numpy(), alone, rtol=0, atol=1e-6)
