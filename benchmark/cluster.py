"""A Dask cluster that does the work: an existing one, or processes of this machine that end with the run."""

from __future__ import annotations

import hashlib
import logging
import platform
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, nullcontext
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.errors import Failure, Usage
from benchmark.provenance import PACKAGES

if TYPE_CHECKING:
    from distributed import Client, Worker

WAIT = 30  # seconds in which a scheduler must answer, and then a first worker be there
# What every process of a cluster on this machine runs first: Ctrl-C is for the main process.
LEAVE_INTERRUPTS = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
SOURCE = ("benchmark", "datasets", "models", "protocols", "reports", "results")


def check_options(backend: str, scheduler: str | None, workers: int | None) -> None:
    """Refuse what does not go together, before anything else is done.

    Raises
    ------
    Usage
        The sentence says what to leave out or to install.
    """
    if backend not in ("local", "dask"):
        raise Usage(f"unknown backend {backend!r}; known: local, dask")
    if scheduler and backend != "dask":
        raise Usage("--scheduler is the address of a Dask cluster; add --backend dask")
    if scheduler and workers:
        raise Usage(
            "--workers starts processes on this machine, and a --scheduler has its own; leave one out"
        )
    if backend == "dask" and find_spec("distributed") is None:
        raise Usage("--backend dask needs a package that is not installed: pip install -e '.[dask]'")


def check_scheduler(address: str | None) -> None:
    """Refuse an address where no cluster is, before anything is planned or written; errors as in `opened`."""
    if address:
        with opened("dask", address, workers=0):
            pass


@contextmanager
def opened(backend: str, scheduler: str | None, workers: int) -> Iterator[Client | None]:
    """A client of the cluster that does the work; None for the local backend.

    Parameters
    ----------
    backend : {"local", "dask"}
    scheduler : str or None
        Address of an existing cluster, as ``tcp://host:8786``; None starts one on this machine.
    workers : int
        Processes of a cluster on this machine.

    Raises
    ------
    Usage
        If the address cannot be one.
    Failure
        If no scheduler answers, or no worker is there within `WAIT` seconds.
    """
    if backend == "local":
        yield None
        return
    from distributed.utils import silence_logging_cmgr

    # What happens to workers and scheduler is said in sentences of our own.
    with (
        silence_logging_cmgr(logging.CRITICAL),
        nullcontext(scheduler) if scheduler else _local(workers) as address,
        _connected(address) as client,
    ):
        yield client


@contextmanager
def _local(workers: int) -> Iterator[str]:
    """Address of so many processes of one thread; they end with the block, or when this process is killed."""
    import dask
    from distributed import LocalCluster

    # A worker gets the next piece of work when it is free: none waits behind a long one.
    with (
        dask.config.set({"distributed.scheduler.worker-saturation": 1.0}),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=None,
            dashboard_address="127.0.0.1:0",  # any free port
            preload=[LEAVE_INTERRUPTS],
            silence_logs=logging.CRITICAL,
        ) as cluster,
    ):
        yield cluster.scheduler_address


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(address, timeout=WAIT, set_as_default=False)
    except OSError as error:
        raise Failure(
            f"no Dask scheduler answers at {address}; start one there, or correct --scheduler"
        ) from error
    except ValueError as error:
        raise Usage(
            f"{address} is no address of a Dask scheduler; give one such as tcp://host:8786"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=WAIT)
        except TimeoutError as error:
            raise Failure(
                f"the Dask scheduler at {address} has no workers; start some, then run the same command again"
            ) from error
        yield client


def backend_of(client: Client) -> Any:
    """joblib's Dask backend, but for two things that a run needs otherwise.

    One worker works, too, and not this process in its place; and the end of a piece of work is told whether
    it succeeded, failed with its worker, or was lost with the scheduler.
    """
    from joblib._dask import DaskDistributedBackend

    class Backend(DaskDistributedBackend):
        def effective_n_jobs(self, n_jobs: int) -> int:
            return max(2, super().effective_n_jobs(n_jobs))

        def submit(self, func: Any, callback: Any = None) -> Any:
            future = super().submit(func, callback)
            future.add_done_callback(lambda done: done.exception() and callback(done.exception()))
            return future

    return Backend(client=client)


@contextmanager
def failures_said(client: Client) -> Iterator[None]:
    """Say in one sentence what became of workers or scheduler."""
    from distributed import KilledWorker

    address = client.scheduler_info()["address"]
    try:
        yield
    except KilledWorker as error:
        raise Failure(
            f"{error.allowed_failures + 1} worker processes were killed over the same work, most likely for "
            "lack of memory; give each worker more of it, finished units are kept"
        ) from error
    except RuntimeError as error:
        if not isinstance(error.__cause__, ImportError):
            raise
        raise Failure(
            f"the Dask scheduler at {address} cannot read what it is sent ({error.__cause__}); start it from "
            "the environment of the run"
        ) from error
    except CancelledError as error:
        raise Failure(
            f"the Dask scheduler at {address} is gone; start it again, the same command goes on from what is "
            "finished"
        ) from error


@cache
def versions() -> dict[str, str]:
    """What decides the numbers here, by name: Python, packages, and this program's own source (a digest)."""
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found | {"the source of this program": source_digest(Path(__file__).resolve().parents[1])}


def source_digest(root: Path) -> str:
    """Of all Python files of the program: the first 12 digits of a SHA-256."""
    digest = hashlib.sha256()
    for file in sorted(file for package in SOURCE for file in (root / package).rglob("*.py")):
        digest.update(f"{file.relative_to(root).as_posix()}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]


def check_versions(client: dict[str, str], dask_worker: Worker) -> None:
    """Refuse, in a worker, to work for a program that would compute other numbers.

    Parameters
    ----------
    client : `versions` of the program that sends the work
    dask_worker : the worker of this process; Dask looks for the parameter by this name

    Raises
    ------
    Failure
        The sentence names the worker and the first difference.
    """
    here = versions()
    for name, there in client.items():
        if here.get(name) != there:
            raise Failure(
                f"worker {dask_worker.name} at {dask_worker.address} has {name} {here.get(name)}, "
                f"and the run {there}; start all workers, and the run, from the same environment"
            )


def check_workers(client: Client) -> None:
    """Have the workers that are there compare their `versions` with ours, before any of them gets work.

    Raises
    ------
    Failure
        If one has others, or cannot even read the question.
    """
    try:
        client.run(check_versions, versions())
    except Failure:
        raise
    except Exception as error:
        raise Failure(
            f"a worker cannot read what it is sent ({error}); start all from the environment of the run"
        ) from error


def device_of(device: str, name: object) -> str:
    """The GPU of a Dask worker, ``cuda:N``, or ``cpu``.

    Parameters
    ----------
    device : {"cpu", "cuda"}
    name : of the worker. Those of a cluster on this machine are numbers and share its GPUs; any other takes
        the first that it is shown (``CUDA_VISIBLE_DEVICES``).

    Raises
    ------
    Failure
        If the worker has none.
    """
    if device == "cpu":
        return device
    import torch

    count = torch.cuda.device_count()
    if count == 0:
        raise Failure(
            f"worker {name} on {platform.node()} has no CUDA device; "
            "start workers where there is one, or run with --device cpu"
        )
    return f"cuda:{int(str(name)) % count if str(name).isdecimal() else 0}"
