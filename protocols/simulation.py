"""Simulations as generators, which yield a request whenever they need a prediction.

`segbench.protocols.scheduler` runs many simulations together and answers their requests in batches.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from segbench.datasets.task import ImageData
from segbench.protocols.adapter import Context, ModelAdapter
from segbench.protocols.annotators import Annotator, RngFor
from segbench.protocols.config import Config
from segbench.protocols.trajectory import Trajectory
from segbench.randomness import keyed_generator

Result = TypeVar("Result")
Output = TypeVar("Output")


@dataclass(frozen=True)
class Rules:
    """How an image is segmented.

    Attributes
    ----------
    annotator : Annotator or None
        None adds no interactions.
    max_steps : int
        Maximum number of interactions.
    stops : bool
        Whether an image is finished when it reaches the target Dice.
    """

    annotator: Annotator | None
    max_steps: int
    stops: bool = True


NO_INTERACTIONS = Rules(annotator=None, max_steps=0)


@dataclass(frozen=True, eq=False)
class Request:
    """What a simulation waits for: an interaction, if there is an annotator, and the prediction after it.

    Attributes
    ----------
    adapter : ModelAdapter
    targets : sequence of Trajectory
        Images that receive the prediction; all are of one size. More than one only for a setwise model.
    step : int
        Number of the interaction; 0 asks for a prediction without interactions.
    annotator : Annotator or None
        Adds an interaction to each target before the prediction.
    rngs : sequence of functions from a purpose to a generator, one per target
    companions : sequence of Trajectory
        Further images of the set of a setwise model, whose predictions stay as they are.
    classes : int
        Number of classes in the logits; 1 for binary segmentation.
    """

    adapter: ModelAdapter
    targets: Sequence[Trajectory]
    step: int
    annotator: Annotator | None = None
    rngs: Sequence[RngFor] = ()
    companions: Sequence[Trajectory] = ()
    classes: int = 1

    @property
    def images(self) -> int:
        """Images that fill the memory of the model: those of the set, or those of the context."""
        if self.adapter.capabilities.setwise:
            return len(self.targets) + len(self.companions)
        return self.targets[0].context_size * self.adapter.capabilities.contexts

    @property
    def batch_key(self) -> tuple:
        """Requests with equal keys can be predicted in one batch."""
        first = self.targets[0]
        with_previous = first.logits is not None
        sizes = len(self.targets), len(self.companions), first.context_size, first.image.shape
        return id(self.adapter), self.step == 0, with_previous, *sizes, self.classes


class Progress(NamedTuple):
    """What a long simulation may yield between its requests; no record depends on it."""

    share: float  # of the simulation that is finished, in [0, 1]


Simulation = Generator[Request | Progress, None, Result]


@dataclass(frozen=True)
class SimulationGroup(Generic[Result, Output]):
    """The simulations of a task.

    Attributes
    ----------
    simulations : iterable of Simulation
    collect : function
        Makes the output of the group, such as its records, from the results of all simulations in order.
    """

    simulations: Iterable[Simulation[Result]]
    collect: Callable[[list[Result]], Output]


@dataclass(frozen=True)
class Setup:
    """What all simulations of a task share.

    Attributes
    ----------
    data : ImageData
    adapter : ModelAdapter
        The model under test.
    config : Config
    seed_adapter : ModelAdapter or None
        Segments the seed image.
    """

    data: Any  # TaskData, ScanData or ScribbledData, as `Protocol.data_kind` demands
    adapter: ModelAdapter
    config: Config
    seed_adapter: ModelAdapter | None = None

    def trajectory(self, image: int, context: Context | None = None, pictured: bool = False) -> Trajectory:
        """Begin to segment an image, given by its index in the task."""
        data: ImageData = self.data
        return Trajectory(
            data.images[image, 0],
            data.labels[image, 0],
            self.config.target_dice,
            context,
            pictured,
            self.adapter.capabilities.contexts,
        )

    def rng_for(self, simulation: int, image: int) -> Callable[[int, str], np.random.Generator]:
        """Return ``rng_for(step, purpose)``, which depends on seed, task, simulation and image only."""
        return partial(keyed_generator, self.config.seed, self.data.task.name, simulation, image)


def segment(
    trajectory: Trajectory,
    adapter: ModelAdapter,
    rules: Rules,
    rng_for: Callable[[int, str], np.random.Generator],
    first_step: int = 1,
    companions: Sequence[Trajectory] = (),
) -> Simulation[None]:
    """Segment an image until it has the target Dice or all interactions are used.

    Parameters
    ----------
    trajectory : Trajectory
    adapter : ModelAdapter
    rules : Rules
    rng_for : function of step and purpose
    first_step : int
        0 begins with a prediction without interactions; 1 with an interaction on the bare image.
    companions : sequence of Trajectory
        Earlier images of the set of a setwise model.
    """
    for step in range(first_step, rules.max_steps + 1):
        annotator = rules.annotator if step else None
        yield Request(adapter, [trajectory], step, annotator, [partial(rng_for, step)], companions)
        if rules.stops and trajectory.reached:
            break
