"""Interactions and seconds of the fine-tuning baselines beside the pretrained models, as a Markdown table.

Usage: python tests/performance/fine_tuning.py [--models NAMES] [--datasets wbc] [--tasks 'wbc/JTSC/*']
       [--data-root DIR] [--split val] [--simulations 1] [--weights bundled] [--output RUN]

Runs center-clicks in one process, or continues the run in the folder. Seconds per image are those of the
records, which depend on what else the machine computes. CPU seconds do not: they are of one fine-tuning on
16 images, the last of a simulation.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pandas as pd
import torch

import segbench
from segbench.datasets.registry import load_dataset
from segbench.datasets.task import TaskData
from segbench.models import MODELS, create_model
from segbench.models.finetuned import FineTuned, fine_tune

NAMES = "scribbleprompt,scribbleprompt-finetuned,multiverseg,multiverseg-finetuned"
PRECISION = "bfloat16"
FINISHED = 16


def cpu_seconds(name: str, weights: str, data: TaskData) -> str:
    """CPU seconds of a fine-tuning on the first train images, on one thread; empty for other models."""
    if not issubclass(MODELS.get(name), FineTuned):
        return ""
    adapter = create_model(name, weights, "cpu", PRECISION)
    train = data.indices("train")[:FINISHED]
    images, labels = (torch.from_numpy(maps[train]).float() for maps in (data.images, data.labels))
    for episodes in (1, adapter.episodes):  # the first imports what it needs
        started = time.process_time()
        fine_tune(adapter.pretrained, images, labels, "key", PRECISION, episodes)
    return f"{time.process_time() - started:.0f}"


def rows(images: pd.DataFrame, costs: dict[str, str]) -> list[str]:
    """Lines of the table, a row per model."""
    columns = [
        "model",
        "clicks per image",
        "at the target",
        "seconds per image",
        "CPU seconds per fine-tuning",
    ]
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for name, cost in costs.items():
        means = images[images.model == name][["interactions", "reached", "seconds"]].astype(float).mean()
        shown = f"{means.interactions:.2f} | {100 * means.reached:.0f}% | {means.seconds:.2f} | {cost}"
        lines.append(f"| `{name}` | {shown} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", default=NAMES)
    parser.add_argument("--datasets", default="wbc")
    parser.add_argument("--tasks", default="wbc/JTSC/*")
    parser.add_argument("--data-root", type=Path)
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
        precision=PRECISION,
        device="cpu",
        workers=1,
        output=options.output,
    )
    torch.set_num_threads(1)
    data = next(iter(load_dataset(options.datasets, options.data_root)))
    costs = {name: cpu_seconds(name, options.weights, data) for name in options.models.split(",")}
    print("\n".join(rows(segbench.load(run).images, costs)))


if __name__ == "__main__":
    main()
