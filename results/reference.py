"""The papers' own figures and facts, to stand beside ours in a report; never what a test expects.

One file per artefact, ``published/<artefact>.csv``. Those of numbers share the columns

==============  =============================================================================================
artefact        its name, as in ``list figures``
protocol        as in the records
model           as in the records; ``universeg-ensemble`` averages predictions over random contexts
dataset         fig19 only: our name of the data set, in lower case
context_size    fig6 and fig19 only: entries of the context; 0 where the model takes none
metric          with its unit: dice_percent, hd95 (pixels), mean_interactions (per image), total_steps and
                failures (per set of 18 images), reduction_percent
value, std      std is empty where none is printed
source          paper, and where in it
==============  =============================================================================================

============  ===============================================================================================
table7        quality and effort by protocol and model; Dice of nnU-Net (``supervised``) in the text
table17b      UniverSeg on its own predictions, and with true labels (``universeg-oracle``)
fig3          means over a set of 18 images; of the ICCV camera-ready, whose numbers are not those of Table 7
fig4          reductions in the text of section 6.2; baseline scribbleprompt by the means of Table 7
fig6          Dice by context size: multiverseg and nnunet (no context) of the ICCV camera-ready; universeg
              and universeg-ensemble on the six held-out data sets of the UniverSeg paper
fig19         universeg-ensemble and nnunet on each of those six data sets
============  ===============================================================================================

Those of facts have columns of their own: table1 (group, datasets, split, use), table4 and table5 (part,
augmentation, parameter, low, high; low alone is a single number) and table6 (capabilities).

InterConv's are named ``interconv_<artefact>.csv``: table1 (Dice times 100 by data set and model; ``std`` is
that across test scans), table2 (structures), table3 (subjects and images by split) and table4 to table6
(sizes of networks). Tables of data sets are in ``datasets/catalogue.csv``.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parent / "published"
NUMBERS = ("artefact", "protocol", "model", "metric", "value", "std", "source")


def published(artefact: str) -> pd.DataFrame:
    """What the papers print for one artefact.

    Parameters
    ----------
    artefact : str
        Name as in ``list figures``, for instance table7, table17b, fig3, fig4, fig6, fig19, or table1 and
        table4 to table6 for facts; ``interconv-table1`` to ``interconv-table6``.

    Returns
    -------
    DataFrame
        Columns as the head of this module says: `NUMBERS` and, for fig6 and fig19, further keys. No rows
        where nothing is recorded.
    """
    file = FOLDER / f"{artefact.replace('-', '_')}.csv"
    return pd.read_csv(file) if file.is_file() else pd.DataFrame(columns=list(NUMBERS))
