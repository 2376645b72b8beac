"""Scribbles against an independent implementation of the same random process."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from segbench.protocols.interactions import (
    centerline_scribble,
    centerline_scribbles,
    contour_scribble,
    keyed_generator,
    line_scribble,
    line_scribbles,
)
from segbench.protocols.interactions.geometry import break_mask, deepest_pixel, random_warp, skeleton

ROWS, COLUMNS = np.indices((96, 96))
DISC = (ROWS - 45) ** 2 + (COLUMNS - 50) ** 2 < 30**2
RING = DISC & ((ROWS - 45) ** 2 + (COLUMNS - 50) ** 2 > 24**2)
BACKGROUND = ~DISC
WAYS = ({"max_pixels": 20}, {"may_be_empty": True})


def thinned(mask: np.ndarray) -> np.ndarray:
    inner = mask.astype(np.uint8) * 255
    inner[[0, -1]] = 0
    inner[:, [0, -1]] = 0
    return cv2.ximgproc.thinning(inner, thinningType=cv2.ximgproc.THINNING_ZHANGSUEN) > 0


def reference_warp(drawing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The displacement with PyTorch's own resampling."""
    side = drawing.shape[0]
    spacing, deviation = rng.uniform(4, 16), rng.uniform(1, 6)
    points = int(side // spacing)
    noise = torch.from_numpy(rng.standard_normal((1, 2, points, points)))
    field = torch.nn.functional.interpolate(noise, size=(side, side), mode="bilinear")
    field = (field - field.mean((2, 3), keepdim=True)) / field.std((2, 3), keepdim=True) * deviation
    places = torch.from_numpy(np.indices((side, side))[None]) + field
    grid = (2 * places / (side - 1) - 1).flip(1).permute(0, 2, 3, 1)  # x before y
    image = torch.from_numpy(drawing.astype(float))[None, None]
    moved = torch.nn.functional.grid_sample(image, grid, align_corners=True)[0, 0].numpy()
    return (moved - moved.min()) / (moved.max() - moved.min()) if moved.any() else moved


def reference_centerline(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    line = thinned(mask)
    noise = ndimage.gaussian_filter(rng.standard_normal(mask.shape), rng.uniform(4, 16), mode="constant")
    broken = line & ((noise - noise.mean()) / noise.std() > 0)
    broken = broken if broken.any() else line
    warped = reference_warp(broken, rng) * mask
    return warped if warped.any() else broken.astype(float)


def reference_line(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    (y0, x0), (y1, x1) = rng.permutation(np.argwhere(mask))[:2].tolist()
    drawing = cv2.line(np.zeros(mask.shape, np.uint8), (x0, y0), (x1, y1), 1)
    warped = reference_warp(drawing, rng) * mask
    return warped if warped.any() else (drawing * mask).astype(float)


@pytest.mark.parametrize(
    ("ours", "reference", "mask"),
    [
        (centerline_scribble, reference_centerline, DISC),
        (centerline_scribble, reference_centerline, RING),
        (centerline_scribble, reference_centerline, BACKGROUND),
        (line_scribble, reference_line, DISC),
        (line_scribble, reference_line, BACKGROUND),
    ],
)
def test_mass_and_length_are_distributed_as_the_process_says(ours, reference, mask):
    mine = [ours(mask, np.random.default_rng(seed)) for seed in range(250)]
    theirs = [reference(mask, np.random.default_rng(1000 + seed)) for seed in range(250)]
    for measure in (np.sum, np.count_nonzero, lambda scribble: np.count_nonzero(scribble > 0.5)):
        a, b = [float(measure(s)) for s in mine], [float(measure(s)) for s in theirs]
        assert stats.ks_2samp(a, b).pvalue > 1e-3
        assert np.mean(a) == pytest.approx(np.mean(b), rel=0.15)


@pytest.mark.parametrize("scribble", [centerline_scribble, line_scribble, contour_scribble])
def test_scribbles_are_soft_and_stay_inside_the_mask(scribble):
    rng = np.random.default_rng(0)
    for mask in (DISC, RING, BACKGROUND, np.ones((96, 96), bool)):
        for _ in range(20):
            drawn = scribble(mask, rng)
            assert drawn.dtype == np.float32 and drawn.shape == mask.shape
            assert drawn.min() == 0 and 0 < drawn.max() <= 1
            assert not drawn[~mask].any()


def test_skeleton_is_zhang_suen_of_the_mask_without_its_border():
    rng = np.random.default_rng(1)
    for _ in range(200):
        shape = tuple(rng.integers(3, 50, 2))
        mask = ndimage.gaussian_filter(rng.standard_normal(shape), rng.uniform(0.3, 4)) > rng.normal(0, 0.05)
        np.testing.assert_array_equal(skeleton(mask), thinned(mask))


def test_break_mask_keeps_about_half():
    rng = np.random.default_rng(2)
    kept = [break_mask((96, 96), rng).mean() for _ in range(300)]
    assert np.mean(kept) == pytest.approx(0.5, abs=0.01)
    assert np.std(kept) > 0.02  # blobs, not pixels


def test_warp_moves_by_one_to_six_pixels():
    # On a ramp the warp adds the displacement itself, up to the rescaling, away from the border.
    rng = np.random.default_rng(3)
    ramp = COLUMNS.astype(np.float32)
    inner = slice(30, 66), slice(30, 66)
    moves = [np.std((random_warp(ramp, rng) * 95 - ramp)[inner]) for _ in range(200)]
    assert min(moves) > 0.3 and max(moves) < 10
    assert np.mean(moves) == pytest.approx(3.2, abs=0.6)


def test_warp_and_break_are_undone_where_nothing_is_left():
    mask = np.zeros((96, 96), bool)
    mask[40, 60] = True
    drawn = [centerline_scribble(mask, np.random.default_rng(seed)) for seed in range(60)]
    assert all(np.argwhere(scribble).tolist() == [[40, 60]] for scribble in drawn)
    assert sum(scribble[40, 60] == 1 for scribble in drawn) > 30
    assert all(line_scribble(mask, np.random.default_rng(seed)).any() for seed in range(60))


@pytest.mark.parametrize("scribble", [centerline_scribble, line_scribble, contour_scribble])
def test_an_empty_mask_gets_an_empty_scribble(scribble):
    drawn = scribble(np.zeros((20, 30), bool), np.random.default_rng(0))
    assert drawn.shape == (20, 30) and drawn.dtype == np.float32 and not drawn.any()


def discs() -> list[np.ndarray]:
    """Discs of radius 2 to 29.5 whose centre lies between pixels."""
    rows, columns = np.indices((64, 64)) - 31.5
    return [rows**2 + columns**2 <= radius**2 for radius in np.arange(2, 30, 0.5)]


def test_no_disc_gets_an_empty_centerline_unless_it_may():
    empty = 0
    for disc in discs():
        drawn, released = (
            centerline_scribble(disc, np.random.default_rng(0), may_be_empty=may) for may in (False, True)
        )
        assert drawn.any() and not drawn[~disc].any()
        assert not released.any() or released.tobytes() == drawn.tobytes()
        empty += not released.any()
    assert empty == 51


def test_where_thinning_leaves_nothing_the_deepest_pixel_is_drawn():
    rng = np.random.default_rng(0)
    for _ in range(100):
        mask = ndimage.gaussian_filter(rng.standard_normal((30, 40)), rng.uniform(0.5, 4)) > 0
        depth = np.rint(ndimage.distance_transform_edt(mask) ** 2)
        assert np.flatnonzero(deepest_pixel(mask)).tolist() == [np.argmax(depth)]
    mask = np.zeros((60, 60), bool)
    mask[20:22, 30:32] = True  # a warp mostly moves every pixel out of it, and is undone
    drawn = [centerline_scribble(mask, np.random.default_rng(seed)) for seed in range(60)]
    assert all(scribble.any() and not scribble[~mask].any() for scribble in drawn)
    assert sum(np.argwhere(scribble == 1).tolist() == [[20, 30]] for scribble in drawn) > 30


def test_a_mask_on_the_border_alone_has_one_pixel_as_centerline_unless_it_may_be_empty():
    mask = np.zeros((20, 30), bool)
    mask[0] = True
    assert centerline_scribble(mask, np.random.default_rng(0))[0].any()
    assert not centerline_scribble(mask, np.random.default_rng(0), may_be_empty=True).any()


def limited_by_the_rule(drawing: np.ndarray, rng: np.random.Generator, most: int) -> np.ndarray:
    """The pixels with the largest product of value and noise above its minimum; the noise is blurred."""
    noise = ndimage.gaussian_filter(rng.standard_normal(drawing.shape), 42, mode="constant", truncate=4)
    weights = ((noise - noise.min()) * drawing).ravel()
    order = sorted(np.flatnonzero(drawing).tolist(), key=lambda pixel: (-weights[pixel], pixel))
    kept = np.zeros(drawing.size, bool)
    kept[order[:most]] = True
    return drawing * kept.reshape(drawing.shape)


def test_a_limited_scribble_keeps_the_pixels_of_largest_value_times_noise():
    limited = 0
    for seed in range(12):
        for mask in (BACKGROUND, DISC):
            rng = np.random.default_rng(seed)
            whole = centerline_scribble(mask, rng)
            expected = limited_by_the_rule(whole, rng, 128) if np.count_nonzero(whole) > 128 else whole
            drawn = centerline_scribble(mask, np.random.default_rng(seed), max_pixels=128)
            np.testing.assert_array_equal(drawn, expected)
            assert np.count_nonzero(drawn) == min(np.count_nonzero(whole), 128)
            limited += np.count_nonzero(whole) > 128
    assert 12 <= limited < 24


def test_a_limited_scribble_is_of_few_pieces():
    """The noise is smooth, so that neighbouring pixels stay or go together."""
    frame = np.ones((128, 128), bool)
    frame[3:-3, 3:-3] = False
    pieces = []
    for seed in range(10):
        whole, kept = (
            centerline_scribble(frame, np.random.default_rng(seed), max_pixels=most) > 0.5
            for most in (None, 128)
        )
        pieces.append([ndimage.label(drawn, np.ones((3, 3)))[1] for drawn in (whole, kept)])
    assert np.mean(pieces, 0)[1] < 2 * np.mean(pieces, 0)[0]


def test_small_and_oblong_images_work():
    rng = np.random.default_rng(4)
    for shape in ((5, 7), (16, 16), (20, 90)):
        mask = np.ones(shape, bool)
        assert centerline_scribble(mask, rng).shape == shape
        assert line_scribble(mask, rng).any()
        assert contour_scribble(mask, rng).any()


def test_a_contour_scribble_is_never_empty_where_the_mask_is_not():
    masks = [
        ndimage.gaussian_filter(np.random.default_rng(k).standard_normal((40, 30)), 3) > 0 for k in range(9)
    ]
    for rows, columns in (
        (0, slice(None)),  # lines one pixel thin, on the image's border and inside
        (20, slice(None)),
        (slice(5, 30), 29),
        (slice(5, 30), 11),
        (np.arange(30), np.arange(30)),
        (39, 29),  # pixels
        (20, 20),
        (slice(None), slice(None)),  # the whole image
    ):
        mask = np.zeros((40, 30), bool)
        mask[rows, columns] = True
        masks += [mask, ~mask] if not mask.all() else [mask]
    for mask in masks:
        for seed in range(25):
            drawn = contour_scribble(mask, np.random.default_rng(seed))
            assert drawn.any() and not drawn[~mask].any()


def test_a_contour_scribble_runs_along_the_border_and_in_part():
    deep = ndimage.distance_transform_edt(DISC)
    depths, lengths = [], []
    for seed in range(150):
        drawn = contour_scribble(DISC, np.random.default_rng(seed)) > 0.5
        depths.append(np.median(deep[drawn]))
        lengths.append(drawn.sum())
    # Depths are uniform from the border half way to the centre, 30 pixels away; the warp adds some pixels.
    assert 6 < np.mean(depths) < 11 and np.std(depths) > 3
    assert np.quantile(depths, 0.05) < 4 and np.quantile(depths, 0.95) < 20
    middle = 2 * np.pi * 22
    assert 0.25 * middle < np.mean(lengths) < 0.8 * middle


def test_a_contour_scribble_repeats_by_its_generator():
    drawn = [
        [contour_scribble(RING, np.random.default_rng(k)).tobytes() for k in range(10)] for _ in range(2)
    ]
    assert drawn[0] == drawn[1] and len(set(drawn[0])) == 10


def test_more_lines_draw_more():
    mass = [
        np.mean([line_scribble(DISC, np.random.default_rng(s), count=n).sum() for s in range(60)])
        for n in (0, 1, 3)
    ]
    assert mass[0] == 0
    assert mass[2] > 1.8 * mass[1]


@pytest.mark.parametrize(
    ("batched", "single"),
    [
        (centerline_scribbles, centerline_scribble),
        *((partial(centerline_scribbles, **way), partial(centerline_scribble, **way)) for way in WAYS),
        (line_scribbles, line_scribble),
    ],
)
def test_batched_scribbles_equal_single_ones_bit_for_bit(batched, single):
    masks = np.stack([DISC, RING, np.zeros_like(DISC), BACKGROUND, DISC])

    def generators():
        return [keyed_generator(0, "task", k) for k in range(5)]

    together = batched(masks, generators())
    alone = [single(mask, rng) for mask, rng in zip(masks, generators(), strict=True)]
    assert together.dtype == np.float32
    np.testing.assert_array_equal(together, np.stack(alone))
    backwards = batched(masks[::-1], generators()[::-1])[::-1]
    np.testing.assert_array_equal(together, backwards)
    assert batched(masks[:0], []).shape == (0, 96, 96)
