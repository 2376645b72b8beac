"""Simulated annotators of a training draw the specified prompts on the correct side of the label."""

from collections import Counter

import numpy as np
import pytest
import torch

from segbench.models.training.prompts import CLICKS, SCRIBBLES, Annotator, stack_interactions
from segbench.protocols.interactions import center_click, centerline_scribble
from segbench.protocols.interactions.boxes import MAX_JITTER
from segbench.randomness import keyed_generator

ROWS, COLUMNS = np.indices((40, 40))
DISC = (ROWS - 22) ** 2 + (COLUMNS - 18) ** 2 < 11**2
SHIFTED = (ROWS - 18) ** 2 + (COLUMNS - 20) ** 2 < 11**2
MISSED, SPURIOUS = DISC & ~SHIFTED, SHIFTED & ~DISC
NOTHING = np.zeros_like(DISC)


def annotator(seed, label=DISC, single_share=0.0):
    return Annotator(label, keyed_generator(seed, "test"), single_share)


def watched(seed, single_share=0.0):
    """An annotator, and a list that collects the regions in which it draws."""
    made, regions = annotator(seed, single_share=single_share), []

    def watch(draw):
        def watching(region, rng):
            regions.append(region)
            return draw(region, rng)

        return watching

    made.click, made.scribble = watch(made.click), watch(made.scribble)
    return made, regions


def new_prompts(made, act):
    before = made.maps.copy()
    act()
    assert (made.maps >= before).all()
    return made.maps > before


@pytest.mark.parametrize("single_share", [0.0, 0.5, 1.0])
def test_prompts_are_on_their_side_of_the_label_and_corrections_on_errors(single_share):
    for seed in range(120):
        made = annotator(seed, single_share=single_share)
        assert made.maps.shape == (3, *DISC.shape) and made.maps.dtype == np.float32
        positive, negative, box = new_prompts(made, made.start)
        assert positive.any() or (box.any() and made.single)
        assert not positive[~DISC].any() and not negative[DISC].any()
        for prediction in (SHIFTED, NOTHING, ~NOTHING, ~DISC):
            positive, negative, box = new_prompts(made, lambda p=prediction: made.correct(p))  # noqa: B023
            assert not positive[~(DISC & ~prediction)].any() and not negative[~(prediction & ~DISC)].any()
            assert not box.any()
        assert made.maps.min() == 0 and made.maps.max() <= 1


def test_a_perfect_prediction_gets_no_correction():
    for single_share in (0.0, 1.0):
        made = annotator(0, single_share=single_share)
        assert not new_prompts(made, lambda: made.correct(DISC)).any()  # noqa: B023


def test_an_annotator_with_single_prompts_draws_those_of_the_evaluation():
    kinds = Counter()
    for seed in range(100):
        made, regions = watched(seed, single_share=1.0)
        scribbles = annotator(seed, single_share=1.0).scribble
        positive, negative, box = new_prompts(made, made.start)
        if box.any():
            assert not positive.any() and not negative.any()
            kinds["boxes"] += 1
            continue
        if not negative.any():
            first = center_click(DISC, NOTHING)
            assert np.argwhere(positive).tolist() == [[first.row, first.column]]
            for prediction in (SHIFTED, ~NOTHING):
                click = center_click(DISC, prediction)
                new = new_prompts(made, lambda p=prediction: made.correct(p))  # noqa: B023
                assert np.argwhere(new).tolist() == [[0 if click.positive else 1, click.row, click.column]]
            kinds["clicks"] += 1
            continue
        assert scribbles is centerline_scribble
        assert [np.array_equal(region, DISC) for region in regions] == [True, False]
        new = new_prompts(made, lambda: made.correct(SHIFTED))  # noqa: B023
        assert len(regions) == 3 and new.any((1, 2)).sum() <= 1
        kinds["missed" if np.array_equal(regions[2], MISSED) else "spurious"] += 1
    assert 5 <= kinds["boxes"] <= 30 and 30 <= kinds["clicks"] <= 60
    assert min(kinds["missed"], kinds["spurious"]) >= 10  # as many pixels are missed as are spurious


def test_single_scribbles_are_on_missed_or_spurious_pixels_by_their_share():
    small = DISC | (ROWS == 0)
    chosen = []
    for seed in range(400):
        made, regions = watched(seed, single_share=1.0)
        if made.click_share:
            continue
        made.correct(small & (COLUMNS > 12))
        chosen.append(np.array_equal(regions[0], DISC & (COLUMNS <= 12)))
    missed, spurious = (DISC & (COLUMNS <= 12)).sum(), ((ROWS == 0) & (COLUMNS > 12)).sum()
    assert np.mean(chosen) == pytest.approx(missed / (missed + spurious), abs=0.11)


