"""A lower target Dice at which methods differ, where none reaches the target of the run."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates, selection
from segbench.reports.ranking import SAME_IMAGE
from segbench.reports.registry import get
from segbench.reports.requirement import InsufficientRecords, Requirement

if TYPE_CHECKING:
    from segbench.results import Results

GRID = (0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5)
BY_STEP = "dice-by-step"  # the artefact that shows every target
SHARE = 0.5  # least share of the images on which some method reaches the target


def advice(results: Results, requirement: Requirement, tasks: Collection[str]) -> str:
    """Suggest a target for some tasks in a sentence, or point to the Dice after each step.

    Parameters
    ----------
    results : Results
    requirement : Requirement
        The records that count.
    tasks : collection of str
        Tasks on which no method reached the target of the run.
    """
    try:
        steps = selection.select_steps(results, requirement)
    except InsufficientRecords:
        steps = pd.DataFrame()
    if len(steps):
        steps = steps[steps.task.isin(tasks)]
        for target in GRID:
            share = _share(steps, target) if target < estimates.target_dice(results) else 0
            if share >= SHARE:
                option = f"--target-dice {target:g}"
                return f"With {option} some method reaches the target on {share:.0%} of these images."
    single = len(steps) and steps.model.nunique() == 1
    use = "is reached on half of these images" if single else "separates the methods"
    return f"No target from {GRID[-1]:g} up {use}; see {get(BY_STEP).title}."


def _share(steps: pd.DataFrame, target: float) -> float:
    """Return the share of images on which a method reaches a target; 0 if all methods need equally many."""
    reached = steps[steps.dice >= target]
    models = [str(name) for name in steps.model.unique()]
    first = reached.groupby([*SAME_IMAGE, "model"], observed=True).step.min().unstack("model")
    differ = len(models) == 1 or first.reindex(columns=models).nunique(axis=1, dropna=False).gt(1).any()
    return len(first) / len(steps.drop_duplicates(SAME_IMAGE)) if differ else 0
