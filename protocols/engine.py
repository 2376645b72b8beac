"""The loop that all protocols share: annotate, predict, assess, until the target is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter

import numpy as np
import torch

from datasets.task import TaskData
from protocols.adapter import Click, Context, Interactions, ModelAdapter, Query
from protocols.annotators import Annotator, Mark
from protocols.config import Config, ProtocolError
from protocols.interactions import keyed_generator
from protocols.metrics import confusion, dice, hd95


@dataclass(frozen=True, eq=False)
class Entry:
    """An entry of a context: ``image`` and ``mask``, float32 arrays (H, W) in [0, 1]."""

    image: np.ndarray
    mask: np.ndarray


def labelled(data: TaskData, image: int) -> Entry:
    """An image of a task with its true label."""
    return Entry(data.images[image, 0], data.labels[image, 0].astype(np.float32))


@dataclass(eq=False)
class Trajectory:
    """One image while it is segmented, and afterwards what happened.

    Attributes
    ----------
    image : float32 array (H, W)
    label : bool array (H, W)
    context : the entries that the model is given
    pictured : bool
        Whether the masks of every step are kept.
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
    hd95 : float
        Of the last prediction, when finished.
    seconds : float
        Time in the model.
    """

    image: np.ndarray
    label: np.ndarray
    context: Sequence[Entry] = ()
    pictured: bool = False
    positive: np.ndarray = field(init=False)
    negative: np.ndarray = field(init=False)
    clicks: list[Click] = field(default_factory=list)
    logits: np.ndarray | None = None
    steps: list[dict] = field(default_factory=list)
    frames: list[dict] = field(default_factory=list)
    reached: bool = False
    hd95: float = float("nan")
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.positive, self.negative = np.zeros((2, *self.image.shape), np.float32)

    @property
    def mask(self) -> np.ndarray:
        """The last prediction as bool array (H, W); empty before the first."""
        return np.zeros_like(self.label) if self.logits is None else self.logits > 0

    def add(self, mark: Mark) -> None:
        """Put a mark on top of the earlier ones."""
        if mark.positive is not None:
            self.positive = np.minimum(self.positive + mark.positive, 1)
        if mark.negative is not None:
            self.negative = np.minimum(self.negative + mark.negative, 1)
        if mark.click is not None:
            self.clicks.append(mark.click)

    def assess(self, step: int, mark: Mark, target_dice: float) -> None:
        """Note how good the prediction after a mark is, and what it looks like if it is pictured."""
        tp, fp, fn = confusion(self.mask, self.label)
        score = float(dice(self.mask, self.label))
        row, column = (mark.click.row, mark.click.column) if mark.click else (-1, -1)
        seen = {"step": step, "kind": mark.kind, "row": row, "column": column, "dice": score}
        self.steps.append(seen | {"tp": tp, "fp": fp, "fn": fn})
        if self.pictured:
            height, width = self.label.shape
            masks = {"prediction": np.packbits(self.mask).tobytes()}
            masks |= {"positive": _drawn(mark.positive), "negative": _drawn(mark.negative)}
            self.frames.append(seen | {"height": height, "width": width} | masks)
        self.reached = score >= target_dice

    def entry(self, kind: str) -> Entry:
        """What joins the context; ``kind`` as in `Config.context`."""
        if kind == "soft":
            assert self.logits is not None
            return Entry(self.image, torch.from_numpy(self.logits).sigmoid().numpy())
        return Entry(self.image, (self.mask if kind == "binary" else self.label).astype(np.float32))


def _drawn(marks: np.ndarray | None) -> bytes:
    """Where a mark is stronger than half of its peak, packed to bits; nothing where there is none."""
    if marks is None or not marks.any():
        return b""
    return np.packbits(marks > 0.5 * marks.max()).tobytes()


@dataclass(frozen=True)
class Rules:
    """How a protocol plays an image.

    Attributes
    ----------
    annotator : Annotator or None
        None makes no interactions: the only prediction is the one from the context.
    max_steps : int
        Interactions at most.
    stops : bool
        Whether an image is done when it has the target Dice.
    pictured : simulations whose masks are kept
    """

    annotator: Annotator | None
    max_steps: int
    stops: bool = True
    pictured: Sequence[int] = ()


def interact(
    data: TaskData,
    adapter: ModelAdapter,
    items: Sequence[tuple[int, int]],
    rules: Rules,
    config: Config,
    contexts: Sequence[Sequence[Entry]] | None = None,
) -> list[Trajectory]:
    """Segment images, all of them together, until each has the target Dice or the interactions are used up.

    With contexts the model first predicts without interactions (step 0), and every interaction corrects a
    prediction. Without, the annotator starts on the bare image. Where neither a context nor the annotator
    tells two simulations of an image apart, it is segmented once and the trajectory is shared.

    Parameters
    ----------
    data : TaskData
    adapter : ModelAdapter
    items : pairs (simulation, index of the image)
    rules : Rules
    config : Config
    contexts : for each item its context entries, of one number; or None

    Returns
    -------
    list of Trajectory, one per item
    """
    apart = contexts is not None or (rules.annotator is not None and rules.annotator.random)
    # With contexts every item is played, even if an image comes twice.
    keys = [
        (simulation if apart else None, image, number if contexts is not None else None)
        for number, (simulation, image) in enumerate(items)
    ]
    work: dict[tuple, Trajectory] = {}
    draws = {}
    for number, (key, (simulation, image)) in enumerate(zip(keys, items, strict=True)):
        if key not in work:
            context = contexts[number] if contexts is not None else ()
            work[key] = Trajectory(data.images[image, 0], data.labels[image, 0], context)
            draws[key] = partial(keyed_generator, config.seed, data.task.name, simulation, image)
        work[key].pictured |= simulation in rules.pictured

    active = list(work)
    for step in range(0 if contexts is not None else 1, rules.max_steps + 1):
        marks = {}
        for key in active:
            marks[key] = _mark(work[key], rules.annotator, step, partial(draws[key], step))
            work[key].add(marks[key])
        predict(adapter, [work[key] for key in active], bare=step == 0)
        for key in active:
            work[key].assess(step, marks[key], config.target_dice)
        active = [key for key in active if not (rules.stops and work[key].reached)]
    for trajectory in work.values():
        trajectory.hd95 = float(hd95(trajectory.mask, trajectory.label))
    return [work[key] for key in keys]


def predict(adapter: ModelAdapter, trajectories: Sequence[Trajectory], bare: bool) -> None:
    """Give every trajectory new logits, in micro-batches of one fixed size.

    The last micro-batch is filled up by repeating its last image: a network may round differently at another
    batch size, and results must not depend on how many images happen to be computed together.

    Parameters
    ----------
    adapter : ModelAdapter
        Its ``micro_batch`` is the fixed size (1 if it has none).
    trajectories : all with the same number of context entries and at the same step
    bare : bool
        Whether nothing has been drawn yet.

    Raises
    ------
    ProtocolError
        If the model does not return finite logits of shape (B, 1, H, W).
    """
    size = getattr(adapter, "micro_batch", 1)
    for start in range(0, len(trajectories), size):
        part = list(trajectories[start : start + size])
        query = _query(part + part[-1:] * (size - len(part)), bare)
        began = perf_counter()
        with torch.inference_mode():
            logits = _checked(adapter.predict(query), query, adapter)
        seconds = (perf_counter() - began) / len(part)
        for trajectory, own in zip(part, logits[: len(part)], strict=True):
            trajectory.logits = own.copy()
            trajectory.seconds += seconds


def _mark(trajectory: Trajectory, annotator: Annotator | None, step: int, draw: partial) -> Mark:
    if step == 0 or annotator is None:
        return Mark()
    if trajectory.logits is None:
        return annotator.start(trajectory.label, draw)
    return annotator.correct(trajectory.label, trajectory.mask, draw)


def _query(part: Sequence[Trajectory], bare: bool) -> Query:
    image = _tensor([t.image for t in part])
    interactions = previous = context = None
    if not bare:
        positive, negative = _tensor([t.positive for t in part]), _tensor([t.negative for t in part])
        clicks = tuple(tuple(t.clicks) for t in part)
        interactions = Interactions(positive, negative, torch.zeros_like(image), clicks)
    if part[0].logits is not None:
        previous = _tensor([t.logits for t in part])
    if part[0].context:
        context = Context(
            _tensor([[entry.image for entry in t.context] for t in part]),
            _tensor([[entry.mask for entry in t.context] for t in part]),
        )
    return Query(image, interactions, previous, context)


def _tensor(maps: Sequence) -> torch.Tensor:
    """Maps (H, W), in one list or in a list of lists, as one tensor (..., 1, H, W)."""
    return torch.from_numpy(np.array(maps)[..., None, :, :])


def _checked(logits: torch.Tensor, query: Query, adapter: ModelAdapter) -> np.ndarray:
    """The logits as float32 array (B, H, W)."""
    name, shape = type(adapter).__name__, tuple(query.image.shape)
    if not isinstance(logits, torch.Tensor):
        raise ProtocolError(f"model {name} returned {type(logits).__name__} instead of a tensor of logits")
    if tuple(logits.shape) != shape:
        raise ProtocolError(f"model {name} returned logits of shape {tuple(logits.shape)} instead of {shape}")
    if not torch.isfinite(logits).all():
        raise ProtocolError(f"model {name} returned NaN or infinite logits; check its weights and precision")
    return logits.detach().float().cpu().numpy()[:, 0]
