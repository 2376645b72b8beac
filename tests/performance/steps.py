"""Dice after each interaction, to choose between models on a validation split.

Usage: python tests/performance/steps.py [--dataset wbc] [--data-root DIR] [--split val] [--images N]
       [--context K] [--models scribbleprompt,multiverseg] [--weights bundled] [--protocol center-clicks]
       [--steps N]

Every image gets the maximum number of interactions, also beyond the target of 0.9, so that all columns
are means over the same images. A perfect prediction keeps its Dice. ``reached`` is the share of images
that had Dice 0.9 at some step; ``NoI`` is the mean number of interactions until then (the maximum where
it was never reached).

A model with a context gets K images of the train split with true labels, drawn for each image as in
``in_context.py``; column 0 is its prediction before any interaction. It gets no context where K is 0 or
less than its minimum (5 for sp-uvs).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from in_context import context_images

from segbench.datasets.registry import load_dataset
from segbench.datasets.task import TaskData
from segbench.models import create_model
from segbench.protocols.adapter import ModelAdapter
from segbench.protocols.config import Config
from segbench.protocols.registry import PROTOCOLS
from segbench.protocols.scheduler import run_simulations
from segbench.protocols.sequential import Sequential
from segbench.protocols.simulation import Rules, Setup, Simulation, SimulationGroup, segment
from segbench.protocols.trajectory import labelled

TARGET = 0.9
SHOWN = (0, 1, 2, 3, 5, 8, 10, 15, 20)


def dice_by_step(
    adapter: ModelAdapter, data: TaskData, images: list[int], protocol: Sequential, steps: int, size: int
) -> np.ndarray:
    """Dice of each image after 0, 1, ..., `steps` interactions; NaN after 0 without a context."""
    takes = adapter.capabilities
    with_context = takes.in_context and size >= max(takes.min_context, 1)
    rules, setup = Rules(protocol.annotator, steps, stops=False), Setup(data, adapter, Config())
    scores = np.full((len(images), steps + 1), np.nan)

    def simulation(image: int) -> Simulation[list[dict]]:
        context = labelled(data, context_images(data, image, size), adapter) if with_context else None
        trajectory, rng_for = setup.trajectory(image, context), setup.rng_for(0, image)
        yield from segment(trajectory, adapter, rules, rng_for, first_step=int(not with_context))
        return trajectory.steps

    ((_, results),) = run_simulations([SimulationGroup(map(simulation, images), list)], adapter)
    for number, rows in enumerate(results):
        for step in rows:
            scores[number, step["step"] :] = step["dice"]  # the later ones as well, in case it was the last
    return scores


def summary(scores: np.ndarray) -> list[float]:
    """Mean Dice at the steps shown, the share of images that reached the target, and NoI."""
    steps = scores.shape[1] - 1
    reached = scores >= TARGET
    interactions = np.where(reached.any(1), reached.argmax(1), steps)
    return [*scores.mean(0)[shown(steps)], reached.any(1).mean(), interactions.mean()]


def shown(steps: int) -> list[int]:
    """The numbers of interactions that have a column, the maximum among them."""
    return [step for step in SHOWN if step < steps] + [steps]


def line(model: str, task: str, values: list[float] | np.ndarray) -> str:
    """One row of the table; a dash where there was no prediction."""
    *scores, reached, interactions = values
    cells = ["-" if np.isnan(value) else f"{value:.3f}" for value in scores]
    return f"{model:16}{task:44}" + "".join(f"{c:>7}" for c in cells) + f"{reached:9.0%}{interactions:7.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="scribbleprompt,multiverseg")
    parser.add_argument("--weights", default="bundled", help="bundled, official, or a file or folder")
    parser.add_argument("--dataset", default="wbc")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--context", type=int, default=5)
    parser.add_argument(
        "--protocol", default="center-clicks", choices=["center-clicks", "centerline-scribbles"]
    )
    parser.add_argument("--steps", type=int, help="the protocol's maximum unless given")
    options = parser.parse_args()
    protocol = PROTOCOLS.get(options.protocol)
    steps = options.steps or protocol.max_steps
    tasks = load_dataset(options.dataset, options.data_root)
    columns = "".join(f"{step:7}" for step in shown(steps))
    print(f"{'model':16}{'task':44}{columns}{'reached':>9}{'NoI':>7}")
    for name in options.models.split(","):
        adapter = create_model(name, options.weights)
        reason = protocol.unsupported_model(adapter.capabilities)
        if reason:
            parser.error(f"{name} cannot take part: {reason}")
        rows = []
        for data in tasks:
            images = data.indices(options.split)[: options.images].tolist()
            rows.append(summary(dice_by_step(adapter, data, images, protocol, steps, options.context)))
            print(line(name, data.task.name, rows[-1]), flush=True)
        print(line(name, "mean", np.mean(rows, axis=0)), flush=True)


if __name__ == "__main__":
    main()
