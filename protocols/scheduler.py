"""The loop of all interactive protocols: annotate, predict, assess, for many images at once.

A protocol is written as games: generators that play one simulation each, one image after another, and say
at every step which image wants a mark and a prediction. `play` advances many of them together. It asks the
model for whatever has gathered with contexts of one size, from whichever simulations and tasks; an image that
is finished leaves, and the next one of its simulation takes its place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import torch

from segbench.datasets.task import TaskData
from segbench.protocols.adapter import ModelAdapter
from segbench.protocols.annotators import Annotator, Draw, Mark
from segbench.protocols.config import Config
from segbench.protocols.inference import ask, batch_size, query_of
from segbench.protocols.interactions import keyed_generator
from segbench.protocols.metrics import confusion
from segbench.protocols.records import Records
from segbench.protocols.trajectory import Trajectory, device_of

Result = TypeVar("Result")

# Games in progress for each image of a query. They spread over contexts of all sizes: with fewer, many a
# query would not be full.
CROWD = 8


@dataclass(frozen=True)
class Rules:
    """How a protocol plays an image.

    Attributes
    ----------
    annotator : Annotator or None
        None makes no interactions: the only prediction is the one from the context.
    max_steps : int
        Interactions at most.
    target_dice : float
    stops : bool
        Whether an image is done when it has the target Dice.
    """

    annotator: Annotator | None
    max_steps: int
    target_dice: float
    stops: bool = True


@dataclass(frozen=True, eq=False)
class Step:
    """What a game waits for: an interaction, unless the step is 0, and the prediction after it."""

    trajectory: Trajectory
    adapter: ModelAdapter
    rules: Rules
    number: int
    draw: Draw

    @property
    def annotator(self) -> Annotator | None:
        """Who draws before the prediction."""
        return self.rules.annotator if self.number else None

    @property
    def alike(self) -> tuple:
        """Steps of which this is the same may be asked for in one query."""
        t = self.trajectory
        return id(self.adapter), t.context_size, self.number == 0, t.logits is None, t.image.shape

    @property
    def images(self) -> int:
        """How many the model sees: those of the context, or of the set."""
        return self.trajectory.context_size + self.adapter.capabilities.setwise


Simulation = Generator[Step, None, Result]
Drawer = Callable[[int], Draw]  # by the number of a step


def segment(
    trajectory: Trajectory, adapter: ModelAdapter, rules: Rules, drawer: Drawer, first: int = 1
) -> Simulation[None]:
    """Play an image until it has the target Dice or the interactions are used up.

    Parameters
    ----------
    trajectory : Trajectory
    adapter : ModelAdapter
    rules : Rules
    drawer : gives the generators of a step
    first : int
        0 begins with a prediction without interactions, which every interaction then corrects; with 1 the
        annotator begins on the bare image. So does a setwise model, which has learnt from marked images.
    """
    for number in range(first, rules.max_steps + 1):
        yield Step(trajectory, adapter, rules, number, drawer(number))
        if rules.stops and trajectory.reached:
            break


def drawer_of(data: TaskData, config: Config, simulation: int, image: int) -> Drawer:
    """Generators that depend on seed, task, simulation, image, step and purpose, and on nothing else."""
    return lambda step: partial(keyed_generator, config.seed, data.task.name, simulation, image, step)


@dataclass(frozen=True)
class SimulationGroup(Generic[Result]):
    """What is played of a task: its games, and how their results, in order, become records."""

    games: Iterable[Simulation[Result]]
    records: Callable[[list[Result]], Records]


class InGames:
    """What protocols share that are written as games; they have ``begin``."""

    def prepare(
        self,
        data: TaskData,
        adapter: ModelAdapter,
        simulations: Sequence[int],
        config: Config,
        seed_adapter: ModelAdapter | None,
        model: str,
    ) -> SimulationGroup:
        """What `run` plays, which may be played together with other tasks; parameters and errors as there."""
        raise NotImplementedError

    def run(
        self,
        data: TaskData,
        adapter: ModelAdapter,
        simulations: Sequence[int],
        config: Config,
        seed_adapter: ModelAdapter | None,
        model: str,
    ) -> Records:
        """Play simulations of a task; each comes out the same whichever others are played with it.

        Parameters
        ----------
        data : TaskData
        adapter : ModelAdapter
            The model under test.
        simulations : sequence of int
        config : Config
        seed_adapter : ModelAdapter or None
            Segments the seed image, the same for all models: ScribblePrompt in the paper. A model that takes
            neither context nor set needs none.
        model : str
            Name for the records.

        Returns
        -------
        Records
            In order of simulation (as given), position and step.

        Raises
        ------
        ProtocolError
            If the model or the task cannot take part, or the model returns no valid logits.
        """
        sitting = self.prepare(data, adapter, simulations, config, seed_adapter, model)
        ((_, records),) = run_simulations([sitting], adapter)
        return records


def run_simulations(
    sittings: Iterable[SimulationGroup], adapter: ModelAdapter
) -> Iterator[tuple[int, Records]]:
    """Play sittings together, of one model and any tasks.

    Yields
    ------
    number, records
        Of each sitting when its last game has ended. It is begun when those before it leave room.
    """
    begun: dict[int, tuple[SimulationGroup, range]] = {}  # with the numbers of its games
    owner: dict[int, int] = {}  # the sitting of every game
    left: dict[int, int] = {}  # games of a sitting that have not ended
    results: dict[int, Any] = {}

    def games() -> Iterator[Simulation]:
        for number, sitting in enumerate(sittings):
            own = list(sitting.games)
            begun[number] = sitting, range(len(owner), len(owner) + len(own))
            owner.update(dict.fromkeys(begun[number][1], number))
            left[number] = len(own)
            yield from own

    for game, result in play(games(), adapter):
        results[game], number = result, owner[game]
        left[number] -= 1
        if not left[number]:
            sitting, own = begun.pop(number)
            yield number, sitting.records([results.pop(each) for each in own])


def play(games: Iterable[Simulation[Result]], adapter: ModelAdapter) -> Iterator[tuple[int, Result]]:
    """Advance games together, as many at once as fill the queries of their model.

    With a model that takes several images at once, the annotator draws for some games while it predicts for
    others.

    Parameters
    ----------
    games : started in their order, as there is room
    adapter : ModelAdapter
        The model that most of their steps ask.

    Yields
    ------
    number, result
        Of each game when it ends; no result depends on which others are played.
    """
    size = batch_size(adapter, 1)
    together = size > 1
    crowd = CROWD * size if together else 1
    device = device_of(adapter) if together else torch.device("cpu")
    waiting = enumerate(games)
    hall: _Hall[Result] = _Hall()
    drawing: Future[list[_Turn]] | None = None
    with ThreadPoolExecutor(1) if together else _Here() as executor:
        while True:
            while hall.active < crowd and (following := next(waiting, None)):
                hall.enter(*following)
            yield from hall.leave()
            if drawing is None and hall.undrawn:
                drawing = executor.submit(_drawn, hall.undrawn, device)
                hall.undrawn = []
            group = max(hall.ready.values(), key=_fullness, default=None)
            if drawing is not None and (drawing.done() or group is None or _fullness(group) < 1):
                hall.admit(drawing.result())
                drawing = None
            elif group is not None:
                hall.predict(group)
            else:
                return


class _Turn(NamedTuple):
    """A game, its number, what it waits for, and what the annotator has drawn for it."""

    number: int
    game: Simulation
    step: Step
    mark: Mark = Mark()


class _Hall(Generic[Result]):
    """The games that are played at the moment, by what they wait for.

    Attributes
    ----------
    active : int
    undrawn : turns that wait for the annotator
    ready : turns that wait for the model, by `Step.alike`
    """

    def __init__(self) -> None:
        self.active = 0
        self.undrawn: list[_Turn] = []
        self.ready: dict[tuple, list[_Turn]] = {}
        self._ended: list[tuple[int, Result]] = []

    def enter(self, number: int, game: Simulation[Result]) -> None:
        """Begin a game."""
        self.active += 1
        self._advance(number, game)

    def leave(self) -> Iterator[tuple[int, Result]]:
        """The games that have ended since."""
        ended, self._ended = self._ended, []
        return iter(ended)

    def admit(self, drawn: Sequence[_Turn]) -> None:
        """Turns for which the annotator has drawn."""
        for turn in drawn:
            turn.step.trajectory.add(turn.mark)
            self.ready.setdefault(turn.step.alike, []).append(turn)

    def predict(self, group: list[_Turn]) -> None:
        """Ask for as many turns of a group as a query holds, and advance their games."""
        step = group[0].step
        size = batch_size(step.adapter, step.images)
        turns, left = group[:size], group[size:]
        if left:
            self.ready[step.alike] = left
        else:
            del self.ready[step.alike]
        _answer(turns)
        for turn in turns:
            self._advance(turn.number, turn.game)

    def _advance(self, number: int, game: Simulation[Result]) -> None:
        try:
            self.undrawn.append(_Turn(number, game, next(game)))
        except StopIteration as end:
            self.active -= 1
            self._ended.append((number, end.value))


def _fullness(group: Sequence[_Turn]) -> float:
    """How often a group fills a query."""
    step = group[0].step
    return len(group) / batch_size(step.adapter, step.images)


def _answer(turns: Sequence[_Turn]) -> None:
    """Predict for turns of one group, and assess the predictions."""
    step = turns[0].step
    setwise = step.adapter.capabilities.setwise
    found = [turn.step.trajectory for turn in turns]
    sets = [[*trajectory.earlier, trajectory] for trajectory in found]
    build = partial(query_of, bare=step.number == 0, setwise=setwise)
    answers = list(ask(step.adapter, sets, build, images=step.images))
    logits = torch.stack([answer[-1, 0] for answer, _ in answers])
    labels = torch.from_numpy(np.stack([trajectory.label for trajectory in found])).to(logits.device)
    counts = torch.stack(confusion(logits > 0, labels), dim=1).tolist()
    arrays = logits.cpu().numpy()
    for turn, own, (_, seconds), (tp, fp, fn) in zip(turns, arrays, answers, counts, strict=True):
        trajectory, target = turn.step.trajectory, turn.step.rules.target_dice
        trajectory.logits = own.copy()
        trajectory.seconds += seconds
        trajectory.assess(turn.step.number, turn.mark, target, (tp, fp, fn))


def _drawn(turns: Sequence[_Turn], device: torch.device) -> list[_Turn]:
    """Turns with the marks that the annotator makes for them, on a GPU beside what the model computes."""
    beside = torch.cuda.stream(torch.cuda.Stream(device)) if device.type == "cuda" else nullcontext()
    with beside:
        return _drawn_by_kind(turns, device)


def _drawn_by_kind(turns: Sequence[_Turn], device: torch.device) -> list[_Turn]:
    """The same, all images of one kind together."""
    groups: dict[tuple, list[_Turn]] = defaultdict(list)
    for turn in turns:
        trajectory = turn.step.trajectory
        groups[turn.step.annotator, trajectory.logits is None, trajectory.label.shape].append(turn)
    drawn = []
    for (annotator, blank, _), group in groups.items():
        marks = [Mark()] * len(group) if annotator is None else _marks(annotator, blank, group, device)
        drawn += [turn._replace(mark=mark) for turn, mark in zip(group, marks, strict=True)]
    return drawn


def _marks(annotator: Annotator, blank: bool, turns: Sequence[_Turn], device: torch.device) -> list[Mark]:
    """What an annotator draws on images that all have a prediction, or are all still blank."""
    draws = [turn.step.draw for turn in turns]
    labels = _batch([turn.step.trajectory.label for turn in turns], device)
    if blank:
        return annotator.start(labels, draws)
    return annotator.correct(labels, _batch([turn.step.trajectory.mask for turn in turns], device), draws)


def _batch(masks: Sequence[np.ndarray], device: torch.device) -> Any:
    """Masks (B, H, W) as the annotator takes them: an array, or on a GPU a tensor."""
    stacked = np.stack(masks)
    return stacked if device.type == "cpu" else torch.from_numpy(stacked).to(device)


class _Here(Executor):
    """Does at once what it is given."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        future: Future = Future()
        future.set_result(function(*args, **kwargs))
        return future
