"""Run work in this process, in worker processes or on a Dask cluster, on the CPU or on one GPU each."""

from __future__ import annotations

import os
import re
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import segbench.benchmark.execution.cluster as cluster
import segbench.benchmark.execution.dask_workers as dask_workers
from segbench.benchmark.execution.progress import Item, Progress
from segbench.errors import Failure
from segbench.processes import end_with

if TYPE_CHECKING:
    from distributed import Client

_ONE_AT_A_TIME = threading.Lock()  # a Dask worker with several threads computes one item at a time
QUEUED = 1000  # items at a Dask scheduler: more than workers that may join, few enough to remember


Result = TypeVar("Result")
Compute = Callable[[Item, str], Result]  # computes an item on a device such as ``cuda:1``


def execute(
    items: Sequence[Item],
    compute: Compute[Item, Result],
    device: str,
    workers: int,
    noun: str = "units",
    size: Callable[[Item], int] = lambda item: 1,
    progress: Progress[Item] | None = None,
    client: Client | None = None,
) -> list[Result]:
    """Compute all items, with a progress bar on standard error.

    Parameters
    ----------
    items : sequence
        In the order in which they start.
    compute : callable
        Computes one item on a device; it must be picklable.
    device : {"cpu", "cuda"}
    workers : int
        Number of processes; 1 computes in this process. On the CPU every process computes with one thread;
        results then do not depend on the number of workers.
    noun : str
        Name of the counted things on the progress bar, in plural.
    size : callable
        Returns how many of these things an item contains.
    progress : Progress, optional
        Knows what is finished of items in progress; without it, the bar moves when an item is finished.
    client : distributed.Client, optional
        Client of a Dask cluster that computes instead of `workers`; see `Backend.connected`.

    Returns
    -------
    list
        Results of `compute`, in the order in which they are finished.

    Raises
    ------
    Failure
        If `compute` raises it, or a worker process was killed (on a Dask cluster: several, or the scheduler).
        The other processes stop.
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
    progress = progress or Progress(items)
    lock = threading.Lock()

    def show() -> None:
        with lock:
            bar.n = progress.finished_cost()
            seconds = progress.seconds_left(bar.format_dict["elapsed"], workers)
            left = "?" if seconds is None else tqdm.format_interval(seconds)
            bar.set_postfix_str(f"{left} left, {done} of {number} {noun}")

    bar_format = "{percentage:3.0f}% |{bar}| {elapsed} passed{postfix}"
    with tqdm(total=progress.total, bar_format=bar_format) as bar, _every_second(show):
        for item, result in finished:
            results.append(result)
            with lock:
                done += size(item)
                progress.finish(item, result)
    return results


@contextmanager
def _every_second(show: Callable[[], None]) -> Iterator[None]:
    """Call a function every second in a thread, and a last time at the end."""
    ended = threading.Event()

    def repeat() -> None:
        running = True
        while running:
            running = not ended.wait(1.0)
            with suppress(OSError):  # progress that cannot be read now must not stop the work
                show()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _hide_joblib_warnings() -> None:
    """Hide joblib's warning about unfinished items, as the command itself reports an interruption."""
    warnings.filterwarnings("ignore", message=".*tasks .*(executed|processed)", module="joblib")


def _in_process(
    items: Sequence[Item], compute: Compute[Item, Result], device: str
) -> Iterator[tuple[Item, Result]]:
    with one_thread() if device == "cpu" else nullcontext():
        for item in items:
            yield item, compute(item, device)


def _in_pool(
    items: Sequence[Item], compute: Compute[Item, Result], device: str, workers: int
) -> Iterator[tuple[Item, Result]]:
    from joblib import Parallel, delayed

    _hide_joblib_warnings()
    with _free_devices(device, workers) as devices:
        pool = Parallel(
            n_jobs=workers,
            backend="loky",
            return_as="generator_unordered",
            batch_size=1,
            idle_worker_timeout=10,  # seconds; gives memory back early
            inner_max_num_threads=1 if device == "cpu" else None,
            max_nbytes=None,  # a notebook's model keeps arrays that it can write to
            initializer=_prepare_worker,
            initargs=(os.getpid(), Path.cwd()),
        )
        try:
            yield from pool(delayed(_in_worker)(item, compute, devices) for item in items)
        except BrokenProcessPool as error:
            raise Failure(f"{_end_of_worker(str(error))}, finished units are kept") from error


def _end_of_worker(report: str) -> str:
    """Explain how a worker ended, from the exit codes that loky reports, such as ``{SIGKILL(-9)}``."""
    if "EXIT(" in report:
        return "a worker process ended itself; correct the model or data set that calls os._exit"
    if crashed := re.search(r"SIG(SEGV|BUS|ABRT|FPE|ILL)", report):
        return f"a worker process crashed ({crashed[0]}); correct the native code of a model or data set"
    return "a worker process was killed, most likely for lack of memory; run again with fewer --workers"


def _in_cluster(
    items: Sequence[Item], compute: Compute[Item, Result], device: str, client: Client
) -> Iterator[tuple[Item, Result]]:
    from joblib import Parallel, delayed

    _hide_joblib_warnings()
    backend, versions = cluster.backend_of(client), dask_workers.versions()
    pool = Parallel(backend=backend, return_as="generator_unordered", batch_size=1, pre_dispatch=QUEUED)
    started_here = client.cluster is not None
    with cluster.explained_failures(client):
        dask_workers.check_workers(client)
        # A partial without arguments, as Dask would traverse and change arguments.
        yield from pool(
            delayed(partial(_in_dask_worker, item, compute, device, versions, started_here))()
            for item in items
        )


@contextmanager
def _free_devices(device: str, workers: int) -> Iterator[Any]:
    """Return a queue from which a worker takes a GPU while it computes an item; None on the CPU."""
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
    """Ignore Ctrl-C, end with the main process, and stand in its folder, for relative paths.

    joblib reuses the workers of an earlier call only if they were prepared with the same arguments.
    """
    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.filterwarnings("ignore", category=UserWarning, module=r"segbench\.")  # shown with the plan
    _keep_memory()
    end_with(parent)


def _keep_memory() -> None:
    """Keep freed memory in this process, as requesting it again takes up to a tenth of the time."""
    import ctypes

    with suppress(AttributeError, OSError, TypeError):  # the C library is not glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD, in bytes
        mallopt(-3, 2**30)  # M_MMAP_THRESHOLD


def _in_worker(item: Item, compute: Compute[Item, Result], devices: Any) -> tuple[Item, Result]:
    if devices is None:
        with one_thread():
            return item, compute(item, "cpu")
    device = devices.get()
    try:
        return item, compute(item, device)
    finally:
        devices.put(device)


def _in_dask_worker(
    item: Item, compute: Compute[Item, Result], device: str, versions: dict[str, str], started_here: bool
) -> tuple[Item, Result]:
    from distributed import get_worker

    worker = get_worker()
    dask_workers.check_versions(versions, worker)  # it may have joined after the others were checked
    with _ONE_AT_A_TIME:
        _keep_memory()
        device = dask_workers.device_of(device, worker.name, started_here)
        with one_thread() if device == "cpu" else nullcontext():
            return item, compute(item, device)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch and OpenCV compute with one thread, as workers on a CPU do."""
    import cv2
    import torch

    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
