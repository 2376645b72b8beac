"""Two methods on the same images, where the answer is known by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from toy_tables import passes

from segbench.results.statistics import (
    StatisticsError,
    interquartile_difference,
    paired_change,
    probability_of_superiority,
)

COMPARISONS = [paired_change, interquartile_difference, probability_of_superiority]


@pytest.mark.parametrize("unit", ["simulation", "subject"])
def test_paired_change_of_half_the_work_is_exactly_minus_fifty(unit):
    values = np.random.default_rng(7).integers(2, 20, (15, 18)).astype(float)
    images = pd.concat([passes(values, "base"), passes(values / 2, "ours")])
    for average in ("tasks", "totals"):
        row = paired_change(images, "ours", ["base"], "v", unit, reps=100, average=average).iloc[0]
        assert (row.model, row.baseline, row.protocol, row.unit) == ("ours", "base", "p", unit)
        assert np.allclose([row["mean"], row.low, row.high, 50 + row["std"]], [-50, -50, -50, 50])


def test_paired_change_is_that_of_the_mean_totals_or_the_mean_over_tasks():
    flat = np.ones((3, 2))
    images = pd.concat(
        [
            passes(10 * flat, "base", "A"),
            passes(5 * flat, "ours", "A"),  # -50 %
            passes(30 * flat, "base", "B"),
            passes(27 * flat, "ours", "B"),  # -10 %; both: 40 to 32 is -20 %
            passes(100 * flat, "base", "only here"),
        ]
    )
    assert paired_change(images, "ours", ["base"], "v", reps=2)["mean"].item() == pytest.approx(-20)
    whole = paired_change(images, "ours", ["base"], "v", reps=2, average="totals")
    assert whole["mean"].item() == pytest.approx(-20)
    tasks = paired_change(images, "ours", ["base"], "v", reps=2, average="tasks")
    assert tasks["mean"].item() == pytest.approx(-30)
    each = paired_change(images, "ours", ["base"], "v", by=["dataset"], reps=2)
    assert dict(zip(each.dataset, each["mean"], strict=True)) == pytest.approx({"A": -50, "B": -10})


def test_a_task_without_interactions_of_the_baseline_has_no_change_of_its_own():
    images = pd.concat(
        [
            passes(np.zeros((3, 2)), "base", "A"),
            passes(np.ones((3, 2)), "ours", "A"),
            passes(4 * np.ones((3, 2)), "base", "B"),
            passes(3 * np.ones((3, 2)), "ours", "B"),
        ]
    )
    of_tasks = paired_change(images, "ours", ["base"], "v", reps=50, average="tasks")
    assert of_tasks["mean"].item() == pytest.approx(-25)
    assert paired_change(images, "ours", ["base"], "v", reps=50)["mean"].item() == pytest.approx(0)  # 4 to 4


def test_a_change_does_not_turn_around_by_its_sign():
    images = pd.concat([passes(4 * np.ones((2, 2)), "base"), passes(2 * np.ones((2, 2)), "ours")])
    assert paired_change(images, "ours", ["base"], "v", reps=2)["mean"].item() == pytest.approx(-50)
    assert paired_change(images, "base", ["ours"], "v", reps=2)["mean"].item() == pytest.approx(100)


def against(ours: list, base: list, dataset: str = "d") -> pd.DataFrame:
    """Both methods' values, (simulations, images)."""
    values = {"ours": ours, "base": base}
    return pd.concat([passes(np.array(value, float), name, dataset) for name, value in values.items()])


def test_probability_is_the_share_of_simulations_with_the_lower_total():
    images = against([[1, 2], [3, 2], [4, 1], [9, 0]], [[2, 2], [3, 3], [2, 3], [1, 7]])  # 3<4 5<6 5=5 9>8
    (row,) = probability_of_superiority(images, "ours", ["base"], "v", reps=4000).itertuples()
    assert (row.model, row.baseline, row.protocol, row.unit, row.n_units) == (
        "ours",
        "base",
        "p",
        "simulation",
        4,
    )
    assert row.mean == (1 + 1 + 0.5 + 0) / 4
    assert row.std == pytest.approx(np.std([1, 1, 0.5, 0]) / 2, rel=0.05)
    assert 0 <= row.low < row.mean < row.high <= 1
    (swapped,) = probability_of_superiority(images, "base", ["ours"], "v", reps=10).itertuples()
    assert swapped.mean == 1 - row.mean


