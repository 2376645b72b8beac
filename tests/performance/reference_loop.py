"""The plain loop of experiment 1 with networks as one would first write them, as reference for speed.

The loop is `segbench.protocols.scheduler.plain_loop`: one image at a time, in float32, nothing shared between
images or simulations. The networks are those of ``reference_networks.py``, in the default memory layout.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter

import torch
from reference_networks import cross_network, scribbleprompt
from torch import Tensor, nn

from segbench.datasets.task import TaskData
from segbench.protocols.adapter import Capabilities, Query
from segbench.protocols.config import Config
from segbench.protocols.scheduler import plain_loop
from segbench.protocols.sequential import Sequential


class ReferenceModel:
    """MultiverSeg, and ScribblePrompt for images without a context."""

    capabilities = Capabilities(interactive=True, in_context=True)

    def __init__(self, networks: dict[str, nn.Module]) -> None:
        self.networks = networks

    def predict(self, query: Query) -> Tensor:
        nothing, drawn = torch.zeros_like(query.image), query.interactions
        previous = nothing if query.previous_logits is None else query.previous_logits
        sides = [nothing, nothing] if drawn is None else [drawn.positive, drawn.negative]
        channels = torch.cat([query.image, nothing, *sides, previous], dim=1)
        if query.context is None:
            return scribbleprompt(self.networks["scribbleprompt"], channels)
        return cross_network(
            self.networks["multiverseg"], channels, query.context.images, query.context.labels
        )


def simulate(
    data: TaskData, simulation: int, protocol: Sequential, config: Config, networks: dict[str, nn.Module]
) -> list[list[float]]:
    """Return the Dice after every step of every image of a simulation, without the seed image."""
    model, max_steps = ReferenceModel(networks), config.max_steps or protocol.max_steps
    rows = plain_loop(data, model, model, protocol.annotator, max_steps, simulation, config)
    return [[row["dice"] for row in image] for _, image in groupby(rows, itemgetter("position"))]
