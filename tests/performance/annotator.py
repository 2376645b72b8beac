"""Time of the simulated annotator: single images, a batch of arrays, and a batch of tensors.

Usage: python tests/performance/annotator.py [--device cpu|cuda] [--batch N] [--threads N] [--repetitions N]

Labels are those of the phantoms; a prediction is its label, blurred and with smooth noise, above one
half. Clicks go to the largest error; scribbles follow the centerline of all misses, of the label and of
the background, and a line in the label. Single images use one thread, arrays the given number, tensors
the device. The three alternate; a number is the median over repetitions after a warm-up, and a ratio is
that of the medians with the quartiles of single repetitions.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import cv2
import numpy as np
import torch
from scipy import ndimage

from segbench.datasets.registry import find_source
from segbench.protocols.interactions import (
    center_click,
    center_clicks,
    centerline_scribble,
    centerline_scribbles,
    keyed_generator,
    line_scribble,
    line_scribbles,
)

Way = tuple[int, Callable[[list], object]]  # threads, and what is timed, given fresh generators


def pairs(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions, bool arrays (count, H, W)."""
    phantoms = find_source("phantoms")
    labels = np.concatenate([phantoms.load(task, None).labels[:, 0] for task in phantoms.tasks(None)])
    rng = keyed_generator(0, "annotator")
    labels = labels[rng.choice(len(labels), count, replace=count > len(labels))]
    noise = ndimage.gaussian_filter(rng.standard_normal(labels.shape), (0, 4, 4))
    soft = ndimage.gaussian_filter(labels.astype(float), (0, 2, 2))
    return labels, soft + 0.25 * noise / noise.std((1, 2), keepdims=True) > 0.5


def work(batch: int, threads: int, device: str) -> dict[str, list[Way]]:
    """The three ways of each kind of interaction."""
    labels, predictions = pairs(batch)
    on_device = [torch.from_numpy(part).to(device) for part in (labels, predictions)]

    def scribbles(one: Callable, many: Callable, masks: np.ndarray) -> list[Way]:
        tensors = torch.from_numpy(masks).to(device)
        return [
            (1, lambda rngs: list(map(one, masks, rngs))),
            (threads, lambda rngs: many(masks, rngs)),
            (threads, lambda rngs: many(tensors, rngs)),
        ]

    centerline = centerline_scribble, centerline_scribbles
    return {
        "click": [
            (1, lambda _: list(map(center_click, labels, predictions))),
            (threads, lambda _: center_clicks(labels, predictions)),
            (threads, lambda _: center_clicks(*on_device)),
        ],
        "scribble, misses": scribbles(*centerline, labels & ~predictions),
        "scribble, label": scribbles(*centerline, labels),
        "scribble, background": scribbles(*centerline, ~labels),
        "line, label": scribbles(line_scribble, line_scribbles, labels),
    }


def seconds(way: Way, batch: int, device: str) -> float:
    """Time of one batch, without the making of generators."""
    threads, function = way
    cv2.setNumThreads(threads)
    torch.set_num_threads(threads)
    rngs = [keyed_generator(0, index) for index in range(batch)]
    began = time.perf_counter()
    function(rngs)
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=7)
    options = parser.parse_args()
    print(
        f"{'':22}{'one by one':>11}{'arrays':>9}{'ratio':>7}{'':15}{'tensors':>9}{'ratio':>7}   (us an image)"
    )
    for kind, ways in work(options.batch, options.threads, options.device).items():
        rounds = [
            [seconds(way, options.batch, options.device) for way in ways]
            for _ in range(options.repetitions + 1)
        ]
        found = np.array(rounds[1:])
        each = 1e6 * np.median(found, axis=0) / options.batch
        low, high = np.quantile(found[:, :1] / found, (0.25, 0.75), axis=0)
        print(f"{kind:22}{each[0]:11.1f}", end="")
        for way in (1, 2):
            spread = f"[{low[way]:.2f}, {high[way]:.2f}]"
            print(f"{each[way]:9.1f}{each[0] / each[way]:7.2f} {spread:14}", end="")
        print(flush=True)


if __name__ == "__main__":
    main()
