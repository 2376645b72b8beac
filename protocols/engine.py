"""What all protocols share: the loop of annotating, predicting and assessing, and how models are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import TypeVar

import numpy as np
import torch

from datasets.task import TaskData
from protocols.adapter import Click, Context, Interactions, ModelAdapter, Query
from protocols.annotators import Annotator, Mark
from protocols.config import Config, ProtocolError
from protocols.interactions import keyed_generator
from protocols.metrics import confusion, dice, hd95

Item = TypeVar("Item")


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
    context : the entries that the model is given; of a setwise model the earlier images of the set
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
    context: Sequence[Entry | Trajectory] = ()
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

    def entry(self, kind: str) -> Entry | Trajectory:
        """What joins the context; ``kind`` as in the ``context`` column of the records."""
        if kind == "set":
            return self
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
    contexts: Sequence[Sequence[Entry | Trajectory]] | None = None,
) -> list[Trajectory]:
    """Segment images, all of them together, until each has the target Dice or the interactions are used up.

    With contexts the model first predicts without interactions (step 0), and every interaction corrects a
    prediction. Without, the annotator starts on the bare image; so too with a setwise model, which has learnt
    from images that all have marks. Where neither a context nor the annotator tells two simulations of an
    image apart, it is segmented once and the trajectory is shared.

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
    bare = contexts is not None and not adapter.capabilities.setwise
    for step in range(0 if bare else 1, rules.max_steps + 1):
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
    """Give every trajectory new logits; a setwise model sees it as the last of a set, after its context.

    Parameters
    ----------
    adapter : ModelAdapter
    trajectories : all with the same number of context entries and at the same step
    bare : bool
        Whether nothing has been drawn yet.

    Raises
    ------
    ProtocolError
        If the model does not return finite logits of shape (B, 1, H, W).
    """
    setwise = adapter.capabilities.setwise
    sets = [[*t.context, t] if setwise else [t] for t in trajectories]
    answers = ask(adapter, sets, partial(_query, bare=bare, setwise=setwise))
    for trajectory, (logits, seconds) in zip(trajectories, answers, strict=True):
        trajectory.logits = logits[-1, 0].copy()
        trajectory.seconds += seconds


def predict_sets(adapter: ModelAdapter, sets: Sequence[Sequence[Trajectory]]) -> None:
    """Give all trajectories of some sets of one size new logits, a setwise model's or, of one, any other's.

    Raises
    ------
    ProtocolError
        If the model does not return finite logits of shape (B, 1, H, W).
    """
    build = partial(_query, bare=False, setwise=adapter.capabilities.setwise)
    for members, (logits, seconds) in zip(sets, ask(adapter, sets, build), strict=True):
        for trajectory, own in zip(members, logits, strict=True):
            trajectory.logits = own[0].copy()
            trajectory.seconds += seconds / len(members)


def ask(
    adapter: ModelAdapter,
    sets: Sequence[Sequence[Item]],
    build: Callable[[Sequence[Sequence[Item]]], Query],
    classes: int = 1,
) -> Iterator[tuple[np.ndarray, float]]:
    """Logits of one set of images after another, asked for in micro-batches of one fixed number of sets.

    The last micro-batch is filled up by repeating its last set: a network may round differently at another
    batch size, and results must not depend on how many images happen to be computed together.

    Parameters
    ----------
    adapter : ModelAdapter
        Its ``micro_batch`` is the fixed number (1 if it has none).
    sets : what stands for the images, set by set; a set of one each for a model that is not setwise
    build : makes the query of some sets
    classes : int
        What the logits have to tell apart.

    Yields
    ------
    logits : float32 array (images of the set, classes, H, W)
    seconds : float
        Time in the model.

    Raises
    ------
    ProtocolError
        If the model does not return finite logits of shape (B, classes, H, W).
    """
    size = getattr(adapter, "micro_batch", 1)
    for start in range(0, len(sets), size):
        part = list(sets[start : start + size])
        query = build(part + part[-1:] * (size - len(part)))
        began = perf_counter()
        with torch.inference_mode():
            logits = _checked(adapter.predict(query), query, adapter, classes)
        seconds = (perf_counter() - began) / len(part)
        ends = np.cumsum([len(members) for members in part])
        for members, end in zip(part, ends, strict=True):
            yield logits[end - len(members) : end], seconds


def _mark(trajectory: Trajectory, annotator: Annotator | None, step: int, draw: partial) -> Mark:
    if step == 0 or annotator is None:
        return Mark()
    if trajectory.logits is None:
        return annotator.start(trajectory.label, draw)
    return annotator.correct(trajectory.label, trajectory.mask, draw)


def _query(sets: Sequence[Sequence[Trajectory]], bare: bool, setwise: bool) -> Query:
    part = [trajectory for members in sets for trajectory in members]
    image = _tensor([t.image for t in part])
    interactions = previous = context = None
    if not bare:
        positive, negative = _tensor([t.positive for t in part]), _tensor([t.negative for t in part])
        clicks = tuple(tuple(t.clicks) for t in part)
        interactions = Interactions(positive, negative, torch.zeros_like(image), clicks)
    if any(t.logits is not None for t in part):
        previous = _tensor([np.zeros_like(t.image) if t.logits is None else t.logits for t in part])
    if setwise:
        return Query(image, interactions, previous, sets=tuple(map(len, sets)))
    if part[0].context:
        context = Context(
            _tensor([[entry.image for entry in t.context] for t in part]),
            _tensor([[entry.mask for entry in t.context] for t in part]),
        )
    return Query(image, interactions, previous, context)


def _tensor(maps: Sequence) -> torch.Tensor:
    """Maps (H, W), in one list or in a list of lists, as one tensor (..., 1, H, W)."""
    return torch.from_numpy(np.array(maps)[..., None, :, :])


def _checked(logits: torch.Tensor, query: Query, adapter: ModelAdapter, classes: int) -> np.ndarray:
    """The logits as float32 array (B, classes, H, W)."""
    name, shape = type(adapter).__name__, tuple(query.image.shape)
    expected = (shape[0], classes, *shape[2:])
    if not isinstance(logits, torch.Tensor):
        raise ProtocolError(f"model {name} returned {type(logits).__name__} instead of a tensor of logits")
    found = tuple(logits.shape)
    if found != expected and classes > 1 and found[:1] + found[2:] == expected[:1] + expected[2:]:
        raise ProtocolError(
            f"model {name} predicts {found[1]} classes, but the task has {classes}; train it on that task"
        )
    if found != expected:
        raise ProtocolError(f"model {name} returned logits of shape {found} instead of {expected}")
    if not torch.isfinite(logits).all():
        raise ProtocolError(f"model {name} returned NaN or infinite logits; check its weights and precision")
    return logits.detach().float().cpu().numpy()
