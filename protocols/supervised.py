"""Supervised segmentation: networks that were trained on the task, the upper bound of all others.

MultiverSeg, section 5.4 ("Supervised Benchmarks").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from segbench.datasets.task import TaskData
from segbench.protocols.adapter import Capabilities, ModelAdapter
from segbench.protocols.config import Config, admit, too_few
from segbench.protocols.records import SampleKey, collect
from segbench.protocols.scheduler import InGames, Rules, Simulation, SimulationGroup, drawer_of, segment
from segbench.protocols.trajectory import Trajectory

PICTURED = 18  # images of the first run whose masks are kept, as many as a set of experiment 1 has


@dataclass(frozen=True)
class Supervised(InGames):
    """Every image of the test split once, without any interaction; a simulation is one training.

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
    per_training: ClassVar[bool] = True  # a simulation is one training, with weights of its own
    needs_seed_image: ClassVar[bool] = False
    ordered: ClassVar[bool] = False

    def unsupported_model(self, capabilities: Capabilities) -> str | None:
        """Why a model cannot take part, or None."""
        if not capabilities.needs_training:
            return "it is not trained on the task"
        return "it segments all structures at once, not one" if capabilities.automatic else None

    def unsupported_task(self, data: TaskData, config: Config) -> str | None:
        """What a task lacks for this protocol, or None."""
        if config.split != "test":
            return f"{data.task} has validation images that took part in training"
        return too_few(data, config, 1, "an assessment")

    def cost(self, available: int, config: Config, capabilities: Capabilities) -> int:
        """Rough relative time: nnU-Net predicts four mirrored images of each with a large network."""
        return available * 5

    def prepare(
        self,
        data: TaskData,
        adapter: ModelAdapter,
        simulations: Sequence[int],
        config: Config,
        seed_adapter: ModelAdapter | None,
        model: str,
    ) -> SimulationGroup:
        """The games, one an image of the one simulation; ``seed_adapter`` is not used."""
        admit(self, model, adapter.capabilities, data, config)
        (training,) = simulations
        rules = Rules(None, 0, config.target_dice)

        def game(place: SampleKey) -> Simulation[tuple[SampleKey, Trajectory]]:
            shown = training == 0 and place.position <= PICTURED
            trajectory = Trajectory.of(data, place.image, pictured=shown)
            drawer = drawer_of(data, config, training, place.image)
            yield from segment(trajectory, adapter, rules, drawer, first=0)
            trajectory.release()
            return place, trajectory

        images = enumerate(data.indices(config.split).tolist(), start=1)
        games = [game(SampleKey(training, position, image)) for position, image in images]
        return SimulationGroup(
            games, lambda rows: collect(self.name, model, data, config.split, "none", rows, (0,))
        )


SUPERVISED = Supervised("supervised", version=1)
