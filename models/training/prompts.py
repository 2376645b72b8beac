"""Interactions simulated in training (MultiverSeg, section 3.3): random combinations, then corrections."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from protocols.adapter import Interactions
from protocols.interactions import center_click, centerline_scribble, line_scribble, random_click

MANY = (0.6, 0.25, 0.15)  # chance of 1, 2 or 3 marks in a step
CLICKS, CENTERLINES, LINES = range(3)


@dataclass
class Annotator:
    """A simulated annotator of one image, with one habit (clicks or a kind of scribble).

    Parameters
    ----------
    label : bool array (H, W)
    rng : numpy.random.Generator
    """

    label: np.ndarray
    rng: np.random.Generator
    marks: np.ndarray = field(init=False)  # positive, negative, box: float32 (3, H, W) in [0, 1]

    def __post_init__(self) -> None:
        self.marks = np.zeros((3, *self.label.shape), np.float32)
        self.habit = self.rng.choice(3, p=(0.5, 0.35, 0.15))

    def start(self) -> None:
        """One to three positive marks, none to three negative ones, sometimes a box."""
        self._mark(self.label, positive=True, first_central=self.rng.random() < 0.7)
        if self.rng.random() < (0.3 if self.habit == CLICKS else 0.8):
            self._mark(~self.label, positive=False, first_central=False)
        if self.rng.random() < 0.1:
            self._box()

    def correct(self, prediction: np.ndarray) -> None:
        """One to three marks on what the prediction (bool (H, W)) gets wrong."""
        missed, spurious = self.label & ~prediction, prediction & ~self.label
        if not (missed | spurious).any():
            return
        if self.habit == CLICKS and (click := center_click(self.label, prediction)):
            self.marks[0 if click.positive else 1, click.row, click.column] = 1
        if self.habit != CLICKS or self.rng.random() < 0.4:
            positive = self.rng.random() < missed.sum() / (missed.sum() + spurious.sum())
            self._mark(missed if positive else spurious, positive, first_central=False)

    def _mark(self, region: np.ndarray, positive: bool, first_central: bool) -> None:
        channel = self.marks[0 if positive else 1]
        for index in range(self.rng.choice((1, 2, 3), p=MANY)):
            if self.habit == CLICKS:
                central = first_central and index == 0
                click = (
                    center_click(region, np.zeros_like(region)) if central else random_click(region, self.rng)
                )
                if click:
                    channel[click.row, click.column] = 1
            else:
                draw = centerline_scribble if self.habit == CENTERLINES else line_scribble
                np.maximum(channel, draw(region, self.rng), out=channel)

    def _box(self) -> None:
        rows, columns = np.nonzero(self.label)
        if len(rows):
            jitter = self.rng.integers(-3, 4, 4)
            top, left = max(rows.min() + jitter[0], 0), max(columns.min() + jitter[1], 0)
            self.marks[2, top : rows.max() + 1 + jitter[2], left : columns.max() + 1 + jitter[3]] = 1


def interactions(annotators: list[Annotator], like: Tensor) -> Interactions:
    """All marks so far as tensors (B, 1, H, W) on the device of ``like``."""
    marks = torch.from_numpy(np.stack([annotator.marks for annotator in annotators])).to(like.device)
    return Interactions(positive=marks[:, :1], negative=marks[:, 1:2], box=marks[:, 2:])
