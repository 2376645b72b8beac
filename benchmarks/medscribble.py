"""MedScribble: one prediction from all of a human's scribbles.

Usage: python benchmarks/medscribble.py --data-root DIR [--weights bundled] [--precision float32]

DIR holds the folder ``MedScribble`` as released with ScribblePrompt (Wong et al., 2024):
``<dataset>/<cohort>/<image>/{img,seg,scribble_0,scribble_1,scribble_2}.npy``, one image a subject.

Image and mask (``seg`` > 0.5) are brought from 256 x 256 to 128 x 128 by the benchmark's own preprocessing,
the soft scribbles by the maximum over each block of 2 x 2 pixels: its mean would fade a thin line and the rim
of a thick one, while the maximum keeps every mark at its strength, at most a pixel wider.

ScribblePrompt predicts once for each annotator, from all positive and negative scribbles, without a box and
without previous logits. The hard Dice at 128 x 128 is averaged over the annotators of an image, then over the
images of a task (a dataset's cohort), then over the tasks.

This is evaluation data: run it once, on the final weights, and choose nothing by it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from datasets.preprocess import SIDE, preprocess
from models import create_model
from models.network_adapter import DTYPES
from protocols.adapter import Interactions, ModelAdapter, Query
from protocols.metrics import dice

FOLDER = "MedScribble"


class Example(NamedTuple):
    """An image (1, SIDE, SIDE), its label (1, SIDE, SIDE) and scribbles (annotators, 2, SIDE, SIDE)."""

    image: np.ndarray
    label: np.ndarray
    scribbles: np.ndarray


def find_tasks(root: Path) -> dict[str, list[Path]]:
    """The example folders of each task; those released without an image are left out."""
    folder = root / FOLDER if (root / FOLDER).is_dir() else root
    tasks: dict[str, list[Path]] = {}
    for file in sorted(folder.glob("*/*/*/img.npy")):
        tasks.setdefault("/".join(file.parts[-4:-2]), []).append(file.parent)
    return tasks


def read_example(folder: Path) -> Example:
    """Image, label and the scribbles of all annotators, at the benchmark's size."""
    seg = np.load(folder / "seg.npy")
    image, label = preprocess(np.load(folder / "img.npy"), seg > 0.5, str(folder))
    drawn = np.stack([np.load(file) for file in sorted(folder.glob("scribble_*.npy"))])
    return Example(image, label, shrink(drawn))


def shrink(scribbles: np.ndarray) -> np.ndarray:
    """Scribbles (..., H, W) at SIDE x SIDE by the maximum over blocks; H and W are multiples of SIDE."""
    *rest, height, width = scribbles.shape
    blocks = scribbles.reshape(*rest, SIDE, height // SIDE, SIDE, width // SIDE)
    return blocks.max((-3, -1))


def score(adapter: ModelAdapter, example: Example) -> float:
    """Mean Dice over the annotators of an image, one prediction each."""
    image = torch.from_numpy(example.image)[None]
    scores = []
    for scribbles in torch.from_numpy(example.scribbles):
        positive, negative = scribbles[:, None, None]
        marks = Interactions(positive, negative, box=torch.zeros_like(image))
        mask = adapter.predict(Query(image, marks))[0, 0].numpy() > 0
        scores.append(float(dice(mask, example.label[0])))
    return float(np.mean(scores))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--weights", default="bundled", help="bundled, official, or a file or folder")
    parser.add_argument("--precision", default="float32", choices=DTYPES)
    options = parser.parse_args()
    tasks = find_tasks(options.data_root)
    if not tasks:
        parser.error(f"there are no images of {FOLDER} under {options.data_root}")
    adapter = create_model("scribbleprompt", options.weights, precision=options.precision)
    means = []
    print(f"{'task':34}{'images':>8}{'Dice':>8}")
    for task, folders in tasks.items():
        means.append(np.mean([score(adapter, read_example(folder)) for folder in folders]))
        print(f"{task:34}{len(folders):8}{means[-1]:8.3f}")
    print(f"{'mean over tasks':34}{sum(map(len, tasks.values())):8}{np.mean(means):8.3f}")


if __name__ == "__main__":
    main()
