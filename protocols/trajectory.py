"""An image while it is segmented, and the context in which that happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from segbench.datasets.task import TaskData
from segbench.protocols.adapter import Click, Context, ModelAdapter
from segbench.protocols.annotators import Mark
from segbench.protocols.metrics import confusion, dice_of


def device_of(adapter: ModelAdapter) -> torch.device:
    """Where a model wants its queries: its attribute ``device``, or the CPU."""
    return torch.device(getattr(adapter, "device", None) or "cpu")


class ContextBuffer:
    """What a simulation has segmented so far, on the device of the model that is given it as context.

    Parameters
    ----------
    adapter : ModelAdapter
        Who is given it.
    size : int
        Entries at most.
    shape : (H, W)
    """

    def __init__(self, adapter: ModelAdapter, size: int, shape: Sequence[int]) -> None:
        self._maps = torch.empty(2, size, 1, *shape, device=device_of(adapter))
        self._filled = 0

    def add(self, image: np.ndarray, mask: np.ndarray) -> None:
        """One more entry, float32 arrays (H, W) in [0, 1]."""
        entry = torch.from_numpy(np.stack([image, mask]))
        self._maps[:, self._filled, 0] = entry.to(self._maps.device)
        self._filled += 1

    def snapshot(self) -> Context:
        """The entries by now, tensors (n, 1, H, W) that share the memory; later ones do not show in them."""
        return Context(*self._maps[:, : self._filled])


def labelled(data: TaskData, images: Sequence[int] | np.ndarray, adapter: ModelAdapter) -> Context:
    """Images of a task with their true labels, tensors (n, 1, H, W) on the device of a model."""
    arrays = data.images[images], data.labels[images].astype(np.float32)
    return Context(*(torch.from_numpy(array).to(device_of(adapter)) for array in arrays))


@dataclass(eq=False)
class Trajectory:
    """One image while it is segmented, and afterwards what happened.

    Attributes
    ----------
    image : float32 array (H, W)
    label : bool array (H, W)
    context : Context of tensors (n, 1, H, W), or None
        What the model is given; let go of at the end.
    earlier : sequence of Trajectory
        The earlier images of the set, of a setwise model.
    pictured : bool
        Whether the masks of every step are kept.
    context_size : int
        Entries of the context, or earlier images of the set.
    positive, negative : float32 arrays (H, W) in [0, 1]
        All marks so far, added up and clamped.
    clicks : list of Click
    logits : float32 array (H, W) or None
        The last prediction.
    steps : list of dict
        One per prediction, with the columns of the records from ``step`` on.
    frames : list of dict
        One per prediction if pictured, with the columns of the pictures from ``step`` on.
    reached : bool
        Whether the last prediction has the target Dice.
    seconds : float
        Time in the model.
    """

    image: np.ndarray
    label: np.ndarray
    context: Context | None = None
    earlier: Sequence[Trajectory] = ()
    pictured: bool = False
    context_size: int = field(init=False)
    positive: np.ndarray = field(init=False)
    negative: np.ndarray = field(init=False)
    clicks: list[Click] = field(default_factory=list)
    logits: np.ndarray | None = None
    steps: list[dict] = field(default_factory=list)
    frames: list[dict] = field(default_factory=list)
    reached: bool = False
    seconds: float = 0.0
    _last: np.ndarray | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.context_size = len(self.earlier) if self.context is None else len(self.context.images)
        self.positive = np.zeros(self.image.shape, np.float32)
        self.negative = np.zeros(self.image.shape, np.float32)

    @classmethod
    def of(cls, data: TaskData, image: int, **given: Any) -> Trajectory:
        """That of an image of a task, by its index; ``given`` are attributes from ``context`` on."""
        return cls(data.images[image, 0], data.labels[image, 0], **given)

    @property
    def mask(self) -> np.ndarray:
        """The last prediction as bool array (H, W); empty before the first."""
        if self.logits is None:
            return np.zeros_like(self.label) if self._last is None else self._last
        return self.logits > 0

    def add(self, mark: Mark) -> None:
        """Put a mark on top of the earlier ones."""
        if mark.positive is not None:
            self.positive = np.minimum(self.positive + mark.positive, 1)
        if mark.negative is not None:
            self.negative = np.minimum(self.negative + mark.negative, 1)
        if mark.click is not None:
            self.clicks.append(mark.click)

    def assess(
        self, step: int, mark: Mark, target_dice: float, counts: tuple[int, int, int] | None = None
    ) -> None:
        """Note how good the prediction after a mark is, and what it looks like if it is pictured.

        ``counts`` are its true positives, false positives and false negatives, where they are known.
        """
        tp, fp, fn = counts or confusion(self.mask, self.label)
        score = float(dice_of(tp, fp, fn))
        row, column = (mark.click.row, mark.click.column) if mark.click else (-1, -1)
        seen = {"step": step, "kind": mark.kind, "row": row, "column": column, "dice": score}
        self.steps.append(seen | {"tp": tp, "fp": fp, "fn": fn})
        if self.pictured:
            height, width = self.label.shape
            masks = {"prediction": np.packbits(self.mask).tobytes()}
            masks |= {"positive": _drawn(mark.positive), "negative": _drawn(mark.negative)}
            self.frames.append(seen | {"height": height, "width": width} | masks)
        self.reached = score >= target_dice

    def release(self) -> None:
        """Let go of all that no record needs; nothing can be predicted from it any more."""
        self._last, self.logits, self.context = self.mask, None, None
        self.positive = self.negative = np.zeros((0, 0), np.float32)

    def kept(self, kind: str) -> np.ndarray:
        """What joins the context, float32 (H, W): ``binary``, ``soft`` or ``ground-truth``."""
        if kind == "soft":
            assert self.logits is not None
            return torch.from_numpy(self.logits).sigmoid().numpy()
        return (self.mask if kind == "binary" else self.label).astype(np.float32)


def _drawn(marks: np.ndarray | None) -> bytes:
    """Where a mark is stronger than half of its peak, packed to bits; nothing where there is none."""
    if marks is None or not marks.any():
        return b""
    return np.packbits(marks > 0.5 * marks.max()).tobytes()
