"""Draw the contact sheets of the documentation: the phantoms and the synthetic training tasks.

Usage: python benchmarks/sheets.py [FOLDER]        (docs/images by default)
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from datasets.phantoms import COHORTS, Phantoms
from models.training.synthetic import synthetic_tasks

GREYS = 26  # few enough for small files
COLOURS = ((255, 210, 0), (0, 170, 255))  # of the first and the second label


def tile(image: np.ndarray, labels: list[np.ndarray]) -> np.ndarray:
    """Palette indices (H + 2, W + 2) of a picture with the outlines of its labels and a black frame."""
    indices = np.round(image * (GREYS - 1)).astype(np.uint8)
    for number, label in enumerate(labels):
        mask = label.astype(np.uint8)
        indices[(cv2.dilate(mask, np.ones((3, 3), np.uint8)) - mask) > 0] = GREYS + number
    return np.pad(indices, 1)


def save(rows: list[list[np.ndarray]], path: Path) -> None:
    """Write tiles as one picture."""
    greys = [value for grey in range(GREYS) for value in [round(grey * 255 / (GREYS - 1))] * 3]
    picture = Image.fromarray(np.vstack([np.hstack(row) for row in rows]))
    picture = picture.convert("P")
    picture.putpalette(greys + [value for colour in COLOURS for value in colour])
    picture.save(path, optimize=True)


def phantoms(path: Path) -> None:
    """Four subjects of each cohort, each without and with its labels."""
    source, rows = Phantoms(), []
    for cohort in COHORTS:
        tasks = [source.load(task) for task in source.tasks() if task.cohort == cohort]
        row = []
        for index in range(4):
            labels = [data.labels[index, 0] for data in tasks]
            row += [tile(tasks[0].images[index, 0], []), tile(tasks[0].images[index, 0], labels)]
        rows.append(row)
    save(rows, path)


def synthetic(path: Path) -> None:
    """Ten tasks of eight members."""
    images, labels = (
        t[:, :, 0].numpy() for t in synthetic_tasks(torch.Generator().manual_seed(2), 10, 8, 96)
    )
    save(
        [[tile(i, [m > 0]) for i, m in zip(*task, strict=True)] for task in zip(images, labels, strict=True)],
        path,
    )


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    phantoms(folder / "phantoms.png")
    synthetic(folder / "synthetic.png")


if __name__ == "__main__":
    main()
