"""Bootstrapping in-context segmentation: one labelled image, then every prediction joins the context.

MultiverSeg, appendix D.2.2 (Fig. 17, 18).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from segbench.protocols.adapter import Capabilities
from segbench.protocols.config import Config
from segbench.protocols.protocol import Protocol, configured_context
from segbench.protocols.records import Sample, SampleKey
from segbench.protocols.sampling import draw_images
from segbench.protocols.simulation import Rules, Setup, Simulation, segment
from segbench.protocols.trajectory import ContextBuffer

NO_INTERACTIONS = Rules(annotator=None, max_steps=0)


class Bootstrapped(Protocol):
    """One prediction per image, from the true label of the seed image and all earlier predictions."""

    name = "bootstrapped-in-context"
    title = "Bootstrapped in context"
    unit = "predictions"
    family = "bootstrapped"
    in_study = True
    ordered = True
    needs_train_image = True

    def unsupported_model(self, capabilities: Capabilities) -> str | None:
        return super().unsupported_model(capabilities) or unsupported_in_context(capabilities)

    def min_images(self, config: Config) -> int:
        return config.images or 1

    def cost(self, available: int, config: Config, capabilities: Capabilities) -> int:
        images = min(available, config.images or available)
        return images * (1 + images // 8)

    def context_content(self, capabilities: Capabilities, config: Config) -> str:
        return configured_context(capabilities, config)

    def simulate(self, setup: Setup, simulations: Sequence[int]) -> Iterable[Simulation[list[Sample]]]:
        return [self._simulation(setup, int(number)) for number in simulations]

    def _simulation(self, setup: Setup, simulation: int) -> Simulation[list[Sample]]:
        data, adapter = setup.data, setup.adapter
        content = self.context_content(adapter.capabilities, setup.config)
        seed, *order = draw_images(data, simulation, setup.config).tolist()
        buffer = ContextBuffer(adapter, 1 + len(order), data.images.shape[-2:])
        buffer.add(data.images[seed, 0], data.labels[seed, 0].astype(np.float32))
        samples: list[Sample] = []
        for position, image in enumerate(order, start=1):
            trajectory = setup.trajectory(image, buffer.snapshot())
            yield from segment(
                trajectory, adapter, NO_INTERACTIONS, setup.rng_for(simulation, image), first_step=0
            )
            buffer.add(trajectory.image, trajectory.context_mask(content))
            trajectory.release()
            samples.append((SampleKey(position, image, simulation=simulation), trajectory))
        return samples


def unsupported_in_context(capabilities: Capabilities) -> str | None:
    """Return why a model cannot segment from a context of one image without interactions, or None."""
    if capabilities.setwise:
        return "it predicts sets of images, not one after another"
    if not capabilities.in_context:
        return "it takes no context"
    if capabilities.min_context > 1:
        return f"it takes no context of fewer than {capabilities.min_context} images"
    return None


BOOTSTRAPPED = Bootstrapped()
