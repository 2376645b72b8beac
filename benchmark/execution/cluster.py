"""Backends of a run: processes of this machine, or a Dask cluster that exists or ends with the run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from segbench.errors import Failure, UsageError

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

SCHEMES = ("tcp", "tls", "ws", "wss")  # that reach other machines
TIMEOUT = 30  # seconds for the answer of a scheduler, and then for its first worker
# Every process of a cluster on this machine runs this first: Ctrl-C is for the main process.
IGNORE_INTERRUPTS = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"


@dataclass(frozen=True)
class Backend:
    """The processes that compute a run.

    Attributes
    ----------
    workers : int or None
        Processes of this machine; None takes one per core, or per GPU.
    backend : {"local", "dask"}
    scheduler : str or None
        Address of an existing Dask cluster, such as ``tcp://host:8786``; None starts one on this machine.
    """

    workers: int | None = None
    backend: str = "local"
    scheduler: str | None = None

    def validated(self, connect: bool = False) -> Backend:
        """Return this backend if its options fit together.

        Parameters
        ----------
        connect : bool
            Whether to connect to the existing cluster once.

        Raises
        ------
        UsageError
            If options contradict each other, or a package is missing.
        Failure
            As in `connected`.
        """
        if self.backend not in ("local", "dask"):
            raise UsageError(f"unknown backend {self.backend!r}; known: local, dask")
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"the number of workers must be at least 1, not {self.workers}")
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
        if self.scheduler and connect:
            with self.connected(0):
                pass
        return self

    @contextmanager
    def connected(self, workers: int) -> Iterator[Client | None]:
        """Open a client of the Dask cluster; None for the local backend.

        Parameters
        ----------
        workers : int
            Processes of a cluster that is started on this machine.

        Raises
        ------
        UsageError
            If the address is malformed, or Dask's certificates cannot be read.
        Failure
            If no scheduler answers, or it has no worker, within `TIMEOUT` seconds.
        """
        if self.backend == "local":
            yield None
            return
        from distributed.utils import silence_logging_cmgr

        # Failures of workers and scheduler are reported in sentences of this program.
        with (
            silence_logging_cmgr(logging.CRITICAL),
            nullcontext(_full_address(self.scheduler)) if self.scheduler else _local(workers) as cluster,
            _client(cluster) as client,
        ):
            yield client


def _full_address(option: str) -> str:
    """Return the address of a scheduler with its protocol, host and port.

    Raises
    ------
    UsageError
        If the option is not such an address.
    """
    from distributed.comm.addressing import parse_address, parse_host_port

    address = option if "://" in option else f"tcp://{option}"
    try:
        protocol, location = parse_address(address, strict=True)
        host, port = parse_host_port(location)
    except ValueError:
        protocol, host, port = "", "", 0
    if protocol not in SCHEMES or not host or not 0 < port < 2**16:
        raise UsageError(f"{option} is not an address of a Dask scheduler; give one such as tcp://host:8786")
    return address


@contextmanager
def _local(workers: int) -> Iterator[LocalCluster]:
    """Start processes of one thread each; they end with the block, or when this process is killed."""
    import dask
    from distributed import LocalCluster

    # A worker gets the next item only when it is free; no item waits behind a long one.
    saturation = {"distributed.scheduler.worker-saturation": 1.0}
    with (
        TemporaryDirectory(prefix="segbench-", ignore_cleanup_errors=True) as scratch,
        dask.config.set(saturation | {"temporary-directory": scratch}),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=None,
            dashboard_address="127.0.0.1:0",  # any free port
            preload=[IGNORE_INTERRUPTS],
            silence_logs=logging.CRITICAL,
        ) as cluster,
    ):
        yield cluster


@contextmanager
def _client(cluster: str | LocalCluster) -> Iterator[Client]:
    """Open a client of an address, or of a cluster that this process has started."""
    from distributed import Client

    class ClosingClient(Client):
        """Closes if it cannot start, as a half-started client delays the end of the process by a minute."""

        def start(self, **settings: Any) -> None:
            try:
                super().start(**settings)
            except BaseException:
                self.close()
                raise

    address = cluster if isinstance(cluster, str) else cluster.scheduler_address
    _check_certificates()
    try:
        client = ClosingClient(cluster, timeout=TIMEOUT, set_as_default=False)
    except OSError as error:
        raise Failure(
            f"no Dask scheduler answers at {address}; start one there, or correct --scheduler"
        ) from error
    except MemoryError as error:  # Dask took the first bytes of another protocol for a length
        raise UsageError(f"the service at {address} is not a Dask scheduler; correct --scheduler") from error
    except (ImportError, RuntimeError, TypeError, ValueError) as error:
        raise UsageError(
            f"no connection to {address} is possible ({error}); correct --scheduler, or the certificates in "
            "Dask's configuration (distributed.comm.tls)"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=TIMEOUT)
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
    """Return joblib's Dask backend with two changes.

    A single worker computes, too, instead of this process. The callback of an item runs whether the item
    succeeded, failed with its worker or was lost with the scheduler.
    """
    from joblib._dask import DaskDistributedBackend

    class CompleteBackend(DaskDistributedBackend):
        def effective_n_jobs(self, n_jobs: int) -> int:
            return max(2, super().effective_n_jobs(n_jobs))

        def submit(self, func: Any, callback: Any = None) -> Any:
            future = super().submit(func, callback)
            future.add_done_callback(lambda done: done.exception() and callback(done.exception()))
            return future

    return CompleteBackend(client=client)


@contextmanager
def explained_failures(client: Client) -> Iterator[None]:
    """Turn the loss of workers or of the scheduler into a Failure with one sentence."""
    from distributed import KilledWorker

    address = client.scheduler_info()["address"]
    try:
        yield
    except KilledWorker as error:
        raise Failure(
            f"{error.allowed_failures + 1} worker processes were killed by the same work, most likely for "
            "lack of memory; give each worker more memory, finished units are kept"
        ) from error
    except RuntimeError as error:
        if not isinstance(error.__cause__, ImportError):
            raise
        raise Failure(
            f"the Dask scheduler at {address} cannot read the work ({error.__cause__}); start it from "
            "the environment of the run"
        ) from error
    except CancelledError as error:
        raise Failure(
            f"the Dask scheduler at {address} is gone; start it again, then the same command continues with "
            "what is not finished"
        ) from error
