"""Speed of a whole MultiverSeg run: share of the machine's limit, share of the annotator, time of a study.

Usage: python tests/performance/run_speed.py [--width 256] [--protocol centerline-scribbles] [--tasks 11]
       [--simulations 20] [--images 18] [--device cuda] [--precision bfloat16] [--threads 1]

All simulations of the phantom tasks run in one process, as on a GPU. Weights are the bundled ones,
widened. The script prints predictions and operations per second, their share of the rate of a bfloat16
matrix product measured in the same run, the share of padding in queries, the annotator's share of the
time (on a GPU it overlaps with predictions), and the time of a study of the papers' size: 1.7 million
predictions with a mean context of 9.5.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from loop_speed import network
from network_speed import operations, rates

from segbench.datasets.registry import load_dataset
from segbench.models.multiverseg import MultiverSeg
from segbench.models.registry import create_model
from segbench.protocols.adapter import Query
from segbench.protocols.annotators import Annotator, Interaction, Masks, RngFor
from segbench.protocols.config import Config
from segbench.protocols.registry import PROTOCOLS
from segbench.protocols.scheduler import run_simulations

STUDY = 1.7e6, 9.5  # predictions, and their mean context


@dataclass(frozen=True)
class Timed(Annotator):
    """An annotator, and the seconds of its calls."""

    annotator: Annotator
    seconds: list[float] = field(default_factory=list, compare=False)

    name = "timed"

    @property
    def random(self) -> bool:  # type: ignore[override]
        return self.annotator.random

    def start(self, labels: Masks, rngs: list[RngFor]) -> list[Interaction]:
        return self._timed(self.annotator.start, labels, rngs)

    def correct(self, labels: Masks, predictions: Masks, rngs: list[RngFor]) -> list[Interaction]:
        return self._timed(self.annotator.correct, labels, predictions, rngs)

    def _timed(self, function: Any, *arguments: Any) -> list[Interaction]:
        started = time.perf_counter()
        interactions = function(*arguments)
        self.seconds.append(time.perf_counter() - started)
        return interactions


class Counting(MultiverSeg):
    """MultiverSeg that counts the images it is asked for and their arithmetic."""

    asked = 0
    arithmetic = 0

    def predict(self, query: Query) -> torch.Tensor:
        if query.context is not None:
            batch, context, _, side, _ = query.context.images.shape
            self.asked += batch
            self.arithmetic += batch * operations(self.network.out_conv.conv.in_channels, context, side)
        return super().predict(query)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--protocol", default="centerline-scribbles")
    parser.add_argument("--tasks", type=int, default=11)
    parser.add_argument("--simulations", type=int, default=20)
    parser.add_argument("--images", type=int, default=18)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--threads", type=int, default=1, help="of a CPU")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = Counting(network(options.width), options.device, options.precision)
    seed = create_model("scribbleprompt", device=options.device, precision=options.precision)
    protocol = PROTOCOLS.get(options.protocol)
    timed = Timed(protocol.annotator)
    protocol = replace(protocol, annotator=timed)
    product, _ = rates(options.width, 128, 1, options.device)
    given = range(options.simulations), Config(images=options.images), seed, "multiverseg"
    began = time.perf_counter()
    groups = (protocol.prepare(data, model, *given) for data in load_dataset("phantoms")[: options.tasks])
    needed = sum(len(records.steps) for _, records in run_simulations(groups, model))
    seconds = time.perf_counter() - began
    rate = model.arithmetic * needed / model.asked / seconds  # what fills up a query is no result
    predictions, context = STUDY
    study = predictions * operations(options.width, context, 128) / rate
    print(f"{needed} predictions in {seconds:.1f} s, {needed / seconds:.1f} a second")
    print(f"{rate / 1e12:.3f} TFLOP/s, {rate / product:.0%} of the {product / 1e12:.3f} of a matrix product")
    print(f"{1 - needed / model.asked:.0%} of the images only filled up a query")
    print(f"annotator: {sum(timed.seconds) / seconds:.1%} of the time")
    print(f"the study of the paper: {study / 3600:.1f} hours")


if __name__ == "__main__":
    main()
