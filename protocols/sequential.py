"""Experiment 1 and bootstrapping: images segmented one after another, each helped by those before it.

MultiverSeg, section 6.1 and appendix D.1 (Fig. 3, 4, 5, 10 to 16 and Table 7); D.2.2 (Fig. 17, 18).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from segbench.protocols.adapter import Capabilities
from segbench.protocols.annotators import Annotator, CenterClicks, CenterlineScribbles, RitmClicks
from segbench.protocols.cache import ContextFreeCache
from segbench.protocols.config import Config
from segbench.protocols.protocol import PredictionKind, Protocol
from segbench.protocols.records import Sample, SampleKey
from segbench.protocols.sampling import draw_images, draw_seed_images
from segbench.protocols.simulation import Progress, Rules, Setup, Simulation, segment
from segbench.protocols.trajectory import ContextBuffer, Trajectory

PICTURED = (0,)  # simulations whose masks are kept


@dataclass(frozen=True)
class Sequential(Protocol):
    """Each image joins the context of the next ones.

    Experiment 1 with one annotator; see `Protocol` for the attributes.
    A seed model segments the first image. If it misses the target Dice, it is kept, or replaced by the next
    train image (`Config.seed_image`). Without `needs_seed_image` its true label begins the context. An image
    with a context begins with a prediction without interactions if `context_first` is set.
    """

    name: str
    annotator: Annotator | None = None
    version: int = 1
    max_steps: int = 20
    title: str = ""
    unit: str = "interactions"
    in_study: bool = False
    variant: bool = False

    family = "sequential"
    ordered = True
    needs_seed_image = True
    context = "predictions"
    context_first = True

    def predictions(
        self, simulations: int, available: int, config: Config, capabilities: Capabilities
    ) -> Mapping[PredictionKind, int]:
        images, limit = min(available, config.images or available), self.step_limit(config)
        takes_others = capabilities.in_context or capabilities.setwise
        first = min(max(capabilities.min_context, 1), images + 1) if takes_others else images + 1
        helped = range(first, images + 1)  # by so many earlier images, the seed image included
        made: dict[PredictionKind, int] = {}
        if self.context_first and not capabilities.setwise:
            made = {PredictionKind(size, False): simulations for size in helped}
        if limit:
            alone = simulations * (first - 1)
            if self.annotator is not None and not self.annotator.random:
                alone = min(alone, available)  # simulations share these
            seeds = simulations if helped else 0
            made |= {PredictionKind(size, True): simulations * limit for size in helped}
            made |= {PredictionKind(0, True): (alone + seeds) * limit}
        return made

    def simulate(self, setup: Setup, simulations: Sequence[int]) -> Iterable[Simulation[list[Sample]]]:
        cache = ContextFreeCache(setup, Rules(self.annotator, self.step_limit(setup.config)))
        return [self._simulation(cache, int(number)) for number in simulations]

    def _simulation(self, cache: ContextFreeCache, simulation: int) -> Simulation[list[Sample]]:
        """Segment the images of a simulation; ``cache`` segments those without a context."""
        setup, data, adapter = cache.setup, cache.setup.data, cache.setup.adapter
        order = draw_images(data, simulation, setup.config).tolist()
        capabilities, setwise = adapter.capabilities, adapter.capabilities.setwise
        content = self.context_content(capabilities, setup.config)
        # Position p has p earlier images, the seed image included.
        first = max(capabilities.min_context, 1) if capabilities.in_context or setwise else len(order)
        helped, pictured = first < len(order), bool(self.max_steps) and simulation in PICTURED
        buffer = None
        if helped and not setwise:
            buffer = ContextBuffer(adapter, len(order), data.images.shape[-2:])
        samples: list[Sample] = []
        for position, image in enumerate(order):
            if position == 0 and not helped:
                continue  # no image uses the seed image
            if position == 0 and buffer is not None and not self.needs_seed_image:
                buffer.add(data.images[image, 0], data.labels[image, 0].astype(np.float32))
                continue
            if position == 0:
                image, trajectory = yield from self._seed_image(cache, simulation, pictured)
            elif position < first:
                trajectory = yield from cache.segment(adapter, simulation, image, pictured)
            else:
                context = None if buffer is None else buffer.snapshot()
                trajectory = setup.trajectory(image, context, pictured)
                earlier = [sample[1] for sample in samples] if setwise else ()
                rng_for = setup.rng_for(simulation, image)
                # Setwise models were trained on images with interactions: they begin with one.
                first_step = int(setwise or not self.context_first)
                yield from segment(trajectory, adapter, cache.rules, rng_for, first_step, earlier)
            if buffer is not None:
                buffer.add(trajectory.image, trajectory.context_mask(content))
            if not setwise:
                trajectory.release()
            set_size = 1 + len(samples) if setwise and position >= first else 1
            key = SampleKey(position, image, self.annotator_name, simulation, set_size=set_size)
            samples.append((key, trajectory))
            yield Progress(_share(position, len(order), first, helped and self.needs_seed_image))
        return samples

    def _seed_image(
        self, cache: ContextFreeCache, simulation: int, pictured: bool
    ) -> Simulation[tuple[int, Trajectory]]:
        """Segment drawn train images until one reaches the target; else return that of the largest Dice."""
        model = cache.setup.seed_adapter
        assert model is not None
        tried: list[tuple[int, Trajectory]] = []
        for image in draw_seed_images(cache.setup.data, simulation, cache.setup.config).tolist():
            trajectory = yield from cache.segment(model, simulation, image, pictured)
            if trajectory.reached:
                return image, trajectory
            tried.append((image, trajectory))
        return max(tried, key=lambda sample: sample[1].steps[-1]["dice"])


def _share(position: int, count: int, first: int, seeded: bool) -> float:
    """Return the share of the time in which the images up to a position are segmented, roughly.

    The time of an image grows with its context, which images from position ``first`` on have. ``seeded`` is
    whether the seed image, at position 0, is segmented.
    """
    weights = [2 * seeded] + [2 + (number if number >= first else 0) for number in range(1, count)]
    return sum(weights[: position + 1]) / sum(weights)


class Bootstrapped(Sequential):
    """Each prediction joins the context of the next.

    The context begins with the true label of the first image.
    """

    family = "bootstrapped"
    needs_seed_image = False
    needs_context = True


CENTER_CLICKS = Sequential(
    "center-clicks", CenterClicks(), title="Center clicks", unit="clicks", in_study=True
)
CENTERLINE_SCRIBBLES = Sequential(
    "centerline-scribbles",
    CenterlineScribbles(),
    version=2,
    max_steps=10,
    title="Centerline scribbles",
    unit="scribble steps",
    in_study=True,
)
# The scribbles of ScribblePrompt's published evaluation.
CENTERLINE_SCRIBBLES_128 = Sequential(
    "centerline-scribbles-128",
    CenterlineScribbles("centerline-scribbles-128", max_pixels=128),
    max_steps=10,
    title="Centerline scribbles of 128 pixels",
    unit="scribble steps",
    in_study=True,
    variant=True,
)
# Version 1 of centerline-scribbles: ScribblePrompt's simulator, whose thinning may leave nothing.
CENTERLINE_SCRIBBLES_V1 = Sequential(
    "centerline-scribbles-v1",
    CenterlineScribbles("centerline-scribbles-v1", may_be_empty=True),
    max_steps=10,
    title="Centerline scribbles, version 1",
    unit="scribble steps",
    variant=True,
)
RITM_CLICKS = Sequential("ritm-clicks", RitmClicks(), title="RITM clicks", unit="clicks", variant=True)
BOOTSTRAPPED = Bootstrapped(
    "bootstrapped-in-context",
    max_steps=0,
    title="Bootstrapped in context",
    unit="predictions",
    in_study=True,
)
