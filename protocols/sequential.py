"""Experiment 1: segment the images of a task one after another, each helped by those before it.

MultiverSeg, section 6.1 and appendix D.1 (Fig. 3, 4, 5, 10 to 16 and Table 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segbench.datasets.task import TaskData
from segbench.protocols.adapter import Capabilities, ModelAdapter
from segbench.protocols.annotators import Annotator, CenterClicks, CenterlineScribbles
from segbench.protocols.cache import ContextFreeCache
from segbench.protocols.config import Config, admit, lacking
from segbench.protocols.interactions import keyed_generator
from segbench.protocols.records import Records, SampleKey, collect, context_kind
from segbench.protocols.scheduler import InGames, Rules, Simulation, SimulationGroup, drawer_of, segment
from segbench.protocols.trajectory import ContextBuffer, Trajectory

Played = list[tuple[SampleKey, Trajectory]]

PICTURED = (0,)  # simulations whose masks are kept


def draw_images(data: TaskData, simulation: int, config: Config) -> np.ndarray:
    """Indices of the images of one simulation: a seed image of the train split, then images in order.

    A simulation with fewer images begins with the same ones.

    Returns
    -------
    int array (1 + number of images,)
    """
    key = config.seed, data.task.name, simulation
    seed = keyed_generator(*key, "seed image").choice(data.indices("train"))
    images = keyed_generator(*key, f"{config.split} images").permutation(data.indices(config.split))
    return np.append(seed, images[: config.images])


def _first_in_context(capabilities: Capabilities, last: int) -> int:
    """First position at which a model is given a context, or a set; beyond the last if it is never.

    At position p there are p earlier images, the seed image among them.
    """
    helped = capabilities.in_context or capabilities.setwise
    return min(max(capabilities.min_context, 1), last + 1) if helped else last + 1


@dataclass(frozen=True)
class Sequential(InGames):
    """A sequential protocol with one kind of annotator.

    Attributes
    ----------
    name : str
    version : int
        Grows when the same configuration would give other records.
    max_steps : int
        Interactions at most, if the configuration names no maximum.
    annotator : Annotator
    """

    name: str
    version: int
    max_steps: int
    annotator: Annotator

    def unsupported_model(self, capabilities: Capabilities) -> str | None:
        """Why a model cannot take part, or None."""
        if not capabilities.interactive:
            return "it takes no interactions"
        return "it has to be trained on each task first" if capabilities.needs_training else None

    def unsupported_task(self, data: TaskData, config: Config) -> str | None:
        """What a task lacks for this protocol, or None."""
        return lacking(data, config, config.images or 1)

    def cost(self, available: int, config: Config, capabilities: Capabilities) -> int:
        """Rough relative time of a simulation, as measured: an image is dearer the longer its context is."""
        images = min(available, config.images or available)
        grows = capabilities.in_context or capabilities.setwise
        least = capabilities.min_context if grows else images + 1
        return sum(2 if size < least else 6 + 3 * size for size in range(1, images + 1))

    def prepare(
        self,
        data: TaskData,
        adapter: ModelAdapter,
        simulations: Sequence[int],
        config: Config,
        seed_adapter: ModelAdapter | None,
        model: str,
    ) -> SimulationGroup:
        """The games, one a simulation; see `InGames`."""
        admit(self, model, adapter.capabilities, data, config)
        rules = Rules(self.annotator, config.max_steps or self.max_steps, config.target_dice)
        kind = context_kind(adapter.capabilities, config)
        alone = ContextFreeCache(data, rules, config)

        def records(results: list[Played]) -> Records:
            rows = [row for played in results for row in played]
            return collect(self.name, model, data, config.split, kind, rows, PICTURED)

        games = [_simulation(int(number), alone, adapter, seed_adapter, kind) for number in simulations]
        return SimulationGroup(games, records)


def _simulation(
    simulation: int,
    alone: ContextFreeCache,
    adapter: ModelAdapter,
    seed_adapter: ModelAdapter | None,
    kind: str,
) -> Simulation[Played]:
    """Play the images of a simulation, those without a context by ``alone``."""
    data, config = alone.data, alone.config
    order = draw_images(data, simulation, config).tolist()
    first = _first_in_context(adapter.capabilities, len(order) - 1)
    setwise, helped = adapter.capabilities.setwise, first < len(order)
    pictured = simulation in PICTURED
    memory = ContextBuffer(adapter, len(order), data.images.shape[-2:]) if helped and not setwise else None
    played: Played = []
    for position, image in enumerate(order):
        if position == 0 and not helped:
            continue  # nobody needs the seed image
        if position < first:
            player = adapter if position else seed_adapter
            assert player is not None
            trajectory = yield from alone.segment(player, simulation, image, pictured)
        else:
            context = memory and memory.snapshot()
            earlier = [each for _, each in played] if setwise else ()
            trajectory = Trajectory.of(data, image, context=context, earlier=earlier, pictured=pictured)
            drawer = drawer_of(data, config, simulation, image)
            yield from segment(trajectory, adapter, alone.rules, drawer, first=int(setwise))
        if memory is not None:
            memory.add(trajectory.image, trajectory.kept(kind))
        if not setwise:
            trajectory.release()
        played.append((SampleKey(simulation, position, image), trajectory))
    return played


CENTER_CLICKS = Sequential("center-clicks", version=1, max_steps=20, annotator=CenterClicks())
CENTERLINE_SCRIBBLES = Sequential(
    "centerline-scribbles", version=1, max_steps=10, annotator=CenterlineScribbles()
)
