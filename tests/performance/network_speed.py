"""Speed of MultiverSeg's forward pass against a plain implementation and against the machine's limit.

Usage: python tests/performance/network_speed.py [--widths 64,256] [--contexts 1,4,8,18] [--batch N]
       [--side N] [--repetitions N] [--threads N] [--device DEVICE] [--compile]

A row is one network and context size. ``plain`` is the pass of ``reference_networks.py`` in float32 and
the default memory layout. ``float32`` and ``bfloat16`` are the project's passes in channels-last memory.
The passes alternate; a number is the median over repetitions after a warm-up, and a ratio is the median
of the ratios of single repetitions with quartiles. ``logits`` is the largest difference from the plain
logits, with random weights. With --compile, a bfloat16 pass through ``torch.compile`` takes part.

The last columns give the operations per second of the bfloat16 pass, and their share of the rates of a
matrix product and of a 3x3 convolution of the same width, measured in the same run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from reference_networks import cross_network

from segbench.models.network_adapter import DTYPES, placed
from segbench.models.networks import MultiverSeg

Pass = Callable[[], object]


def operations(width: int, context: int, side: int) -> int:
    """Floating-point operations of the convolutions of one prediction whose result is read."""

    def convolutions(inputs: int, level: int) -> int:
        return 2 * 9 * inputs * width * (side >> level) ** 2

    first = convolutions(MultiverSeg.CHANNELS, 0) + context * convolutions(2, 0)
    cross = (1 + context) * sum(convolutions(width, level) for level in (1, 2, 3))
    cross += (1 + context) * sum(convolutions(2 * width, level) for level in (0, 1, 2))
    updates = (1 + context) * sum(convolutions(width, level) for level in (0, 1, 2, 3, 2, 1))
    last = convolutions(width, 0) + 2 * width * side**2
    return first + cross + updates + last


def seconds(function: Pass, device: str) -> float:
    """Time of one call."""
    began = time.perf_counter()
    function()
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


def in_turn(functions: list[Pass], device: str, repetitions: int) -> np.ndarray:
    """Seconds of each function, (repetitions, functions)."""
    rounds = [[seconds(function, device) for function in functions] for _ in range(repetitions + 1)]
    return np.array(rounds[1:])


def rates(width: int, side: int, batch: int, device: str) -> tuple[float, float]:
    """Operations a second of a bfloat16 matrix product and of a convolution of one width."""
    size = 8192 if device.startswith("cuda") else 2048
    a = torch.rand(size, size, device=device).bfloat16()
    kernel = torch.rand(width, width, 3, 3, device=device).bfloat16()
    x = torch.rand(batch, width, side, side, device=device).bfloat16()
    x, kernel = (tensor.contiguous(memory_format=torch.channels_last) for tensor in (x, kernel))
    calls: list[Pass] = [lambda: a @ a, lambda: F.conv2d(x, kernel, padding=1)]
    product, convolution = in_turn(calls, device, 7).min(axis=0)
    return 2 * size**3 / product, 2 * 9 * width**2 * side**2 * batch / convolution


def passes(width: int, context: int, options: argparse.Namespace) -> list[Pass]:
    """The plain pass, and ours in float32, in bfloat16 and, if asked, compiled; all of equal weights."""
    device, generator = torch.device(options.device), torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(options.batch, *shape, options.side, options.side, generator=generator).to(device)

    inputs = draw(5), draw(context, 1), draw(context, 1).round()
    torch.manual_seed(0)
    plain = MultiverSeg(width).to(device).eval()
    calls: list[Pass] = [lambda: cross_network(plain, *inputs)]
    for dtype in DTYPES.values():
        network = MultiverSeg(width)
        network.load_state_dict(plain.state_dict())
        network, narrow = placed(network, device, dtype), [tensor.to(dtype) for tensor in inputs]
        calls.append(lambda network=network, narrow=narrow: network(*narrow))  # type: ignore[misc]
    if options.compile:
        compiled = torch.compile(network)
        calls.append(lambda: compiled(*narrow))
    return calls


@torch.inference_mode()
def row(width: int, context: int, options: argparse.Namespace) -> str:
    """What is measured of one network and context size."""
    calls = passes(width, context, options)
    began = time.perf_counter()
    plain, *ours = [call().float() for call in calls]  # type: ignore[attr-defined]
    compiling = time.perf_counter() - began
    found = in_turn(calls, options.device, options.repetitions)
    times, ratios = np.median(found, axis=0), found[:, :1] / found
    product, convolution = rates(width, options.side, options.batch, options.device)
    rate = options.batch * operations(width, context, options.side) / times[2]
    text = f"{width:5}{context:8}" + "".join(f"{moment:10.4f}" for moment in times[:3])
    for index in (1, 2):
        low, middle, high = np.quantile(ratios[:, index], (0.25, 0.5, 0.75))
        text += f"{middle:7.2f} [{low:.2f}, {high:.2f}]"
    text += "".join(f"{(logits - plain).abs().max():9.1g}" for logits in ours[:2])
    text += f"{rate / 1e9:10.0f}{rate / product:9.0%}{rate / convolution:13.0%}"
    if options.compile:
        text += f"   compiled: {times[3]:.4f} after {compiling:.0f} s"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--widths", default="64,256")
    parser.add_argument("--contexts", default="1,4,8,18")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{'':13}{'seconds a batch':^30}{'plain / ours':^40}{'logits':^18}{'bfloat16':>10}{'share of':>13}")
    print(
        f"{'width':5}{'context':>8}{'plain':>10}{'float32':>10}{'bfloat16':>10}{'float32':^20}{'bfloat16':^20}"
        f"{'float32':>9}{'bf16':>9}{'GFLOP/s':>10}{'product':>9}{'convolution':>13}"
    )
    for width in map(int, options.widths.split(",")):
        for context in map(int, options.contexts.split(",")):
            print(row(width, context, options), flush=True)


if __name__ == "__main__":
    main()
