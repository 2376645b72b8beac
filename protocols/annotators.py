"""Simulated annotators, who know the labels (MultiverSeg, section 5.3; InterConv, section 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segbench.protocols.adapter import Box, Click, Prompt
from segbench.protocols.interactions import (
    center_clicks,
    centerline_scribbles,
    label_box,
    line_scribbles,
    random_click,
    ritm_click,
)

RngFor = Callable[[str], np.random.Generator]
"""Gives the generator for a purpose, keyed by task, simulation, image and step of interaction."""

Masks = Any  # bool arrays or tensors (B, H, W); both have the operators used here


@dataclass(frozen=True, eq=False)
class Interaction:
    """What an annotator adds to an image at one step.

    Attributes
    ----------
    kind : str
        Value of the column ``kind`` of the records; ``none`` if nothing is added.
    positive, negative : float32 arrays (H, W) in [0, 1], or None if nothing is drawn there
    clicks : tuple of Click
        The same clicks as coordinates.
    box : Box or None
        A box replaces the earlier one on the image.
    empty : int
        Number of scribbles that have no pixel although their region has some.
    """

    kind: str = "none"
    positive: np.ndarray | None = None
    negative: np.ndarray | None = None
    clicks: tuple[Click, ...] = ()
    box: Box | None = None
    empty: int = 0

    def __add__(self, other: Interaction) -> Interaction:
        """Both interactions together; overlapping drawings add up to 1 at most, and the last box counts."""
        return Interaction(
            self.kind,
            _overlay(self.positive, other.positive),
            _overlay(self.negative, other.negative),
            self.clicks + other.clicks,
            other.box or self.box,
            self.empty + other.empty,
        )

    @property
    def drawn(self) -> int:
        """Number of pixels that are marked, on the label and on the background; a box marks none."""
        return sum(int(np.count_nonzero(d)) for d in (self.positive, self.negative) if d is not None)


def _overlay(below: np.ndarray | None, above: np.ndarray | None) -> np.ndarray | None:
    if below is None or above is None:
        return above if below is None else below
    return np.minimum(below + above, 1)


class Annotator:
    """Base class of simulated annotators.

    Annotators get batches: labels and predictions are bool arrays or tensors (B, H, W), with a function
    ``rng_for`` for each image. The interaction on an image must not depend on the other images of the batch.

    Attributes
    ----------
    name : str
        Value of the column ``annotator`` of the records.
    random : bool
        Whether the interactions of two simulations can differ.
    prompts : tuple of {"clicks", "scribbles", "boxes"}
        What it draws. Protocols leave out models that do not take all of it.
    """

    name: str
    random: bool = True
    prompts: tuple[Prompt, ...] = ()

    def start(self, labels: Masks, rngs: Sequence[RngFor]) -> list[Interaction]:
        """Return the first interaction on images without a prediction."""
        raise NotImplementedError

    def correct(self, labels: Masks, predictions: Masks, rngs: Sequence[RngFor]) -> list[Interaction]:
        """Return the next interaction; by default one that does not depend on the predictions."""
        return self.start(labels, rngs)

    def correct_after(
        self,
        labels: Masks,
        predictions: Masks,
        rngs: Sequence[RngFor],
        clicks: Sequence[Sequence[Click]],
    ) -> list[Interaction]:
        """Return the next interaction, given the earlier clicks on each image; by default that of `correct`.

        Simulations call this method; an annotator that avoids earlier clicks implements it.
        """
        return self.correct(labels, predictions, rngs)


def _from_clicks(kind: str, clicks: Sequence[Click | None], shape: Sequence[int]) -> Interaction:
    """Return the interaction of clicks on an image of a shape (H, W)."""
    maps: dict[bool, np.ndarray] = {}
    made = tuple(click for click in clicks if click is not None)
    for click in made:
        maps.setdefault(click.positive, np.zeros(shape, np.float32))[click.row, click.column] = 1
    return Interaction(kind, maps.get(True), maps.get(False), made)


def _from_click(click: Click | None, shape: Sequence[int]) -> Interaction:
    """Return the interaction of one click on an image of a shape (H, W), or none."""
    if click is None:
        return Interaction()
    return _from_clicks("click+" if click.positive else "click-", [click], shape)


def _as_arrays(maps: Masks) -> np.ndarray:
    return maps if isinstance(maps, np.ndarray) else maps.cpu().numpy()


def _empty(regions: Masks, drawings: np.ndarray) -> list[int]:
    """Return 1 for each drawing without a pixel on a region that has some, else 0."""
    has_pixels = regions.any(2).any(1).tolist()
    return [int(some and not drawing.any()) for some, drawing in zip(has_pixels, drawings, strict=True)]


class ErrorClicks(Annotator):
    """Base class of annotators that click on errors; at first all of the label is an error."""

    random = False
    prompts = ("clicks",)

    def start(self, labels: Masks, rngs: Sequence[RngFor]) -> list[Interaction]:
        return self.correct(labels, labels & ~labels, rngs)


@dataclass(frozen=True)
class CenterClicks(ErrorClicks):
    """Clicks at the centre of the largest error; first in the largest component of the label."""

    name: str = "center-clicks"

    def correct(self, labels: Masks, predictions: Masks, rngs: Sequence[RngFor]) -> list[Interaction]:
        return [_from_click(click, labels.shape[1:]) for click in center_clicks(labels, predictions)]


@dataclass(frozen=True)
class RitmClicks(ErrorClicks):
    """Clicks by the rule of RITM's evaluation, never twice on a pixel; see `interactions.ritm_click`."""

    name: str = "ritm-clicks"

    def correct(self, labels: Masks, predictions: Masks, rngs: Sequence[RngFor]) -> list[Interaction]:
        return self.correct_after(labels, predictions, rngs, [()] * len(rngs))

    def correct_after(
        self,
        labels: Masks,
        predictions: Masks,
        rngs: Sequence[RngFor],
        clicks: Sequence[Sequence[Click]],
    ) -> list[Interaction]:
        images = zip(_as_arrays(labels), _as_arrays(predictions), clicks, strict=True)
        return [_from_click(ritm_click(*image), labels.shape[1:]) for image in images]


