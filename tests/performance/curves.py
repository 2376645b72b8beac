"""Draw training curves from the logs of ``train``: running mean over batches of the Dice of each prediction.

Usage: python tests/performance/curves.py OUTPUT.png MODEL=LOG.csv[,LOG.csv ...] ...

Several logs of a model are joined.
"""

from __future__ import annotations

import sys

import pandas as pd
from matplotlib.figure import Figure

WINDOW = 50  # batches


def main() -> None:
    output, *logs = sys.argv[1:]
    figure = Figure(figsize=(4 * len(logs), 3.2), layout="constrained")
    for axes, (model, path) in zip(
        figure.subplots(1, len(logs), squeeze=False)[0], (log.split("=", 1) for log in logs), strict=True
    ):
        log = pd.concat([pd.read_csv(run) for run in path.split(",")], ignore_index=True)
        for column in [name for name in log if name.startswith("dice_")]:
            axes.plot(log.index, log[column].rolling(WINDOW, min_periods=10).mean(), label=column[5:])
        for change in log.index[log["side"].diff().fillna(0) != 0]:
            axes.axvline(change, color="gray", linestyle=":", linewidth=1)
        axes.set(title=model, xlabel="Batch", ylabel="Dice on new tasks", ylim=(0, 1))
        axes.legend(title="Prediction", ncols=2, fontsize="small", frameon=False)
    figure.savefig(output, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
