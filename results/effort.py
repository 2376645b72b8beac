"""Effort on each image from its steps: interactions to several Dice thresholds, area under Dice."""

from __future__ import annotations

import numpy as np
import pandas as pd

from segbench.results.resampling import StatisticsError, group_codes, require
from segbench.results.schema import IDENTITY, IMAGE_KEY

THRESHOLDS = (0.80, 0.85, 0.90, 0.95)
ROUNDING = 1e-9  # by which a threshold may exceed the target Dice, as binary fractions are not exact


def thresholds_up_to(target_dice: float) -> dict[int, float]:
    """Return the Dice thresholds, by percent, whose number of interactions a run with this target gives.

    A run stops at its target, so that nothing is known about larger thresholds.
    """
    return {round(100 * dice): dice for dice in THRESHOLDS if dice <= target_dice + ROUNDING}


def effort(steps: pd.DataFrame, max_interactions: int, target_dice: float) -> pd.DataFrame:
    """Compute the effort on each image.

    The number of interactions (NoI) to a threshold is the step of the first prediction whose Dice reaches it;
    if none does, the maximum. The area under Dice is that of Dice over k = 0, ..., N interactions by the
    trapezoidal rule, divided by the maximum N. Dice after k interactions is that of the last prediction with
    at most k interactions, and 0 before the first prediction; a finished image keeps its last Dice.

    Parameters
    ----------
    steps : DataFrame
        Rows of ``steps`` of `segbench.results.load`, in any order.
    max_interactions : int
        Maximum of interactions per image, at least 1.
    target_dice : float
        Dice at which the run stops.

    Returns
    -------
    DataFrame
        A row per image, sorted by its key: the columns of `segbench.results.schema.IDENTITY`; for each
        threshold of `thresholds_up_to`, ``noi_80`` and whether it was reached, ``reached_80``, and so on;
        ``dice_auc``, from 0 to 1; ``predictions``, their number.

    Raises
    ------
    StatisticsError
        If the table is empty, lacks a column, or has a step beyond the maximum.
    """
    _validate(steps, max_interactions)
    order, code, first = _by_image(steps)
    step, dice = steps.step.to_numpy(np.int64)[order], steps.dice.to_numpy()[order]
    columns: dict[str, np.ndarray] = {}
    for percent, threshold in thresholds_up_to(target_dice).items():
        needed = np.minimum.reduceat(np.where(dice >= threshold, step, max_interactions + 1), first)
        columns[f"noi_{percent}"] = np.minimum(needed, max_interactions)
        columns[f"reached_{percent}"] = needed <= max_interactions
    columns["dice_auc"] = _area(step, dice, first, max_interactions)
    columns["predictions"] = np.diff(first, append=len(code))
    return steps[list(IDENTITY)].iloc[order[first]].reset_index(drop=True).assign(**columns)


def dice_by_step(steps: pd.DataFrame, max_interactions: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the Dice of each image after 0, 1, ..., ``max_interactions`` interactions.

    Dice after k interactions is that of the last prediction with at most k interactions; a finished image
    keeps its last Dice.

    Parameters
    ----------
    steps, max_interactions
        As in `effort`.

    Returns
    -------
    images : DataFrame
        The columns of `segbench.results.schema.IDENTITY`, a row per image, sorted by its key.
    dice : float array (number of images, ``max_interactions`` + 1)
        NaN before the first prediction.

    Raises
    ------
    StatisticsError
        As `effort`.
    """
    _validate(steps, max_interactions)
    order, code, first = _by_image(steps)
    step = steps.step.to_numpy(np.int64)[order]
    latest = np.full((len(first), max_interactions + 1), -1)  # row of the last prediction so far
    latest[code, step] = np.arange(len(order))
    latest = np.maximum.accumulate(latest, axis=1)
    dice = np.where(latest < 0, np.nan, steps.dice.to_numpy()[order][latest])
    return steps[list(IDENTITY)].iloc[order[first]].reset_index(drop=True), dice


def _validate(steps: pd.DataFrame, max_interactions: int) -> None:
    require(steps, [*IDENTITY, "step", "dice"])
    if steps.empty:
        raise StatisticsError("the table has no rows, so there is no effort to compute")
    if max_interactions < max(1, steps.step.max()):
        raise StatisticsError(
            f"the maximum of interactions must be at least 1 and at least the last step, {steps.step.max()}, "
            f"not {max_interactions}"
        )


def _by_image(steps: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Order of the rows by image and step, the code of the image of each, the first row of each image."""
    code = group_codes(steps[name] for name in IMAGE_KEY)
    order = np.lexsort((steps.step, code))
    return order, code[order], np.flatnonzero(np.diff(code[order], prepend=-1))


def _area(step: np.ndarray, dice: np.ndarray, first: np.ndarray, most: int) -> np.ndarray:
    """Area under Dice of each image, whose predictions begin at ``first``."""
    last = np.append(first[1:], len(step)) - 1
    until = np.append(step[1:], 0)
    until[last] = most + 1
    total = np.add.reduceat(dice * (until - step), first)  # over k = 0, ..., most
    start = np.where(step[first] == 0, dice[first], 0)
    return (total - (start + dice[last]) / 2) / most
