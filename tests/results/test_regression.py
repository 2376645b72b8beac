"""Paired differences and verdicts against worked examples, SciPy and simulated studies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from segbench.results.regression import MEASURES, differences, missing_records, with_verdicts
from segbench.results.resampling import StatisticsError
from segbench.results.statistics import hierarchical_mean

NAMES = [measure.name for measure in MEASURES]


def records(rows: list[dict], **same) -> pd.DataFrame:
    """Rows with the columns of the image table; columns that a row does not name are constant."""
    usual = {"protocol": "p", "model": "m", "dataset": "d", "cohort": "c", "modality": "x", "axis": "0"}
    usual |= {"label": "l", "context": "none", "annotator": "a", "split": "test", "context_size": 0}
    usual |= {"training": 0, "simulation": 0, "person": -1, "set_size": 1}
    usual |= {"interactions": 5, "reached": True, "dice": 0.9}
    table = pd.DataFrame([usual | same | row for row in rows])
    table["image"] = table["image"] if "image" in table else range(len(table))
    table["subject"] = table["subject"] if "subject" in table else table.image.map("s{}".format)
    return table


def dices(values, **same) -> pd.DataFrame:
    return records([{"dice": value} for value in values], **same)


def only(table: pd.DataFrame, measure: str = "dice") -> pd.Series:
    (row,) = table[table.measure == measure].to_dict("records")
    return pd.Series(row)


def test_one_task_is_the_paired_t_test():
    rng = np.random.default_rng(0)
    old, new = rng.normal(0.8, 0.1, 9), rng.normal(0.75, 0.1, 9)
    row = only(differences(dices(old), dices(new), ["dice"], level=0.9))
    test = stats.ttest_rel(new, old)
    assert row.difference == pytest.approx(np.mean(new - old))
    assert row.difference / row.error == pytest.approx(test.statistic)
    assert row.freedom == pytest.approx(8)
    assert [row.low, row.high] == pytest.approx(list(test.confidence_interval(0.9)))
    assert (row.images, row.subjects) == (9, 9)
    assert [row.baseline, row.now] == pytest.approx([old.mean(), new.mean()])


def test_two_cohorts_are_welch_s_test():
    rng = np.random.default_rng(1)
    one, two = rng.normal(0, 0.1, 6), rng.normal(0, 0.02, 15)
    new = pd.concat([dices(one, cohort="a"), dices(two, cohort="b")])
    row = only(differences(new.assign(dice=0.0), new, ["dice"]))
    welch = stats.ttest_ind(one, two, equal_var=False)
    assert row.difference == pytest.approx((one.mean() + two.mean()) / 2)
    assert row.error == pytest.approx(np.sqrt(one.var(ddof=1) / 6 + two.var(ddof=1) / 15) / 2)
    assert row.freedom == pytest.approx(welch.df)


def test_tasks_weigh_as_in_the_hierarchical_mean():
    rng = np.random.default_rng(2)
    places = [("a", "one", 4), ("a", "two", 7), ("b", "one", 5)]
    new = pd.concat([dices(rng.random(n), cohort=cohort, label=label) for cohort, label, n in places])
    old = new.assign(dice=rng.random(len(new)))
    row = only(differences(old, new, ["dice"]))
    expected = [hierarchical_mean(table, "dice").dice.item() for table in (old, new)]
    assert [row.baseline, row.now] == pytest.approx(expected)
    assert row.difference == pytest.approx(expected[1] - expected[0])


def test_labels_of_one_image_are_not_independent_subjects():
    values = np.array([0.1, 0.3, 0.2, 0.5, 0.4])
    twice = pd.concat([dices(values, label="one"), dices(values, label="two")])
    row = only(differences(twice.assign(dice=0.0), twice, ["dice"]))
    assert row.error == pytest.approx(values.std(ddof=1) / np.sqrt(5))
    assert (row.freedom, row.subjects, row.images) == (pytest.approx(4), 5, 10)


def test_images_of_a_subject_are_averaged_first():
    rows = [{"dice": 0.1, "subject": "a"}, {"dice": 0.3, "subject": "a"}, {"dice": 0.5, "subject": "b"}]
    new = records([*rows, {"dice": 0.8, "subject": "c"}])
    row = only(differences(new.assign(dice=0.0), new, ["dice"]))
    means = np.array([0.2, 0.5, 0.8])
    assert row.difference == pytest.approx(0.5)
    assert row.error == pytest.approx(means.std(ddof=1) / np.sqrt(3))
    assert row.subjects == 3


def test_simulations_are_averaged_and_other_draws_are_paired_by_image():
    old = records(
        [{"image": i, "simulation": s, "dice": 0.1 * i + 0.01 * s} for i in range(4) for s in (0, 2)]
    )
    new = records([{"image": i, "simulation": 0, "dice": 0.1 * i} for i in (1, 2, 3, 9)])
    row = only(differences(old, new, ["dice"]))
    assert row.images == 3  # what only one of them has does not count
    assert row.difference == pytest.approx(-0.01)


def test_context_sizes_are_kept_apart_where_an_image_has_several():
    old = records([{"image": i, "context_size": n, "dice": n / 10} for i in range(3) for n in (1, 2, 4)])
    new = old[old.context_size != 4]
    assert only(differences(old, new, ["dice"])).difference == 0
    sizes = old.assign(context_size=0, set_size=old.context_size)
    assert only(differences(sizes, sizes[sizes.set_size != 4], ["dice"])).difference == 0
    sequence = records([{"image": i, "context_size": i} for i in range(3)])
    shifted = sequence.assign(context_size=sequence.context_size + 1, dice=0.8)
    assert only(differences(sequence, shifted, ["dice"])).images == 3


def test_failures_and_distances():
    old = records(
        [{"reached": i > 0, "interactions": 5 + i, "hd95": np.nan if i == 1 else i} for i in range(4)]
    )
    new = old.assign(reached=[False, False, True, True], hd95=[1.0, 2.0, np.inf, 4.0])
    table = differences(old, new, ["failures", "hd95"])
    failures, distance = only(table, "failures"), only(table, "hd95")
    assert [failures.baseline, failures.now, failures.difference] == pytest.approx([0.25, 0.5, 0.25])
    assert (distance.images, distance.difference) == (2, pytest.approx(1.0))


def test_a_protocol_without_interactions_has_dice_only():
    old = dices([0.5, 0.6, 0.7]).assign(interactions=0, reached=False)
    assert list(differences(old, old, NAMES).measure) == ["dice"]
    assert set(differences(old, old.assign(interactions=1), NAMES).measure) == set(NAMES)


def test_all_one_step_later_is_a_regression_and_all_one_step_earlier_is_none():
    old = records([{"interactions": 3 + i % 4} for i in range(20)])
    verdicts = []
    for shift in (1, 0, -1):
        table = with_verdicts(differences(old, old.assign(interactions=old.interactions + shift), NAMES))
        verdicts.append(only(table, "interactions"))
        assert set(table[table.measure != "interactions"].verdict) == {"passed"}
    assert [row.verdict for row in verdicts] == ["regression", "passed", "passed"]
    assert [row.bound for row in verdicts] == [1, 0, -1]
    assert verdicts[0].margin == pytest.approx(0.05 * old.interactions.mean())


def test_equal_changes_of_few_subjects_may_be_chance():
    old = records([{"interactions": 3 + i} for i in range(4)])
    table = differences(old, old.assign(interactions=old.interactions + 1), NAMES)
    row = only(with_verdicts(table), "interactions")
    assert row.verdict == "cannot tell"
    assert np.isnan([row.bound, row.low, row.high]).all()


def test_one_subject_gives_no_error_and_no_verdict():
    old = records([{"subject": "a", "interactions": 3 + i} for i in range(6)])
    worse = old.assign(interactions=old.interactions + 2)
    row = only(with_verdicts(differences(old, worse, NAMES)), "interactions")
    assert (row.verdict, row.subjects) == ("cannot tell", 1)
    assert np.isnan([row.error, row.low, row.high, row.bound]).all()
    assert set(with_verdicts(differences(old, old, NAMES)).verdict) == {"passed"}


def test_a_task_of_one_subject_has_the_spread_of_the_others():
    new = pd.concat(
        [
            dices([0.0, 2.0], cohort="two"),
            dices([4.0], cohort="one"),
            dices([5.0], cohort="one", label="other"),
        ]
    )
    old = new.assign(dice=0.0)
    row = only(differences(old, new, ["dice"]))
    variances = np.array([2 / 2, 2]) / 4  # of the cohorts, which have half the weight each
    assert row.difference == pytest.approx((1 + 4.5) / 2)
    assert row.error == pytest.approx(np.sqrt(variances.sum()))
    assert row.freedom == pytest.approx(variances.sum() ** 2 / (variances**2).sum())
    alone = only(differences(old[1:].iloc[1:], new[1:].iloc[1:], ["dice"]))
    assert np.isnan([alone.error, alone.low, alone.high]).all()


def test_a_task_of_one_subject_hides_no_regression():
    rng = np.random.default_rng(8)
    tasks = [dices(rng.normal(0.8, 0.05, 20), label=f"l{number}") for number in range(9)]
    old = pd.concat([*tasks, dices([0.8], label="rare")])
    new = old.assign(dice=old.dice - rng.normal(0.5, 0.05, len(old)))
    assert only(with_verdicts(differences(old, new, ["dice"]))).verdict == "regression"
    assert only(with_verdicts(differences(new, old, ["dice"]))).verdict == "passed"


def test_alarms_are_as_rare_as_stated_with_tasks_of_one_subject():
    """Three tasks of five subjects of a cohort and two of one of them, whose truth is on the margin."""
    rng, studies = np.random.default_rng(9), 400
    values = rng.normal(-0.01, 0.03, (5, 5, studies)) + rng.normal(0, 0.03, (1, 5, studies))
    label, image, number = (index.ravel() for index in np.indices(values.shape))
    new = dices(values.ravel()).assign(label=label.astype(str), image=image, dataset=number.astype(str))
    new = new.assign(subject=image.astype(str))[(label < 3) | (image == 0)]
    table = differences(new.assign(dice=0.0), new, ["dice"])
    found = [with_verdicts(table.iloc[[row]]).verdict.item() == "regression" for row in range(studies)]
    assert np.isfinite(table.error).all() and np.mean(found) <= 0.05


@pytest.mark.parametrize(
    ("measure", "tolerated", "beyond"),
    [("interactions", 0.04, 0.06), ("dice", -0.009, -0.011), ("failures", 0.0, 0.1)],
)
def test_only_what_exceeds_the_margin_is_a_regression(measure, tolerated, beyond):
    old = records([{"interactions": 10, "dice": 0.8, "reached": True} for i in range(40)])
    old.loc[:19, "interactions"] = 30  # mean 20
    found = []
    for change in (tolerated, beyond):
        new = old.copy()
        if measure == "interactions":
            new["interactions"] = new.interactions + 20 * change
        elif measure == "dice":
            new["dice"] = new.dice + change
        else:
            new["reached"] = change == 0
        found.append(only(with_verdicts(differences(old, new, NAMES)), measure).verdict)
    assert found == ["passed", "regression"]


def test_the_bound_is_corrected_for_the_number_of_comparisons():
    rng = np.random.default_rng(3)
    old = dices(rng.normal(0.8, 0.01, 12))
    new = old.assign(dice=old.dice - rng.normal(0.03, 0.02, 12))
    alone = only(with_verdicts(differences(old, new, ["dice"]), confidence=0.9))
    fall = old.dice - new.dice
    assert alone.bound == pytest.approx(fall.mean() - stats.t.ppf(0.9, 11) * stats.sem(fall))
    models = [pd.concat([table.assign(model=name) for name in "abcde"]) for table in (old, new)]
    five = with_verdicts(differences(*models, ["dice"]), confidence=0.9)
    assert five.bound.to_numpy() == pytest.approx(fall.mean() - stats.t.ppf(0.98, 11) * stats.sem(fall))


def test_missing_groups_tasks_and_records_are_named():
    old = pd.concat(
        [dices([0.5] * 4, model=model, label=label) for model in "ab" for label in ("one", "two")]
    )
    name = "b in p on d (context none, annotator a, split test)"
    assert missing_records(old, old, same_draws=True) == []
    assert missing_records(old, old[old.model == "a"], True) == [name]
    task = missing_records(old, old[(old.model == "a") | (old.label == "one")], True)
    assert task == [f"{name}, task d/c/x/0/two"]
    gone = old[(old.model == "a") | (old.image > 0)]
    assert missing_records(old, gone, True) == [f"{name}, 2 records"]
    assert missing_records(old, gone, False) == []
    others = old.assign(image=old.image + 10 * (old.model == "b"))
    assert missing_records(old, others, False) == [f"{name}, all of its images"]
    two = pd.concat([old, old.assign(simulation=1)])
    assert missing_records(two, old, True) == []  # a run with fewer simulations


def test_a_dice_that_is_not_finite_any_more_is_missing():
    old = pd.concat([dices([0.5, 0.6, np.nan]), dices([0.5, 0.6], model="other")])
    assert missing_records(old, old, True) == []
    for lost in (np.nan, np.inf):
        new = old.assign(dice=old.dice.where(old.model == "other", lost))
        expected = ["m in p on d (context none, annotator a, split test), 2 finite Dice values"]
        assert missing_records(old, new, True) == missing_records(old, new, False) == expected


def test_tables_that_cannot_be_compared_are_refused():
    old = dices([0.5, 0.6])
    with pytest.raises(StatisticsError, match="share no image"):
        differences(old, old.assign(image=old.image + 5), ["dice"])
    with pytest.raises(StatisticsError, match="no column dice"):
        differences(old, old.drop(columns="dice"), ["dice"])


def study(name: str, seeds: list[int], worse: float = 0.0) -> tuple[list[dict], list[dict]]:
    """Rows of two runs of three models with other seeds, as those of a data set.

    3 cohorts of 24 subjects, two labels each, 2 simulations of 6 of the images. Subjects differ in how many
    interactions they take, and so do two simulations of the same image; Dice goes with them. ``worse`` adds
    interactions to the second run.
    """
    truth, draws = (np.random.default_rng([*seeds, part]) for part in (0, 1))
    hard = truth.gamma(2.0, 2.0, (3, 6, 24))
    runs: tuple[list[dict], list[dict]] = ([], [])
    for rows, shift in zip(runs, (0.0, worse), strict=True):
        for model, task, simulation in np.ndindex(3, 6, 2):
            images = draws.permutation(24)[:6]
            count = 1 + draws.poisson(hard[model, task, images] + shift)
            dice = np.where(count > 10, 0.8, 0.9) + draws.normal(0, 0.03, 6)
            same = {"dataset": name, "model": f"m{model}", "cohort": f"c{task // 2}", "label": f"l{task % 2}"}
            for image, steps, score in zip(images, count, dice, strict=True):
                own = {"simulation": simulation, "image": image, "interactions": min(steps, 10)}
                rows.append(same | own | {"dice": score, "reached": steps <= 10})
    return runs


def alarms(repetitions: int, seed: int, worse: float = 0.0) -> float:
    """The share of the studies, each a check of its own, that raise an alarm."""
    old, new = [], []
    for number in range(repetitions):
        before, after = study(f"study{number}", [seed, number], worse)
        old += before
        new += after
    table = differences(records(old), records(new), NAMES)
    checks = [with_verdicts(rows) for _, rows in table.groupby("dataset")]
    assert [len(rows) for rows in checks] == [9] * repetitions
    return np.mean([(rows.verdict == "regression").any() for rows in checks])


def test_honest_repetitions_raise_no_more_alarms_than_stated():
    assert alarms(200, seed=4) <= 0.05


def test_a_true_worsening_is_found():
    assert alarms(30, seed=5, worse=2.5) >= 0.8


def test_alarms_are_as_rare_as_stated_where_a_change_is_all_that_is_tolerated():
    """The worst case without a regression: the true change equals the margin."""
    rng, studies = np.random.default_rng(6), 600
    common = rng.normal(0, 0.03, (3, 1, 8, studies))
    values = common + rng.normal(-0.01, 0.03, (3, 2, 8, studies))
    cohort, label, image, number = (index.ravel() for index in np.indices(values.shape))
    new = dices(values.ravel()).assign(cohort=cohort.astype(str), label=label.astype(str), image=image)
    new = new.assign(subject=image.astype(str), dataset=number.astype(str))
    table = differences(new.assign(dice=0.0), new, ["dice"])
    found = [with_verdicts(table.iloc[[row]]).verdict.item() == "regression" for row in range(studies)]
    assert 0.025 < np.mean(found) < 0.075
