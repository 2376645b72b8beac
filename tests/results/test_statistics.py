"""Statistics on tables whose answer is known by hand or in closed form."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from toy_tables import passes, table

from segbench.results.schema import TASK
from segbench.results.statistics import (
    StatisticsError,
    bootstrap,
    convergence,
    deviation,
    hierarchical_mean,
    interquartile_mean,
    paired_change,
    performance_profile,
    probability_of_superiority,
    replicates,
    totals,
)


def test_hierarchical_mean_gives_every_level_equal_weight():
    frame = table(
        [
            ("A", "c1", "l1", "s1", 0.0),
            ("A", "c1", "l1", "s1", 2.0),  # subject s1: 1
            ("A", "c1", "l1", "s2", 4.0),  # label l1: (1 + 4) / 2 = 2.5
            ("A", "c1", "l2", "s1", 7.5),  # cohort c1: (2.5 + 7.5) / 2 = 5
            ("A", "c2", "l1", "s9", 11.0),  # data set A: (5 + 11) / 2 = 8
            ("B", "c1", "l1", "s1", 2.0),  # all: (8 + 2) / 2 = 5
        ],
        "dataset cohort label subject v",
    )
    assert hierarchical_mean(frame, "v").v.tolist() == [5.0]
    assert hierarchical_mean(frame, "v", by=[]).v.tolist() == [5.0]
    by_dataset = hierarchical_mean(frame, "v", by=["dataset"])
    assert dict(zip(by_dataset.dataset, by_dataset.v, strict=True)) == {"A": 8.0, "B": 2.0}
    by_label = hierarchical_mean(frame, "v", by=["label"])  # l1: A is (2.5 + 11) / 2, B is 2
    assert by_label.v.tolist() == [(6.75 + 2) / 2, 7.5]


@pytest.mark.parametrize("level", TASK)
def test_hierarchical_mean_averages_within_each_level(level):
    other = TASK[TASK.index(level) - 1] if level != "dataset" else "cohort"
    frame = table([("a", "u", 1.0), ("a", "w", 3.0), ("b", "u", 6.0)], f"{level} {other} v")
    outer_first = level == "dataset"  # then its values are the groups, else those of the level above
    expected = (2 + 6) / 2 if outer_first else ((1 + 6) / 2 + 3) / 2
    assert hierarchical_mean(frame, "v").v.item() == pytest.approx(expected)


def test_simulations_of_a_task_are_averaged_with_equal_weight():
    rows = [(0, "a", 1.0), (0, "b", 3.0), (1, "a", 4.0), (1, "a", 8.0)]
    frame = table(rows, "simulation subject v")
    assert hierarchical_mean(frame, "v").v.item() == (2 + 6) / 2
    for unit in ("simulation", "subject"):
        assert bootstrap(frame, "v", unit, reps=2)["mean"].item() == (2 + 6) / 2


def test_total_is_the_sum_over_the_images_of_a_simulation():
    values = np.random.default_rng(2).integers(1, 20, (30, 18)).astype(float)
    images, sums = passes(values), values.sum(1)
    total = bootstrap(images, "v", statistic="total", reps=2)
    assert total["mean"].item() == pytest.approx(sums.mean())
    assert totals(images, "v").v.tolist() == sums.tolist()
    assert hierarchical_mean(totals(images, "v"), "v").v.item() == pytest.approx(sums.mean())


@pytest.mark.parametrize("unit", ["simulation", "subject"])
def test_a_constant_difference_has_no_width(unit):
    values = np.random.default_rng(4).normal(0, 1, (20, 6))
    shifted = pd.concat([passes(values), passes(values + 2, model="n")])
    groups, draws = replicates(shifted, "v", unit, by=["model", "position"], reps=200)
    difference = draws[:, groups.model == "n"] - draws[:, groups.model == "m"]
    known = difference[~np.isnan(difference)]
    assert np.allclose(known, 2)
    assert np.nanstd(draws[:, 0]) > 0 or unit == "subject"


def test_all_positions_share_the_draws():
    column = np.random.default_rng(5).normal(0, 1, (25, 1))
    slope = column * np.array([1.0, 1.0, 1.0]) + np.array([0.0, 5.0, 9.0])
    _, draws = replicates(passes(slope), "v", by=["position"], reps=100)
    assert np.allclose(draws - draws[:, :1], [0, 5, 9])


def test_labels_of_one_cohort_share_their_subjects():
    values = np.random.default_rng(6).normal(0, 1, (10, 8))
    nucleus = passes(values)
    cell = nucleus.assign(label="y", v=nucleus.v + 1)
    groups, draws = replicates(pd.concat([nucleus, cell]), "v", "subject", by=["label"], reps=100)
    assert groups.label.tolist() == ["x", "y"]
    assert np.allclose(draws[:, 1] - draws[:, 0], 1)


def test_one_unit_gives_no_interval():
    row = bootstrap(passes(np.arange(4.0)[None]), "v").iloc[0]
    assert (row["mean"], row.n_units) == (1.5, 1)
    assert row[["std", "low", "high"]].isna().all()
    curve = bootstrap(passes(np.arange(4.0)[None]), "v", "subject", by=["position"])
    assert curve["mean"].tolist() == [0, 1, 2, 3]
    assert curve.low.isna().all()


def test_tasks_may_have_different_numbers_of_simulations():
    rng = np.random.default_rng(8)
    images = pd.concat([passes(rng.normal(0, 1, (60, 4))), passes(rng.normal(9, 1, (20, 4)), dataset="e")])
    both = bootstrap(images, "v", reps=500).iloc[0]
    assert both.n_units == 60
    assert both["mean"] == pytest.approx(hierarchical_mean(images, "v").v.item())
    assert bootstrap(images, "v", by=["dataset"], reps=2).n_units.tolist() == [60, 20]


@pytest.mark.parametrize("unit", ["training", "person"])
def test_trainings_and_people_are_resampled_as_simulations_are(unit):
    images = passes(np.random.default_rng(13).normal(0, 1, (9, 4)))
    moved = images.assign(**{unit: images.simulation, "simulation": 0})
    expected = bootstrap(images, "v", reps=50).assign(unit=unit)
    pd.testing.assert_frame_equal(bootstrap(moved, "v", unit, reps=50), expected, check_exact=True)
    assert bootstrap(moved, "v", "simulation", reps=50).low.isna().all()  # there is one simulation
    assert totals(moved, "v").v.tolist() == totals(images, "v").v.tolist()


@pytest.mark.parametrize("unit", ["simulation", "subject"])
def test_result_depends_on_the_seed_but_not_on_the_order_of_rows(unit):
    images = pd.concat([passes(np.random.default_rng(i).random((12, 7)), f"m{i}") for i in range(3)])
    mixed = images.sample(frac=1, random_state=1)
    first = bootstrap(images, "v", unit, seed=3)
    pd.testing.assert_frame_equal(first, bootstrap(mixed, "v", unit, seed=3), check_exact=True)
    assert not first.low.equals(bootstrap(images, "v", unit, seed=4).low)


def test_a_cohort_keeps_its_draws_whatever_else_is_in_the_table():
    images = [passes(np.random.default_rng(i).random((12, 7)), dataset=d) for i, d in enumerate("ABC")]
    alone = bootstrap(images[1], "v", "subject", by=["dataset"])
    among = bootstrap(pd.concat(images), "v", "subject", by=["dataset"])
    pd.testing.assert_frame_equal(among[among.dataset == "B"].reset_index(drop=True), alone)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unit": "image"}, "simulation, training, person or subject"),
        ({"reps": 1}, "at least 2"),
        ({"level": 1.0}, "between 0 and 1"),
        ({"statistic": "median"}, "mean or total"),
        ({"value": "w"}, "no column w"),
        ({"by": ["colour"]}, "no column colour"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    with pytest.raises(StatisticsError, match=message):
        bootstrap(**({"images": passes(np.ones((2, 2))), "value": "v"} | change))


def test_tables_that_cannot_be_averaged_are_refused():
    images = passes(np.ones((2, 2)))
    with pytest.raises(StatisticsError, match="no rows"):
        bootstrap(images[:0], "v")
    with pytest.raises(StatisticsError, match="finite"):
        hierarchical_mean(images.assign(v=np.nan), "v")


def as_categories(frame: pd.DataFrame) -> pd.DataFrame:
    """The names as categories in another order, one of them unused."""
    names = ["protocol", "model", *TASK, "subject"]
    kinds = {name: pd.CategoricalDtype(["~", *sorted(set(frame[name]), reverse=True)]) for name in names}
    return frame.astype(kinds)


@pytest.mark.parametrize(
    "compute",
    [
        lambda images: hierarchical_mean(images, "v", ["model", "dataset"]),
        lambda images: totals(images, "v"),
        lambda images: bootstrap(images, "v", by=["dataset", "model", "position"], reps=20),
        lambda images: bootstrap(images, "v", "subject", reps=20),
        lambda images: paired_change(images, "b", ["c", "a"], "v", reps=20),
        lambda images: probability_of_superiority(images, "b", ["c", "a"], "v", reps=20),
        lambda images: performance_profile(images.assign(interactions=images.v, reached=True), 3, reps=20),
        lambda images: interquartile_mean(images, "v", reps=20),
        lambda images: convergence(images, "v", [4], reps=20),
    ],
)
def test_text_may_be_categories_and_is_returned_as_text(compute):
    rng = np.random.default_rng(9)
    parts = [passes(rng.integers(1, 9, (4, 6)).astype(float), m, d) for m in "cab" for d in ("z", "y")]
    images = pd.concat(parts, ignore_index=True)
    pd.testing.assert_frame_equal(compute(as_categories(images)), compute(images), check_exact=True)


@pytest.mark.parametrize("unit", ["simulation", "subject"])
def test_convergence_is_the_width_with_the_first_simulations_alone(unit):
    images = passes(np.random.default_rng(10).normal(0, 1, (40, 5)))
    mixed = images.sample(frac=1, random_state=1).assign(simulation=lambda f: 3 * f.simulation + 7)
    rows = convergence(mixed, "v", [10, 40, 10], reps=100)
    assert rows.columns.tolist()[:2] == ["protocol", "model"]
    rows = rows[rows.unit == unit].set_index("simulations")
    assert rows.index.tolist() == [10, 40]
    for size in (10, 40):
        (alone,) = bootstrap(images[images.simulation < size], "v", unit, reps=100).itertuples()
        assert rows.width[size] == pytest.approx(alone.high - alone.low)
        assert rows["mean"][size] == pytest.approx(alone.mean)


def test_convergence_over_simulations_goes_with_the_square_root():
    images = passes(np.random.default_rng(11).normal(0, 1, (400, 2)))
    rows = convergence(images, "v", [25, 100, 400], reps=2000)
    width = rows[rows.unit == "simulation"].width.to_numpy()
    assert width == pytest.approx(2 * 1.96 * np.sqrt(0.5) / np.sqrt([25, 100, 400]), rel=0.2)


def test_convergence_leaves_out_groups_with_fewer_simulations():
    images = pd.concat([passes(np.random.default_rng(12).random((n, 3)), m) for m, n in (("a", 4), ("b", 8))])
    rows = convergence(images, "v", [1, 4, 8], reps=10)
    sizes = rows[rows.unit == "simulation"].groupby("model").simulations.agg(list)
    assert sizes.to_dict() == {"a": [1, 4], "b": [1, 4, 8]}
    single = rows[rows.simulations == 1].set_index(["model", "unit"]).width
    assert single.isna().to_dict() == {
        ("a", "simulation"): True,
        ("a", "subject"): False,
        ("b", "simulation"): True,
        ("b", "subject"): False,
    }
    with pytest.raises(StatisticsError, match="no group has 9 simulations"):
        convergence(images, "v", [9])


@pytest.mark.parametrize("unit", ["simulation", "subject"])
def test_several_values_at_once_have_the_estimates_of_each(unit):
    rng = np.random.default_rng(0)
    frame = pd.concat([passes(rng.normal(size=(6, 4)), model=name) for name in "ab"])
    frame = frame.assign(w=rng.normal(size=len(frame)))
    both = bootstrap(frame, ["w", "v"], unit, reps=50)
    assert both.metric.tolist() == ["w", "w", "v", "v"]
    for name in "vw":
        rows = both[both.metric == name].drop(columns="metric").reset_index(drop=True)
        pd.testing.assert_frame_equal(rows, bootstrap(frame, name, unit, reps=50))
    with pytest.raises(StatisticsError, match="column w holds"):
        bootstrap(frame.assign(w=np.nan), ["v", "w"])


def test_the_deviation_over_simulations_is_that_of_their_means():
    rows = [("A", 0, 1.0), ("A", 0, 3.0), ("B", 0, 6.0), ("A", 1, 4.0), ("B", 1, 10.0)]
    frame = table(rows, "dataset simulation v")
    # The means are (2 + 6) / 2 and (4 + 10) / 2, the totals (4 + 6) / 2 and (4 + 10) / 2.
    assert deviation(frame, "v")["std"].item() == pytest.approx(np.std([4, 7], ddof=1))
    assert deviation(frame, "v", statistic="total")["std"].item() == pytest.approx(np.std([5, 7], ddof=1))
    assert deviation(frame[frame.simulation == 0], "v")["std"].isna().all()
    # Unlike the deviation of the bootstrap, it does not shrink with the number of simulations.
    many = passes(np.random.default_rng(1).normal(size=(400, 1)))
    assert deviation(many, "v")["std"].item() == pytest.approx(1, rel=0.1)
    assert bootstrap(many, "v")["std"].item() == pytest.approx(1 / 20, rel=0.1)
