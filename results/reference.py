"""Numbers and facts that the papers print, for reports; tests do not expect them.

One file per artefact, ``published/<artefact>.csv``. Files of numbers have these columns:

- artefact: its name, as in ``list figures``
- protocol, model: as in the records; ``universeg-ensemble`` averages predictions over random contexts
- baseline: fig4 only, the model compared with
- dataset: fig19 only, the name of the data set in lower case
- context_size: fig6 and fig19 only, entries of the context; 0 without a context
- metric: with its unit: dice_percent, hd95 (pixels), mean_interactions (per image), total_steps and failures
  (per simulation of 18 images), change_percent (negative is less work)
- value, std: std is empty where the paper prints none
- version: one of `VERSIONS`
- source: paper, and section or table

MultiverSeg has two versions with different numbers: the preprint (arXiv v1, December 2024) and the
camera-ready of ICCV 2025 (arXiv v2), whose weights its authors released. Fig3, and multiverseg and nnunet in
fig6, have numbers of the camera-ready only, table7 and table17b of the preprint only, fig4 of both. Fig6 and
fig19 take universeg from the UniverSeg paper (six held-out data sets).

Other files (table1, table4, table5, table6 and ``interconv_table*.csv``) have columns of their own; in table4
and table5, a low without a high is a single number, and in interconv_table1, std is that across test scans.
Tables of data sets are in ``datasets/catalogue.csv``.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parent / "published"
NUMBERS = ("artefact", "protocol", "model", "metric", "value", "std", "version", "source")
CAMERA_READY, PREPRINT = "ICCV 2025", "preprint"
UNIVERSEG, INTERCONV = "ICCV 2023", "CVPR 2025 submission"
VERSIONS = (CAMERA_READY, PREPRINT, UNIVERSEG, INTERCONV)  # of one number, the first version is preferred
NOT_KEYS = ("value", "std", "version", "source")


def published(artefact: str, every_version: bool = False) -> pd.DataFrame:
    """Read the numbers or facts that the papers print for one artefact.

    Parameters
    ----------
    artefact : str
        Name as in ``list figures``, for instance table7, fig3 or ``interconv-table1``.
    every_version : bool
        Whether a number that several versions of a paper print stands in all of them. By default it stands in
        the version that comes first in `VERSIONS`.

    Returns
    -------
    DataFrame
        Columns as the head of this module describes; no rows if nothing is recorded.
    """
    file = FOLDER / f"{artefact.replace('-', '_')}.csv"
    if not file.is_file():
        return pd.DataFrame(columns=list(NUMBERS))
    table = pd.read_csv(file)
    if every_version or "value" not in table:
        return table
    ranked = table.sort_values("version", key=lambda column: column.map(VERSIONS.index), kind="stable")
    keys = [name for name in table if name not in NOT_KEYS]
    return ranked.drop_duplicates(keys).sort_index(ignore_index=True)
