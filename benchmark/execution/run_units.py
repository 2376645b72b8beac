"""Where work is done: in this process, worker processes or a Dask cluster, on the CPU or one GPU each."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from segbench.benchmark.execution import cluster
from segbench.errors import Failure
from segbench.processes import end_with

if TYPE_CHECKING:
    from distributed import Client

_ALONE = threading.Lock()  # a Dask worker of several threads computes one piece of work at a time
AHEAD = 1000  # pieces of work at a Dask scheduler: more than workers that may join, and little to remember


class Work(Protocol):
    """A piece of work; ``cost`` is its rough relative time."""

    @property
    def cost(self) -> int: ...


Item = TypeVar("Item", bound=Work)
Result = TypeVar("Result")
Compute = Callable[[Item, str], Result]  # of a piece of work, on a device such as ``cuda:1``


def execute(
    items: Sequence[Item],
    compute: Compute[Item, Result],
    device: str,
    workers: int,
    what: str = "units",
    size: Callable[[Item], int] = lambda item: 1,
    passed: Callable[[], int] | None = None,
    client: Client | None = None,
) -> list[Result]:
    """Do work, with a progress bar on standard error.

    Parameters
    ----------
    items : in the order in which they start
    compute : does one of them; a class or function that can travel to another process
    device : {"cpu", "cuda"}
    workers : int
        Processes; 1 works in this one. On the CPU every process computes with one thread, so that results
        do not depend on the number of workers.
    what, size : what they are called on the progress bar, and how many of these an item is
    passed : says how much of the cost is done, where that is known before an item is finished
    client : of the Dask cluster that does the work in place of `workers`; see `segbench.benchmark.execution.cluster.Backend`

    Returns
    -------
    list
        What `compute` gives, in the order in which it comes.

    Raises
    ------
    Failure
        What `compute` raises, or a worker process was killed (of a Dask cluster several, or the scheduler).
        The others stop.
    """
    from tqdm import tqdm

    workers = min(workers, len(items))
    if client is not None:
        finished = _in_cluster(items, compute, device, client)
    elif workers > 1:
        finished = _in_pool(items, compute, device, workers)
    else:
        finished = _in_process(items, compute, device)
    results, done, number = [], 0, sum(map(size, items))
    with (
        tqdm(
            total=sum(item.cost for item in items),
            bar_format="{percentage:3.0f}% |{bar}| {elapsed} passed, {remaining} left{postfix}",
            postfix=f"0 of {number} {what}",
        ) as bar,
        _followed(bar, passed),
    ):
        for item, result in finished:
            results.append(result)
            done += size(item)
            bar.set_postfix_str(f"{done} of {number} {what}", refresh=False)
            bar.update(0 if passed else item.cost)
    return results


@contextmanager
def _followed(bar: Any, passed: Callable[[], int] | None) -> Iterator[None]:
    """Move a progress bar while an item is being worked on."""
    if passed is None:
        yield
        return
    from segbench.results.store import StoreError

    ended = threading.Event()

    def follow(passed: Callable[[], int]) -> None:
        going_on = True
        while going_on:
            going_on = not ended.wait(1.0)
            with suppress(OSError, StoreError):  # a store that does not answer now does not end the work
                bar.n = passed()
            bar.refresh()  # the time, too, where nothing was finished

    follower = threading.Thread(target=follow, args=(passed,), daemon=True)
    follower.start()
    try:
        yield
    finally:
        ended.set()
        follower.join()


def _quiet_at_the_end() -> None:
    """What a stop leaves unfinished is said by the command itself."""
    warnings.filterwarnings("ignore", message=".*tasks .*(executed|processed)", module="joblib")


def _in_process(
    items: Sequence[Item], compute: Compute[Item, Result], device: str
) -> Iterator[tuple[Item, Result]]:
    with _threads(1) if device == "cpu" else nullcontext():
        for item in items:
            yield item, compute(item, device)


def _in_pool(
    items: Sequence[Item], compute: Compute[Item, Result], device: str, workers: int
) -> Iterator[tuple[Item, Result]]:
    from joblib import Parallel, delayed

    _quiet_at_the_end()
    with _free_devices(device, workers) as devices:
        pool = Parallel(
            n_jobs=workers,
            backend="loky",
            return_as="generator_unordered",
            batch_size=1,
            idle_worker_timeout=10,  # seconds; gives memory back early
            inner_max_num_threads=1 if device == "cpu" else None,
            initializer=_prepare_worker,
            initargs=(os.getpid(), Path.cwd()),
        )
        try:
            yield from pool(delayed(_in_worker)(item, compute, devices) for item in items)
        except BrokenProcessPool as error:
            raise Failure(
                "a worker process was killed, most likely for lack of memory; "
                "run again with fewer --workers, finished units are kept"
            ) from error


def _in_cluster(
    items: Sequence[Item], compute: Compute[Item, Result], device: str, client: Client
) -> Iterator[tuple[Item, Result]]:
    from joblib import Parallel, delayed

    _quiet_at_the_end()
    backend, versions = cluster.backend_of(client), cluster.versions()
    pool = Parallel(backend=backend, return_as="generator_unordered", batch_size=1, pre_dispatch=AHEAD)
    own = client.cluster is not None  # one that this run has started
    with cluster.failures_said(client):
        cluster.check_workers(client)
        # Sealed in a function without arguments, which Dask would look into and take apart.
        yield from pool(
            delayed(partial(_in_dask_worker, item, compute, device, versions, own))() for item in items
        )


@contextmanager
def _free_devices(device: str, workers: int) -> Iterator[Any]:
    """A queue from which every worker takes a GPU for the time of an item; None on the CPU."""
    if device == "cpu":
        yield None
        return
    import torch
    from joblib.externals.loky.backend import get_context

    with get_context("loky").Manager() as manager:
        queue = manager.Queue()
        for index in range(workers):
            queue.put(f"cuda:{index % torch.cuda.device_count()}")
        yield queue


def _prepare_worker(parent: int, folder: Path) -> None:
    """Leave Ctrl-C to the main process, end when it is gone, however it went, and mean its relative paths.

    Workers of an earlier call are taken again only if all of this is the same.
    """
    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _keep_memory()
    end_with(parent)


def _keep_memory() -> None:
    """Let this process keep the memory that it frees: asking for it anew takes up to a tenth of the time."""
    import ctypes

    with suppress(AttributeError, OSError, TypeError):  # another C library than glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD, in bytes
        mallopt(-3, 2**30)  # M_MMAP_THRESHOLD


def _in_worker(item: Item, compute: Compute[Item, Result], devices: Any) -> tuple[Item, Result]:
    if devices is None:
        with _threads(1):
            return item, compute(item, "cpu")
    device = devices.get()
    try:
        return item, compute(item, device)
    finally:
        devices.put(device)


def _in_dask_worker(
    item: Item, compute: Compute[Item, Result], device: str, versions: dict[str, str], own: bool
) -> tuple[Item, Result]:
    from distributed import get_worker

    worker = get_worker()
    cluster.check_versions(versions, worker)  # it may have joined after the others were asked
    with _ALONE:
        _keep_memory()
        device = cluster.device_of(device, worker.name, own)
        with _threads(1) if device == "cpu" else nullcontext():
            return item, compute(item, device)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch and OpenCV compute with so many threads."""
    import cv2
    import torch

    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
