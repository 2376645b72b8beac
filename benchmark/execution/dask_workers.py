"""Checks of Dask workers: their versions and their devices."""

from __future__ import annotations

import platform
from functools import cache
from typing import TYPE_CHECKING

from segbench.benchmark.provenance import packages, source_digest
from segbench.errors import Failure
from segbench.paths import PACKAGE

if TYPE_CHECKING:
    from distributed import Client, Worker

SOURCE = ("benchmark", "datasets", "models", "protocols", "reports", "results")


@cache
def versions() -> dict[str, str]:
    """Return the versions that decide the numbers: Python, packages, and a digest of this program."""
    installed = {name: version or "none" for name, version in packages().items()}
    program = {"the source of this program": source_digest(PACKAGE, SOURCE)}
    return {"Python": platform.python_version()} | installed | program


def check_versions(client: dict[str, str], dask_worker: Worker) -> None:
    """Compare, in a worker, its versions with those of the run.

    Parameters
    ----------
    client : dict
        `versions` of the run.
    dask_worker : Worker
        The worker of this process; Dask passes it by the name of this parameter.

    Raises
    ------
    Failure
        If they differ; the sentence names the worker and the first difference.
    """
    here = versions()
    for name, there in client.items():
        if here.get(name) != there:
            raise Failure(
                f"worker {dask_worker.name} at {dask_worker.address} has {name} {here.get(name)}, "
                f"and the run {there}; start all workers, and the run, from the same environment"
            )


def check_workers(client: Client) -> None:
    """Let all current workers compare their `versions` with those of this process.

    Raises
    ------
    Failure
        If they differ, or a worker cannot read the request.
    """
    try:
        client.run(check_versions, versions())
    except Failure:
        raise
    except Exception as error:
        raise Failure(
            f"a worker cannot read the work ({error}); start all workers from the environment of the run"
        ) from error


def device_of(device: str, name: object, started_here: bool) -> str:
    """Return the device of a Dask worker: ``cpu`` or its GPU, ``cuda:N``.

    Parameters
    ----------
    device : {"cpu", "cuda"}
    name : object
        Name of the worker.
    started_here : bool
        Whether the run has started the worker; these workers have numbers as names, and share the GPUs. Any
        other worker takes its first visible GPU (``CUDA_VISIBLE_DEVICES``).

    Raises
    ------
    Failure
        If the worker has no GPU.
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
    return f"cuda:{int(str(name)) % count if started_here else 0}"
