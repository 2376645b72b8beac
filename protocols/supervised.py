"""Supervised segmentation: networks trained on the task, the upper bound of all others.

MultiverSeg, section 5.4 ("Supervised Benchmarks").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from segbench.datasets.task import ImageData
from segbench.protocols.adapter import Capabilities
from segbench.protocols.config import Config
from segbench.protocols.protocol import Protocol
from segbench.protocols.records import Sample, SampleKey
from segbench.protocols.simulation import NO_INTERACTIONS, Setup, Simulation, segment

PICTURED = 18  # images of the first training whose masks are kept; a simulation of experiment 1 has as many


class Supervised(Protocol):
    """Every test image once, for each training."""

    name = "supervised"
    title = "Supervised (no interactions)"
    unit = "predictions"
    family = "supervised"
    in_study = True
    per_training = True

    def unsupported_model(self, capabilities: Capabilities) -> str | None:
        if not capabilities.needs_training:
            return "it is not trained on the task"
        return "it segments all structures at once, not one" if capabilities.automatic else None

    def unsupported_task(self, data: ImageData, config: Config) -> str | None:
        if config.split != "test":
            return f"{data.task} has validation images that took part in training"
        return super().unsupported_task(data, config)

    def simulate(self, setup: Setup, simulations: Sequence[int]) -> Iterable[Simulation[list[Sample]]]:
        images = setup.data.indices(setup.config.split).tolist()
        return [
            self._image(setup, SampleKey(position, image, training=int(training)))
            for training in simulations
            for position, image in enumerate(images, start=1)
        ]

    def _image(self, setup: Setup, key: SampleKey) -> Simulation[list[Sample]]:
        pictured = key.training == 0 and key.position <= PICTURED
        trajectory = setup.trajectory(key.image, pictured=pictured)
        rng_for = setup.rng_for(0, key.image)
        yield from segment(trajectory, setup.adapter, NO_INTERACTIONS, rng_for, first_step=0)
        trajectory.release()
        return [(key, trajectory)]


SUPERVISED = Supervised()
