"""Intervals against what they claim: coverage of a known mean, and standard errors in closed form."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from toy_tables import passes, studies

from segbench.results.statistics import bootstrap, paired_change, replicates


def coverage(images: pd.DataFrame, unit: str, mean: float) -> float:
    """Share of the studies whose 95% interval holds the mean."""
    rows = bootstrap(images, "v", unit, by=["dataset"], reps=1000)
    return ((rows.low <= mean) & (rows.high >= mean)).mean()


def shown(rng: np.random.Generator, count: int, simulations: int, subjects: int) -> np.ndarray:
    """Which 18 of its subjects each simulation of each study shows, without replacement."""
    return np.argsort(rng.random((count, simulations, subjects)), axis=2)[:, :, :18]


def test_the_interval_over_simulations_covers_their_mean():
    rng = np.random.default_rng(1)
    effect = rng.normal(4, 2, (2000, 100, 1))  # of a simulation; its mean is 4
    values = effect + rng.normal(0, 1, (2000, 100, 2))
    images = studies(values, np.broadcast_to([0, 1], values.shape))
    assert 0.93 <= coverage(images, "simulation", 4) <= 0.97


def test_the_interval_over_subjects_covers_the_population_mean():
    rng = np.random.default_rng(2)
    subject = shown(rng, 2000, 10, 100)
    effect = rng.normal(4, 2, (2000, 100))  # of a subject; the population's mean is 4
    values = np.take_along_axis(effect[:, None], subject, axis=2) + rng.normal(0, 1, subject.shape)
    assert 0.93 <= coverage(studies(values, subject), "subject", 4) <= 0.97


def test_only_the_subject_interval_covers_the_population_mean():
    rng = np.random.default_rng(3)
    subject = shown(rng, 300, 30, 40)
    effect = rng.normal(0, 1, (300, 40))
    values = np.take_along_axis(effect[:, None], subject, axis=2) + rng.normal(0, 0.3, subject.shape)
    images = studies(values, subject)
    assert coverage(images, "simulation", 0) < 0.5
    assert 0.90 <= coverage(images, "subject", 0) <= 0.98


@pytest.mark.parametrize(("unit", "axis"), [("simulation", 1), ("subject", 0)])
def test_bootstrap_has_the_standard_error_of_the_mean(unit, axis):
    values = np.random.default_rng(4).normal(5, 2, (60, 50))  # a subject at every place
    (row,) = bootstrap(passes(values), "v", unit, reps=8000).itertuples()
    means = values.mean(axis)
    error = means.std() / np.sqrt(len(means))
    assert row.mean == pytest.approx(values.mean())
    assert row.std == pytest.approx(error, rel=0.03)
    assert row.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert row.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)
    assert (row.unit, row.n_units) == (unit, len(means))


def test_total_has_the_standard_error_of_a_sum():
    values = np.random.default_rng(5).integers(1, 20, (30, 18)).astype(float)
    total = bootstrap(passes(values), "v", statistic="total", reps=4000)
    sums = values.sum(1)
    assert total["mean"].item() == pytest.approx(sums.mean())
    assert total["std"].item() == pytest.approx(sums.std() / np.sqrt(30), rel=0.05)


@pytest.mark.parametrize(("unit", "axis"), [("simulation", 1), ("subject", 0)])
def test_a_paired_difference_has_the_standard_error_of_the_differences(unit, axis):
    rng = np.random.default_rng(6)
    base = 20 + rng.normal(0, 2, (40, 1)) + rng.normal(0, 2, (1, 30)) + rng.normal(0, 1, (40, 30))
    ours = base - rng.normal(3, 0.5, base.shape)
    images = pd.concat([passes(base, "base"), passes(ours, "ours")])
    _, draws = replicates(images, "v", unit, reps=6000)
    difference = (ours - base).mean(axis)
    error = difference.std() / np.sqrt(len(difference))
    assert (draws[:, 1] - draws[:, 0]).std() == pytest.approx(error, rel=0.05)
    # Of a ratio, by the delta method: the spread of new - ratio * old over the mean of old.
    ratio = ours.mean() / base.mean()
    residual = (ours - ratio * base).mean(axis)
    error = 100 * residual.std() / np.sqrt(len(residual)) / base.mean()
    change = paired_change(images, "ours", ["base"], "v", unit, reps=6000)
    assert change["std"].item() == pytest.approx(error, rel=0.05)
