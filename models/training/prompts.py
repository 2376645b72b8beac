"""Interactions simulated in training (MultiverSeg, section 3.3): random combinations, then corrections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from segbench.protocols.adapter import Click, Interactions
from segbench.protocols.interactions import (
    border_click,
    center_click,
    centerline_scribble,
    contour_scribble,
    line_scribble,
    random_click,
)

MOST = 3  # marks of one side in a step
MOST_AT_FIRST = 6  # of the InterConv paper
BOX_JITTER = 3  # pixels


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

    An image is annotated by clicks of one kind, by scribbles of one kind, or by both in turn; in a quarter of
    the images a box comes with them.

    Parameters
    ----------
    label : bool array (H, W)
    rng : numpy.random.Generator
    single : float
        Share of the images annotated as in the evaluation: clicks at the centre of the largest error or
        centerline scribbles, one a step (scribbles start with one on each side).
    """

    label: np.ndarray
    rng: np.random.Generator
    single: float = 0.0
    marks: np.ndarray = field(init=False)  # positive, negative, box: float32 (3, H, W) in [0, 1]

    def __post_init__(self) -> None:
        self.marks = np.zeros((3, *self.label.shape), np.float32)
        self.sparing = self.rng.random() < self.single
        self.click = CLICKS[1] if self.sparing else CLICKS[self.rng.integers(len(CLICKS))]
        self.scribble = SCRIBBLES[1] if self.sparing else SCRIBBLES[self.rng.integers(len(SCRIBBLES))]
        # How likely a mark is a click.
        self.clicks = float(self.rng.integers(2)) if self.sparing else self.rng.choice((0.0, 0.5, 1.0))

    def start(self) -> None:
        """One to three positive marks, none to three negative ones, and perhaps a box."""
        if self.sparing:
            self._mark(self.label, positive=True, count=1)
            self._mark(~self.label, positive=False, count=0 if self.clicks else 1)
            return
        self._mark(self.label, positive=True, count=int(self.rng.integers(1, MOST + 1)))
        self._mark(~self.label, positive=False, count=int(self.rng.integers(0, MOST + 1)))
        if self.rng.random() < 0.25:
            self._box()

    def correct(self, prediction: np.ndarray) -> None:
        """One to three marks on what the prediction (bool (H, W)) gets wrong."""
        missed, spurious = self.label & ~prediction, prediction & ~self.label
        if not (missed | spurious).any():
            return
        for _ in range(1 if self.sparing else self.rng.integers(1, MOST + 1)):
            if self.sparing and self.clicks and (click := center_click(self.label, prediction)):
                self.marks[0 if click.positive else 1, click.row, click.column] = 1
                continue
            positive = bool(self.rng.random() < missed.sum() / (missed.sum() + spurious.sum()))
            self._mark(missed if positive else spurious, positive, count=1)

    def _mark(self, region: np.ndarray, positive: bool, count: int) -> None:
        channel = self.marks[0 if positive else 1]
        for _ in range(count):
            if self.rng.random() >= self.clicks:
                np.maximum(channel, self.scribble(region, self.rng), out=channel)
            elif click := self.click(region, self.rng):
                channel[click.row, click.column] = 1

    def _box(self) -> None:
        rows, columns = np.nonzero(self.label)
        if len(rows):
            self.marks[2, self._side(rows), self._side(columns)] = 1

    def _side(self, places: np.ndarray) -> slice:
        """From the first to the last place, each moved a little; at least one pixel."""
        moves = self.rng.integers(-BOX_JITTER, BOX_JITTER + 1, 2)
        first = min(max(places.min() + moves[0], 0), places.max())
        return slice(first, max(places.max() + moves[1], first) + 1)


class SetAnnotator(Annotator):
    """An annotator of an image of a set: random clicks or line scribbles (InterConv, section 4.1).

    Parameters
    ----------
    label : bool array (H, W)
    rng : numpy.random.Generator
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.sparing, self.click, self.scribble = False, random_click, line_scribble
        self.clicks = float(self.rng.integers(2))

    def start(self) -> None:
        """One to six positive marks, none to six negative ones."""
        self._mark(self.label, positive=True, count=int(self.rng.integers(1, MOST_AT_FIRST + 1)))
        self._mark(~self.label, positive=False, count=int(self.rng.integers(0, MOST_AT_FIRST + 1)))


def interactions(annotators: list[Annotator], like: Tensor) -> Interactions:
    """All marks so far as tensors (B, 1, H, W) on the device of ``like``."""
    marks = torch.from_numpy(np.stack([annotator.marks for annotator in annotators])).to(like.device)
    return Interactions(positive=marks[:, :1], negative=marks[:, 1:2], box=marks[:, 2:])
