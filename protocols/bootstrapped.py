"""Bootstrapping in-context segmentation: one labelled image, then every prediction joins the context.

MultiverSeg, appendix D.2.2 (Fig. 17, 18).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from datasets.task import TaskData
from protocols.adapter import Capabilities, ModelAdapter
from protocols.config import Config, admit, lacking
from protocols.engine import Entry, Rules, Trajectory, interact, labelled
from protocols.records import Place, Records, collect, context_kind
from protocols.sequential import draw_images


@dataclass(frozen=True)
class Bootstrapped:
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
    seeded: ClassVar[bool] = False  # no seed model: the first label is given

    def refuses(self, capabilities: Capabilities) -> str | None:
        """Why a model cannot take part, or None."""
        return refused_in_context(capabilities)

    def missing(self, data: TaskData, config: Config) -> str | None:
        """What a task lacks for this protocol, or None."""
        return lacking(data, config, config.images or 1)

    def cost(self, available: int, config: Config, capabilities: Capabilities) -> int:
        """Rough relative time of a simulation."""
        images = min(available, config.images or available)
        return images * (1 + images // 8)

    def run(
        self,
        data: TaskData,
        adapter: ModelAdapter,
        simulations: Sequence[int],
        config: Config,
        seed_adapter: ModelAdapter | None,
        model: str,
    ) -> Records:
        """As `Sequential.run`, with the true label of the seed image; ``seed_adapter`` is not used."""
        admit(self, model, adapter.capabilities, data, config)
        kind = context_kind(adapter.capabilities, config)
        orders = [draw_images(data, simulation, config) for simulation in simulations]
        contexts: list[list[Entry | Trajectory]] = [[labelled(data, int(order[0]))] for order in orders]
        rows = []
        for position in range(1, len(orders[0])):
            items = [(s, int(order[position])) for s, order in zip(simulations, orders, strict=True)]
            held = [tuple(context) for context in contexts]
            found = interact(data, adapter, items, Rules(None, 0), config, held)
            for (simulation, image), context, trajectory in zip(items, contexts, found, strict=True):
                context.append(trajectory.entry(kind))
                rows.append((Place(int(simulation), position, image), trajectory))
        place = {int(simulation): number for number, simulation in enumerate(simulations)}
        rows.sort(key=lambda row: (place[row[0].simulation], row[0].position))
        return collect(self.name, model, data, config.split, kind, rows)


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
