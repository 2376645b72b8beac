"""In-context Dice against the context size, for the model card.

Usage: python tests/performance/in_context.py [--dataset wbc] [--data-root DIR] [--split val] [--images N]
       [--models universeg,multiverseg] [--weights bundled]

Each image gets one context a size, drawn without replacement from the train split, with true labels.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from segbench.datasets.registry import load_dataset
from segbench.datasets.task import TaskData
from segbench.models import create_model
from segbench.protocols.adapter import Context, ModelAdapter, Query
from segbench.protocols.interactions import keyed_generator
from segbench.protocols.metrics import dice

SIZES = (1, 2, 4, 8, 16)


def context_images(data: TaskData, image: int, size: int) -> np.ndarray:
    """Train images that are the context of an image: always the same for the same size."""
    rng = keyed_generator(0, data.task.name, image, size, "in-context")
    return rng.choice(data.indices("train"), size, replace=False)


def mean_dice(adapter: ModelAdapter, data: TaskData, images: np.ndarray, size: int) -> float:
    """Mean Dice of one prediction an image, without interactions."""
    scores = []
    for image in images:
        chosen = context_images(data, int(image), size)
        context = Context(
            torch.from_numpy(data.images[chosen])[None],
            torch.from_numpy(data.labels[chosen].astype(np.float32))[None],
        )
        logits = adapter.predict(Query(torch.from_numpy(data.images[[image]]), context=context))
        scores.append(float(dice(logits[0, 0].numpy() > 0, data.labels[image, 0])))
    return float(np.mean(scores))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="universeg,multiverseg")
    parser.add_argument("--weights", default="bundled", help="bundled, official, or a file or folder")
    parser.add_argument("--dataset", default="wbc")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--images", type=int, default=20)
    options = parser.parse_args()
    tasks = load_dataset(options.dataset, options.data_root)
    print(f"{'model':14}{'task':44}" + "".join(f"{size:>7}" for size in SIZES))
    for name in options.models.split(","):
        adapter = create_model(name, options.weights)
        rows = []
        for data in tasks:
            images = data.indices(options.split)[: options.images]
            rows.append([mean_dice(adapter, data, images, size) for size in SIZES])
            print(f"{name:14}{data.task.name:44}" + "".join(f"{score:7.3f}" for score in rows[-1]))
        print(f"{name:14}{'mean':44}" + "".join(f"{score:7.3f}" for score in np.mean(rows, axis=0)))


if __name__ == "__main__":
    main()
