"""The state of an image while it is segmented, and the context of earlier images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from segbench.datasets.task import ImageData
from segbench.protocols.adapter import Box, Click, Context, ModelAdapter
from segbench.protocols.annotators import Interaction
from segbench.protocols.interactions import box_map
from segbench.protocols.metrics import confusion, dice_of


def device_of(adapter: ModelAdapter) -> torch.device:
    """Return the device on which an adapter expects its queries: its attribute ``device``, else the CPU."""
    return torch.device(getattr(adapter, "device", None) or "cpu")


class ContextBuffer:
    """The images that a simulation has segmented, on the device of the model that takes them as context.

    Parameters
    ----------
    adapter : ModelAdapter
        The model that takes the context.
    size : int
        Maximum number of entries.
    shape : (H, W)
    """

    def __init__(self, adapter: ModelAdapter, size: int, shape: Sequence[int]) -> None:
        self._maps = torch.empty(2, size, 1, *shape, device=device_of(adapter))
        self._filled = 0

    def add(self, image: np.ndarray, mask: np.ndarray) -> None:
        """Add one entry, two float32 arrays (H, W) in [0, 1]."""
        entry = torch.from_numpy(np.stack([image, mask]))
        self._maps[:, self._filled, 0] = entry.to(self._maps.device)
        self._filled += 1

    def snapshot(self) -> Context:
        """Return the entries so far, tensors (n, 1, H, W) that share the memory of the buffer."""
        return Context(*self._maps[:, : self._filled])


def labelled(data: ImageData, images: Sequence[int] | np.ndarray, adapter: ModelAdapter) -> Context:
    """Return images with their true labels as context, tensors (n, 1, H, W) on the device of a model."""
    arrays = data.images[images], data.labels[images].astype(np.float32)
    return Context(*(torch.from_numpy(array).to(device_of(adapter)) for array in arrays))


@dataclass(eq=False)
class Trajectory:
    """One image while it is segmented, and the record of its steps. Only its methods change it.

    Attributes
    ----------
    image : float32 array (H, W)
    label : bool array (H, W)
    target_dice : float
    context : Context of tensors (n, 1, H, W), or None
    pictured : bool
        Whether the masks of every step are kept.
    contexts : int
        Number of contexts of one size that the context consists of.
    context_size : int
        Entries of each of these contexts.
    positive, negative : float32 arrays (H, W) in [0, 1]
        Sum of all interactions so far, limited to 1.
    clicks : list of Click
    box : Box or None
        The last box.
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
    empty_scribbles : int
        Scribbles so far that have no pixel although their region has some.
    """

    image: np.ndarray
    label: np.ndarray
    target_dice: float
    context: Context | None = None
    pictured: bool = False
    contexts: int = 1
    context_size: int = field(init=False)
    positive: np.ndarray = field(init=False)
    negative: np.ndarray = field(init=False)
    clicks: list[Click] = field(init=False)
    box: Box | None = field(init=False)
    logits: np.ndarray | None = field(init=False)
    steps: list[dict] = field(default_factory=list, init=False)
    frames: list[dict] = field(default_factory=list, init=False)
    reached: bool = field(default=False, init=False)
    seconds: float = field(default=0.0, init=False)
    empty_scribbles: int = field(default=0, init=False)
    _latest: Interaction = field(default=Interaction(), init=False)  # since the last prediction
    _final_mask: np.ndarray | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.context_size = 0 if self.context is None else len(self.context.images) // self.contexts
        self._clear()

    def _clear(self) -> None:
        self.positive = np.zeros(self.image.shape, np.float32)
        self.negative = np.zeros(self.image.shape, np.float32)
        self.clicks, self.box, self.logits = [], None, None

    @property
    def mask(self) -> np.ndarray:
        """The last prediction as bool array (H, W); empty before the first."""
        if self.logits is None:
            return np.zeros_like(self.label) if self._final_mask is None else self._final_mask
        return self.logits > 0

    def add(self, interaction: Interaction) -> None:
        """Add an interaction to the earlier ones; the next prediction is recorded with it."""
        if interaction.positive is not None:
            self.positive = np.minimum(self.positive + interaction.positive, 1)
        if interaction.negative is not None:
            self.negative = np.minimum(self.negative + interaction.negative, 1)
        self.clicks.extend(interaction.clicks)
        self.box = interaction.box or self.box
        self.empty_scribbles += interaction.empty
        self._latest = interaction

    def restart(self, interaction: Interaction) -> None:
        """Discard prediction and interactions, and add an interaction to the bare image."""
        self._clear()
        self.add(interaction)

    def receive(
        self, step: int, logits: np.ndarray, seconds: float, counts: tuple[int, int, int] | None = None
    ) -> None:
        """Take the prediction of a step, and record it with the interaction before it.

        Parameters
        ----------
        step : int
        logits : float32 array (1, H, W)
        seconds : float
            Time in the model.
        counts : (tp, fp, fn) of the prediction; counted if not given
        """
        self.logits = logits[0].copy()
        self.seconds += seconds
        interaction, self._latest = self._latest, Interaction()
        tp, fp, fn = counts or confusion(self.mask, self.label)
        score = float(dice_of(tp, fp, fn))
        self.reached = score >= self.target_dice
        single = interaction.kind in ("click+", "click-")
        row, column = interaction.clicks[0][:2] if single else (-1, -1)
        shown = {"step": step, "kind": interaction.kind, "row": row, "column": column, "dice": score}
        self.steps.append(shown | {"drawn": interaction.drawn, "tp": tp, "fp": fp, "fn": fn})
        if self.pictured:
            height, width = self.label.shape
            masks = {"prediction": np.packbits(self.mask).tobytes()}
            masks |= {"positive": _packed(interaction.positive), "negative": _packed(interaction.negative)}
            masks["box"] = _packed(box_map(interaction.box, self.label.shape))
            self.frames.append(shown | {"height": height, "width": width} | masks)

    def context_mask(self, content: str) -> np.ndarray:
        """Return what joins the context, float32 (H, W), for ``binary``, ``soft`` or ``ground-truth``."""
        if content == "soft":
            assert self.logits is not None
            return torch.from_numpy(self.logits).sigmoid().numpy()
        return (self.mask if content == "binary" else self.label).astype(np.float32)

    def release(self) -> None:
        """Free all that the records do not need; no prediction is possible afterwards."""
        self._final_mask, self.logits, self.context = self.mask, None, None
        self.positive = self.negative = np.zeros((0, 0), np.float32)

    _STATE = (
        *("positive", "negative", "clicks", "box", "logits", "steps", "frames", "reached", "seconds"),
        "empty_scribbles",
    )

    def snapshot(self) -> dict[str, Any]:
        """Return the state of a finished trajectory, without the arrays of the task."""
        return {name: getattr(self, name) for name in self._STATE} | {"pictured": self.pictured}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Take over the state of a finished trajectory of the same image."""
        for name in self._STATE:
            setattr(self, name, snapshot[name])
        if not self.pictured:
            self.frames = []


def _packed(drawing: np.ndarray | None) -> bytes:
    """Pack the pixels above half of a drawing's maximum to bits; empty without a drawing."""
    if drawing is None or not drawing.any():
        return b""
    return np.packbits(drawing > 0.5 * drawing.max()).tobytes()
