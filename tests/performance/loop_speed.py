"""Speed of whole MultiverSeg simulations: the plain loop of ``reference_loop.py`` against the benchmark.

Usage: python tests/performance/loop_speed.py [--widths 64,256] [--protocol centerline-scribbles]
       [--images 18] [--simulations 2] [--workers 2] [--task lungs] [--device cpu]

Both run the same simulations of a phantom task, with annotator and seed image. Weights are the bundled
ones, widened for other widths without changing what they compute. The loop uses as many threads as the
benchmark has workers. Loading is not timed. ``same`` is the share of images with as many steps as in the
loop.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import torch
from reference_loop import simulate

from segbench.datasets.registry import load_dataset
from segbench.datasets.task import TaskData
from segbench.models.multiverseg import MultiverSeg
from segbench.models.network_adapter import DTYPES
from segbench.models.networks import MultiverSeg as Network
from segbench.models.registry import create_model
from segbench.models.training.widening import widen
from segbench.protocols.adapter import Context, ModelAdapter, Query
from segbench.protocols.config import Config
from segbench.protocols.registry import PROTOCOLS

Steps = dict[tuple[int, int], int]  # predictions of an image, by simulation and position
HELD: dict[str, ModelAdapter] = {}  # the models of a worker


def network(width: int) -> Network:
    """MultiverSeg with the bundled weights, widened."""
    state = create_model("multiverseg").network.state_dict()
    made = Network(width)
    made.load_state_dict(widen(state, Network.width_of(state), width, torch.Generator().manual_seed(0)))
    return made.eval()


def prepare(width: int, precision: str, device: str) -> None:
    """Make and warm up the models of this process, which computes with one thread."""
    torch.set_num_threads(1)
    HELD["model"] = MultiverSeg(network(width), device, precision)
    HELD["seed"] = create_model("scribbleprompt", device=device, precision=precision)
    blank = torch.zeros(1, 1, 128, 128, device=device)
    HELD["model"].predict(Query(blank, context=Context(blank[None], blank[None])))


def ready(width: int, precision: str, everybody: Any) -> None:
    """Prepare a worker, and wait for the others."""
    prepare(width, precision, "cpu")
    everybody.wait()


def play(data: TaskData, protocol: str, config: Config, simulations: Sequence[int]) -> Steps:
    """Predictions of every image."""
    model, seed = HELD["model"], HELD["seed"]
    records = PROTOCOLS.get(protocol).run(data, model, simulations, config, seed, "multiverseg")
    return Counter((row["simulation"], row["position"]) for row in records.steps)


def by_benchmark(data: TaskData, width: int, precision: str, options: Any) -> tuple[float, Steps]:
    """Seconds of all simulations, and the predictions."""
    work = partial(play, data, options.protocol, Config(images=options.images))
    if options.device != "cpu":
        prepare(width, precision, options.device)
        began = time.perf_counter()
        steps = work(range(options.simulations))
        return time.perf_counter() - began, steps
    spawn = get_context("spawn")
    arguments = width, precision, spawn.Barrier(options.workers)
    with ProcessPoolExecutor(options.workers, spawn, ready, arguments) as pool:
        list(pool.map(abs, range(options.workers)))  # when one has answered all are ready
        began = time.perf_counter()
        parts = list(pool.map(work, [[number] for number in range(options.simulations)]))
        seconds = time.perf_counter() - began
    return seconds, {place: count for part in parts for place, count in part.items()}


def by_loop(data: TaskData, width: int, options: Any) -> tuple[float, Steps]:
    """The same of the plain loop."""
    torch.set_num_threads(options.workers)
    protocol, config = PROTOCOLS.get(options.protocol), Config(images=options.images)
    networks = {"multiverseg": network(width), "scribbleprompt": create_model("scribbleprompt").network}
    networks["scribbleprompt"].to(memory_format=torch.contiguous_format)
    steps: Steps = {}
    began = time.perf_counter()
    for simulation in range(options.simulations):
        scores = simulate(data, simulation, protocol, config, networks)
        steps |= {(simulation, position): len(dice) for position, dice in enumerate(scores, start=1)}
    return time.perf_counter() - began, steps


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--widths", default="64,256")
    parser.add_argument("--protocol", default="centerline-scribbles")
    parser.add_argument("--images", type=int, default=18)
    parser.add_argument("--simulations", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--task", default="lungs", help="label of a phantom task")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    (data,) = [each for each in load_dataset("phantoms") if each.task.label == options.task]
    print(f"{'width':>5}  {'':20}{'seconds':>9}{'predictions':>13}{'each (ms)':>11}{'ratio':>7}{'same':>6}")
    for width in map(int, options.widths.split(",")):
        rows = [("plain loop", *by_loop(data, width, options))]
        for precision in DTYPES:
            rows.append((f"benchmark, {precision}", *by_benchmark(data, width, precision, options)))
        _, first, expected = rows[0]
        for name, seconds, steps in rows:
            count = sum(steps.values())
            each = seconds / count
            same = sum(steps[place] == expected[place] for place in expected) / len(expected)
            ratio = first / sum(expected.values()) / each
            print(
                f"{width:5}  {name:20}{seconds:9.1f}{count:13}{1e3 * each:11.1f}{ratio:7.1f}{same:6.0%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
