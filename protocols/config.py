"""The settings that determine the records of a protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segbench.errors import SegbenchError

CONTEXT_SIZES = (1, 2, 4, 8, 16, 32, 64)  # MultiverSeg, Fig. 6


class ProtocolError(SegbenchError, ValueError):
    """A protocol cannot run with these settings, this task or this model."""


@dataclass(frozen=True)
class Config:
    """Settings of all experiments (MultiverSeg, sections 6.1 and 7; InterConv, section 4).

    Attributes
    ----------
    seed : int
        Root seed of every draw.
    target_dice : float in (0, 1]
        An image is finished when its prediction reaches this Dice.
    max_steps : int or None
        Maximum number of interactions; None takes that of the protocol (20 clicks, 10 scribble steps).
    images : int or None
        Images per simulation of experiment 1, drawn without replacement; None takes all of the split.
    context : {"binary", "soft", "ground-truth"}
        What joins the context after an image: the thresholded prediction, its probabilities, the label.
    seed_image : {"keep", "redraw"}
        What happens with a seed image that misses the target: it is kept, or other train images are drawn.
    split : {"test", "val"}
        Split of the segmented images; val is for choosing between variants (Fig. 14, 15).
    eval_images : int or None
        Images of a task in experiment 2, set-clicks and set-scribbles (rounded up to whole sets of 8 in the
        latter two); None takes all of the split.
    context_sizes : tuple of int
        Numbers of context images in experiment 2.
    """

    seed: int = 0
    target_dice: float = 0.9
    max_steps: int | None = None
    images: int | None = 18
    context: Literal["binary", "soft", "ground-truth"] = "binary"
    seed_image: Literal["keep", "redraw"] = "keep"
    split: Literal["test", "val"] = "test"
    eval_images: int | None = None
    context_sizes: tuple[int, ...] = CONTEXT_SIZES

    def __post_init__(self) -> None:
        if not 0 < self.target_dice <= 1:
            raise ProtocolError(f"the target Dice must lie in (0, 1], not {self.target_dice}")
        if self.max_steps is not None and self.max_steps < 1:
            raise ProtocolError(f"the maximum of steps must be at least 1, not {self.max_steps}")
        for number in (self.images, self.eval_images):
            if number is not None and number < 1:
                raise ProtocolError(f"the number of images must be at least 1, not {number}")
        if self.context not in ("binary", "soft", "ground-truth"):
            raise ProtocolError(f"context must be binary, soft or ground-truth, not {self.context!r}")
        if self.seed_image not in ("keep", "redraw"):
            raise ProtocolError(f"the seed image must be keep or redraw, not {self.seed_image!r}")
        if self.split not in ("test", "val"):
            raise ProtocolError(f"split must be test or val, not {self.split!r}")
        if not self.context_sizes or min(self.context_sizes) < 1:
            raise ProtocolError(f"context sizes must be numbers from 1, not {self.context_sizes}")
