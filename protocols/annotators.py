"""What a simulated annotator draws first, and how it corrects a prediction (MultiverSeg, section 5.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from protocols.adapter import Click
from protocols.interactions import center_click, centerline_scribble

Draw = Callable[[str], np.random.Generator]


@dataclass(frozen=True, eq=False)
class Mark:
    """One interaction.

    Attributes
    ----------
    kind : str
        As in the ``kind`` column of the records; ``none`` where there is nothing to draw.
    positive, negative : float32 arrays (H, W) in [0, 1] or None
    click : Click or None
    """

    kind: str = "none"
    positive: np.ndarray | None = None
    negative: np.ndarray | None = None
    click: Click | None = None


class Annotator(Protocol):
    """An annotator who knows the label. ``random`` says whether two simulations can differ.

    ``draw`` gives the generator for a purpose, keyed by task, simulation, image and step.
    """

    @property
    def random(self) -> bool: ...

    def start(self, label: np.ndarray, draw: Draw) -> Mark:
        """The first interaction on an image without a prediction."""
        ...

    def correct(self, label: np.ndarray, prediction: np.ndarray, draw: Draw) -> Mark:
        """The next interaction, given a prediction that is not perfect."""
        ...


@dataclass(frozen=True)
class CenterClicks:
    """A click at the centre of the largest error; the first one in the label's largest component."""

    random: bool = False

    def start(self, label: np.ndarray, draw: Draw) -> Mark:
        return self.correct(label, np.zeros_like(label), draw)

    def correct(self, label: np.ndarray, prediction: np.ndarray, draw: Draw) -> Mark:
        click = center_click(label, prediction)
        if click is None:
            return Mark()
        pixel = np.zeros(label.shape, np.float32)
        pixel[click.row, click.column] = 1
        return (
            Mark("click+", positive=pixel, click=click)
            if click.positive
            else Mark("click-", negative=pixel, click=click)
        )


@dataclass(frozen=True)
class CenterlineScribbles:
    """A scribble on the label and one on the background at first; then one on all misses or all false alarms.

    The false positives are scribbled on with probability |FP| / (|FP| + |FN|).
    """

    random: bool = True

    def start(self, label: np.ndarray, draw: Draw) -> Mark:
        return Mark(
            "scribble+-",
            positive=centerline_scribble(label, draw("positive")),
            negative=centerline_scribble(~label, draw("negative")),
        )

    def correct(self, label: np.ndarray, prediction: np.ndarray, draw: Draw) -> Mark:
        rng = draw("correction")
        missed, spurious = label & ~prediction, prediction & ~label
        false_positives = np.count_nonzero(spurious)
        if rng.random() * (false_positives + np.count_nonzero(missed)) < false_positives:
            return Mark("scribble-", negative=centerline_scribble(spurious, rng))
        return Mark("scribble+", positive=centerline_scribble(missed, rng))
