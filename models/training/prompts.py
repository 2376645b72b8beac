"""Simulated interactions of a training: random combinations, then corrections (MultiverSeg, section 3.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from segbench.protocols.adapter import Click, Interactions
from segbench.protocols.interactions import (
    border_click,
    box_map,
    center_click,
    centerline_scribble,
    contour_scribble,
    label_box,
    line_scribble,
    random_click,
)

MAX_PROMPTS = 3  # of one sign in a step
MAX_SET_PROMPTS = 6  # of one sign in the first step (InterConv, section 4.1)
BOX_SHARE = 0.25  # of the images get a box with the first prompts
BOX_ONLY_SHARE = 0.15  # of the images with one prompt a step get a box first


def _central(region: np.ndarray, rng: np.random.Generator) -> Click | None:
    return center_click(region, np.zeros_like(region))


CLICKS: tuple[Callable[[np.ndarray, np.random.Generator], Click | None], ...] = (
    random_click,
    _central,
    border_click,
)
SCRIBBLES = (line_scribble, centerline_scribble, contour_scribble)


@dataclass
class Annotator:
    """A simulated annotator of one image.

    It draws clicks of one kind, scribbles of one kind, or both at random.

    Parameters
    ----------
    label : bool array (H, W)
    rng : numpy.random.Generator
    single_share : float
        Share of the images that are annotated as in the evaluation, with one prompt a step: clicks at the
        centre of the largest error, or centerline scribbles (at first one of each sign).
    scribbles : bool
        Whether half of the prompts are scribbles; else all are clicks.
    """

    label: np.ndarray
    rng: np.random.Generator
    single_share: float = 0.0
    scribbles: bool = True
    maps: np.ndarray = field(init=False)  # positive, negative, box: float32 (3, H, W) in [0, 1]

    def __post_init__(self) -> None:
        self.maps = np.zeros((3, *self.label.shape), np.float32)
        self.single = self.rng.random() < self.single_share
        self.click = CLICKS[1] if self.single else CLICKS[self.rng.integers(len(CLICKS))]
        self.scribble = SCRIBBLES[1] if self.single else SCRIBBLES[self.rng.integers(len(SCRIBBLES))]
        shares = (0.0, 1.0) if self.single else (0.0, 0.5, 1.0)
        self.click_share = float(self.rng.choice(shares if self.scribbles else (1.0,)))

    def start(self) -> None:
        """Draw one to three positive and up to three negative prompts, and sometimes a box."""
        if self.single and self.rng.random() < BOX_ONLY_SHARE:
            self._draw_box()
            return
        if self.single:
            self._draw(self.label, positive=True, count=1)
            self._draw(~self.label, positive=False, count=0 if self.click_share else 1)
            return
        self._draw(self.label, positive=True, count=int(self.rng.integers(1, MAX_PROMPTS + 1)))
        self._draw(~self.label, positive=False, count=int(self.rng.integers(0, MAX_PROMPTS + 1)))
        if self.rng.random() < BOX_SHARE:
            self._draw_box()

    def correct(self, prediction: np.ndarray) -> None:
        """Draw one to three prompts on the errors of a prediction, bool (H, W)."""
        missed, spurious = self.label & ~prediction, prediction & ~self.label
        if not (missed | spurious).any():
            return
        for _ in range(1 if self.single else self.rng.integers(1, MAX_PROMPTS + 1)):
            if self.single and self.click_share and (click := center_click(self.label, prediction)):
                self.maps[0 if click.positive else 1, click.row, click.column] = 1
                continue
            positive = bool(self.rng.random() < missed.sum() / (missed.sum() + spurious.sum()))
            self._draw(missed if positive else spurious, positive, count=1)

    def _draw(self, region: np.ndarray, positive: bool, count: int) -> None:
        channel = self.maps[0 if positive else 1]
        for _ in range(count):
            if self.rng.random() >= self.click_share:
                np.maximum(channel, self.scribble(region, self.rng), out=channel)
            elif click := self.click(region, self.rng):
                channel[click.row, click.column] = 1

    def _draw_box(self) -> None:
        np.maximum(self.maps[2], box_map(label_box(self.label, self.rng), self.label.shape), out=self.maps[2])


class SetAnnotator(Annotator):
    """An annotator of an image of a set: random clicks or line scribbles (InterConv, section 4.1).

    Parameters
    ----------
    label : bool array (H, W)
    rng : numpy.random.Generator
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.single, self.click, self.scribble = False, random_click, line_scribble
        self.click_share = float(self.rng.integers(2))

    def start(self) -> None:
        """Draw one to six positive and up to six negative prompts."""
        self._draw(self.label, positive=True, count=int(self.rng.integers(1, MAX_SET_PROMPTS + 1)))
        self._draw(~self.label, positive=False, count=int(self.rng.integers(0, MAX_SET_PROMPTS + 1)))


def stack_interactions(annotators: list[Annotator], device: torch.device) -> Interactions:
    """Stack the interactions of several annotators into tensors (B, 1, H, W) on a device."""
    maps: Tensor = torch.from_numpy(np.stack([annotator.maps for annotator in annotators])).to(device)
    return Interactions(positive=maps[:, :1], negative=maps[:, 1:2], box=maps[:, 2:])
