"""Train the five bundled networks by the preset ``real``, one after another, and print the hours of each.

Usage: python tests/performance/recipe.py FOLDER OUTPUT [--device cuda] [--preset real]

FOLDER has the training sets; OUTPUT gets the weights and a log of each training. The same command continues
an interrupted one. A narrow ScribblePrompt on synthetic tasks comes first: it begins the ScribblePrompt that
teaches MultiverSeg, and MultiverSeg's target path. InterConv's pair begins with the bundled weights. The
preset ``smoke`` shows in seconds that all of it runs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from segbench.benchmark.training import train

NARROW = "narrow"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--preset", default="real")
    options = parser.parse_args()
    smoke = options.preset == "smoke"

    def trained(name: str, model: str, preset: str, start: str | None, teacher: str | None = None) -> str:
        folder = options.output / name
        datasets = None if name == NARROW else f"folders:{options.folder}"
        fields = {"preset": preset, "start": start, "teacher": teacher, "device": options.device}
        (path,) = train(model, datasets=datasets, output=str(folder), **fields)
        log = pd.read_csv(folder / "log.csv")
        print(f"{name}: {len(log):,} batches in {log.seconds.sum() / 3600:.2f} hours, {path}", flush=True)
        return str(path)

    narrow = trained(NARROW, "scribbleprompt", "smoke" if smoke else "small", None)
    wide = trained("scribbleprompt", "scribbleprompt", options.preset, narrow)
    trained("universeg", "universeg", options.preset, None)
    trained("multiverseg", "multiverseg", options.preset, narrow, None if smoke else wide)
    for model in ("scribbleprompt-matched", "scribbleprompt-interconv"):
        trained(model, model, options.preset, None if smoke else "bundled")


if __name__ == "__main__":
    main()