def test_probability_is_averaged_over_the_tasks_as_all_estimates_are():
    always, never = against([[1], [1]], [[2], [2]], "A"), against([[2], [2]], [[1], [1]], "B")
    images = pd.concat([always, never.assign(label="x"), never.assign(label="y"), never.assign(label="z")])
    (row,) = probability_of_superiority(images, "ours", ["base"], "v", reps=10).itertuples()
    assert (row.mean, row.low, row.high) == (0.5, 0.5, 0.5)  # of two data sets, though of four tasks
    each = probability_of_superiority(images, "ours", ["base"], "v", by=["dataset"], reps=10)
    assert dict(zip(each.dataset, each["mean"], strict=True)) == {"A": 1, "B": 0}


def test_probability_is_not_defined_over_subjects():
    with pytest.raises(StatisticsError, match="over simulations only"):
        probability_of_superiority(against([[1]], [[2]]), "ours", ["base"], "v", "subject")


@pytest.mark.parametrize("unit", ["simulation", "subject"])
def test_a_constant_difference_of_interquartile_means_has_no_width(unit):
    base = np.random.default_rng(1).integers(3, 20, (12, 8))
    (row,) = interquartile_difference(
        against(base - 2, base), "ours", ["base"], "v", unit, reps=50
    ).itertuples()
    assert np.allclose([row.mean, row.low, row.high, row.std - 2], -2)


def test_difference_of_interquartile_means_by_hand():
    images = against([[0, 1, 3, 9]], [[2, 4, 6, 20]])  # the middle two: 2 and 5
    assert interquartile_difference(images, "ours", ["base"], "v")["mean"].item() == pytest.approx(-3)


@pytest.mark.parametrize("compare", COMPARISONS)
def test_only_images_of_both_methods_are_compared(compare):
    images = against([[1, 5], [2, 3]], [[4, 6], [1, 8]])
    more = pd.concat([images, passes(np.full((5, 7), 99.0), "ours")[lambda f: f.simulation >= 2]])
    expected = compare(images, "ours", ["base"], "v", reps=50)
    pd.testing.assert_frame_equal(compare(more, "ours", ["base"], "v", reps=50), expected)


@pytest.mark.parametrize("compare", COMPARISONS)
def test_an_image_may_have_a_result_in_each_of_several_groups(compare):
    small, large = against([[2, 5], [4, 3]], [[4, 6], [1, 8]]), against([[1, 2], [2, 1]], [[4, 6], [1, 8]])
    both = pd.concat([small.assign(context_size=1), large.assign(context_size=64)])
    rows = compare(both, "ours", ["base"], "v", by=["context_size"], reps=20)
    expected = pd.concat([compare(part, "ours", ["base"], "v", reps=20) for part in (small, large)])
    assert rows.context_size.tolist() == [1, 64]
    assert rows["mean"].tolist() == pytest.approx(expected["mean"].tolist())


@pytest.mark.parametrize("compare", COMPARISONS)
def test_every_baseline_has_its_rows_and_the_order_of_the_images_does_not_matter(compare):
    rng = np.random.default_rng(2)
    images = pd.concat([passes(rng.integers(1, 20, (9, 5)).astype(float), name) for name in "abc"])
    rows = compare(images, "b", ["c", "a"], "v", seed=5)
    assert rows.baseline.tolist() == ["c", "a"]
    mixed = compare(images.sample(frac=1, random_state=3), "b", ["c", "a"], "v", seed=5)
    pd.testing.assert_frame_equal(rows, mixed, check_exact=True)
    assert not rows["std"].equals(compare(images, "b", ["c", "a"], "v", seed=6)["std"])


@pytest.mark.parametrize("compare", COMPARISONS)
def test_comparisons_that_cannot_be_made_are_refused(compare):
    images = against([[1, 2]], [[3, 4]])
    with pytest.raises(
        StatisticsError, match="cannot compare ours with other; there are results of base, ours"
    ):
        compare(images, "ours", ["other"], "v")
    with pytest.raises(StatisticsError, match="cannot compare ours with ours"):
        compare(images, "ours", ["ours"], "v")
    later = passes(np.ones((2, 2)), "later").assign(simulation=lambda f: f.simulation + 10)
    with pytest.raises(StatisticsError, match="share no image"):
        compare(pd.concat([images, later]), "ours", ["later"], "v")
    with pytest.raises(StatisticsError, match="several results of an image"):
        compare(pd.concat([images, images[images.model == "ours"]]), "ours", ["base"], "v")
    with pytest.raises(StatisticsError, match="no column w"):
        compare(images, "ours", ["base"], "w")
