"""Bootstrapping in-context segmentation: one labelled image, then every prediction joins the context.

MultiverSeg, appendix D.2.2 (Fig. 17, 18).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from segbench.datasets.task import TaskData
from segbench.protocols.adapter import Capabilities, ModelAdapter
from segbench.protocols.config import Config, admit, lacking
from segbench.protocols.records import Records, SampleKey, collect, context_kind
from segbench.protocols.scheduler import InGames, Rules, Simulation, SimulationGroup, drawer_of, segment
from segbench.protocols.sequential import Played, draw_images
from segbench.protocols.trajectory import ContextBuffer, Trajectory


@dataclass(frozen=True)
class Bootstrapped(InGames):
    """Nobody draws anything: one prediction from the context per image.

    Attributes
    ----------
    name : str
    version : int
        Grows when the same configuration would give other records.
    max_steps : int
        0, as there are no interactions.
    """

    name: str
    version: int
    max_steps: int = 0
    needs_seed_image: ClassVar[bool] = False  # no seed model: the first label is given

    def unsupported_model(self, capabilities: Capabilities) -> str | None:
        """Why a model cannot take part, or None."""
        return refused_in_context(capabilities)

    def unsupported_task(self, data: TaskData, config: Config) -> str | None:
        """What a task lacks for this protocol, or None."""
        return lacking(data, config, config.images or 1)

    def cost(self, available: int, config: Config, capabilities: Capabilities) -> int:
        """Rough relative time of a simulation."""
        images = min(available, config.images or available)
        return images * (1 + images // 8)

    def prepare(
        self,
        data: TaskData,
        adapter: ModelAdapter,
        simulations: Sequence[int],
        config: Config,
        seed_adapter: ModelAdapter | None,
        model: str,
    ) -> SimulationGroup:
        """The games, one a simulation, which begin with a true label; ``seed_adapter`` is not used."""
        admit(self, model, adapter.capabilities, data, config)
        kind = context_kind(adapter.capabilities, config)

        def records(results: list[Played]) -> Records:
            rows = [row for played in results for row in played]
            return collect(self.name, model, data, config.split, kind, rows)

        games = [_simulation(data, adapter, int(number), config, kind) for number in simulations]
        return SimulationGroup(games, records)


def _simulation(
    data: TaskData, adapter: ModelAdapter, simulation: int, config: Config, kind: str
) -> Simulation[Played]:
    """Segment the images of a simulation, each from the label of the first and all predictions since."""
    rules = Rules(None, 0, config.target_dice)
    seed, *order = draw_images(data, simulation, config).tolist()
    memory = ContextBuffer(adapter, 1 + len(order), data.images.shape[-2:])
    memory.add(data.images[seed, 0], data.labels[seed, 0].astype(np.float32))
    played: Played = []
    for position, image in enumerate(order, start=1):
        trajectory = Trajectory.of(data, image, context=memory.snapshot())
        yield from segment(trajectory, adapter, rules, drawer_of(data, config, simulation, image), first=0)
        memory.add(trajectory.image, trajectory.kept(kind))
        trajectory.release()
        played.append((SampleKey(simulation, position, image), trajectory))
    return played


def refused_in_context(capabilities: Capabilities) -> str | None:
    """Why a model cannot segment from a context of a single image without interactions, or None."""
    if capabilities.setwise:
        return "it predicts sets of images, not one after another"
    if not capabilities.in_context:
        return "it takes no context"
    if capabilities.needs_training:
        return "it has to be trained on each task first"
    if capabilities.min_context > 1:
        return f"it takes no context of fewer than {capabilities.min_context} images"
    return None


BOOTSTRAPPED = Bootstrapped("bootstrapped-in-context", version=1)