def test_the_share_of_annotators_with_single_prompts_is_as_requested():
    def share(requested):
        return np.mean([annotator(seed, single_share=requested).single for seed in range(400)])

    assert share(0.0) == 0 and share(1.0) == 1
    assert share(0.5) == pytest.approx(0.5, abs=0.08)


def test_other_annotators_draw_one_to_three_positive_and_up_to_three_negative_prompts():
    counts = Counter()
    for seed in range(150):
        made, regions = watched(seed)
        made.start()
        sides = [np.array_equal(region, DISC) for region in regions]
        counts["positive", sides.count(True)] += 1
        counts["negative", sides.count(False)] += 1
        regions.clear()
        made.correct(SHIFTED)
        assert all(np.array_equal(region, MISSED) or np.array_equal(region, SPURIOUS) for region in regions)
        counts["correction", len(regions)] += 1
    expected = {("positive", n) for n in (1, 2, 3)} | {("negative", n) for n in (0, 1, 2, 3)}
    assert set(counts) == expected | {("correction", n) for n in (1, 2, 3)}
    assert min(counts.values()) > 20


def test_all_kinds_of_clicks_and_scribbles_are_drawn_alone_and_mixed():
    made = [annotator(seed) for seed in range(150)]
    assert {one.click for one in made} == set(CLICKS)
    assert {one.scribble for one in made} == set(SCRIBBLES)
    shares = Counter(float(one.click_share) for one in made)
    assert set(shares) == {0.0, 0.5, 1.0} and min(shares.values()) > 30
    for one in made:
        one.start()
        if one.click_share == 1:
            assert set(np.unique(one.maps[:2])) == {0, 1} and np.count_nonzero(one.maps[:2]) <= 6


def box_of(made):
    made.start()
    return made.maps[2] > 0


def test_a_quarter_of_the_images_has_a_box():
    boxes = [box for box in (box_of(annotator(seed)) for seed in range(300)) if box.any()]
    assert len(boxes) / 300 == pytest.approx(0.25, abs=0.08)
    edges = np.array([[f(axis) for axis in np.nonzero(box) for f in (np.min, np.max)] for box in boxes])
    true = [f(axis) for axis in np.nonzero(DISC) for f in (np.min, np.max)]
    outwards = (edges - true) * [-1, 1, -1, 1]
    assert outwards.min() == 0 and outwards.max() <= MAX_JITTER and (edges.std(0) > 1).all()
    for box, (top, bottom, left, right) in zip(boxes, edges, strict=True):
        assert box[top : bottom + 1, left : right + 1].all()  # filled
        assert box.sum() == (bottom + 1 - top) * (right + 1 - left)


@pytest.mark.parametrize("flip", [(), (0,), (1,), (0, 1)])
def test_the_box_of_a_label_at_the_border_stays_inside_the_image(flip):
    label = np.flip((ROWS < 10) & (COLUMNS < 12), flip)
    room = np.flip((ROWS < 10 + MAX_JITTER) & (COLUMNS < 12 + MAX_JITTER), flip)
    boxes = [box for box in (box_of(annotator(seed, label)) for seed in range(160)) if box.any()]
    assert len(boxes) / 160 == pytest.approx(0.25, abs=0.1)
    assert all(box[label].all() and not box[~room].any() for box in boxes)


@pytest.mark.parametrize("single_share", [0.0, 1.0])
def test_empty_full_and_tiny_labels_are_annotated(single_share):
    pixel, line = NOTHING.copy(), NOTHING.copy()
    pixel[39, 0] = line[0] = True
    for label in (NOTHING, ~NOTHING, pixel, line, ~pixel):
        for seed in range(25):
            made = annotator(seed, label, single_share)
            made.start()
            for prediction in (NOTHING, ~NOTHING, SHIFTED):
                made.correct(prediction)
            assert not made.maps[0][~label].any() and not made.maps[1][label].any()
            assert np.isfinite(made.maps).all()
    assert not new_prompts(annotator(0, NOTHING), lambda: None)[2].any()


def test_the_generator_decides_all_prompts():
    def maps(seed):
        made = annotator(seed)
        made.start()
        made.correct(SHIFTED)
        return made.maps

    assert all(np.array_equal(maps(seed), maps(seed)) for seed in range(20))
    assert len({maps(seed).tobytes() for seed in range(20)}) == 20


def test_stacked_interactions_contain_the_maps_by_kind():
    both = [annotator(seed) for seed in range(2)]
    for one in both:
        one.start()
    both[1].maps[2, :5] = 1
    stacked = stack_interactions(both, torch.device("cpu"))
    for channel, tensor in enumerate((stacked.positive, stacked.negative, stacked.box)):
        assert tensor.shape == (2, 1, 40, 40) and tensor.dtype == torch.float32
        assert np.array_equal(tensor[:, 0], np.stack([one.maps[channel] for one in both]))
