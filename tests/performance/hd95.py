"""Time of HD95 in batches, against medpy called pair by pair.

Usage: python tests/performance/hd95.py [--pairs 10000] [--side 128] [--batch 500]

A label is a smooth random shape of one or several parts, a prediction the same shape with errors along its
boundary; one prediction in 50 is empty, which medpy refuses. The two take turns, a batch each, in one thread.
medpy gets only the pairs it accepts. A time is the median over the batches, per pair; the ratio is that of
the medians, with the quartiles of the ratios of single batches. The largest difference is over the pairs
that medpy accepts.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from medpy.metric import binary
from scipy import ndimage

from segbench.protocols.metrics import dice, hd95


def waves(rng: np.random.Generator, count: int, side: int, length: float) -> np.ndarray:
    """Smooth noise of unit variance over all, (count, side, side)."""
    noise = ndimage.gaussian_filter(rng.standard_normal((count, side, side)), (0, length, length))
    return noise / noise.std()


def pairs(rng: np.random.Generator, count: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and labels, bool (count, side, side)."""
    shape, error = waves(rng, count, side, side / 12), waves(rng, count, side, side / 32)
    height = rng.uniform(0.3, 1.2, (count, 1, 1))
    prediction = shape + rng.uniform(0.05, 0.4, (count, 1, 1)) * error > height
    return prediction & (rng.random((count, 1, 1)) > 0.02), shape > height


def compared(prediction: np.ndarray, label: np.ndarray) -> tuple[float, float, float]:
    """Seconds of medpy and of ours for a batch, and the largest difference."""
    defined = prediction.any(axis=(1, 2)) & label.any(axis=(1, 2))
    accepted = list(zip(prediction[defined], label[defined], strict=True))
    began = time.perf_counter()
    expected = [binary.hd95(*pair) for pair in accepted]
    between = time.perf_counter()
    found = hd95(prediction, label)
    ended = time.perf_counter()
    return between - began, ended - between, np.abs(found[defined] - expected).max(initial=0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--batch", type=int, default=500)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    rows, scores, empty = [], [], 0
    for start in range(0, options.pairs, options.batch):
        batch = pairs(rng, min(options.batch, options.pairs - start), options.side)
        scores.extend(dice(*batch))
        empty += sum(not (prediction.any() and label.any()) for prediction, label in zip(*batch, strict=True))
        medpy, ours, difference = compared(*batch)
        rows.append((1e6 * medpy / len(batch[0]), 1e6 * ours / len(batch[0]), difference))
    medpy, ours, difference = np.transpose(rows)
    low, high = np.quantile(medpy / ours, (0.25, 0.75))
    print(f"{options.pairs:,} pairs of {options.side} x {options.side}, {empty} with an empty mask; ", end="")
    print(f"Dice {np.median(scores):.2f}; largest difference {difference.max():g}")
    print(f"{'medpy':>10}{'ours':>10}{'ratio':>8}   (microseconds a pair)")
    ratio = np.median(medpy) / np.median(ours)
    print(f"{np.median(medpy):10.0f}{np.median(ours):10.0f}{ratio:8.1f}   [{low:.1f}, {high:.1f}]")


if __name__ == "__main__":
    main()
