"""What a simulated annotator draws (MultiverSeg, section 5.3; InterConv, section 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from segbench.protocols.adapter import Click
from segbench.protocols.interactions import center_clicks, centerline_scribbles, line_scribble, random_click

Draw = Callable[[str], np.random.Generator]
Masks = Any  # bool arrays or tensors (B, H, W): both have the operators that are used here


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
    """An annotator who knows the labels. ``random`` says whether two simulations can differ.

    Images come in batches, labels and predictions as bool arrays or tensors (B, H, W); each image is marked
    as if it were alone. Of each there is a ``draw``, which gives the generator for a purpose, keyed by task,
    simulation, image and step.
    """

    @property
    def random(self) -> bool: ...

    def start(self, labels: Masks, draws: Sequence[Draw]) -> list[Mark]:
        """The first interaction on images without a prediction."""
        ...

    def correct(self, labels: Masks, predictions: Masks, draws: Sequence[Draw]) -> list[Mark]:
        """The next interaction, given predictions that are not perfect."""
        ...


def _clicked(click: Click | None, shape: Sequence[int]) -> Mark:
    if click is None:
        return Mark()
    pixel = np.zeros(shape, np.float32)
    pixel[click.row, click.column] = 1
    if click.positive:
        return Mark("click+", positive=pixel, click=click)
    return Mark("click-", negative=pixel, click=click)


def _drawings(scribbles: Masks) -> np.ndarray:
    return scribbles if isinstance(scribbles, np.ndarray) else scribbles.cpu().numpy()


@dataclass(frozen=True)
class CenterClicks:
    """A click at the centre of the largest error; the first one in the label's largest component."""

    random: bool = False

    def start(self, labels: Masks, draws: Sequence[Draw]) -> list[Mark]:
        return self.correct(labels, labels & ~labels, draws)

    def correct(self, labels: Masks, predictions: Masks, draws: Sequence[Draw]) -> list[Mark]:
        return [_clicked(click, labels.shape[1:]) for click in center_clicks(labels, predictions)]


@dataclass(frozen=True)
class CenterlineScribbles:
    """A scribble on the label and one on the background at first; then one on all misses or all false alarms.

    The false positives are scribbled on with probability |FP| / (|FP| + |FN|).
    """

    random: bool = True

    def start(self, labels: Masks, draws: Sequence[Draw]) -> list[Mark]:
        on = _drawings(centerline_scribbles(labels, [draw("positive") for draw in draws]))
        off = _drawings(centerline_scribbles(~labels, [draw("negative") for draw in draws]))
        return [Mark("scribble+-", positive=a, negative=b) for a, b in zip(on, off, strict=True)]

    def correct(self, labels: Masks, predictions: Masks, draws: Sequence[Draw]) -> list[Mark]:
        rngs = [draw("correction") for draw in draws]
        missed, spurious = labels & ~predictions, predictions & ~labels
        misses, alarms = (errors.sum((1, 2)).tolist() for errors in (missed, spurious))
        negative = np.array(
            [rng.random() * (fp + fn) < fp for rng, fn, fp in zip(rngs, misses, alarms, strict=True)]
        )
        chosen = missed | spurious
        chosen[negative], chosen[~negative] = spurious[negative], missed[~negative]
        drawings = _drawings(centerline_scribbles(chosen, rngs))
        return [
            Mark("scribble-", negative=drawing) if on_alarms else Mark("scribble+", positive=drawing)
            for drawing, on_alarms in zip(drawings, negative, strict=True)
        ]


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
