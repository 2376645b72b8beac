"""Dice by number of interactions, on steps whose means are known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from artefact_helpers import data_of, figure_of, grid_of, titles

from segbench.results.effort import dice_by_step

# Image 1 is finished after one interaction; image 2 has its first prediction after one, and no second one.
STEPS = [
    {"position": 1, "image": 1, "step": 0, "dice": 0.4},
    {"position": 1, "image": 1, "step": 1, "dice": 0.9},
    {"position": 2, "image": 2, "step": 1, "dice": 0.5},
    {"position": 2, "image": 2, "step": 3, "dice": 0.7},
]
IMAGES = [
    {"position": 1, "image": 1, "interactions": 1, "dice": 0.9},
    {"position": 2, "image": 2, "interactions": 3, "dice": 0.7, "reached": False},
]
WITHOUT_CONTEXT = {"model": "scribbleprompt", "context": "none", "context_size": 0}


def test_dice_after_each_number_of_interactions(records):
    results = records(IMAGES, STEPS)
    images, dice = dice_by_step(results.steps.sample(frac=1, random_state=0), 4)
    assert images.image.tolist() == [1, 2]
    np.testing.assert_array_equal(dice, [[0.4, 0.9, 0.9, 0.9, 0.9], [np.nan, 0.5, 0.5, 0.7, 0.7]])


def test_a_finished_image_keeps_its_dice_and_one_without_prediction_counts_with_0(records):
    data = data_of("dice-by-step", records(IMAGES, STEPS, max_steps=4)).query("unit == 'simulation'")
    assert data.step.tolist() == [0, 1, 2, 3, 4]
    assert data["mean"].tolist() == pytest.approx([20, 70, 70, 80, 80])


def test_a_line_begins_at_the_first_prediction_of_its_model(records):
    later = [row | WITHOUT_CONTEXT for row in STEPS if row["step"]]
    results = records([*IMAGES, *(row | WITHOUT_CONTEXT for row in IMAGES)], [*STEPS, *later], max_steps=3)
    steps = data_of("dice-by-step", results).query("unit == 'simulation'").groupby("model").step.min()
    assert steps.to_dict() == {"multiverseg": 0, "scribbleprompt": 1}
    grid = grid_of("dice-by-step", results)
    assert grid.columns[-2:] == ["ScribblePrompt", "MultiverSeg"]  # in the order of the legend
    assert grid.rows[0][-2:] == ["–", "20.00"]  # one simulation has no interval


@pytest.mark.parametrize(
    ("number", "expected"),
    [(1, ["Center clicks"]), (2, ["All tasks", "l0", "l1"]), (8, ["Center clicks"])],
)
def test_few_tasks_have_panels_of_their_own(records, number, expected):
    several = [{"label": f"l{index}"} for index in range(number)]
    images = [row | label for label in several for row in IMAGES]
    results = records(images, [row | label for label in several for row in STEPS], max_steps=3)
    assert titles(figure_of("dice-by-step", results)) == expected


def test_data_sets_have_panels_if_there_are_several(run):
    assert titles(figure_of("dice-by-step", run)) == 2 * ["All tasks", "buid", "wbc"]
    data = data_of("dice-by-step", run).query("unit == 'subject'")
    assert data.step.groupby(data.protocol).max().to_dict() == {
        "center-clicks": 20,
        "centerline-scribbles": 10,
    }
    last = data[(data.group == "all tasks") & (data.step == 20)].set_index("model")["mean"]
    means = run.images[run.images.protocol == "center-clicks"].groupby(
        ["model", "dataset", "cohort", "label"]
    )
    by_task = means.dice.mean().groupby(["model", "dataset", "cohort"]).mean().groupby(["model", "dataset"])
    assert last.to_dict() == pytest.approx((100 * by_task.mean().groupby("model").mean()).to_dict())
