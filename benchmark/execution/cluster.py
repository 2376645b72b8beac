"""A Dask cluster that does the work: an existing one, or processes of this machine that end with the run."""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from segbench.benchmark.provenance import packages, source_digest
from segbench.errors import Failure, UsageError
from segbench.paths import PACKAGE

if TYPE_CHECKING:
    from distributed import Client, LocalCluster, Worker

SCHEMES = ("tcp", "tls", "ws", "wss")  # by which other machines can be reached
WAIT = 30  # seconds in which a scheduler must answer, and then a first worker be there
# What every process of a cluster on this machine runs first: Ctrl-C is for the main process.
LEAVE_INTERRUPTS = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
SOURCE = ("benchmark", "datasets", "models", "protocols", "reports", "results")


@dataclass(frozen=True)
class Backend:
    """Who computes.

    Attributes
    ----------
    workers : int or None
        Processes of this machine; None takes what it has.
    backend : {"local", "dask"}
    scheduler : str or None
        Address of an existing Dask cluster, as ``tcp://host:8786``; None starts one on this machine.
    """

    workers: int | None = None
    backend: str = "local"
    scheduler: str | None = None

    def checked(self, reach: bool = False) -> Backend:
        """The same, if it goes together and, where `reach` asks for that, a cluster is at the address.

        Raises
        ------
        Usage
            The sentence says what to leave out or to install.
        Failure
            As in `opened`.
        """
        if self.backend not in ("local", "dask"):
            raise UsageError(f"unknown backend {self.backend!r}; known: local, dask")
        if self.scheduler is not None and not self.scheduler.strip():
            raise UsageError("--scheduler is empty; give the address of a Dask cluster, or leave it out")
        if self.scheduler and self.backend != "dask":
            raise UsageError("--scheduler is the address of a Dask cluster; add --backend dask")
        if self.scheduler and self.workers:
            raise UsageError(
                "--workers starts processes on this machine, and a --scheduler has its own; leave one out"
            )
        if self.backend == "dask" and find_spec("distributed") is None:
            raise UsageError("--backend dask needs a package that is not installed: pip install -e '.[dask]'")
        if self.scheduler and reach:
            with self.opened(0):
                pass
        return self

    @contextmanager
    def opened(self, workers: int) -> Iterator[Client | None]:
        """A client of the cluster that does the work; None for the local backend.

        Parameters
        ----------
        workers : int
            Processes of a cluster on this machine.

        Raises
        ------
        Usage
            If the address cannot be one, or Dask's certificates are missing.
        Failure
            If no scheduler answers, or no worker is there within `WAIT` seconds.
        """
        if self.backend == "local":
            yield None
            return
        from distributed.utils import silence_logging_cmgr

        # What happens to workers and scheduler is said in sentences of our own.
        with (
            silence_logging_cmgr(logging.CRITICAL),
            nullcontext(_address(self.scheduler)) if self.scheduler else _local(workers) as leader,
            _connected(leader) as client,
        ):
            yield client


def _address(given: str) -> str:
    """An address as a client takes it: with its protocol, host and port.

    Raises
    ------
    UsageError
        If it cannot be one.
    """
    from distributed.comm.addressing import parse_address, parse_host_port

    address = given if "://" in given else f"tcp://{given}"
    try:
        protocol, place = parse_address(address, strict=True)
        host, port = parse_host_port(place)
    except ValueError:
        protocol, host, port = "", "", 0
    if protocol not in SCHEMES or not host or not 0 < port < 2**16:
        raise UsageError(f"{given} is no address of a Dask scheduler; give one such as tcp://host:8786")
    return address


@contextmanager
def _local(workers: int) -> Iterator[LocalCluster]:
    """So many processes of one thread; they end with the block, or when this process is killed."""
    import dask
    from distributed import LocalCluster

    # A worker gets the next piece of work when it is free: none waits behind a long one.
    saturation = {"distributed.scheduler.worker-saturation": 1.0}
    with (
        TemporaryDirectory(prefix="segbench-", ignore_cleanup_errors=True) as scratch,
        dask.config.set(saturation | {"temporary-directory": scratch}),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=None,
            dashboard_address="127.0.0.1:0",  # any free port
            preload=[LEAVE_INTERRUPTS],
            silence_logs=logging.CRITICAL,
        ) as cluster,
    ):
        yield cluster


@contextmanager
def _connected(leader: str | LocalCluster) -> Iterator[Client]:
    """A client of an address, or of a cluster that this process has started."""
    from distributed import Client

    class Whole(Client):
        """Closed if it cannot begin; half of one would wait for a minute when the process ends."""

        def start(self, **settings: Any) -> None:
            try:
                super().start(**settings)
            except BaseException:
                self.close()
                raise

    address = leader if isinstance(leader, str) else leader.scheduler_address
    _check_certificates()
    try:
        client = Whole(leader, timeout=WAIT, set_as_default=False)
    except OSError as error:
        raise Failure(
            f"no Dask scheduler answers at {address}; start one there, or correct --scheduler"
        ) from error
    except MemoryError as error:  # the first letters of another protocol, taken for a length
        raise UsageError(f"what answers at {address} is no Dask scheduler; correct --scheduler") from error
    except (ImportError, RuntimeError, TypeError, ValueError) as error:
        raise UsageError(
            f"no connection to {address} is possible ({error}); correct --scheduler, or the certificates in "
            "Dask's configuration (distributed.comm.tls)"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=WAIT)
        except TimeoutError as error:
            raise Failure(
                f"the Dask scheduler at {address} has no workers; start some, then run the same command again"
            ) from error
        yield client


def _check_certificates() -> None:
    from distributed.security import Security

    try:
        Security().get_connection_args("client")
    except (ImportError, OSError, TypeError, ValueError) as error:
        raise UsageError(
            f"Dask's certificates cannot be read ({error}); correct its configuration (distributed.comm.tls)"
        ) from error


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
    """What decides the numbers here, by name: Python, packages, and this program itself (a digest)."""
    found = {name: version or "none" for name, version in packages().items()}
    own = {"the source of this program": source_digest(PACKAGE, SOURCE)}
    return {"Python": platform.python_version()} | found | own


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


def device_of(device: str, name: object, own: bool) -> str:
    """The GPU of a Dask worker, ``cuda:N``, or ``cpu``.

    Parameters
    ----------
    device : {"cpu", "cuda"}
    name : of the worker
    own : bool
        Whether it is one of those that a run starts here, which are numbered and share the GPUs. Any other
        takes the first that it is shown (``CUDA_VISIBLE_DEVICES``), whatever its name is.

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
    return f"cuda:{int(str(name)) % count if own else 0}"
