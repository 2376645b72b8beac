"""Interactions to thresholds and area under Dice, by hand and against a plain loop."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from toy_tables import table

from segbench.results.effort import effort, thresholds_up_to
from segbench.results.schema import IDENTITY
from segbench.results.statistics import StatisticsError


def steps_of(*trajectories: dict[int, float]) -> pd.DataFrame:
    """Return the steps of images, each given by the Dice of its predictions by number of interactions."""
    rows = [
        (number, step, dice)
        for number, trajectory in enumerate(trajectories, start=1)
        for step, dice in trajectory.items()
    ]
    same = dict.fromkeys(("split", "context", "annotator"), "x")
    numbers = dict.fromkeys(("training", "person", "context_size", "set_size"), 0)
    return table(rows, "position step dice").assign(**same, **numbers)


def random_trajectory(rng: np.random.Generator, most: int, target: float) -> dict[int, float]:
    """Return Dice by interactions as a run has it: it may begin at 0 or 1, and ends at the target."""
    trajectory = {}
    for step in range(rng.integers(2), most + 1):
        trajectory[step] = float(rng.choice([0, 1, target, rng.random() ** 0.3], p=[0.05, 0.05, 0.05, 0.85]))
        if trajectory[step] >= target:
            break
    return trajectory


def area(trajectory: dict[int, float], most: int) -> float:
    """Trapezoidal area by NumPy, from Dice after every number of interactions."""
    curve, latest = [], 0.0
    for k in range(most + 1):
        latest = trajectory.get(k, latest)
        curve.append(latest)
    return float(np.trapezoid(curve)) / most


@pytest.mark.parametrize("most", [1, 2, 10, 20])
def test_area_under_dice_equals_a_plain_loop(most):
    rng = np.random.default_rng(most)
    trajectories = [random_trajectory(rng, most, 0.9) for _ in range(300)]
    table = effort(steps_of(*trajectories).sample(frac=1, random_state=0), most, 0.9)
    assert table.position.tolist() == list(range(1, 301))
    assert table.dice_auc.tolist() == pytest.approx([area(one, most) for one in trajectories], abs=1e-12)
    assert table.predictions.tolist() == list(map(len, trajectories))


def test_area_by_hand():
    trajectories = {1: 1.0}, {0: 1.0}, {0: 0.0, 1: 0.0, 2: 0.0}, {0: 0.4, 1: 0.6, 2: 0.2}
    assert effort(steps_of(*trajectories), 2, 0.9).dice_auc.tolist() == pytest.approx([0.75, 1, 0, 0.45])
    assert effort(steps_of({1: 0.5, 2: 0.9}), 4, 0.9).dice_auc.tolist() == pytest.approx(
        [(0.25 + 0.7 + 0.9 + 0.9) / 4]
    )


def test_interactions_to_each_threshold_by_hand():
    images = effort(
        steps_of(
            {0: 0.79, 1: 0.80, 2: 0.5, 3: 0.86, 4: 0.9},
            {1: 0.95},
            {1: 0.1, 2: 0.84, 3: 0.2, 4: 0.3, 5: 0.4},
            {0: 0.92},
            {1: 0.2, 2: 0.3, 3: 0.4, 4: 0.5, 5: 0.9},
        ),
        5,
        0.9,
    )
    assert images.noi_80.tolist() == [1, 1, 2, 0, 5]
    assert images.noi_85.tolist() == [3, 1, 5, 0, 5]
    assert images.noi_90.tolist() == [4, 1, 5, 0, 5]
    assert images.reached_80.all()
    assert images.reached_85.tolist() == images.reached_90.tolist() == [True, True, False, True, True]
    assert set(IDENTITY) < set(images) and "noi_95" not in images


@pytest.mark.parametrize(
    ("target", "percents"),
    [(0.9, [80, 85, 90]), (0.95, [80, 85, 90, 95]), (1, [80, 85, 90, 95]), (0.87, [80, 85]), (0.5, [])],
)
def test_thresholds_beyond_the_target_are_not_defined(target, percents):
    assert list(thresholds_up_to(target)) == percents
    columns = effort(steps_of({1: 0.99}), 5, target).filter(regex="noi|reached")
    assert list(columns) == [f"{name}_{percent}" for percent in percents for name in ("noi", "reached")]


def test_a_table_without_rows_or_with_steps_beyond_the_maximum_is_refused():
    steps = steps_of({1: 0.2, 2: 0.3, 3: 0.4})
    for maximum in (2, 0):
        with pytest.raises(StatisticsError, match="maximum of interactions"):
            effort(steps, maximum, 0.9)
    with pytest.raises(StatisticsError, match="no rows"):
        effort(steps.iloc[:0], 5, 0.9)
    with pytest.raises(StatisticsError, match="no column dice"):
        effort(steps.drop(columns="dice"), 5, 0.9)
