"""SimpleUNet-InterConv: improvement by the number of scans of a subject (InterConv, Fig. 9)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segbench.reports.artefacts.gains import AUTOMATIC_PAIRS, draw_scans, scans_artefact, scans_data

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from segbench.results import Results

PAIR = AUTOMATIC_PAIRS[1]
ARTEFACT = scans_artefact(PAIR, 9)


def interconv_fig9_data(results: Results) -> pd.DataFrame:
    """Improvement of Dice times 100 by data set and number of scans, as of `gains.scans_data`."""
    return scans_data(results, PAIR)


def interconv_fig9(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """A panel per data set, the improvement shaded with the bootstrap over scans.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `interconv_fig9_data`, where they are at hand.
    """
    return draw_scans(ARTEFACT, interconv_fig9_data(results) if data is None else data)


ARTEFACTS = {"interconv-fig9": dataclasses.replace(ARTEFACT, data=interconv_fig9_data, draw=interconv_fig9)}
