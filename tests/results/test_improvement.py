"""Paired improvement over samples: known by hand, against SciPy's t-test, by the coverage of intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from segbench.results.schema import TASK
from segbench.results.statistics import StatisticsError, improvement


def rows(model: str, dice, size: int = 1, subjects=None, **more) -> pd.DataFrame:
    """Records of one model: ``dice`` is (simulations, images) or (images,) of one task."""
    dice = np.atleast_2d(np.asarray(dice, float))
    simulation, image = (place.ravel() for place in np.indices(dice.shape))
    names = image if subjects is None else np.asarray(subjects)[image]
    frame = pd.DataFrame({"simulation": simulation, "image": image, "dice": dice.ravel(), "model": model})
    frame = frame.assign(subject=names.astype(str), set_size=size, step=1)
    frame = frame.assign(protocol="p", split="test", **dict.fromkeys(TASK, "x"))
    return frame.assign(**more)


def one(*tables: pd.DataFrame, **settings) -> pd.Series:
    table = improvement(pd.concat(tables, ignore_index=True), "sets", "single", **settings)
    assert len(table) == 1
    return table.iloc[0]


def test_the_baseline_is_compared_with_every_set_size_and_simulations_are_averaged_within_an_image():
    single = rows("single", [[0.5, 0.6], [0.7, 0.6]])
    sets = [rows("sets", [[0.6, 0.6], [0.8, 0.8]], 1), rows("sets", [[0.9, 0.6], [0.9, 0.8]], 8)]
    table = improvement(pd.concat([single, *sets]), "sets", "single", by=["protocol", "set_size"])
    assert table.set_size.tolist() == [1, 8]
    # Differences of the two images: 0.1 and 0.1; then 0.3 and 0.1.
    assert table["mean"].tolist() == pytest.approx([0.1, 0.2])
    assert table.n.tolist() == table.n_units.tolist() == [2, 2]
    assert (table.low[1], table.high[1]) == pytest.approx((0.1, 0.3))
    assert table.loc[0, ["model", "baseline", "protocol", "unit"]].tolist() == [
        "sets",
        "single",
        "p",
        "image",
    ]


def test_steps_are_compared_with_the_same_step():
    frames = [
        rows(m, [d, d + 0.1], step=s) for s in (1, 2) for m, d in (("single", 0.4), ("sets", 0.4 + s / 10))
    ]
    table = improvement(pd.concat(frames), "sets", "single", by=["step"])
    assert table["mean"].tolist() == pytest.approx([0.1, 0.2])


def test_samples_count_the_same_and_the_hierarchical_mean_is_added():
    large = [rows("single", [0.5] * 9, dataset="a"), rows("sets", [0.6] * 9, dataset="a")]
    small = [rows("single", [0.5], dataset="b"), rows("sets", [0.9], dataset="b")]
    row = one(*large, *small)
    assert row["mean"] == pytest.approx((9 * 0.1 + 0.4) / 10)
    assert row.hierarchical == pytest.approx((0.1 + 0.4) / 2)


def test_the_t_test_is_the_paired_one_over_samples():
    rng = np.random.default_rng(0)
    single, gain = rng.uniform(0.3, 0.8, (3, 25)), rng.normal(0.01, 0.05, (3, 25))
    row = one(rows("single", single), rows("sets", single + gain))
    expected = ttest_rel((single + gain).mean(0), single.mean(0))
    assert (row.t, row.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert row.n == 25


def test_one_sample_or_no_difference_has_no_test_and_one_unit_no_interval():
    row = one(rows("single", [0.5]), rows("sets", [0.75]))
    assert row["mean"] == 0.25
    assert np.isnan([row.low, row.high, row["std"], row.t, row.p]).all()
    same = one(rows("single", [0.5, 0.6]), rows("sets", [0.5, 0.6]))
    assert (same.low, same.high, np.isnan(same.p)) == (0, 0, True)
    assert one(rows("single", [0.5, 0.5]), rows("sets", [0.75, 0.75])).p == 0


def test_the_interval_over_subjects_is_wider_where_their_images_are_correlated():
    rng = np.random.default_rng(1)
    subjects = np.repeat(np.arange(20), 5)
    gain = rng.normal(0.02, 0.05, 20)[subjects] + rng.normal(0, 0.005, 100)
    tables = rows("single", np.full(100, 0.5), subjects=subjects), rows("sets", 0.5 + gain, subjects=subjects)
    images, clusters = (one(*tables, unit=unit) for unit in ("image", "subject"))
    assert images["mean"] == clusters["mean"] == pytest.approx(gain.mean())
    assert (images.n_units, clusters.n_units) == (100, 20)
    ratio = (clusters.high - clusters.low) / (images.high - images.low)
    assert 1.8 < ratio < 2.6  # about the root of the five images of a subject
    assert clusters.p == images.p


def test_the_interval_covers_the_true_gain_at_the_nominal_rate():
    rng = np.random.default_rng(2)
    studies = [
        table
        for study in range(200)
        for table in (
            rows("single", np.full(50, 0.5), dataset=f"{study:03}"),
            rows("sets", 0.5 + rng.normal(0.03, 0.05, 50), dataset=f"{study:03}"),
        )
    ]
    table = improvement(pd.concat(studies), "sets", "single", by=["dataset"], reps=300)
    assert len(table) == 200
    covered = ((table.low <= 0.03) & (table.high >= 0.03)).mean()
    assert 0.89 < covered < 0.98


def test_results_depend_on_the_seed_and_not_on_the_order_of_rows():
    rng = np.random.default_rng(3)
    frame = pd.concat([rows("single", np.full(30, 0.5)), rows("sets", rng.uniform(0.4, 0.8, 30))])
    first = improvement(frame, "sets", "single")
    pd.testing.assert_frame_equal(first, improvement(frame.sample(frac=1, random_state=0), "sets", "single"))
    assert improvement(frame, "sets", "single", seed=1).low[0] != first.low[0]


@pytest.mark.parametrize(
    ("frame", "settings", "message"),
    [
        (rows("sets", [0.5]), {}, "cannot compare sets with single; there are results of sets"),
        (pd.concat([rows("sets", [0.5]), rows("single", [0.5], label="y")]), {}, "share no image"),
        (
            pd.concat([rows("sets", [0.5], 1), rows("sets", [0.5], 2), rows("single", [0.5])]),
            {},
            "sets has sev",
        ),
        (pd.concat([rows("sets", [0.5]), *[rows("single", [0.5])] * 2]), {}, "single has several results"),
        (pd.concat([rows("sets", [np.nan]), rows("single", [0.5])]), {}, "not finite numbers"),
        (rows("sets", [0.5]).drop(columns="image"), {}, "no column image"),
        (rows("sets", [0.5]), {"unit": "simulation"}, "unit must be image or subject"),
        (rows("sets", [0.5]), {"reps": 1}, "at least 2 replicates"),
    ],
)
def test_improvements_that_cannot_be_computed_are_refused(frame, settings, message):
    with pytest.raises(StatisticsError, match=message):
        improvement(frame.reset_index(drop=True), "sets", "single", **settings)
