"""Interactive segmentation of sets: images with interactions, predicted together with others of their task.

InterConv, section 4.1 (Fig. 4, 5, 11).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import accumulate
from operator import add

from segbench.protocols.adapter import Capabilities
from segbench.protocols.annotators import Annotator, Interaction, LineScribbles, RandomClicks
from segbench.protocols.config import Config
from segbench.protocols.protocol import NEEDS_TRAINING, NOT_INTERACTIVE, Protocol
from segbench.protocols.records import Sample, SampleKey
from segbench.protocols.sampling import LARGEST_SET, draw_set_order
from segbench.protocols.simulation import Request, Setup, Simulation

SET_SIZES = (1, 2, 4, LARGEST_SET)
INTERACTIONS = (1, 2, 4, 8)  # positive ones on an image, and as many negative ones
PICTURED_SIZES = (1, 4, 8)

Drawn = Callable[[int], list[Interaction]]  # the sums of the first 1, 2, ... interactions on an image


@dataclass(frozen=True)
class SetInteraction(Protocol):
    """Every image of the split, in sets of every size and with every number of interactions.

    Every prediction is a first one, from all interactions so far. A simulation is one draw of the
    interactions and of the order in which images are divided into sets. Models that are not setwise predict
    each image once, on its own.
    """

    name: str
    annotator: Annotator
    version: int = 1
    title: str = ""
    unit: str = "interactions"
    in_study: bool = False

    family = "sets"
    max_steps = max(INTERACTIONS)
    max_simulations = 5  # as in the paper
    block = 1  # simulations are long

    def unsupported_model(self, capabilities: Capabilities) -> str | None:
        if capabilities.needs_training:
            return NEEDS_TRAINING
        if not capabilities.interactive:
            return NOT_INTERACTIVE
        return "it takes a context, which this protocol does not give" if capabilities.in_context else None

    def min_images(self, config: Config) -> int:
        return LARGEST_SET

    def cost(self, available: int, config: Config, capabilities: Capabilities) -> int:
        return available * len(INTERACTIONS) * (len(SET_SIZES) if capabilities.setwise else 1)

    def simulate(self, setup: Setup, simulations: Sequence[int]) -> Iterable[Simulation[list[Sample]]]:
        sizes = SET_SIZES if setup.adapter.capabilities.setwise else (1,)
        for simulation in map(int, simulations):
            order = draw_set_order(setup.data, simulation, setup.config).tolist()
            drawn = cache(partial(self._interactions, setup, simulation))
            for size in sizes:
                keys = [
                    SampleKey(position, image, self.annotator.name, simulation, set_size=size)
                    for position, image in enumerate(order, start=1)
                ]
                for start in range(0, len(keys), size):
                    members = keys[start : start + size]
                    filling = order[: size - len(members)]  # the first images fill the last set
                    yield self._set(setup, members, filling, drawn)

    def _interactions(self, setup: Setup, simulation: int, image: int) -> list[Interaction]:
        """Draw the interactions on an image, the same for every set and model."""
        rng_for, label = setup.rng_for(simulation, image), setup.data.labels[image]
        drawn = [
            self.annotator.start(label, [partial(rng_for, number)])[0]
            for number in range(1, self.max_steps + 1)
        ]
        return list(accumulate(drawn, add))

    def _set(
        self, setup: Setup, keys: Sequence[SampleKey], filling: Sequence[int], drawn: Drawn
    ) -> Simulation[list[Sample]]:
        """Segment the images of a set, and those that fill it, with every number of interactions."""
        images = [key.image for key in keys] + list(filling)
        pictured = [
            key.simulation == 0 and key.set_size in PICTURED_SIZES and key.position <= LARGEST_SET
            for key in keys
        ] + [False] * len(filling)
        targets = [
            setup.trajectory(image, pictured=kept) for image, kept in zip(images, pictured, strict=True)
        ]
        for number in INTERACTIONS:
            for image, trajectory in zip(images, targets, strict=True):
                trajectory.restart(drawn(image)[number - 1])
            yield Request(setup.adapter, targets, number)
        for trajectory in targets:
            trajectory.release()
        return list(zip(keys, targets, strict=False))


SET_CLICKS = SetInteraction(
    "set-clicks", RandomClicks(), title="Random clicks on sets", unit="clicks", in_study=True
)
SET_SCRIBBLES = SetInteraction(
    "set-scribbles", LineScribbles(), title="Line scribbles on sets", unit="scribbles", in_study=True
)
