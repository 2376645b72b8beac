"""Backends: invalid addresses and options, devices, and what a cluster leaves behind."""

from __future__ import annotations

import socket
import socketserver
import subprocess
import sys
import threading
from contextlib import ExitStack
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from interrupted_runs import ENVIRONMENT, HERE

from segbench.benchmark.cli import cli
from segbench.benchmark.execution import Backend, cluster, dask_workers, execute
from segbench.errors import Failure, UsageError

pytest.importorskip("distributed")

WORDS = [
    "run",
    "--models",
    "toys:Slow",
    "--datasets",
    "toys:Toys",
    "--device",
    "cpu",
    "--precision",
    "float32",
]


# Devices and what is left


@pytest.mark.parametrize(
    ("name", "own", "device"),
    [
        (0, True, "cuda:0"),
        (5, True, "cuda:1"),
        ("3", True, "cuda:1"),
        ("3", False, "cuda:0"),  # as dask-cuda calls those that see each its own GPU first
        (1, False, "cuda:0"),
        ("tcp://a:1", False, "cuda:0"),
    ],
)
def test_a_gpu_for_every_worker(monkeypatch, name, own, device):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert dask_workers.device_of("cuda", name, own) == device
    assert dask_workers.device_of("cpu", name, own) == "cpu"


def test_a_worker_without_gpu_says_so(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(Failure, match=r"^worker a on .* has no CUDA device; start"):
        dask_workers.device_of("cuda", "a", False)


class Shown(NamedTuple):
    """Work whose result is its device."""

    cost: int = 1


def shown(item: Shown, device: str) -> str:
    return device


@pytest.mark.parametrize(("own", "device"), [(True, "cuda:1"), (False, "cuda:0")])
def test_only_workers_of_the_run_share_gpus_by_number(own, device):
    """The second of two workers, of a cluster that the run starts or of one that another has started."""
    from distributed import LocalCluster

    with ExitStack() as open_:
        backend = Backend(2, "dask")
        if not own:
            other = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0")
            backend = Backend(None, "dask", open_.enter_context(other).scheduler_address)
        client = open_.enter_context(backend.connected(2))
        client.wait_for_workers(2, 60)
        client.run(exec, "import torch; torch.cuda.device_count = lambda: 2")
        client.retire_workers(names=[0])
        assert execute([Shown()], shown, "cuda", workers=1, client=client) == [device]


def test_a_cluster_of_the_run_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with Backend(1, "dask").connected(1):
        assert [path.name.startswith("segbench-") for path in tmp_path.iterdir()] == [True]
    assert not list(tmp_path.iterdir())


def test_what_joblib_keeps_private_is_there():
    """`cluster.backend_of` builds on it; allow a newer joblib in pyproject.toml only if this holds."""
    from inspect import signature

    from joblib._dask import DaskDistributedBackend

    own = vars(DaskDistributedBackend)
    assert [*signature(own["submit"]).parameters] == ["self", "func", "callback"]
    assert [*signature(own["effective_n_jobs"]).parameters] == ["self", "n_jobs"]


# What does not go together


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--scheduler", "tcp://127.0.0.1:1"], "add --backend dask"),
        (["--backend", "dask", "--scheduler", "tcp://127.0.0.1:1", "--workers", "2"], "leave one out"),
        (["--backend", "dask", "--scheduler", ""], "--scheduler is empty"),
        (["--scheduler", " "], "--scheduler is empty"),
        (["--output", ""], "--output is empty"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, words, sentence):
    result = CliRunner().invoke(cli, [*WORDS, "--output", str(tmp_path / "run"), *words])
    assert result.exit_code == 2
    assert sentence in result.output and "Traceback" not in result.output
    assert not (tmp_path / "run").exists()


def test_distributed_is_named_where_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match="pip install"):
        Backend(backend="dask").validated()
    Backend(2).validated()


@pytest.mark.parametrize(
    "address",
    [
        "nonsense",
        "nowhere://a:1",
        "http://127.0.0.1:8786",
        "inproc://1/2/3",
        "ucx://a:1",
        "tcp://127.0.0.1",
        "tcp://:8786",
        "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:70000",
        "tcp://127.0.0.1:port",
        "tcp://a://b:1",
        "::1:8786",
    ],
)
def test_what_is_no_address(address):
    with pytest.raises(
        UsageError, match=f"^{address} is not an address of a Dask scheduler; give one such as tcp:"
    ):
        Backend(None, "dask", address).validated(connect=True)


TLS = "DASK_DISTRIBUTED__COMM__TLS"


@pytest.mark.parametrize(
    ("address", "environment", "sentence"),
    [
        ("tcp://a..b:1", {}, "no connection to tcp://a..b:1 is possible"),
        *(
            pytest.param(*fault, marks=pytest.mark.slow)
            for fault in (
                ("nonsense", {}, "nonsense is not an address of a Dask scheduler"),
                ("tls://127.0.0.1:1", {}, "no connection to tls://127.0.0.1:1 is possible"),
                ("tcp://127.0.0.1:1", {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true"}, "is possible"),
                ("tls://127.0.0.1:1", {f"{TLS}__CA_FILE": "/a", f"{TLS}__CLIENT__CERT": "/b"}, "cannot be"),
            )
        ),
    ],
)
def test_a_wrong_address_ends_at_once(tmp_path, address, environment, sentence):
    """A client that is half made would wait for a minute when its process ends."""
    words = [*WORDS, "--backend", "dask", "--scheduler", address, "--output", str(tmp_path / "run")]
    process = subprocess.run(
        [sys.executable, "-m", "benchmark", *words],
        cwd=HERE,
        env=ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        timeout=25,
    )
    assert process.returncode == 2
    assert process.stderr.startswith("Error: ") and process.stderr.count("\n") == 1
    assert sentence in process.stderr
    assert not (tmp_path / "run").exists()


def test_another_service_answers():
    class Web(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socketserver.TCPServer(("127.0.0.1", 0), Web) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"tcp://127.0.0.1:{server.server_address[1]}"
        with pytest.raises(UsageError, match=f"^the service at {address} is not a Dask scheduler; correct"):
            Backend(None, "dask", address).validated(connect=True)
        server.shutdown()


def test_nobody_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "TIMEOUT", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    words = ["--backend", "dask", "--scheduler", address, "--output", str(tmp_path / "run")]
    result = CliRunner().invoke(cli, [*WORDS, *words])
    assert result.exit_code == 1
    assert f"Error: no Dask scheduler answers at {address}; start one" in result.output
    assert not (tmp_path / "run").exists()
