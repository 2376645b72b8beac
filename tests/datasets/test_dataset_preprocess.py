from __future__ import annotations

import numpy as np
import pytest

from segbench.datasets.preprocess import SIDE, prepare_mask, preprocess, resolution_dice
from segbench.datasets.task import DataError


def blank(shape: tuple[int, int]) -> np.ndarray:
    return np.zeros(shape, bool)


def test_types_shapes_and_range() -> None:
    image = np.random.default_rng(0).integers(40, 200, (90, 70, 3), dtype=np.uint8)
    out, label = preprocess(image, blank((90, 70)), "x")
    assert out.shape == label.shape == (1, SIDE, SIDE)
    assert out.dtype == np.float32 and label.dtype == np.bool_
    assert out.min() >= 0 and out.max() <= 1


def test_an_image_of_the_right_size_is_only_rescaled() -> None:
    image = np.linspace(-3.0, 5.0, SIDE * SIDE).reshape(SIDE, SIDE)
    mask = image > 4
    out, label = preprocess(image, mask, "x")
    np.testing.assert_allclose(out[0], (image + 3) / 8, atol=1e-6)
    np.testing.assert_array_equal(label[0], mask)


def test_constant_image_becomes_zeros() -> None:
    assert not preprocess(np.full((50, 50), 7), blank((50, 50)), "x")[0].any()


def test_colour_becomes_luminance_and_alpha_is_dropped() -> None:
    image = np.zeros((SIDE, SIDE, 4), np.uint8)
    image[0, 0, :3] = 255
    image[0, 1, 0], image[0, 2, 1], image[0, 3, 2] = 255, 255, 255
    image[1, 0, 3] = 255
    out = preprocess(image, blank((SIDE, SIDE)), "x")[0][0]
    np.testing.assert_allclose(out[0, :4], [1, 0.299, 0.587, 0.114], atol=1e-6)
    assert out[1, 0] == 0


def test_padding_is_centred_zeros_and_does_not_move_the_mask() -> None:
    image = np.full((SIDE, SIDE // 2), 10.0)
    image[0, 0] = 0
    mask = np.ones((SIDE, SIDE // 2), bool)
    out, label = preprocess(image, mask, "x")
    quarter = SIDE // 4
    assert not out[0, :, :quarter].any() and not out[0, :, -quarter:].any()
    assert out[0, 1:, quarter:-quarter].min() == 1
    assert label[0, :, quarter:-quarter].all() and label.sum() == mask.sum()


def test_shrinking_averages_so_that_a_checkerboard_turns_gray() -> None:
    board = np.indices((2 * SIDE, 2 * SIDE)).sum(0) % 2
    np.testing.assert_allclose(preprocess(board, board > 5, "x")[0], 0.5, atol=1e-6)


def test_a_line_one_pixel_wide_survives_halving() -> None:
    mask = blank((2 * SIDE, 2 * SIDE))
    mask[101] = True
    label = preprocess(np.zeros(mask.shape), mask, "x")[1][0]
    assert label[50].all() and label.sum() == SIDE


@pytest.mark.parametrize("size", [100, 200, 300, 517])
def test_a_disc_keeps_its_area_and_place(size: int) -> None:
    rows, columns = np.indices((size, size))
    mask = (rows - 0.3 * size) ** 2 + (columns - 0.6 * size) ** 2 < (0.2 * size) ** 2
    label = preprocess(mask.astype(float), mask, "x")[1][0]
    assert label.mean() == pytest.approx(np.pi * 0.04, rel=0.03)
    np.testing.assert_allclose(np.argwhere(label).mean(0), [0.3 * SIDE, 0.6 * SIDE], atol=1)


@pytest.mark.parametrize(
    ("image", "mask", "message"),
    [
        (np.array([[0, np.nan]]), blank((1, 2)), "NaN"),
        (np.array([[0, np.inf]]), blank((1, 2)), "infinite"),
        (np.zeros((4, 5)), blank((5, 4)), "4x5 and its mask 5x4"),
        (np.zeros((3, 8, 8)), blank((8, 8)), "not a 2D"),
        (np.zeros((2, 8, 8, 3)), blank((8, 8)), "not a 2D"),
        (np.zeros((8, 8), complex), blank((8, 8)), "not a 2D"),
        (np.zeros((0, 8)), blank((0, 8)), "without pixels"),
    ],
)
def test_unusable_images_are_named(image: np.ndarray, mask: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=rf"scan\.png.*{message}"):
        preprocess(image, mask, "scan.png")


@pytest.mark.parametrize(
    ("shape", "rows", "columns", "dice"),
    [
        ((128, 128), slice(3, 9), slice(50, 51), 1),  # nothing is resized
        ((256, 256), slice(None), slice(100, 101), 2 / 3),  # one pixel becomes two wide
        ((256, 256), slice(None), slice(100, 140), 1),  # a multiple of two
        ((200, 256), slice(None), slice(100, 102), 1),  # padded by 28 rows above and below
        ((32, 32), slice(4, 20), slice(5, 30), 1),  # enlarged, not reduced
    ],
)
def test_what_a_label_keeps_at_the_benchmarks_size(shape, rows, columns, dice) -> None:
    mask = blank(shape)
    mask[rows, columns] = True
    assert resolution_dice(mask, prepare_mask(mask, shape, "x")) == pytest.approx(dice)
