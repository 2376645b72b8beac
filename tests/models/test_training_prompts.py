"""The annotator of the training draws what it says, on the right side of the label."""

from collections import Counter

import numpy as np
import pytest
import torch

from segbench.models.training.prompts import BOX_JITTER, CLICKS, SCRIBBLES, Annotator, interactions
from segbench.protocols.interactions import center_click, centerline_scribble, keyed_generator

ROWS, COLUMNS = np.indices((40, 40))
DISC = (ROWS - 22) ** 2 + (COLUMNS - 18) ** 2 < 11**2
SHIFTED = (ROWS - 18) ** 2 + (COLUMNS - 20) ** 2 < 11**2
MISSED, SPURIOUS = DISC & ~SHIFTED, SHIFTED & ~DISC
NOTHING = np.zeros_like(DISC)


def annotator(seed, label=DISC, single=0.0):
    return Annotator(label, keyed_generator(seed, "test"), single)


def watched(seed, single=0.0):
    """An annotator, and a list of the regions that it is going to mark."""
    made, regions = annotator(seed, single=single), []

    def watch(draw):
        def watching(region, rng):
            regions.append(region)
            return draw(region, rng)

        return watching

    made.click, made.scribble = watch(made.click), watch(made.scribble)
    return made, regions


def new_marks(made, act):
    before = made.marks.copy()
    act()
    assert (made.marks >= before).all()
    return made.marks > before


@pytest.mark.parametrize("single", [0.0, 0.5, 1.0])
def test_marks_lie_on_the_right_side_and_corrections_on_errors(single):
    for seed in range(120):
        made = annotator(seed, single=single)
        assert made.marks.shape == (3, *DISC.shape) and made.marks.dtype == np.float32
        positive, negative, _ = new_marks(made, made.start)
        assert positive.any() and not positive[~DISC].any() and not negative[DISC].any()
        for prediction in (SHIFTED, NOTHING, ~NOTHING, ~DISC):
            positive, negative, box = new_marks(made, lambda p=prediction: made.correct(p))  # noqa: B023
            assert not positive[~(DISC & ~prediction)].any() and not negative[~(prediction & ~DISC)].any()
            assert not box.any()
        assert made.marks.min() == 0 and made.marks.max() <= 1


def test_a_perfect_prediction_is_not_marked():
    for single in (0.0, 1.0):
        made = annotator(0, single=single)
        assert not new_marks(made, lambda: made.correct(DISC)).any()  # noqa: B023


def test_a_sparing_annotator_draws_the_marks_of_the_evaluation():
    kinds = Counter()
    for seed in range(100):
        made, regions = watched(seed, single=1.0)
        scribbles = annotator(seed, single=1.0).scribble
        positive, negative, box = new_marks(made, made.start)
        assert not box.any()
        if not negative.any():
            first = center_click(DISC, NOTHING)
            assert np.argwhere(positive).tolist() == [[first.row, first.column]]
            for prediction in (SHIFTED, ~NOTHING):
                click = center_click(DISC, prediction)
                found = new_marks(made, lambda p=prediction: made.correct(p))  # noqa: B023
                assert np.argwhere(found).tolist() == [[0 if click.positive else 1, click.row, click.column]]
            kinds["clicks"] += 1
            continue
        assert scribbles is centerline_scribble
        assert [np.array_equal(region, DISC) for region in regions] == [True, False]
        found = new_marks(made, lambda: made.correct(SHIFTED))  # noqa: B023
        assert len(regions) == 3 and found.any((1, 2)).sum() <= 1
        kinds["missed" if np.array_equal(regions[2], MISSED) else "spurious"] += 1
    assert 35 <= kinds["clicks"] <= 65
    assert min(kinds["missed"], kinds["spurious"]) >= 10  # as many pixels are missed as are spurious


def test_a_sparing_annotator_scribbles_on_either_error_by_its_share():
    small = DISC | (ROWS == 0)
    chosen = []
    for seed in range(400):
        made, regions = watched(seed, single=1.0)
        if made.clicks:
            continue
        made.correct(small & (COLUMNS > 12))
        chosen.append(np.array_equal(regions[0], DISC & (COLUMNS <= 12)))
    missed, spurious = (DISC & (COLUMNS <= 12)).sum(), ((ROWS == 0) & (COLUMNS > 12)).sum()
    assert np.mean(chosen) == pytest.approx(missed / (missed + spurious), abs=0.11)


