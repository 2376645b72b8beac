"""Experiment 2: contexts of true labels, of several sizes, without and with interactions.

MultiverSeg, section 7 (Fig. 6, 7, 19, 20, 21).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from segbench.datasets.task import TaskData
from segbench.protocols.adapter import Capabilities, ModelAdapter
from segbench.protocols.annotators import Annotator, CenterClicks, CenterlineScribbles
from segbench.protocols.bootstrapped import refused_in_context
from segbench.protocols.config import Config, admit, lacking
from segbench.protocols.interactions import keyed_generator
from segbench.protocols.records import SampleKey, collect
from segbench.protocols.scheduler import InGames, Rules, Simulation, SimulationGroup, drawer_of, segment
from segbench.protocols.trajectory import Trajectory, labelled

DRAWS = 10  # contexts of each size per image; section 7 has ten draws, and ten seeds


def draw_context(data: TaskData, simulation: int, image: int, size: int, seed: int) -> np.ndarray:
    """Indices of a random context from the train split, with replacement; a larger one begins the same."""
    train = data.indices("train")
    rng = keyed_generator(seed, data.task.name, simulation, image, "context")
    return train[rng.integers(len(train), size=size)]


@dataclass(frozen=True)
class InContext(InGames):
    """Every image of the split, in contexts of every size; a simulation is one draw of these contexts.

    Attributes
    ----------
    name : str
    version : int
        Grows when the same configuration would give other records.
    max_steps : int
        Corrections of every image, if the configuration names no maximum. All are made, also of an image
        that has the target Dice.
    annotator : Annotator or None
        None makes no corrections.
    max_simulations : int
        Draws at most, whatever the number of simulations of experiment 1.
    block : int
        Simulations of a unit; they are long.
    """

    name: str
    version: int
    max_steps: int = 0
    annotator: Annotator | None = None
    max_simulations: int = DRAWS
    block: int = 1
    needs_seed_image: ClassVar[bool] = False  # no seed model: all labels are given
    ordered: ClassVar[bool] = False  # images do not depend on those before them

    def unsupported_model(self, capabilities: Capabilities) -> str | None:
        """Why a model cannot take part, or None."""
        if self.annotator is not None and not capabilities.interactive:
            return "it takes no interactions"
        if capabilities.true_context:
            return "all contexts hold true labels here, so it is no other model"
        return refused_in_context(capabilities)

    def unsupported_task(self, data: TaskData, config: Config) -> str | None:
        """What a task lacks for this protocol, or None."""
        return lacking(data, config, 1)

    def cost(self, available: int, config: Config, capabilities: Capabilities) -> int:
        """Rough relative time of a simulation."""
        return (
            min(available, config.eval_images or available)
            * (1 + self._steps(config))
            * max(1, sum(config.context_sizes) // 8)
        )

    def _steps(self, config: Config) -> int:
        return 0 if self.annotator is None else config.max_steps or self.max_steps

    def prepare(
        self,
        data: TaskData,
        adapter: ModelAdapter,
        simulations: Sequence[int],
        config: Config,
        seed_adapter: ModelAdapter | None,
        model: str,
    ) -> SimulationGroup:
        """The games, one an image and context size; positions number images, ``seed_adapter`` is not used."""
        admit(self, model, adapter.capabilities, data, config)
        rules = Rules(self.annotator, self._steps(config), config.target_dice, stops=False)
        order = keyed_generator(config.seed, data.task.name, "images").permutation(data.indices(config.split))
        images = np.sort(order[: config.eval_images]).tolist()

        def game(place: SampleKey, size: int) -> Simulation[tuple[SampleKey, Trajectory]]:
            drawn = draw_context(data, place.simulation, place.image, size, config.seed)
            trajectory = Trajectory.of(data, place.image, context=labelled(data, drawn, adapter))
            drawer = drawer_of(data, config, place.simulation, place.image)
            yield from segment(trajectory, adapter, rules, drawer, first=0)
            trajectory.release()
            return place, trajectory

        games = [
            game(SampleKey(int(simulation), position, image), size)
            for size in config.context_sizes
            for simulation in simulations
            for position, image in enumerate(images, start=1)
        ]
        return SimulationGroup(
            games, lambda rows: collect(self.name, model, data, config.split, "ground-truth", rows)
        )


IN_CONTEXT = InContext("in-context", version=1)
INTERACTIVE_CLICKS = InContext(
    "interactive-in-context-clicks", version=1, max_steps=10, annotator=CenterClicks()
)
INTERACTIVE_SCRIBBLES = InContext(
    "interactive-in-context-scribbles", version=1, max_steps=5, annotator=CenterlineScribbles()
)
