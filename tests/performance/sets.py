"""Cost of predicting a set of eight images together, against eight predictions of the baseline of equal size.

Usage: python tests/performance/sets.py [--pairs simpleunet-24,simpleunet-48,scribbleprompt-68,scribbleprompt-192]
       [--side N] [--repetitions N] [--threads N] [--device DEVICE]

A pair is named by the features of its baseline. Networks have random weights and channels-last memory, as in
a run. The baseline predicts one image at a time, as it does in a run on a CPU. The two take turns; a number
is the median over the repetitions, after one that does not count, and the ratio that of the medians, with
the quartiles of the ratios of single repetitions.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from segbench.models.network_adapter import DTYPES
from segbench.models.networks.simple_unet import SimpleUNet

SET = 8
SIMPLE = {"channels": 1, "classes": 21}
SCRIBBLEPROMPT = {"channels": 5, "classes": 1}
PAIRS = {  # features of the baseline and of InterConv
    "simpleunet-24": (SIMPLE, 24, 16),
    "simpleunet-48": (SIMPLE, 48, 33),
    "scribbleprompt-68": (SCRIBBLEPROMPT, 68, 48),
    "scribbleprompt-192": (SCRIBBLEPROMPT, 192, 137),
}


def seconds(network: SimpleUNet, batches: tuple[torch.Tensor, ...], sizes: tuple[int, ...] | None) -> float:
    """Time of one prediction of each batch."""
    began = time.perf_counter()
    for batch in batches:
        network(batch, sizes)
    if batches[0].is_cuda:
        torch.cuda.synchronize(batches[0].device)
    return time.perf_counter() - began


@torch.inference_mode()
def times(pair: str, precision: str, side: int, device: str, repetitions: int) -> np.ndarray:
    """Seconds of the baseline and of InterConv for a set, (repetitions, 2)."""
    kind, *widths = PAIRS[pair]
    baseline, interconv = (
        SimpleUNet(width, **kind, interconv=wide)
        .eval()
        .to(device, DTYPES[precision], memory_format=torch.channels_last)  # type: ignore[call-overload]
        for width, wide in zip(widths, (False, True), strict=True)
    )
    images = torch.rand(SET, kind["channels"], side, side, generator=torch.Generator().manual_seed(0))
    images = images.to(device, DTYPES[precision], memory_format=torch.channels_last)
    rounds = [
        (seconds(baseline, images.split(1), None), seconds(interconv, (images,), (SET,)))
        for _ in range(repetitions + 1)
    ]
    return np.array(rounds[1:])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", default=",".join(PAIRS))
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{'pair':20}{'precision':>11}{'baseline':>11}{'InterConv':>11}{'ratio':>7}   (ms a set of {SET})")
    for pair in options.pairs.split(","):
        for precision in DTYPES:
            found = times(pair, precision, options.side, options.device, options.repetitions)
            alone, together = np.median(found, axis=0)
            low, high = np.quantile(found[:, 1] / found[:, 0], (0.25, 0.75))
            print(
                f"{pair:20}{precision:>11}{1e3 * alone:11.1f}{1e3 * together:11.1f}{together / alone:7.2f}"
                f"   [{low:.2f}, {high:.2f}]",
                flush=True,
            )


if __name__ == "__main__":
    main()
