"""Clicks against a brute-force reading of the rule."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from segbench.protocols.interactions import (
    Click,
    border_click,
    center_click,
    center_clicks,
    random_click,
    ritm_click,
)


def brute_force_distance(mask: np.ndarray) -> np.ndarray:
    """Squared distance to the nearest pixel outside the mask, over all pairs of pixels."""
    outside, pixels = np.argwhere(~mask), np.argwhere(mask)
    result = np.zeros(mask.shape, int)
    if len(pixels):
        pairs = ((pixels[:, None] - outside[None]) ** 2).sum(-1)
        result[mask] = pairs.min(1)
    return result


def acceptable(label: np.ndarray, prediction: np.ndarray, distance=brute_force_distance) -> list[set]:
    """For each component of the largest area, in row-major order of first pixels, its farthest pixels."""
    components = []
    for mask in (label & ~prediction, prediction & ~label):
        numbers, count = ndimage.label(mask, np.ones((3, 3)))
        far = distance(mask) if count else None
        for number in range(1, count + 1):
            component = numbers == number
            best = np.argwhere(component & (far == far[component].max()))
            components.append((-component.sum(), np.flatnonzero(component)[0], {tuple(p) for p in best}))
    components.sort(key=lambda entry: entry[:2])
    return [pixels for area, _, pixels in components if area == components[0][0]]


def random_masks(rng: np.random.Generator, side: int) -> np.ndarray:
    """A label and a prediction: smooth blobs, white noise, or a blob and the same one with errors."""
    kind = rng.integers(3)
    if kind == 0:
        return ndimage.gaussian_filter(rng.standard_normal((2, side, side)), (0, 2, 2)) > 0
    if kind == 1:
        return rng.random((2, side, side)) < rng.random()
    label = ndimage.gaussian_filter(rng.standard_normal((side, side)), 2) > 0
    return np.stack([label, label ^ (rng.random((side, side)) < 0.15)])


def test_center_click_is_acceptable_and_first_for_thousands_of_random_error_maps():
    rng = np.random.default_rng(0)
    ties = 0
    for _ in range(3000):
        label, prediction = random_masks(rng, 12)
        click = center_click(label, prediction)
        if (label == prediction).all():
            assert click is None
            continue
        sets = acceptable(label, prediction)
        assert click is not None
        assert (click.row, click.column) in set.union(*sets)
        assert (click.row, click.column) == min(sets[0])
        assert click.positive == label[click.row, click.column]
        ties += len(set.union(*sets)) > 1
    assert ties > 1000  # the tie rule was put to the test


def test_center_click_on_full_size_error_maps():
    rng = np.random.default_rng(1)

    def exact(mask: np.ndarray) -> np.ndarray:
        return np.rint(ndimage.distance_transform_edt(mask) ** 2).astype(int)

    for _ in range(20):
        label, prediction = ndimage.gaussian_filter(rng.standard_normal((2, 128, 128)), (0, 6, 6)) > 0
        click = center_click(label, prediction)
        assert click is not None
        assert (click.row, click.column) == min(acceptable(label, prediction, exact)[0])


def empty(side: int = 9) -> np.ndarray:
    return np.zeros((side, side), bool)


def test_first_click_is_the_centre_of_the_largest_component_and_not_of_the_thickest():
    label = empty(12)
    label[1:4, 1:4] = True  # 9 pixels, thick
    label[8, 0:12] = True  # 12 pixels, thin
    assert center_click(label, empty(12)) == Click(8, 0, True)
    assert center_click(label[:6], empty(12)[:6]) == Click(2, 2, True)


def test_false_positives_and_negatives_never_join_and_each_is_measured_to_the_other():
    label, prediction = empty(), empty()
    label[2:5, 2:5] = True
    prediction[2:5, 5:9] = True  # adjacent, larger, reaches the border
    assert center_click(label, prediction) == Click(3, 6, False)
    label[5, 2:5] = label[6, 2:5] = True  # now the false negatives are larger
    assert center_click(label, prediction) == Click(3, 3, True)


def test_the_image_border_is_no_obstacle():
    label = empty()
    label[:3, :] = True
    assert center_click(label, empty()) == Click(0, 0, True)


def test_diagonal_pixels_belong_to_one_component():
    label = empty()
    label[1, 1] = label[2, 2] = label[3, 3] = True
    label[6, 5:7] = True
    assert center_click(label, empty()) == Click(1, 1, True)


def test_equal_components_go_by_their_first_pixel_whichever_error_they_are():
    label, prediction = empty(), empty()
    label[5:7, 5:7] = True
    prediction[1:3, 5:7] = True
    assert center_click(label, prediction) == Click(1, 5, False)
    assert center_click(prediction, label) == Click(1, 5, True)


def test_perfect_and_empty_predictions_get_no_click():
    full = ~empty()
    assert center_click(empty(), empty()) is None
    assert center_click(full, full) is None
    assert ritm_click(full, full) is None


@pytest.mark.parametrize(("side", "center"), [(9, 4), (8, 3)])
def test_an_error_that_fills_the_image_is_clicked_at_its_centre(side, center):
    full = np.ones((side, side), bool)
    assert center_click(full, ~full) == Click(center, center, True)
    assert center_click(~full, full) == Click(center, center, False)


def test_batched_clicks_equal_single_ones():
    rng = np.random.default_rng(2)
    labels, predictions = np.stack([random_masks(rng, 16) for _ in range(50)], axis=1)
    labels[3] = predictions[3]
    singles = [center_click(label, prediction) for label, prediction in zip(labels, predictions, strict=True)]
    assert center_clicks(labels, predictions) == singles
    assert singles[3] is None


def test_random_click_is_uniform_over_the_mask():
    mask = empty()
    mask[2, 3:7] = True
    rng = np.random.default_rng(3)
    clicks = [random_click(mask, rng) for _ in range(4000)]
    counts = np.bincount([click.column for click in clicks if click], minlength=9)
    assert all(click and click.row == 2 and click.positive for click in clicks)
    assert counts[3:7].sum() == 4000
    assert np.abs(counts[3:7] - 1000).max() < 120  # four standard deviations
    assert random_click(empty(), rng) is None


def border_of(mask: np.ndarray) -> set[tuple[int, int]]:
    """Pixels of a mask with a neighbour outside it; the image's border counts if the mask fills the image."""
    outside = np.pad(~mask, 1, constant_values=bool(mask.all()))
    near = outside[:-2, 1:-1] | outside[2:, 1:-1] | outside[1:-1, :-2] | outside[1:-1, 2:]
    return {(row, column) for row, column in np.argwhere(mask & near).tolist()}


