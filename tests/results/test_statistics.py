"""Statistics on tables whose answer is known by hand or in closed form."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from results.schema import TASK
from results.statistics import (
    StatisticsError,
    bootstrap,
    hierarchical_mean,
    paired_change,
    replicates,
    totals,
)


def table(rows: list[tuple], columns: str) -> pd.DataFrame:
    """Rows with the named columns; what is not named is one and the same everywhere."""
    given = pd.DataFrame(rows, columns=columns.split())
    same = dict.fromkeys(("protocol", "model", *TASK, "subject"), "x")
    numbers = dict.fromkeys(("simulation", "position", "image"), 1)
    frame = given.assign(**{k: v for k, v in (same | numbers).items() if k not in given})
    return frame.assign(task=frame[list(TASK)].agg("/".join, axis=1))


def passes(values: np.ndarray, model: str = "m", dataset: str = "d") -> pd.DataFrame:
    """Values (simulations, images) of one task; every place has its own subject."""
    s, p = np.indices(values.shape)
    frame = pd.DataFrame({"simulation": s.ravel(), "position": p.ravel() + 1, "v": values.ravel()})
    frame = frame.assign(subject=frame.position.astype(str), image=frame.position, protocol="p", model=model)
    return frame.assign(**dict.fromkeys(TASK, "x")).assign(dataset=dataset, task=f"{dataset}/x/x/x/x")


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


def test_bootstrap_has_the_standard_error_of_the_mean():
    values = np.random.default_rng(1).normal(5, 2, (50, 3))
    (row,) = bootstrap(passes(values), "v", reps=8000).itertuples()
    means = values.mean(1)
    error = means.std() / np.sqrt(50)
    assert row.mean == pytest.approx(values.mean())
    assert row.std == pytest.approx(error, rel=0.03)
    assert row.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert row.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)
    assert (row.unit, row.n_units) == ("simulation", 50)


def test_total_is_the_sum_over_the_images_of_a_simulation():
    values = np.random.default_rng(2).integers(1, 20, (30, 18)).astype(float)
    images = passes(values)
    total = bootstrap(images, "v", statistic="total", reps=4000)
    sums = values.sum(1)
    assert total["mean"].item() == pytest.approx(sums.mean())
    assert total["std"].item() == pytest.approx(sums.std() / np.sqrt(30), rel=0.05)
    assert totals(images, "v").v.tolist() == sums.tolist()
    assert hierarchical_mean(totals(images, "v"), "v").v.item() == pytest.approx(sums.mean())


def toy_studies(studies: int, simulations: int) -> pd.DataFrame:
    """Independent studies, one per data set: 40 subjects around 0, each simulation shows 18 of them."""
    rng = np.random.default_rng(3)
    effect = rng.normal(0, 1, (studies, 40))
    shape = (studies, simulations, 18)
    subject = np.argsort(rng.random((studies, simulations, 40)), axis=2)[:, :, :18]
    study, simulation, position = (index.ravel() for index in np.indices(shape))
    value = effect[study, subject.ravel()] + rng.normal(0, 0.3, study.size)
    frame = pd.DataFrame({"simulation": simulation, "position": position, "v": value})
    names = np.array([f"study{i:03}" for i in range(studies)])
    frame = frame.assign(**dict.fromkeys(("protocol", "model", *TASK), "x"))
    return frame.assign(dataset=names[study], subject=subject.ravel().astype(str))


def test_only_the_subject_interval_covers_the_population_mean():
    images = toy_studies(studies=300, simulations=30)
    cover = {}
    for unit in ("simulation", "subject"):
        rows = bootstrap(images, "v", unit, by=["dataset"], reps=400)
        cover[unit] = ((rows.low <= 0) & (rows.high >= 0)).mean()
        assert set(rows.n_units) == {30 if unit == "simulation" else 40}
    assert 0.90 <= cover["subject"] <= 0.98
    assert cover["simulation"] < 0.5


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


@pytest.mark.parametrize("unit", ["simulation", "subject"])
def test_paired_change_of_half_the_work_is_exactly_minus_fifty(unit):
    values = np.random.default_rng(7).integers(2, 20, (15, 18)).astype(float)
    images = pd.concat([passes(values, "base"), passes(values / 2, "ours")])
    for average in ("tasks", "totals"):
        row = paired_change(images, "ours", ["base"], "v", unit, reps=100, average=average).iloc[0]
        assert (row.model, row.baseline, row.protocol, row.unit) == ("ours", "base", "p", unit)
        assert np.allclose([row["mean"], row.low, row.high, 50 + row["std"]], [-50, -50, -50, 50])


def test_paired_change_averages_over_tasks_or_over_totals():
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
    assert paired_change(images, "ours", ["base"], "v", reps=2)["mean"].item() == pytest.approx(-30)
    whole = paired_change(images, "ours", ["base"], "v", reps=2, average="totals")
    assert whole["mean"].item() == pytest.approx(-20)
    each = paired_change(images, "ours", ["base"], "v", by=["dataset"], reps=2)
    assert dict(zip(each.dataset, each["mean"], strict=True)) == pytest.approx({"A": -50, "B": -10})


def test_a_task_that_cost_the_baseline_nothing_is_left_out():
    images = pd.concat(
        [
            passes(np.zeros((3, 2)), "base", "A"),
            passes(np.ones((3, 2)), "ours", "A"),
            passes(4 * np.ones((3, 2)), "base", "B"),
            passes(3 * np.ones((3, 2)), "ours", "B"),
        ]
    )
    assert paired_change(images, "ours", ["base"], "v", reps=50)["mean"].item() == pytest.approx(-25)


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
        ({"unit": "image"}, "simulation or subject"),
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
    with pytest.raises(StatisticsError, match="cannot compare m with other"):
        paired_change(images, "m", ["other"], "v")
    later = passes(np.ones((2, 2)), "n").assign(simulation=lambda f: f.simulation + 10)
    with pytest.raises(StatisticsError, match="share no image"):
        paired_change(pd.concat([images, later]), "m", ["n"], "v")
