"""Progress of work: how much is finished, and how long the rest takes."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar
from uuid import uuid4

from segbench.benchmark.execution.batches import Batch

if TYPE_CHECKING:
    from distributed import Client

    from segbench.benchmark.plan import Unit

INTERVAL = 0.5  # seconds between two reports of a worker


class Work(Protocol):
    """An item of work; ``cost`` is its rough relative time."""

    @property
    def cost(self) -> int: ...


Item = TypeVar("Item", bound=Work)


class Progress(Generic[Item]):
    """How much of some items is finished.

    Parameters
    ----------
    items : sequence
    finished_cost : callable, optional
        Returns the cost that is finished so far; without it, only whole items count.
    """

    def __init__(self, items: Sequence[Item], finished_cost: Callable[[], float] | None = None) -> None:
        self.total = sum(item.cost for item in items)
        self._finished, self._finished_cost = 0, finished_cost

    def finish(self, item: Item, result: Any) -> None:
        """Note that an item is finished, with this result."""
        self._finished += item.cost

    def finished_cost(self) -> float:
        """Return the cost that is finished so far."""
        return self._finished_cost() if self._finished_cost else self._finished

    def seconds_left(self, elapsed: float, workers: int) -> float | None:
        """Return the time that the rest takes; None if nothing is finished yet.

        Parameters
        ----------
        elapsed : float
            Seconds since the start.
        workers : int
        """
        finished = self.finished_cost()
        return elapsed * (self.total - finished) / finished if finished else None


@dataclass
class Load:
    """The work of one kind: its cost, what of it is finished, and the seconds that workers took for this."""

    cost: float
    finished: float = 0.0
    seconds: float = 0.0


def seconds_of_rest(loads: Mapping[tuple[str, str], Load]) -> float | None:
    """Return the time that one worker needs for the rest of several kinds of work.

    A kind takes as long for each unit of cost as it took so far. A kind that has not begun takes as long as
    its model in other protocols, or else as all kinds together.

    Parameters
    ----------
    loads : mapping from protocol and model

    Returns
    -------
    float or None
        None if nothing is finished.

    Examples
    --------
    >>> begun, new = Load(cost=10, finished=4, seconds=8), Load(cost=5)
    >>> seconds_of_rest({("center-clicks", "mine"): begun, ("in-context", "mine"): new})
    22.0
    """
    pooled: dict[str | None, Load] = defaultdict(lambda: Load(0))
    for (_, model), load in loads.items():
        for name in (model, None):
            pooled[name].finished += load.finished
            pooled[name].seconds += load.seconds
    if not pooled[None].finished:
        return None
    total = 0.0
    for (_, model), load in loads.items():
        known = next(each for each in (load, pooled[model], pooled[None]) if each.finished)
        total += (load.cost - load.finished) * known.seconds / known.finished
    return total


class Report(NamedTuple):
    """What a worker has finished of a batch."""

    batch: str  # the key of the batch
    cost: float
    seconds: float


Send = Callable[[Report], None]
Receive = Callable[[], Iterable[Report]]


def no_report(report: Report) -> None:
    """Send nothing."""


class Outcome(NamedTuple):
    """What became of a batch: the seconds that it took, and a sentence for each unit that was lost."""

    seconds: float
    lost: tuple[str, ...] = ()


class BatchProgress(Progress[Batch]):
    """How much of some batches is finished, those in progress included; lost units are printed.

    Parameters
    ----------
    batches : sequence of Batch
        Each has an `Outcome` as result.
    receive : function
        Returns reports of workers, as `reports` yields it.

    Attributes
    ----------
    lost : list of str
        A sentence for each unit that was lost.
    """

    def __init__(self, batches: Sequence[Batch], receive: Receive) -> None:
        super().__init__(batches)
        self._loads: dict[tuple[str, str], Load] = {}
        for batch in batches:
            self._loads.setdefault(batch.kind, Load(0)).cost += batch.cost
        self._unfinished = {batch.key: batch for batch in batches}
        self._reports: dict[str, Report] = {}
        self._receive = receive
        self.lost: list[str] = []

    def finish(self, batch: Batch, result: Outcome) -> None:
        from tqdm import tqdm

        self._add(self._loads[batch.kind], batch.cost, result.seconds)
        del self._unfinished[batch.key]
        self.lost += result.lost
        for sentence in result.lost:
            tqdm.write(f"Lost: {sentence}", file=sys.stderr)

    @staticmethod
    def _add(load: Load, cost: float, seconds: float) -> None:
        load.finished += cost
        load.seconds += seconds

    def _current(self) -> dict[tuple[str, str], Load]:
        # A killed worker leaves its last report; it counts until another worker has finished the batch.
        self._reports |= {report.batch: report for report in self._receive()}
        loads = {kind: Load(load.cost, load.finished, load.seconds) for kind, load in self._loads.items()}
        for key, report in self._reports.items():
            if key in self._unfinished:
                self._add(loads[self._unfinished[key].kind], report.cost, report.seconds)
        return loads

    def finished_cost(self) -> float:
        return sum(load.finished for load in self._current().values())

    def seconds_left(self, elapsed: float, workers: int) -> float | None:
        seconds = seconds_of_rest(self._current())
        return None if seconds is None else seconds / max(1, min(workers, len(self._unfinished)))


@contextmanager
def reports(client: Client | None) -> Iterator[tuple[Send, Receive]]:
    """Bring reports from the workers of this machine, or of a Dask cluster, to this process.

    Yields
    ------
    send : function
        Sends a report from a worker; it is picklable.
    receive : function
        Returns the last report of each worker, or of each batch.
    """
    if client is None:
        with TemporaryDirectory(prefix="segbench-", ignore_cleanup_errors=True) as folder:
            yield partial(_write, Path(folder)), partial(_read, Path(folder))
        return
    topic, latest = f"segbench-{uuid4().hex}", dict[str, Report]()

    def receive(event: tuple[float, Sequence[Any]]) -> None:
        latest[event[1][0]] = Report(*event[1])

    client.subscribe_topic(topic, receive)  # until the client closes
    yield partial(_log, topic), lambda: list(latest.values())


def _write(folder: Path, report: Report) -> None:
    """Write a report to the file of this worker."""
    with suppress(OSError):  # a report must not stop the work
        (folder / str(os.getpid())).write_text(json.dumps(report))


def _read(folder: Path) -> list[Report]:
    """Read the files of all workers."""
    found = []
    for file in folder.iterdir():
        with suppress(OSError, ValueError):  # it is being written
            found.append(Report(*json.loads(file.read_text())))
    return found


def _log(topic: str, report: Report) -> None:
    """Log a report as an event of the Dask cluster of this worker."""
    from distributed import get_worker

    get_worker().log_event(topic, list(report))


class Reporter:
    """Reports, in a worker, what is finished of a batch; called as `run_simulations` calls its ``report``.

    Parameters
    ----------
    batch : Batch
    units : sequence of Unit
        The units of the batch that have to be computed.
    send : function
        Sends a report, as `reports` yields it.
    """

    def __init__(self, batch: Batch, units: Sequence[Unit], send: Send) -> None:
        self._key, self._send = batch.key, send
        self._costs = [unit.cost for unit in units]
        self._shares = [0.0] * len(units)
        self._other = batch.cost - sum(self._costs)  # was finished before
        self._started, self._sent = time.monotonic(), 0.0

    def seconds(self) -> float:
        """Return the time since the start."""
        return time.monotonic() - self._started

    def __call__(self, number: int, share: float) -> None:
        self._shares[number] = share
        if time.monotonic() >= self._sent + INTERVAL:
            self._sent = time.monotonic()
            cost = sum(each * part for each, part in zip(self._costs, self._shares, strict=True))
            self._send(Report(self._key, self._other + cost, self.seconds()))