@dataclass(frozen=True)
class Boxes(Annotator):
    """A box around the whole label, each side moved outwards at random; see `interactions.label_box`.

    An empty label gets no box.
    """

    name: str = "boxes"

    prompts = ("boxes",)

    def start(self, labels: Masks, rngs: Sequence[RngFor]) -> list[Interaction]:
        drawn = []
        for label, rng_for in zip(_as_arrays(labels), rngs, strict=True):
            box = label_box(label, rng_for("box"))
            drawn.append(Interaction() if box is None else Interaction("box", box=box))
        return drawn


@dataclass(frozen=True)
class BoxThenClicks(Annotator):
    """A box as of `Boxes` first, then clicks as of `CenterClicks`."""

    name: str = "box-then-clicks"

    prompts = ("boxes", "clicks")

    def start(self, labels: Masks, rngs: Sequence[RngFor]) -> list[Interaction]:
        return Boxes().start(labels, rngs)

    def correct(self, labels: Masks, predictions: Masks, rngs: Sequence[RngFor]) -> list[Interaction]:
        return CenterClicks().correct(labels, predictions, rngs)


@dataclass(frozen=True)
class CenterlineScribbles(Annotator):
    """Scribbles on label and background first; then corrects either false negatives or false positives.

    The false positives are chosen with probability |FP| / (|FP| + |FN|).

    Attributes
    ----------
    max_pixels : int or None
        Maximum number of pixels of each scribble.
    may_be_empty : bool
        Whether a region without a skeleton gets no scribble.
    """

    name: str = "centerline-scribbles"
    max_pixels: int | None = None
    may_be_empty: bool = False

    prompts = ("scribbles",)

    def start(self, labels: Masks, rngs: Sequence[RngFor]) -> list[Interaction]:
        return _on_both_sides(self._scribbles, labels, rngs)

    def correct(self, labels: Masks, predictions: Masks, rngs: Sequence[RngFor]) -> list[Interaction]:
        generators = [rng_for("correction") for rng_for in rngs]
        missed, spurious = labels & ~predictions, predictions & ~labels
        fn_counts, fp_counts = (errors.sum((1, 2)).tolist() for errors in (missed, spurious))
        negative = np.array(
            [
                rng.random() * (fp + fn) < fp
                for rng, fn, fp in zip(generators, fn_counts, fp_counts, strict=True)
            ]
        )
        errors = missed | spurious
        errors[negative], errors[~negative] = spurious[negative], missed[~negative]
        drawings = _as_arrays(self._scribbles(errors, generators))
        return [
            Interaction("scribble-", negative=drawing, empty=empty)
            if on_false_positives
            else Interaction("scribble+", positive=drawing, empty=empty)
            for drawing, on_false_positives, empty in zip(
                drawings, negative, _empty(errors, drawings), strict=True
            )
        ]

    def _scribbles(self, regions: Masks, rngs: Sequence[np.random.Generator]) -> Masks:
        return centerline_scribbles(regions, rngs, self.max_pixels, self.may_be_empty)


@dataclass(frozen=True)
class RandomClicks(Annotator):
    """Clicks on a random pixel of the label and on one of the background, where these have pixels."""

    name: str = "random-clicks"

    prompts = ("clicks",)

    def start(self, labels: Masks, rngs: Sequence[RngFor]) -> list[Interaction]:
        drawn = []
        for label, rng_for in zip(_as_arrays(labels), rngs, strict=True):
            on, off = random_click(label, rng_for("positive")), random_click(~label, rng_for("negative"))
            drawn.append(_from_clicks("click+-", [on, off and off._replace(positive=False)], label.shape))
        return drawn


@dataclass(frozen=True)
class LineScribbles(Annotator):
    """Draws a line scribble on the label and one on the background."""

    name: str = "line-scribbles"

    prompts = ("scribbles",)

    def start(self, labels: Masks, rngs: Sequence[RngFor]) -> list[Interaction]:
        return _on_both_sides(line_scribbles, labels, rngs)


def _on_both_sides(
    scribbles: Callable[..., Masks], labels: Masks, rngs: Sequence[RngFor]
) -> list[Interaction]:
    """Scribble on each label and on its background."""
    positive = _as_arrays(scribbles(labels, [rng_for("positive") for rng_for in rngs]))
    negative = _as_arrays(scribbles(~labels, [rng_for("negative") for rng_for in rngs]))
    empty = zip(_empty(labels, positive), _empty(~labels, negative), strict=True)
    return [
        Interaction("scribble+-", on, off, empty=sum(counts))
        for on, off, counts in zip(positive, negative, empty, strict=True)
    ]
