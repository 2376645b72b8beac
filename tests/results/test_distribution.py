"""Performance profiles and interquartile means, where the answer is known by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import trim_mean
from toy_tables import passes, table

from segbench.results.statistics import StatisticsError, bootstrap, interquartile_mean, performance_profile


def needing(values: np.ndarray, max_interactions: int, model: str = "m", dataset: str = "d") -> pd.DataFrame:
    """Images that need so many interactions; images that need more than the maximum fail."""
    images = passes(values, model, dataset)
    return images.assign(
        interactions=np.minimum(images.v, max_interactions), reached=images.v <= max_interactions
    )


def test_profile_counts_the_images_that_are_solved_and_no_failure():
    profile = performance_profile(needing(np.array([[0, 2, 3, 99], [0, 1, 5, 99]]), 5), 5, reps=20)
    assert profile.columns.tolist()[:3] == ["protocol", "model", "interactions"]
    assert profile.interactions.tolist() == [0, 1, 2, 3, 4, 5]
    assert profile["mean"].tolist() == pytest.approx([2 / 8, 3 / 8, 4 / 8, 5 / 8, 5 / 8, 6 / 8])


def test_profile_is_averaged_as_all_estimates_are():
    solved, failed = needing(np.zeros((2, 1)), 1, dataset="A"), needing(np.full((2, 1), 9), 1, dataset="B")
    images = pd.concat([solved, failed, failed.assign(label="y"), failed.assign(label="z")])
    assert performance_profile(images, 1, reps=2)["mean"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize("unit", ["simulation", "subject"])
def test_each_point_of_a_profile_is_a_mean_and_all_share_their_draws(unit):
    rng = np.random.default_rng(1)
    images = pd.concat([needing(rng.integers(0, 9, (12, 6)), 6, name) for name in "ba"])
    profile = performance_profile(images, 6, unit=unit, reps=100, seed=3)
    assert profile.model.tolist() == 7 * ["a"] + 7 * ["b"]
    for k in range(7):
        solved = images.assign(solved=images.reached & (images.interactions <= k))
        expected = bootstrap(solved, "solved", unit, reps=100, seed=3)
        point = profile[profile.interactions == k].drop(columns="interactions").reset_index(drop=True)
        pd.testing.assert_frame_equal(point, expected)


def test_interquartile_mean_is_that_of_the_middle_half():
    frame = table([(value,) for value in (8, 1, 7, 2, 6, 3, 5, 4)], "v")
    assert interquartile_mean(frame, "v")["mean"].item() == pytest.approx((3 + 4 + 5 + 6) / 4)
    frame = table([(value,) for value in (0, 2, 4, 6, 8, 100)], "v")  # 2 and 8 lie half inside
    assert interquartile_mean(frame, "v")["mean"].item() == pytest.approx((2 / 2 + 4 + 6 + 8 / 2) / 3)
    assert interquartile_mean(table([(7,)], "v"), "v")["mean"].item() == pytest.approx(7)


def test_interquartile_mean_weighs_images_as_the_hierarchical_mean_does():
    rows = [("A", 0, "s")] + [("B", value, "s") for value in (1, 2, 3, 4)]  # 1/2, and 1/8 each
    frame = table(rows, "dataset v subject")
    assert interquartile_mean(frame, "v")["mean"].item() == pytest.approx(2 * (0 / 4 + 1 / 8 + 2 / 8))


def test_interquartile_mean_does_not_depend_on_what_failures_count_with():
    values = np.random.default_rng(2).integers(0, 10, (30, 8))
    failed = np.arange(8) == 3  # an eighth of the images
    rows = [
        interquartile_mean(passes(np.where(failed, most, values)), "v", reps=50).iloc[0]
        for most in (20, 1000)
    ]
    pd.testing.assert_series_equal(*rows)


def test_interquartile_mean_has_the_spread_of_a_bootstrap_by_hand():
    rng = np.random.default_rng(3)
    values = rng.integers(0, 20, (40, 4)) + rng.integers(0, 8, (40, 1))
    (row,) = interquartile_mean(passes(values), "v", reps=4000).itertuples()
    by_hand = [trim_mean(values[rng.integers(40, size=40)].ravel(), 0.25) for _ in range(4000)]
    assert row.mean == pytest.approx(trim_mean(values.ravel(), 0.25))
    assert row.std == pytest.approx(np.std(by_hand), rel=0.06)
    assert [row.low, row.high] == pytest.approx(np.quantile(by_hand, [0.025, 0.975]), abs=0.2)


def test_tables_without_a_profile_or_interquartile_mean_are_refused():
    images = needing(np.ones((2, 2)), 3)
    with pytest.raises(StatisticsError, match="at least 0"):
        performance_profile(images, -1)
    with pytest.raises(StatisticsError, match="no column reached"):
        performance_profile(images.drop(columns="reached"), 3)
    with pytest.raises(StatisticsError, match="300 distinct values, more than 256"):
        interquartile_mean(passes(np.random.default_rng(4).random((30, 10))), "v")
