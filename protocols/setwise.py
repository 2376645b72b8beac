"""Interactive segmentation of sets: every image has its prompts, and is predicted with others of its task.

InterConv, section 4.1 (Fig. 4, 5, 11).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import ClassVar

import numpy as np

from segbench.datasets.task import TaskData
from segbench.protocols.adapter import Capabilities, ModelAdapter
from segbench.protocols.annotators import LineScribbles, Mark, Prompter, RandomClicks
from segbench.protocols.config import Config, admit, too_few
from segbench.protocols.inference import predict_sets
from segbench.protocols.interactions import keyed_generator
from segbench.protocols.records import Records, SampleKey, collect, context_kind
from segbench.protocols.trajectory import Trajectory

SET_SIZES = (1, 2, 4, 8)
PROMPTS = (1, 2, 4, 8)  # positive ones on an image, and as many negative ones
LARGEST = max(SET_SIZES)
PICTURED_SIZES = (1, 4, 8)
Prompts = list[list[Mark]]  # of an image, one after another


def draw_order(data: TaskData, simulation: int, config: Config) -> np.ndarray:
    """Indices of the images in the order in which they are cut into sets.

    A limit of images is rounded up to whole sets of 8; every simulation has the same images in another order.
    """
    key = config.seed, data.task.name
    images = keyed_generator(*key, "images").permutation(data.indices(config.split))
    limit = config.eval_images and -(-config.eval_images // LARGEST) * LARGEST
    return keyed_generator(*key, simulation, "order").permutation(np.sort(images[:limit]))


@dataclass(frozen=True)
class SetInteraction:
    """Every image of the split in sets of every size and with every number of prompts.

    A simulation is one draw of the prompts and of the order in which images are cut into sets.

    Attributes
    ----------
    name : str
    version : int
        Grows when the same configuration would give other records.
    prompter : Prompter
    max_steps : int
        Positive prompts on an image; all are made.
    max_simulations : int
        The paper's five draws, whatever the number of simulations of experiment 1.
    block : int
        Simulations of a unit; they are long.
    """

    name: str
    version: int
    prompter: Prompter
    max_steps: int = max(PROMPTS)
    max_simulations: int = 5
    block: int = 1
    needs_seed_image: ClassVar[bool] = False  # no seed model: there is no first image
    ordered: ClassVar[bool] = False  # images do not depend on those before them

    def unsupported_model(self, capabilities: Capabilities) -> str | None:
        """Why a model cannot take part, or None."""
        if capabilities.needs_training:
            return "it has to be trained on each task first"
        if not capabilities.interactive:
            return "it takes no interactions"
        if capabilities.in_context:
            return "it takes a context, and there is none here"
        return None

    def unsupported_task(self, data: TaskData, config: Config) -> str | None:
        """What a task lacks for this protocol, or None."""
        return too_few(data, config, LARGEST, "the largest set")

    def cost(self, available: int, config: Config, capabilities: Capabilities) -> int:
        """Rough relative time of a simulation."""
        return available * len(PROMPTS) * (len(SET_SIZES) if capabilities.setwise else 1)

    def run(
        self,
        data: TaskData,
        adapter: ModelAdapter,
        simulations: Sequence[int],
        config: Config,
        seed_adapter: ModelAdapter | None,
        model: str,
    ) -> Records:
        """As `InGames.run`; positions number the images in their order, and ``seed_adapter`` is not used.

        A model that is not setwise is run once, with every image on its own.
        """
        admit(self, model, adapter.capabilities, data, config)
        sizes = SET_SIZES if adapter.capabilities.setwise else (1,)
        rows: list[tuple[SampleKey, Trajectory]] = []
        for simulation in simulations:
            order = draw_order(data, simulation, config)
            prompts = {int(image): self._prompts(data, int(image), simulation, config) for image in order}
            for size in sizes:
                pictured = simulation == 0 and size in PICTURED_SIZES
                found = self._segment(data, adapter, prompts, size, config, pictured)
                places = [
                    SampleKey(int(simulation), position, image, companions=size - 1)
                    for position, image in enumerate(prompts, start=1)
                ]
                rows += zip(places, found, strict=False)  # what fills up the last set has no place
        kind = context_kind(adapter.capabilities, config)
        return collect(self.name, model, data, config.split, kind, rows, pictured=(0,))

    def _prompts(self, data: TaskData, image: int, simulation: int, config: Config) -> Prompts:
        """The prompts of an image, which fewer begin with: no set and no model decides about them."""
        draw = partial(keyed_generator, config.seed, data.task.name, simulation, image)
        label = data.labels[image, 0]
        return [self.prompter.prompt(label, partial(draw, number)) for number in range(1, max(PROMPTS) + 1)]

    def _segment(
        self,
        data: TaskData,
        adapter: ModelAdapter,
        prompts: dict[int, Prompts],
        size: int,
        config: Config,
        pictured: bool,
    ) -> list[Trajectory]:
        """Images in their order, in consecutive sets; after them those that fill up the last set."""
        images = list(prompts)
        images += images[: -len(images) % size]
        found = [Trajectory.of(data, i) for i in images]
        for trajectory in found[:LARGEST]:
            trajectory.pictured = pictured
        sets = [found[start : start + size] for start in range(0, len(found), size)]
        drawn = 0
        for number in PROMPTS:
            for image, trajectory in zip(images, found, strict=True):
                for mark in chain.from_iterable(prompts[image][drawn:number]):
                    trajectory.add(mark)
                trajectory.logits = None  # every prediction is a first one
            drawn = number
            predict_sets(adapter, sets)
            for t in found:
                t.assess(number, Mark(self.prompter.kind, t.positive, t.negative), config.target_dice)
        return found


SET_CLICKS = SetInteraction("set-clicks", version=1, prompter=RandomClicks())
SET_SCRIBBLES = SetInteraction("set-scribbles", version=1, prompter=LineScribbles())
