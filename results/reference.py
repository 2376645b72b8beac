"""Numbers and facts that the papers print, for reports; tests do not expect them.

One file per artefact, ``published/<artefact>.csv``. Files of numbers have these columns:

- artefact: its name, as in ``list figures``
- protocol, model: as in the records; ``universeg-ensemble`` averages predictions over random contexts
- dataset: fig19 only, the name of the data set in lower case
- context_size: fig6 and fig19 only, entries of the context; 0 without a context
- metric: with its unit: dice_percent, hd95 (pixels), mean_interactions (per image), total_steps and failures
  (per simulation of 18 images), reduction_percent
- value, std: std is empty where the paper prints none
- source: paper, and section or table

Fig3, and multiverseg and nnunet in fig6, have the numbers of the ICCV camera-ready; those of fig3 differ from
Table 7. The baseline of fig4 is scribbleprompt. Fig6 and fig19 take universeg from the UniverSeg paper (six
held-out data sets). Other files (table1, table4, table5, table6 and ``interconv_table*.csv``) have columns of
their own; in table4 and table5, a low without a high is a single number, and in interconv_table1, std is that
across test scans. Tables of data sets are in ``datasets/catalogue.csv``.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parent / "published"
NUMBERS = ("artefact", "protocol", "model", "metric", "value", "std", "source")


def published(artefact: str) -> pd.DataFrame:
    """Read the numbers or facts that the papers print for one artefact.

    Parameters
    ----------
    artefact : str
        Name as in ``list figures``, for instance table7, fig3 or ``interconv-table1``.

    Returns
    -------
    DataFrame
        Columns as the head of this module describes; no rows if nothing is recorded.
    """
    file = FOLDER / f"{artefact.replace('-', '_')}.csv"
    return pd.read_csv(file) if file.is_file() else pd.DataFrame(columns=list(NUMBERS))
