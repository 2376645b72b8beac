"""Training throughput in bfloat16 and channels-last memory (as in training) and in plain float32.

Usage: python tests/performance/training_speed.py [--models scribbleprompt,universeg,multiverseg]
       [--sides 64,128] [--repetitions N] [--threads N] [--device DEVICE]

Prints samples per second for each model and side of the ``small`` preset. A sample is one target image with
its context: forward, backward and Adam step of a batch, divided by its targets. Batches are random tensors of
the preset's sizes with its mean context; drawing tasks and interactions is not included. The two variants
alternate; a number is the median over the repetitions after a warm-up.

Plain float32 uses the default memory layout throughout, for which the networks need `PlainBlock`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbench.models.network_adapter import NetworkAdapter
from segbench.models.networks.cross import CrossBlock
from segbench.models.registry import MODELS
from segbench.models.training.checkpointed import initialise
from segbench.models.training.losses import segmentation_loss
from segbench.models.training.presets import PRESETS, Stage
from segbench.protocols.adapter import Context, Interactions, Query


class PlainBlock(CrossBlock):
    """A cross block in the default memory layout."""

    def forward(
        self, target: Tensor, support: Iterable[Tensor], last: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        target, (entries,) = target.contiguous(), support  # a training has the context in one chunk
        shape, channels = (len(target), -1), self.cross.target_channels
        weight, bias = self.cross.cross_conv.weight, self.cross.cross_conv.bias
        q = F.conv2d(target, weight[:, :channels], bias, padding=1)
        v = F.conv2d(entries.contiguous(), weight[:, channels:], padding=1)
        mixed = (v.unflatten(0, shape) + q[:, None]).flatten(0, 1)
        if self.activation:
            mixed = F.leaky_relu(mixed)
        if hasattr(self, "cross_norm"):
            mixed = self.cross_norm(mixed)
        new_target = self.target(mixed.unflatten(0, shape).mean(1))
        return new_target, [] if last else [self.support(mixed)]


def make_plain(network: nn.Module) -> None:
    """Put a network into the default memory layout."""
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    for module in network.modules():
        if isinstance(module, CrossBlock):
            module.__class__ = PlainBlock


def random_batch(stage: Stage, device: str) -> tuple[Query, Tensor]:
    """A query and labels of a stage's sizes."""
    generator = torch.Generator().manual_seed(0)
    size = (stage.context + 1) // 2  # mean of 1 to the largest context, rounded down

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, 1, stage.side, stage.side, generator=generator)

    targets = stage.targets(size)
    positive, negative, box = ((draw(targets) > 0.99).float() for _ in range(3))
    context = Context(draw(targets, size), draw(targets, size).round()) if size else None
    query = Query(draw(targets), Interactions(positive, negative, box), draw(targets), context)
    return query.to(device), draw(targets).round().to(device)


def training_step(model: str, width: int, query: Query, label: Tensor, fast: bool) -> Callable[[], None]:
    """Return a function that takes one update of a new network."""
    device = str(label.device)
    network = MODELS.get(model).network_class(width)
    initialise(network, torch.Generator().manual_seed(0))
    adapter: NetworkAdapter = MODELS.get(model)(network, device)  # moves the network to channels-last
    if not fast:
        make_plain(network)
    optimizer = torch.optim.Adam(network.train().parameters(), lr=1e-4)

    def step() -> None:
        with torch.autocast(label.device.type, torch.bfloat16, enabled=fast):
            logits = adapter.forward(query).float()
        segmentation_loss(logits, label, 0.0).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def seconds(step: Callable[[], None], device: str) -> float:
    """Time of one step."""
    start = time.perf_counter()
    step()
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def throughput(model: str, stage: Stage, device: str, repetitions: int) -> np.ndarray:
    """Samples per second in plain float32 and in bfloat16 channels-last."""
    query, label = random_batch(stage, device)
    width = PRESETS["small"][model].width
    steps = [training_step(model, width, query, label, fast) for fast in (False, True)]
    times = [[seconds(step, device) for step in steps] for _ in range(repetitions + 1)]
    return len(label) / np.median(times[1:], axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="scribbleprompt,universeg,multiverseg")
    parser.add_argument("--sides", default="64,128")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    sides = [int(side) for side in options.sides.split(",")]
    print(f"{'':21}{'float32':>12}{'bfloat16':>15}")
    print(f"{'model':16}{'side':>5}{'contiguous':>12}{'channels-last':>15}{'ratio':>7}   (samples/s)")
    for model in options.models.split(","):
        for stage in PRESETS["small"][model].stages:
            if stage.side in sides:
                plain, fast = throughput(model, stage, options.device, options.repetitions)
                print(f"{model:16}{stage.side:5}{plain:12.2f}{fast:15.2f}{fast / plain:7.2f}", flush=True)


if __name__ == "__main__":
    main()
