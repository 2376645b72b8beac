"""Interactive segmentation of sets: images with interactions, predicted together with others of their task.

InterConv, section 4.1 (Fig. 4, 5, 11).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import accumulate
from operator import add

from segbench.protocols.adapter import Capabilities
from segbench.protocols.annotators import Annotator, Interaction, LineScribbles, RandomClicks
from segbench.protocols.config import Config
from segbench.protocols.protocol import PredictionKind, Protocol
from segbench.protocols.records import Sample, SampleKey
from segbench.protocols.sampling import LARGEST_SET, draw_set_order, set_images
from segbench.protocols.simulation import Request, Setup, Simulation

SET_SIZES = (1, 2, 4, LARGEST_SET)
INTERACTIONS = (1, 2, 4, 8)  # positive ones on an image, and as many negative ones
PICTURED_SIZES = (1, 4, 8)

Drawn = Callable[[int], list[Interaction]]  # the sums of the first 1, 2, ... interactions on an image


@dataclass(frozen=True)
class SetInteraction(Protocol):
    """Sets of every size and number of interactions.

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
        reason = super().unsupported_model(capabilities)
        if reason is None and capabilities.in_context:
            return "it takes a context, which this protocol does not give"
        return reason

    def min_images(self, config: Config) -> int:
        return LARGEST_SET

    def predictions(
        self, simulations: int, available: int, config: Config, capabilities: Capabilities
    ) -> Mapping[PredictionKind, int]:
        images, number = min(available, set_images(config) or available), simulations * len(INTERACTIONS)
        if not capabilities.setwise:
            return {PredictionKind(0, True): number * images}
        return {PredictionKind(size, True): number * -(-images // size) for size in SET_SIZES}

    def simulate(self, setup: Setup, simulations: Sequence[int]) -> Iterable[Simulation[list[Sample]]]:
        sizes = SET_SIZES if setup.adapter.capabilities.setwise else (1,)
        for simulation in map(int, simulations):
            order = draw_set_order(setup.data, simulation, setup.config).tolist()
            drawn = cache(partial(self._interactions, setup, simulation))
            for size in sizes:
                filled = order + order[: -len(order) % size]  # the first images fill the last set
                for start in range(0, len(order), size):
                    keys = [
                        SampleKey(position, image, self.annotator.name, simulation, set_size=size)
                        for position, image in enumerate(filled[start : start + size], start + 1)
                    ]
                    yield self._set(setup, keys, drawn, min(size, len(order) - start))

    def _interactions(self, setup: Setup, simulation: int, image: int) -> list[Interaction]:
        """Draw the interactions on an image, the same for every set and model."""
        rng_for, label = setup.rng_for(simulation, image), setup.data.labels[image]
        drawn = [
            self.annotator.start(label, [partial(rng_for, number)])[0]
            for number in range(1, self.max_steps + 1)
        ]
        return list(accumulate(drawn, add))

    def _set(
        self, setup: Setup, keys: Sequence[SampleKey], drawn: Drawn, recorded: int
    ) -> Simulation[list[Sample]]:
        """Segment a set with every number of interactions; only its first images are recorded."""
        first = keys[0]
        pictured = (
            first.simulation == 0 and first.set_size in PICTURED_SIZES and first.position <= LARGEST_SET
        )
        targets = [setup.trajectory(key.image, pictured=pictured) for key in keys]
        for number in INTERACTIONS:
            for key, trajectory in zip(keys, targets, strict=True):
                trajectory.restart(drawn(key.image)[number - 1])
            yield Request(setup.adapter, targets, number)
        for trajectory in targets:
            trajectory.release()
        return list(zip(keys, targets, strict=True))[:recorded]


SET_CLICKS = SetInteraction(
    "set-clicks", RandomClicks(), title="Random clicks on sets", unit="clicks", in_study=True
)
SET_SCRIBBLES = SetInteraction(
    "set-scribbles", LineScribbles(), title="Line scribbles on sets", unit="scribbles", in_study=True
)
