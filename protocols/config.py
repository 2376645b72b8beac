"""The settings that decide the outcome of a sequential protocol, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


class ProtocolError(ValueError):
    """A protocol cannot be run as asked; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Config:
    """Settings of experiment 1 (MultiverSeg, section 6.1).

    Attributes
    ----------
    seed : int
        Root seed of every draw.
    target_dice : float in (0, 1]
        An image is done when its prediction reaches this Dice.
    max_steps : int or None
        Interaction steps at most; None takes the protocol's own (20 clicks, 10 scribble steps).
    images : int
        Test images per simulation, drawn without replacement.
    context : {"binary", "soft", "ground-truth"}
        What joins the context after an image: the thresholded prediction, its probabilities, the label.
    """

    seed: int = 0
    target_dice: float = 0.9
    max_steps: int | None = None
    images: int = 18
    context: Literal["binary", "soft", "ground-truth"] = "binary"

    def __post_init__(self) -> None:
        if not 0 < self.target_dice <= 1:
            raise ProtocolError(f"the target Dice must lie in (0, 1], not {self.target_dice}")
        if self.max_steps is not None and self.max_steps < 1:
            raise ProtocolError(f"the maximum of steps must be at least 1, not {self.max_steps}")
        if self.images < 1:
            raise ProtocolError(f"the number of images must be at least 1, not {self.images}")
        if self.context not in ("binary", "soft", "ground-truth"):
            raise ProtocolError(f"context must be binary, soft or ground-truth, not {self.context!r}")