def test_single_is_the_share_of_sparing_annotators():
    def share(single):
        return np.mean([annotator(seed, single=single).sparing for seed in range(400)])

    assert share(0.0) == 0 and share(1.0) == 1
    assert share(0.5) == pytest.approx(0.5, abs=0.08)


def test_other_annotators_draw_one_to_three_marks_and_none_to_three_negative_ones():
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


def test_every_kind_of_click_and_scribble_is_drawn_alone_and_mixed():
    made = [annotator(seed) for seed in range(150)]
    assert {each.click for each in made} == set(CLICKS)
    assert {each.scribble for each in made} == set(SCRIBBLES)
    shares = Counter(float(each.clicks) for each in made)
    assert set(shares) == {0.0, 0.5, 1.0} and min(shares.values()) > 30
    for each in made:
        each.start()
        if each.clicks == 1:
            assert set(np.unique(each.marks[:2])) == {0, 1} and np.count_nonzero(each.marks[:2]) <= 6


def box_of(made):
    made.start()
    return made.marks[2] > 0


def test_a_quarter_of_the_images_has_a_box():
    boxes = [box for box in (box_of(annotator(seed)) for seed in range(300)) if box.any()]
    assert len(boxes) / 300 == pytest.approx(0.25, abs=0.08)
    edges = np.array([[f(axis) for axis in np.nonzero(box) for f in (np.min, np.max)] for box in boxes])
    true = [f(axis) for axis in np.nonzero(DISC) for f in (np.min, np.max)]
    assert np.abs(edges - true).max() == BOX_JITTER and (edges.std(0) > 1).all()
    for box, (top, bottom, left, right) in zip(boxes, edges, strict=True):
        assert box[top : bottom + 1, left : right + 1].all()  # filled
        assert box.sum() == (bottom + 1 - top) * (right + 1 - left)


@pytest.mark.parametrize("flip", [(), (0,), (1,), (0, 1)])
def test_a_box_of_a_label_at_the_border_stays_there(flip):
    label = np.flip((ROWS < 10) & (COLUMNS < 12), flip)
    room = np.flip((ROWS < 10 + BOX_JITTER) & (COLUMNS < 12 + BOX_JITTER), flip)
    core = np.flip(
        (ROWS >= BOX_JITTER)
        & (COLUMNS >= BOX_JITTER)
        & (ROWS < 10 - BOX_JITTER)
        & (COLUMNS < 12 - BOX_JITTER),
        flip,
    )
    boxes = [box for box in (box_of(annotator(seed, label)) for seed in range(160)) if box.any()]
    assert len(boxes) / 160 == pytest.approx(0.25, abs=0.1)  # none is lost
    assert all(box[core].all() and not box[~room].any() for box in boxes)


@pytest.mark.parametrize("single", [0.0, 1.0])
def test_empty_full_and_tiny_labels_pass(single):
    pixel, line = NOTHING.copy(), NOTHING.copy()
    pixel[39, 0] = line[0] = True
    for label in (NOTHING, ~NOTHING, pixel, line, ~pixel):
        for seed in range(25):
            made = annotator(seed, label, single)
            made.start()
            for prediction in (NOTHING, ~NOTHING, SHIFTED):
                made.correct(prediction)
            assert not made.marks[0][~label].any() and not made.marks[1][label].any()
            assert np.isfinite(made.marks).all()
    assert not new_marks(annotator(0, NOTHING), lambda: None)[2].any()


def test_annotators_repeat_by_their_generator():
    def marks(seed):
        made = annotator(seed)
        made.start()
        made.correct(SHIFTED)
        return made.marks

    assert all(np.array_equal(marks(seed), marks(seed)) for seed in range(20))
    assert len({marks(seed).tobytes() for seed in range(20)}) == 20


def test_interactions_hold_the_marks_by_side():
    both = [annotator(seed) for seed in range(2)]
    for each in both:
        each.start()
    both[1].marks[2, :5] = 1
    found = interactions(both, torch.zeros(1))
    for channel, tensor in enumerate((found.positive, found.negative, found.box)):
        assert tensor.shape == (2, 1, 40, 40) and tensor.dtype == torch.float32
        assert np.array_equal(tensor[:, 0], np.stack([each.marks[channel] for each in both]))
