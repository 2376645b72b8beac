"""The papers' own figures, to stand beside ours in a report; never what a test expects."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parent / "published"


def published(artefact: str) -> pd.DataFrame:
    """What the papers print for one artefact.

    Parameters
    ----------
    artefact : str
        Name as in ``list figures``: table7 (means over tasks) or fig4 (the reductions of section 6.2 of
        MultiverSeg, whose baseline is scribbleprompt by the means of Table 7).

    Returns
    -------
    DataFrame
        Columns artefact, protocol, model, metric, value, std, source; no rows where nothing is recorded.
        Metrics carry their unit: dice_percent, hd95 (pixels), total_steps, reduction_percent.
    """
    tables = [pd.read_csv(file) for file in sorted(FOLDER.glob("*.csv"))]
    table = pd.concat(tables, ignore_index=True)
    return table[table["artefact"] == artefact].reset_index(drop=True)
