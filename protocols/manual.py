"""Scribbles that people drew, and those of simulated annotators on the same images.

One prediction from all scribbles of one annotator, as ScribblePrompt is evaluated on MedScribble.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from segbench.datasets.scribbled import ScribbledData
from segbench.datasets.task import ImageData
from segbench.protocols.adapter import Capabilities, Prompt
from segbench.protocols.annotators import Annotator, CenterlineScribbles, Interaction, LineScribbles
from segbench.protocols.config import Config
from segbench.protocols.protocol import PredictionKind, Protocol
from segbench.protocols.records import Sample, SampleKey
from segbench.protocols.simulation import Rules, Setup, Simulation, segment

HUMAN = "human"
SIMULATED: tuple[Annotator, ...] = (CenterlineScribbles(), LineScribbles())


class ManualScribbles(Protocol):
    """Each person's scribbles, and as many simulated.

    A positive and a negative scribble together are one step; nothing is corrected. Models see one image at a
    time, without a context.
    """

    name = "manual-scribbles"
    version = 2
    title = "People's scribbles"
    unit = "scribble steps"
    family = "manual"
    in_study = True
    data_kind = "scribbles"
    max_steps = 1
    max_simulations = 1  # simulated annotators draw as often as there are people
    prompts: tuple[Prompt, ...] = ("scribbles",)

    def unsupported_task(self, data: ImageData, config: Config) -> str | None:
        reason = super().unsupported_task(data, config)
        if reason or isinstance(data, ScribbledData):
            return reason
        return f"{data.task} has no scribbles that people drew"

    def predictions(
        self, simulations: int, available: int, config: Config, capabilities: Capabilities
    ) -> Mapping[PredictionKind, int]:
        number = available * 3 * (1 + len(SIMULATED))  # as if of three people
        return {PredictionKind(0, True): number}

    def simulate(self, setup: Setup, simulations: Sequence[int]) -> Iterable[Simulation[list[Sample]]]:
        images = setup.data.indices(setup.config.split).tolist()
        for annotator in (None, *SIMULATED):
            for number in range(setup.data.annotators):
                for position, image in enumerate(images, start=1):
                    if annotator is None:
                        key = SampleKey(position, image, HUMAN, person=number)
                    else:
                        key = SampleKey(position, image, annotator.name, simulation=number)
                    yield self._image(setup, key, annotator)

    def _image(self, setup: Setup, key: SampleKey, annotator: Annotator | None) -> Simulation[list[Sample]]:
        trajectory = setup.trajectory(key.image, pictured=True)
        if annotator is None:
            positive, negative = setup.data.scribbles[key.image, key.person]
            trajectory.add(Interaction("scribble+-", positive, negative))
        # Step 1 draws the scribbles with which centerline-scribbles begins.
        rng_for = setup.rng_for(key.simulation, key.image)
        yield from segment(trajectory, setup.adapter, Rules(annotator, self.max_steps), rng_for)
        trajectory.release()
        return [(key, trajectory)]


MANUAL_SCRIBBLES = ManualScribbles()
