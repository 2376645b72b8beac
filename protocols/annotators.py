"""What a simulated annotator draws (MultiverSeg, section 5.3; InterConv, section 4.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from protocols.adapter import Click
from protocols.interactions import center_click, centerline_scribble, line_scribble, random_click

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


def _clicked(click: Click | None, shape: tuple[int, ...]) -> Mark:
    if click is None:
        return Mark()
    pixel = np.zeros(shape, np.float32)
    pixel[click.row, click.column] = 1
    if click.positive:
        return Mark("click+", positive=pixel, click=click)
    return Mark("click-", negative=pixel, click=click)


@dataclass(frozen=True)
class CenterClicks:
    """A click at the centre of the largest error; the first one in the label's largest component."""

    random: bool = False

    def start(self, label: np.ndarray, draw: Draw) -> Mark:
        return self.correct(label, np.zeros_like(label), draw)

    def correct(self, label: np.ndarray, prediction: np.ndarray, draw: Draw) -> Mark:
        return _clicked(center_click(label, prediction), label.shape)


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


class Prompter(Protocol):
    """One who marks an image without seeing a prediction; ``kind`` is what the records call a prompt."""

    kind: ClassVar[str]

    def prompt(self, label: np.ndarray, draw: Draw) -> list[Mark]:
        """A mark on the label and one on the background; none on a side that has no pixel."""
        ...


class RandomClicks:
    """A click on a random pixel of the label, and one on a random pixel of the background."""

    kind: ClassVar[str] = "click+-"

    def prompt(self, label: np.ndarray, draw: Draw) -> list[Mark]:
        on, off = random_click(label, draw("positive")), random_click(~label, draw("negative"))
        return [_clicked(click, label.shape) for click in (on, off and off._replace(positive=False))]


class LineScribbles:
    """A line scribble on the label, and one on the background."""

    kind: ClassVar[str] = "scribble+-"

    def prompt(self, label: np.ndarray, draw: Draw) -> list[Mark]:
        on, off = line_scribble(label, draw("positive")), line_scribble(~label, draw("negative"))
        return [Mark(self.kind, positive=on, negative=off)]
