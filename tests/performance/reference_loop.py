"""The plain loop that this benchmark's speed is compared with: MultiverSeg, one image at a time.

As a careful group would first write it for one paper: float32, networks in the default memory layout
(``reference_networks.py``), the annotator image by image, the context stacked anew at every step, and nothing
shared between images or simulations. It draws what the protocols of the benchmark draw, so that both end with
the same steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from reference_networks import cross_network, scribbleprompt
from torch import nn

from segbench.datasets.task import TaskData
from segbench.protocols.config import Config
from segbench.protocols.interactions import center_click, centerline_scribble, keyed_generator
from segbench.protocols.metrics import dice
from segbench.protocols.sequential import Sequential, draw_images


@dataclass
class Annotated:
    """The marks on an image, and the last logits, float32 arrays (H, W)."""

    image: np.ndarray
    label: np.ndarray
    positive: np.ndarray
    negative: np.ndarray
    logits: np.ndarray | None = None

    @property
    def mask(self) -> np.ndarray:
        return np.zeros_like(self.label) if self.logits is None else self.logits > 0


def mark(state: Annotated, protocol: str, draw) -> None:
    """Add what the annotator of a protocol draws."""
    if protocol == "center-clicks":
        click = center_click(state.label, state.mask)
        if click is not None:
            (state.positive if click.positive else state.negative)[click.row, click.column] = 1
        return
    if state.logits is None:
        positive = centerline_scribble(state.label, draw("positive"))
        negative = centerline_scribble(~state.label, draw("negative"))
    else:
        missed, spurious = state.label & ~state.mask, state.mask & ~state.label
        rng = draw("correction")
        on_alarms = rng.random() * (spurious.sum() + missed.sum()) < spurious.sum()
        drawn = centerline_scribble(spurious if on_alarms else missed, rng)
        nothing = np.zeros_like(drawn)
        positive, negative = (nothing, drawn) if on_alarms else (drawn, nothing)
    state.positive = np.minimum(state.positive + positive, 1)
    state.negative = np.minimum(state.negative + negative, 1)


def predict(state: Annotated, context: list[tuple[np.ndarray, np.ndarray]], networks: dict[str, nn.Module]):
    """Logits (H, W): MultiverSeg's, or ScribblePrompt's where there is no context."""
    nothing = np.zeros_like(state.image)
    previous = nothing if state.logits is None else state.logits
    channels = [state.image, nothing, state.positive, state.negative, previous]
    target = torch.from_numpy(np.stack(channels))[None]
    if not context:
        return scribbleprompt(networks["scribbleprompt"], target)[0, 0].numpy()
    images, masks = (torch.from_numpy(np.stack(maps))[None, :, None] for maps in zip(*context, strict=True))
    return cross_network(networks["multiverseg"], target, images, masks)[0, 0].numpy()


@torch.inference_mode()
def simulate(
    data: TaskData, simulation: int, protocol: Sequential, config: Config, networks: dict[str, nn.Module]
) -> list[list[float]]:
    """Dice after every step of every image of a simulation, without the seed image."""
    context: list[tuple[np.ndarray, np.ndarray]] = []
    scores = []
    for image in draw_images(data, simulation, config):
        picture, label = data.images[image, 0], data.labels[image, 0]
        state = Annotated(picture, label, *np.zeros((2, *picture.shape), np.float32))
        found = []
        for step in range(0 if context else 1, (config.max_steps or protocol.max_steps) + 1):

            def draw(purpose: str, place: tuple = (simulation, int(image), step)) -> np.random.Generator:
                return keyed_generator(config.seed, data.task.name, *place, purpose)

            if step:
                mark(state, protocol.name, draw)
            state.logits = predict(state, context, networks)
            found.append(float(dice(state.mask, label)))
            if found[-1] >= config.target_dice:
                break
        context.append((picture, state.mask.astype(np.float32)))
        scores.append(found)
    return scores[1:]
