"""Scribbles that people drew, and the simulated annotator's on the same images: how far apart are they?

One prediction from all scribbles of one annotator, as ScribblePrompt is tried on MedScribble.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from segbench.datasets.scans import ScanData
from segbench.datasets.scribbled import ScribbledData
from segbench.datasets.task import TaskData
from segbench.protocols.adapter import Capabilities, ModelAdapter
from segbench.protocols.annotators import CenterlineScribbles, Draw, LineScribbles, Mark
from segbench.protocols.config import Config, admit, too_few
from segbench.protocols.inference import predict_sets
from segbench.protocols.interactions import keyed_generator
from segbench.protocols.records import Records, SampleKey, collect
from segbench.protocols.trajectory import Trajectory


def _person(data: ScribbledData, image: int, number: int, draw: Draw) -> Mark:
    positive, negative = data.scribbles[image, number]
    return Mark("scribble+-", positive=positive, negative=negative)


def _centerline(data: ScribbledData, image: int, number: int, draw: Draw) -> Mark:
    (mark,) = CenterlineScribbles().start(data.labels[image], [draw])
    return mark


def _line(data: ScribbledData, image: int, number: int, draw: Draw) -> Mark:
    (mark,) = LineScribbles().prompt(data.labels[image, 0], draw)
    return mark


# Who draws, as in the column ``context`` of the records.
DRAWERS: dict[str, Callable[[ScribbledData, int, int, Draw], Mark]] = {
    "human": _person,
    "centerline": _centerline,
    "line": _line,
}


@dataclass(frozen=True)
class ManualScribbles:
    """Every image of the split, once for each person who drew on it and as often by simulated annotators.

    Attributes
    ----------
    name : str
    version : int
        Grows when the same configuration would give other records.
    max_steps : int
        1: a positive and a negative scribble together are a step; nothing is corrected.
    max_simulations : int
        1: there are as many draws as people.
    """

    name: str
    version: int
    max_steps: int = 1
    max_simulations: int = 1
    data_kind: ClassVar[str] = "scribbles"  # of the data sets that it is for
    needs_seed_image: ClassVar[bool] = False
    ordered: ClassVar[bool] = False

    def unsupported_model(self, capabilities: Capabilities) -> str | None:
        """Why a model cannot take part, or None."""
        if not capabilities.interactive:
            return "it takes no interactions"
        return "it has to be trained on each task first" if capabilities.needs_training else None

    def unsupported_task(self, data: TaskData | ScanData, config: Config) -> str | None:
        """What a task lacks for this protocol, or None."""
        reason = too_few(data, config, 1, "an assessment")
        if reason or isinstance(data, ScribbledData):
            return reason
        return f"{data.task} has no scribbles that people drew"

    def cost(self, available: int, config: Config, capabilities: Capabilities) -> int:
        """Rough relative time: three people, and as many draws of either simulated annotator."""
        return available * 3 * len(DRAWERS)

    def run(
        self,
        data: ScribbledData,
        adapter: ModelAdapter,
        simulations: Sequence[int],
        config: Config,
        seed_adapter: ModelAdapter | None,
        model: str,
    ) -> Records:
        """As `InGames.run`; neither ``simulations`` nor ``seed_adapter`` is used.

        The column ``context`` says who drew, `DRAWERS`, and ``simulation`` which person or which draw.
        Positions number the images, of which every model sees one at a time and without a context.
        """
        admit(self, model, adapter.capabilities, data, config)
        numbers = range(data.annotators)
        places = [
            SampleKey(number, position, int(image))
            for number in numbers
            for position, image in enumerate(data.indices(config.split), start=1)
        ]
        records = Records()
        for who in DRAWERS:
            found = _segmented(data, adapter, places, who, config)
            rows = list(zip(places, found, strict=True))
            records.extend(collect(self.name, model, data, config.split, who, rows, pictured=numbers))
        return records


def _segmented(
    data: ScribbledData, adapter: ModelAdapter, places: Sequence[SampleKey], who: str, config: Config
) -> list[Trajectory]:
    """Images with the prediction of each from what one draws on it."""
    found, marks = [], []
    for place in places:
        # The key of a first step: these are the scribbles with which centerline-scribbles begins.
        draw = partial(keyed_generator, config.seed, data.task.name, place.simulation, place.image, 1)
        mark = DRAWERS[who](data, place.image, place.simulation, draw)
        trajectory = Trajectory.of(data, place.image, pictured=True)
        trajectory.add(mark)
        found.append(trajectory)
        marks.append(mark)
    predict_sets(adapter, [[trajectory] for trajectory in found])
    for trajectory, mark in zip(found, marks, strict=True):
        trajectory.assess(1, mark, config.target_dice)
    return found


MANUAL_SCRIBBLES = ManualScribbles("manual-scribbles", version=1)