def test_border_click_is_on_the_border_of_the_mask():
    rng = np.random.default_rng(4)
    for _ in range(500):
        mask, _ = random_masks(rng, 12)
        click = border_click(mask, rng)
        if not mask.any():
            assert click is None
            continue
        assert click and click.positive and (click.row, click.column) in border_of(mask)


def test_border_click_reaches_every_pixel_of_the_border():
    mask = empty()
    mask[0:5, 2:7] = mask[7, 1] = True  # touches the image's border, has an inside and a second part
    rng = np.random.default_rng(5)
    for region in (mask, ~mask, ~empty()):
        clicks = [border_click(region, rng) for _ in range(1000)]
        assert {(click.row, click.column) for click in clicks if click} == border_of(region)
    assert len(border_of(mask)) == 14 and len(border_of(~empty())) == 32


def test_border_click_on_one_pixel_and_on_none():
    mask = empty()
    mask[0, 8] = True
    assert border_click(mask, np.random.default_rng(6)) == Click(0, 8, True)
    assert border_click(empty(), np.random.default_rng(6)) is None


def test_border_click_repeats_by_its_generator():
    mask = random_masks(np.random.default_rng(7), 12)[0]
    clicks = [[border_click(mask, np.random.default_rng(seed)) for seed in range(20)] for _ in range(2)]
    assert clicks[0] == clicks[1] and len(set(clicks[0])) > 5


def test_ritm_click_has_the_border_as_obstacle_goes_by_circle_and_skips_clicked_pixels():
    label = empty(12)
    label[0:3, :] = True  # larger, but its inscribed circle is smaller
    label[5:10, 5:10] = True
    assert ritm_click(label, empty(12)) == Click(7, 7, True)
    strip = label & (np.arange(12) < 3)[:, None]
    first = ritm_click(strip, empty(12))
    assert first == Click(1, 1, True)
    assert ritm_click(strip, empty(12), [first]) == Click(1, 2, True)
    assert ritm_click(strip, label) == Click(7, 7, False)
