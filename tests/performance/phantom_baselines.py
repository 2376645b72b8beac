"""How hard the phantoms are for methods without knowledge of the task: the table of docs/phantoms.md.

Usage: python tests/performance/phantom_baselines.py
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

from segbench.datasets.phantoms import Phantoms
from segbench.datasets.task import TaskData
from segbench.protocols.interactions import center_click
from segbench.protocols.metrics import dice


def threshold(image: np.ndarray, label: np.ndarray) -> float:
    """Dice of the best global threshold, chosen with the label in hand."""
    levels = np.unique(np.quantile(image, np.linspace(0, 1, 65)[1:-1]))
    return max(dice(mask, label) for level in levels for mask in (image >= level, image < level))


def region_growing(image: np.ndarray, label: np.ndarray) -> float:
    """Dice of the best tolerance around the grey value of the first center click, above, below or both."""
    smooth = cv2.GaussianBlur(image, (0, 0), 1)
    click = center_click(label, np.zeros_like(label))
    assert click is not None
    value, best = smooth[click.row, click.column], 0.0
    for tolerance in np.arange(2, 90, 4) / 255:
        for below, above in ((tolerance, tolerance), (tolerance, 2), (2, tolerance)):
            regions, _ = ndimage.label((smooth >= value - below) & (smooth <= value + above))
            best = max(best, dice(regions == regions[click.row, click.column], label))
    return best


def template(data: TaskData) -> float:
    """Mean test Dice of one fixed mask: the training labels' mean, cut at the level best for them."""
    train, test = data.labels[data.indices("train"), 0], data.labels[data.indices("test"), 0]
    levels = [train.mean(0) >= level for level in np.linspace(0.05, 0.95, 19)]
    best = max(levels, key=lambda mask: np.mean([dice(mask, label) for label in train]))
    return float(np.mean([dice(best, label) for label in test]))


def main() -> None:
    phantoms = Phantoms()
    print("| task | threshold | template | region growing (reached) | area |\n|---|---|---|---|---|")
    for task in phantoms.tasks(None):
        data = phantoms.load(task, None)
        pairs = [(data.images[index, 0], data.labels[index, 0]) for index in data.indices("test")]
        levels = np.mean([threshold(*pair) for pair in pairs])
        grown = np.array([region_growing(*pair) for pair in pairs])
        area = data.labels.mean((1, 2, 3))
        print(
            f"| {task.cohort} / {task.label} | {levels:.2f} | {template(data):.2f} "
            f"| {grown.mean():.2f} ({(grown >= 0.9).mean():.0%}) "
            f"| {area.min() * 100:.0f} / {area.mean() * 100:.0f} / {area.max() * 100:.0f}% |",
            flush=True,
        )


if __name__ == "__main__":
    main()
