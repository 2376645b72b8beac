"""Where units run: in this process or in worker processes, each writing what it has finished."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmark.errors import Failure, describe
from benchmark.plan import SEED_MODEL, Unit
from benchmark.settings import Settings
from models.weights import companion


@dataclass(frozen=True)
class Job:
    """What a worker needs besides its unit: settings, the data folder, and the folder of the run."""

    settings: Settings
    root: Path
    output: Path


def execute(units: Sequence[Unit], job: Job, workers: int) -> None:
    """Run units and store each as soon as it is finished, with a progress bar on standard error.

    Parameters
    ----------
    units : in the order in which they start
    job : Job
    workers : int
        Processes; 1 runs in this one. On the CPU every process computes with one thread, so that results
        do not depend on the number of workers.

    Raises
    ------
    Failure
        If a unit fails: the sentence names model, task and cause. Finished units are kept, the others stop.
    """
    from tqdm import tqdm

    workers = min(workers, len(units))
    finished = _in_pool(units, job, workers) if workers > 1 else _in_process(units, job)
    with tqdm(
        total=sum(unit.cost for unit in units),
        bar_format="{percentage:3.0f}% |{bar}| {elapsed} passed, {remaining} left{postfix}",
        postfix=f"0 of {len(units)} units",
    ) as bar:
        for done, unit in enumerate(finished, start=1):
            bar.set_postfix_str(f"{done} of {len(units)} units", refresh=False)
            bar.update(unit.cost)


def _in_process(units: Sequence[Unit], job: Job) -> Iterator[Unit]:
    with _threads(1) if job.settings.device == "cpu" else nullcontext():
        for unit in units:
            yield _run(unit, job, job.settings.device)
    # The next run in this process may mean other weights or data by the same names.
    _adapter.cache_clear()
    _data.cache_clear()


def _in_pool(units: Sequence[Unit], job: Job, workers: int) -> Iterator[Unit]:
    from joblib import Parallel, delayed

    # What a stop leaves unfinished is said by the command itself.
    warnings.filterwarnings("ignore", message=".*tasks .*(executed|processed)", module="joblib")
    with _free_devices(job.settings.device, workers) as devices:
        pool = Parallel(
            n_jobs=workers,
            backend="loky",
            return_as="generator_unordered",
            batch_size=1,
            idle_worker_timeout=10,  # seconds; gives memory back early
            inner_max_num_threads=1 if job.settings.device == "cpu" else None,
            initializer=_prepare_worker,
            initargs=(os.getpid(),),
        )
        try:
            yield from pool(delayed(_run_in_worker)(unit, job, devices) for unit in units)
        except BrokenProcessPool as error:
            raise Failure(
                "a worker process was killed, most likely for lack of memory; "
                "run again with fewer --workers, finished units are kept"
            ) from error


@contextmanager
def _free_devices(device: str, workers: int) -> Iterator[Any]:
    """A queue from which every worker takes a GPU for the time of a unit; None on the CPU."""
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


def _prepare_worker(parent: int) -> None:
    """Leave Ctrl-C to the main process, and end when it is gone, however it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _run_in_worker(unit: Unit, job: Job, devices: Any) -> Unit:
    if devices is None:
        with _threads(1):
            return _run(unit, job, "cpu")
    device = devices.get()
    try:
        return _run(unit, job, device)
    finally:
        devices.put(device)


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


def _run(unit: Unit, job: Job, device: str) -> Unit:
    try:
        _compute(unit, job, device)
    except Exception as error:
        # One text argument, so that the failure travels between processes whatever it was.
        raise Failure(
            f"{unit.model} failed on {unit.task} ({unit.protocol}): {describe(error)[0]}"
        ) from error
    return unit


def _compute(unit: Unit, job: Job, device: str) -> None:
    from protocols.registry import PROTOCOLS
    from results.schema import IMAGES, PICTURES, STEPS, typed
    from results.store import Run

    settings = job.settings
    model = _adapter(unit.model, unit.weights, device, settings.precision)
    seed = None
    if unit.needs_seed:
        seed = _adapter(SEED_MODEL, companion(settings.weights), device, settings.precision)
    records = PROTOCOLS.get(unit.protocol).run(
        _data(unit.source, unit.task, job.root), model, unit.simulations, unit.config, seed, unit.model
    )
    Run(job.output).write(
        unit.key,
        unit.description(),
        typed(records.steps, STEPS),
        typed(records.images, IMAGES),
        typed(records.pictures, PICTURES),
    )


@lru_cache(maxsize=16)
def _adapter(name: str, weights: str, device: str, precision: str) -> Any:
    from models import create_model

    return create_model(name, weights=weights, device=device, precision=precision)


@lru_cache(maxsize=4)
def _data(source_name: str, task: Any, root: Path) -> Any:
    from datasets.registry import source

    return source(source_name).load(task, root)
