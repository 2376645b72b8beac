"""Experiment 1: segment the images of a task one after another, each helped by those before it.

MultiverSeg, section 6.1 and appendix D.1 (Fig. 3, 4, 11, 16 and Table 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from datasets.task import TaskData
from protocols.adapter import Capabilities, ModelAdapter
from protocols.annotators import Annotator, CenterClicks, CenterlineScribbles
from protocols.config import Config, ProtocolError
from protocols.engine import Trajectory, interact
from protocols.interactions import keyed_generator
from protocols.records import Records


def draw_images(data: TaskData, simulation: int, config: Config) -> np.ndarray:
    """Indices of the images of one simulation: a seed image of the train split, then test images in order.

    A simulation with fewer images begins with the same ones.

    Returns
    -------
    int array (1 + config.images,)
    """
    key = config.seed, data.task.name, simulation
    seed = keyed_generator(*key, "seed image").choice(data.indices("train"))
    test = keyed_generator(*key, "test images").permutation(data.indices("test"))
    return np.append(seed, test[: config.images])


@dataclass(frozen=True)
class Sequential:
    """A sequential protocol with one kind of annotator.

    Attributes
    ----------
    name : str
    version : int
        Grows when the same configuration would give other records.
    max_steps : int
        Interactions at most, if the configuration names no maximum.
    annotator : Annotator
    """

    name: str
    version: int
    max_steps: int
    annotator: Annotator

    def refuses(self, capabilities: Capabilities) -> str | None:
        """Why a model cannot take part, or None."""
        if capabilities.needs_training:
            return "it has to be trained on each task first"
        if capabilities.setwise:
            return "it predicts sets of images, not one after another"
        if not capabilities.interactive:
            return "it takes no interactions"
        return None

    def missing(self, data: TaskData, config: Config) -> str | None:
        """What a task lacks for this protocol, or None."""
        train, test = len(data.indices("train")), len(data.indices("test"))
        if train == 0:
            return f"{data.task} has no train image to begin the context with"
        if test < config.images:
            return f"{data.task} has {test} test images, fewer than the {config.images} of a simulation"
        return None

    def run(
        self,
        data: TaskData,
        adapter: ModelAdapter,
        simulations: Sequence[int],
        config: Config,
        seed_adapter: ModelAdapter,
        model: str,
    ) -> Records:
        """Play simulations of a task; each comes out the same whichever others are played with it.

        Parameters
        ----------
        data : TaskData
        adapter : ModelAdapter
            The model under test.
        simulations : sequence of int
        config : Config
        seed_adapter : ModelAdapter
            Segments the seed image, the same for all models: ScribblePrompt in the paper.
        model : str
            Name for the records.

        Returns
        -------
        Records
            In order of simulation (as given), position and step.

        Raises
        ------
        ProtocolError
            If the model or the task cannot take part, or the model returns no valid logits.
        """
        reason = self.refuses(adapter.capabilities) or self.missing(data, config)
        if reason:
            raise ProtocolError(f"{model} cannot run {self.name}: {reason}")
        last, max_steps = config.images, config.max_steps or self.max_steps
        orders = [draw_images(data, simulation, config) for simulation in simulations]
        # At position p there are p earlier images, the seed image among them.
        needed = max(adapter.capabilities.min_context, 1) if adapter.capabilities.in_context else last + 1
        first = min(needed, last + 1)
        played: dict[tuple[int, int], Trajectory] = {}

        def play(player: ModelAdapter, positions: Sequence[int], context: bool = False) -> None:
            places = [(number, position) for number in range(len(orders)) for position in positions]
            items = [(simulations[number], int(orders[number][position])) for number, position in places]
            contexts = [[played[n, earlier] for earlier in range(p)] for n, p in places] if context else None
            found = interact(data, player, items, self.annotator, config, max_steps, contexts)
            played.update(zip(places, found, strict=True))

        if first <= last:
            play(seed_adapter, [0])
        play(adapter, range(1, first))
        for position in range(first, last + 1):
            play(adapter, [position], context=True)
        return self._records(data, model, simulations, orders, played)

    def _records(
        self,
        data: TaskData,
        model: str,
        simulations: Sequence[int],
        orders: Sequence[np.ndarray],
        played: dict[tuple[int, int], Trajectory],
    ) -> Records:
        records = Records()
        common = {"protocol": self.name, "model": model, **asdict(data.task), "task": data.task.name}
        for number, (simulation, order) in enumerate(zip(simulations, orders, strict=True)):
            for position, image in enumerate(order[1:], start=1):
                trajectory = played[number, position]
                identity = common | {
                    "simulation": int(simulation),
                    "position": position,
                    "image": int(image),
                    "subject": str(data.subjects[image]),
                    "context_size": len(trajectory.context),
                }
                records.steps += [identity | step for step in trajectory.steps]
                last = trajectory.steps[-1]
                records.images.append(
                    identity
                    | {"interactions": last["step"], "reached": trajectory.reached, "dice": last["dice"]}
                    | {"hd95": trajectory.hd95, "seconds": trajectory.seconds}
                )
        return records


CENTER_CLICKS = Sequential("center-clicks", version=1, max_steps=20, annotator=CenterClicks())
CENTERLINE_SCRIBBLES = Sequential(
    "centerline-scribbles", version=1, max_steps=10, annotator=CenterlineScribbles()
)
