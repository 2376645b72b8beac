"""Interactions and seconds of the fine-tuning baselines beside the pretrained models, as a Markdown table.

Usage: python tests/performance/fine_tuning.py [--models NAMES] [--datasets wbc] [--tasks 'wbc/JTSC/*']
       [--data-root DIR] [--split val] [--simulations 1] [--weights bundled] [--output RUN]

Runs center-clicks in one process, or continues the run in the folder. The seconds of a fine-tuning are the
seconds of the images at which one happens, less those of as many predictions of the other images.
"""

from __future__ import annotations

import argparse

import pandas as pd

import segbench
from segbench.models import MODELS

NAMES = "scribbleprompt,scribbleprompt-finetuned,multiverseg,multiverseg-finetuned"


def seconds_per_fine_tuning(images: pd.DataFrame, every: int) -> float:
    """Mean seconds of a fine-tuning, from the images of one model."""
    tuned = (images.position >= every) & (images.position % every == 0)
    others, at = images[~tuned], images[tuned]
    return (at.seconds - at.predictions * others.seconds.sum() / others.predictions.sum()).mean()


def rows(images: pd.DataFrame, names: list[str]) -> list[str]:
    """Lines of the table, a row per model."""
    lines = [
        "| model | clicks per image | images at the target | seconds per image | seconds per fine-tuning |",
        "|---|---|---|---|---|",
    ]
    for name in names:
        own = images[images.model == name]
        every = getattr(MODELS.get(name), "every", 0)
        cost = f"{seconds_per_fine_tuning(own, every):.1f}" if every else ""
        means = own[["interactions", "reached", "seconds"]].astype(float).mean()
        reached = f"{100 * means.reached:.0f}%"
        lines.append(f"| `{name}` | {means.interactions:.2f} | {reached} | {means.seconds:.2f} | {cost} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", default=NAMES)
    parser.add_argument("--datasets", default="wbc")
    parser.add_argument("--tasks", default="wbc/JTSC/*")
    parser.add_argument("--data-root")
    parser.add_argument("--split", default="val")
    parser.add_argument("--simulations", type=int, default=1)
    parser.add_argument("--weights", default="bundled")
    parser.add_argument("--output")
    options = parser.parse_args()
    run = segbench.run(
        protocol="center-clicks",
        models=options.models,
        datasets=options.datasets,
        tasks=options.tasks,
        data_root=options.data_root,
        split=options.split,
        simulations=options.simulations,
        images=18,
        weights=options.weights,
        precision="bfloat16",
        device="cpu",
        workers=1,
        output=options.output,
    )
    print("\n".join(rows(segbench.load(run).images, options.models.split(","))))


if __name__ == "__main__":
    main()
