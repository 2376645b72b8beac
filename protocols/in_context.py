"""Experiment 2: contexts of true labels, of several sizes, without and with interactions.

MultiverSeg, section 7 (Fig. 6, 7, 19, 20, 21).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from segbench.protocols.adapter import Capabilities
from segbench.protocols.annotators import Annotator, CenterClicks, CenterlineScribbles
from segbench.protocols.config import Config
from segbench.protocols.protocol import PredictionKind, Protocol
from segbench.protocols.records import Sample, SampleKey
from segbench.protocols.sampling import draw_context, eval_images
from segbench.protocols.simulation import Rules, Setup, Simulation, segment
from segbench.protocols.trajectory import labelled


@dataclass(frozen=True)
class InContext(Protocol):
    """Every image in contexts of every size.

    A simulation is one draw of these contexts. All interactions are made, also on images that have the target
    Dice. Without an annotator there is one prediction per context.
    """

    name: str
    annotator: Annotator | None = None
    version: int = 1
    max_steps: int = 0
    title: str = ""
    unit: str = "predictions"
    family: str = "in-context"
    in_study: bool = False

    context = "ground-truth"
    needs_context = True
    max_simulations = 10  # draws of a context; section 7 has ten, and ten seeds
    block = 1  # simulations are long

    def unsupported_model(self, capabilities: Capabilities) -> str | None:
        if capabilities.true_context:
            return "all contexts hold true labels here, so it equals another model"
        return super().unsupported_model(capabilities)

    def predictions(
        self, simulations: int, available: int, config: Config, capabilities: Capabilities
    ) -> Mapping[PredictionKind, int]:
        images, limit = min(available, config.eval_images or available), self.step_limit(config)
        sizes = [size * capabilities.contexts for size in config.context_sizes]
        made = {PredictionKind(size, False): simulations * images for size in sizes}
        return made | {PredictionKind(size, True): simulations * images * limit for size in sizes if limit}

    def simulate(self, setup: Setup, simulations: Sequence[int]) -> Iterable[Simulation[list[Sample]]]:
        images = eval_images(setup.data, setup.config, setup.config.eval_images).tolist()
        return [
            self._image(setup, SampleKey(position, image, self.annotator_name, int(simulation)), size)
            for size in setup.config.context_sizes
            for simulation in simulations
            for position, image in enumerate(images, start=1)
        ]

    def _image(self, setup: Setup, key: SampleKey, size: int) -> Simulation[list[Sample]]:
        contexts = setup.adapter.capabilities.contexts
        drawn = draw_context(setup.data, key.simulation, key.image, size, setup.config.seed, contexts)
        trajectory = setup.trajectory(key.image, labelled(setup.data, drawn, setup.adapter))
        rules = Rules(self.annotator, self.step_limit(setup.config), stops=False)
        rng_for = setup.rng_for(key.simulation, key.image)
        yield from segment(trajectory, setup.adapter, rules, rng_for, first_step=0)
        trajectory.release()
        return [(key, trajectory)]


IN_CONTEXT = InContext("in-context", title="In context", in_study=True)
INTERACTIVE_CLICKS = InContext(
    "interactive-in-context-clicks",
    CenterClicks(),
    max_steps=10,
    title="Center clicks in context",
    unit="clicks",
    family="interactive-in-context",
    in_study=True,
)
INTERACTIVE_SCRIBBLES = InContext(
    "interactive-in-context-scribbles",
    CenterlineScribbles(),
    version=2,
    max_steps=5,
    title="Centerline scribbles in context",
    unit="scribble steps",
    family="interactive-in-context",
    in_study=True,
)
