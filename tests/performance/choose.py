"""Compare trainings by the sequential protocols, on the validation sets and the validation split of WBC.

Usage: python tests/performance/choose.py MODEL[=WEIGHTS] ... [--data-root ../shared/data] [--simulations 1]
       [--precision bfloat16] [--by-set]

A simulation has 5 images of each task of the validation sets and 18 of WBC. Printed are mean interactions,
the share of images that never reach Dice 0.9, and the share that reach it without an interaction. Numbers are
means over tasks, then over sets. With --by-set each set has a row. No image of a test split is segmented.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import pandas as pd

import segbench

PROTOCOLS = ("center-clicks", "centerline-scribbles")
SETS = {"validation_sets:ValidationSets": 5, "wbc": 18}  # with the images of a simulation


def measure(model: str, weights: str, dataset: str, options: argparse.Namespace) -> pd.DataFrame:
    """The images of a run on validation images, one row each."""
    with tempfile.TemporaryDirectory() as output:
        segbench.run(
            protocol=",".join(PROTOCOLS),
            models=model,
            datasets=dataset,
            data_root=options.data_root,
            split="val",
            images=SETS[dataset],
            simulations=options.simulations,
            weights=weights,
            precision=options.precision,
            workers=1,
            output=output,
        )
        return segbench.load(output).images.copy()


def summary(images: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Means over tasks, by protocol and other columns."""
    rows = images.assign(failed=~images.reached, nothing=images.reached & (images.interactions == 0))
    columns = ["interactions", "failed", "nothing"]
    of_tasks = rows.groupby(["protocol", "dataset", "task"])[columns].mean()
    return of_tasks.groupby(["protocol", *by]).mean()


def printed(name: str, where: str, table: pd.DataFrame) -> str:
    """A line with the numbers of both protocols."""
    cells = []
    for protocol in PROTOCOLS:
        row = table.loc[protocol]
        cells.append(f"{row.interactions:6.2f} {row.failed:5.0%} {row.nothing:5.0%}")
    return f"{name:40} {where:24} " + "  |".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+")
    parser.add_argument("--data-root", type=Path, default=Path("../shared/data"))
    parser.add_argument("--simulations", type=int, default=1)
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--by-set", action="store_true")
    options = parser.parse_args()
    print(f"{'':65} clicks failed nothing | steps failed nothing")
    for given in options.models:
        model, _, weights = given.partition("=")
        for dataset in SETS:
            images = measure(model, weights or "bundled", dataset, options)
            sets = summary(images, ["dataset"])
            if options.by_set and dataset != "wbc":
                for name in sets.index.unique("dataset"):
                    print(printed(given[-40:], name, sets.xs(name, level="dataset")), flush=True)
            where = "WBC, val" if dataset == "wbc" else "mean of validation sets"
            print(printed(given[-40:], where, sets.groupby("protocol").mean()), flush=True)


if __name__ == "__main__":
    main()
