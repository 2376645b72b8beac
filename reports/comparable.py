"""The records beside which the numbers of experiment 1 in the paper may stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from segbench.protocols.registry import PROTOCOLS
from segbench.reports import estimates, protocols

if TYPE_CHECKING:
    from segbench.results import Results

PAPER_SET, PAPER_TARGET = 18, 0.9  # images of a set, and the target Dice (MultiverSeg, section 6.1)
RULES = (
    f"They stand only beside sets of {PAPER_SET} images, with the target Dice {PAPER_TARGET} and the "
    "protocol's own maximum of interactions."
)


def comparable(results: Results, images: pd.DataFrame, paper: pd.DataFrame) -> pd.DataFrame:
    """Return the published numbers that some records can be compared with.

    Parameters
    ----------
    results : Results
        Source of the target Dice and the maximum of interactions.
    images : DataFrame
        Image records of experiment 1.
    paper : DataFrame
        Result of `segbench.results.published`, of protocols that segment sets of images.

    Returns
    -------
    DataFrame
        The rows of ``paper`` whose protocol has only sets of 18 images, with the paper's target Dice and the
        maximum of the protocol.
    """
    names = protocols.in_order(images.protocol)
    return paper[paper.protocol.isin([name for name in names if _as_in_paper(results, images, name)])]


def _as_in_paper(results: Results, images: pd.DataFrame, protocol: str) -> bool:
    sets = images[images.protocol == protocol].groupby(["model", "task", "simulation"], observed=True)
    own = PROTOCOLS.get(protocol).max_steps if protocol in PROTOCOLS.builtin else 0
    return (
        estimates.target_dice(results) == PAPER_TARGET
        and (not own or protocols.step_limit(results, protocol) in (0, own))
        and bool((sets.position.nunique() == PAPER_SET).all())
    )
