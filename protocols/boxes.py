"""Boxes instead of a first click: one prediction from a box, and a box that clicks correct.

A box and then clicks is the order of the challenge "Foundation Models for Interactive 3D Biomedical Image
Segmentation" at CVPR 2025, here in 2D.
"""

from __future__ import annotations

from segbench.protocols.annotators import Boxes, BoxThenClicks
from segbench.protocols.config import Config
from segbench.protocols.sequential import Sequential


class BoxFirst(Sequential):
    """Each image gets a box first.

    Contexts are those of experiment 1. No image is predicted from its context alone: all methods have the
    box.
    """

    context_first = False


class OneBox(BoxFirst):
    """One prediction of each image, from a box.

    Nothing is corrected, whatever the settings allow.
    """

    family = "boxes"

    def step_limit(self, config: Config) -> int:
        return self.max_steps


BOXES = OneBox("boxes", Boxes(), max_steps=1, title="Boxes", unit="boxes", variant=True)
BOX_THEN_CLICKS = BoxFirst("box-then-clicks", BoxThenClicks(), title="Box then center clicks", variant=True)
