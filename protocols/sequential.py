"""Experiment 1: segment the images of a task one after another, each helped by those before it.

MultiverSeg, section 6.1 and appendix D.1 (Fig. 3, 4, 5, 10 to 16 and Table 7).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from segbench.protocols.adapter import Capabilities
from segbench.protocols.annotators import Annotator, CenterClicks, CenterlineScribbles
from segbench.protocols.cache import ContextFreeCache
from segbench.protocols.config import Config
from segbench.protocols.protocol import Protocol, configured_context
from segbench.protocols.records import Sample, SampleKey
from segbench.protocols.sampling import draw_images
from segbench.protocols.simulation import Rules, Setup, Simulation, segment
from segbench.protocols.trajectory import ContextBuffer

PICTURED = (0,)  # simulations whose masks are kept


@dataclass(frozen=True)
class Sequential(Protocol):
    """Experiment 1 with one annotator; see `Protocol` for the attributes."""

    name: str
    annotator: Annotator
    version: int = 1
    max_steps: int = 20
    title: str = ""
    unit: str = "interactions"
    in_study: bool = False

    family = "sequential"
    interactive = True
    ordered = True
    needs_seed_image = True
    needs_train_image = True

    def min_images(self, config: Config) -> int:
        return config.images or 1

    def cost(self, available: int, config: Config, capabilities: Capabilities) -> int:
        images = min(available, config.images or available)
        with_context = capabilities.in_context or capabilities.setwise
        first = capabilities.min_context if with_context else images + 1
        # As measured; the time of an image grows with its context.
        return sum(2 if size < first else 6 + 3 * size for size in range(1, images + 1))

    def context_content(self, capabilities: Capabilities, config: Config) -> str:
        return configured_context(capabilities, config)

    def simulate(self, setup: Setup, simulations: Sequence[int]) -> Iterable[Simulation[list[Sample]]]:
        rules = Rules(self.annotator, setup.config.max_steps or self.max_steps)
        cache = ContextFreeCache(setup, rules)
        return [self._simulation(cache, int(number)) for number in simulations]

    def _simulation(self, cache: ContextFreeCache, simulation: int) -> Simulation[list[Sample]]:
        """Segment the images of a simulation; ``cache`` segments those without a context."""
        setup, adapter = cache.setup, cache.setup.adapter
        order = draw_images(setup.data, simulation, setup.config).tolist()
        capabilities, setwise = adapter.capabilities, adapter.capabilities.setwise
        content = self.context_content(capabilities, setup.config)
        # Position p has p earlier images, the seed image included.
        first = max(capabilities.min_context, 1) if capabilities.in_context or setwise else len(order)
        helped, pictured = first < len(order), simulation in PICTURED
        buffer = (
            ContextBuffer(adapter, len(order), setup.data.images.shape[-2:])
            if helped and not setwise
            else None
        )
        samples: list[Sample] = []
        for position, image in enumerate(order):
            if position == 0 and not helped:
                continue  # no image uses the seed image
            if position < first:
                model = adapter if position else setup.seed_adapter
                assert model is not None
                trajectory = yield from cache.segment(model, simulation, image, pictured)
            else:
                context = None if buffer is None else buffer.snapshot()
                trajectory = setup.trajectory(image, context, pictured)
                earlier = [sample[1] for sample in samples] if setwise else ()
                rng_for = setup.rng_for(simulation, image)
                # Setwise models were trained on images with interactions: they begin with one.
                yield from segment(trajectory, adapter, cache.rules, rng_for, int(setwise), earlier)
            if buffer is not None:
                buffer.add(trajectory.image, trajectory.context_mask(content))
            if not setwise:
                trajectory.release()
            set_size = 1 + len(samples) if setwise and position >= first else 1
            key = SampleKey(position, image, self.annotator.name, simulation, set_size=set_size)
            samples.append((key, trajectory))
        return samples


CENTER_CLICKS = Sequential(
    "center-clicks", CenterClicks(), max_steps=20, title="Center clicks", unit="clicks", in_study=True
)
CENTERLINE_SCRIBBLES = Sequential(
    "centerline-scribbles",
    CenterlineScribbles(),
    max_steps=10,
    title="Centerline scribbles",
    unit="scribble steps",
    in_study=True,
)
