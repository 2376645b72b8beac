"""Runs on a Dask cluster: the same records, and nothing lost when a part of it dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from interrupted_runs import (
    UNITS,
    WORDS,
    continue_run,
    start,
    tables,
    units,
    wait_for_end,
    wait_until,
    workers_of,
)

from segbench.benchmark.cli import cli
from segbench.benchmark.execution import Backend, cluster, dask_workers, execute
from segbench.benchmark.execution.progress import Progress, Report, reports
from segbench.benchmark.provenance import source_digest
from segbench.errors import Failure
from segbench.results import load

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def existing() -> Iterator:
    """A cluster of two workers that no run has started."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as existing:
        yield existing


@pytest.fixture(scope="module")
def client() -> Iterator:
    """The client of a cluster of one worker that this process has started."""
    with Backend(1, "dask").connected(1) as client:
        yield client


@pytest.fixture
def started() -> Iterator:
    """A function that starts a process; its group ends with the test."""
    processes: list[subprocess.Popen] = []

    def start_process(*words: str) -> subprocess.Popen:
        processes.append(start(*words))
        return processes[-1]

    yield start_process
    for process in processes:
        kill_group(process)


def kill_group(process: subprocess.Popen) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def invoke(output: Path, *words: str, status: int = 0) -> str:
    result = CliRunner().invoke(cli, [*WORDS, "--backend", "dask", *words, "--output", str(output)])
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result.output


def begin(started, output: Path, *words: str) -> subprocess.Popen:
    """Start a run, and wait for its first finished unit."""
    process = started("benchmark", *WORDS, "--backend", "dask", *words, "--output", str(output))
    wait_until(lambda: units(output), process)
    return process


# The same records


def test_same_bytes_on_an_existing_cluster(tmp_path, whole_run, existing):
    invoke(tmp_path / "run", "--scheduler", existing.scheduler_address)
    assert tables(tmp_path / "run") == tables(whole_run)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2", "4"])
@pytest.mark.parametrize("backend", ["local", "dask"])
def test_same_bytes_with_any_number_of_workers(tmp_path, whole_run, backend, workers):
    invoke(tmp_path / "run", "--backend", backend, "--workers", workers)
    assert tables(tmp_path / "run") == tables(whole_run)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "backend", "workers"), [(3, "dask", "2"), (15, "local", "2"), (40, "local", "1")]
)
def test_same_records_with_other_units(tmp_path, whole_run, monkeypatch, size, backend, workers):
    """`test_run_command` shows this for networks and a few units."""
    monkeypatch.setattr("segbench.protocols.protocol.Protocol.block", size)
    invoke(tmp_path / "run", "--backend", backend, "--workers", workers)
    assert len(units(tmp_path / "run")) != UNITS
    one, other = load(tmp_path / "run"), load(whole_run)
    assert one.steps.equals(other.steps)
    assert one.images.drop(columns="seconds").equals(other.images.drop(columns="seconds"))
    assert one.pictures.equals(other.pictures)


# Work and workers


class Visit(NamedTuple):
    """An item of work that takes a while; the time, the process and the item are noted in a file."""

    notes: str
    number: int
    cost: int = 1


def visit(item: Visit, device: str) -> int:
    """Return the process that computes."""
    began = time.time()
    time.sleep(0.1)
    with open(item.notes, "a") as notes:  # noqa: PTH123
        notes.write(json.dumps([os.getpid(), began, time.time(), item.number]) + "\n")
    return os.getpid()


def read_notes(tmp_path: Path) -> list[list]:
    return [json.loads(line) for line in (tmp_path / "notes").read_text().splitlines()]


def test_workers_that_join_later_get_work(tmp_path):
    work = [Visit(str(tmp_path / "notes"), number) for number in range(60)]
    options = {"threads_per_worker": 3, "dashboard_address": "127.0.0.1:0"}
    with distributed.LocalCluster(n_workers=1, **options) as many_threads:
        backend = Backend(None, "dask", many_threads.scheduler_address)
        with backend.connected(0) as client:
            many_threads.scale(2)
            processes = execute(work, visit, "cpu", workers=0, client=client)
    assert len(processes) == 60 and len(set(processes)) == 2
    for process in set(processes):  # one at a time, however many threads a worker has
        times = sorted((began, ended) for pid, began, ended, _ in read_notes(tmp_path) if pid == process)
        assert all(ended <= began for (_, ended), (began, _) in pairwise(times))


def test_a_single_worker_computes_in_order_and_not_this_process(client, tmp_path):
    work = [Visit(str(tmp_path / "notes"), number) for number in range(8)]
    processes = execute(work, visit, "cpu", workers=1, client=client)
    assert len(set(processes)) == 1 and os.getpid() not in processes
    assert [number for *_, number in read_notes(tmp_path)] == list(range(8))


def report_and_wait(send, item: Visit, device: str) -> None:
    """Report a half, and end when the run has noted this."""
    send(Report("batch", 0.5, 2.0))
    deadline = time.monotonic() + 60
    while not Path(item.notes).exists():
        assert time.monotonic() < deadline, "the report does not arrive"
        time.sleep(0.05)


def test_reports_arrive_before_the_work_ends(client, tmp_path):
    items = [Visit(str(tmp_path / "notes"), 0)]
    with reports(client) as (send, receive):

        def finished_cost() -> float:
            latest = receive()
            if latest == [Report("batch", 0.5, 2.0)]:
                (tmp_path / "notes").touch()
            return sum(report.cost for report in latest)

        compute = partial(report_and_wait, send)
        execute(items, compute, "cpu", 1, progress=Progress(items, finished_cost), client=client)
        assert finished_cost() == 0.5


@pytest.mark.parametrize("late", [False, True])
def test_a_worker_of_another_environment_refuses(client, monkeypatch, tmp_path, late):
    """Before any work is sent, and for a worker that joins later when it gets its first work."""
    if late:
        monkeypatch.setattr(dask_workers, "check_workers", lambda client: None)
    other = {**dask_workers.versions(), "torch": "0.0.1"}
    monkeypatch.setattr(dask_workers, "versions", lambda: other)
    with pytest.raises(Failure, match=r"^worker 0 at tcp://\S+ has torch \S+, and the run 0\.0\.1; start"):
        execute([Visit(str(tmp_path / "notes"), 0)], visit, "cpu", workers=1, client=client)
    assert not (tmp_path / "notes").exists()


def test_the_source_of_the_program_counts(tmp_path):
    for copy in ("one", "two"):
        (tmp_path / copy / "models").mkdir(parents=True)
        (tmp_path / copy / "models" / "a.py").write_text("A = 1\n")
        (tmp_path / copy / "notes.txt").write_text(copy)

    def digest(copy: str) -> str:
        return source_digest(tmp_path / copy, dask_workers.SOURCE)

    first = digest("one")
    assert digest("two") == first
    (tmp_path / "two" / "models" / "a.py").write_text("A = 2\n")
    assert digest("two") != first
    (tmp_path / "one" / "ground_floor.py").touch()
    assert digest("one") != first


def test_an_address_without_protocol_is_tcp(existing):
    address = existing.scheduler_address
    with Backend(None, "dask", address.removeprefix("tcp://")).connected(0) as client:
        assert client.scheduler_info()["address"] == address


def test_no_workers(tmp_path, monkeypatch):
    monkeypatch.setattr("segbench.benchmark.execution.cluster.TIMEOUT", 1)
    with distributed.LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0") as empty:
        address = empty.scheduler_address
        message = invoke(tmp_path / "run", "--scheduler", address, status=1)
    assert f"Error: the Dask scheduler at {address} has no workers; start some" in message
    assert not (tmp_path / "run").exists()


# Deaths


def test_a_killed_worker_is_replaced(started, tmp_path, whole_run):
    process = begin(started, tmp_path / "run", "--workers", "2")
    workers_of(process, "dask")[0].kill()
    kept = units(tmp_path / "run")
    message, _ = process.communicate(timeout=120)
    assert process.returncode == 0, message
    assert "Traceback" not in message
    after = units(tmp_path / "run")
    assert {name: after[name] for name in kept} == kept
    assert tables(tmp_path / "run") == tables(whole_run)


def test_killed_workers_and_a_lost_scheduler_are_explained(client):
    address = client.scheduler_info()["address"]
    losses = {
        distributed.KilledWorker("unit", None, 1): "2 worker processes were killed by the same work",
        CancelledError(): f"the Dask scheduler at {address} is gone",
    }
    for loss, message in losses.items():
        with pytest.raises(Failure, match=f"^{message}"), cluster.explained_failures(client):
            raise loss


@pytest.mark.slow
def test_work_that_kills_its_workers(tmp_path):
    import dask

    with dask.config.set({"distributed.scheduler.allowed-failures": 1}):
        message = invoke(tmp_path / "run", "--models", "toys:Killed", "--workers", "1", status=1)
    assert "Error: 2 worker processes were killed by the same work" in message


def test_the_scheduler_dies(started, tmp_path, whole_run):
    file = tmp_path / "scheduler.json"
    words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    scheduler = started("dask", "scheduler", *words)
    wait_until(lambda: file.exists() and file.read_text().endswith("}"), scheduler)
    address = json.loads(file.read_text())["address"]
    words = ("--memory-limit", "0", "--no-dashboard", "--local-directory", str(tmp_path / "scratch"))
    started("dask", "worker", address, "--nworkers", "2", "--nthreads", "1", *words)
    process = begin(started, tmp_path / "run", "--scheduler", address)
    scheduler.kill()
    message, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"Error: the Dask scheduler at {address} is gone; start it again" in message
    assert "Traceback" not in message
    continue_run(tmp_path / "run", whole_run, "--workers", "1")


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_stopped_with_a_cluster_of_its_own(started, tmp_path, whole_run, stop):
    process = begin(started, tmp_path / "run", "--workers", "2")
    workers = workers_of(process, "dask")
    assert len(workers) == 2
    if stop == signal.SIGINT:
        os.killpg(process.pid, stop)  # as a terminal does at Ctrl-C
    else:
        process.kill()
    message, _ = process.communicate(timeout=60)
    assert process.returncode == (130 if stop == signal.SIGINT else -stop)
    assert stop != signal.SIGINT or "interrupted; the same command continues" in message
    assert "Traceback" not in message
    wait_for_end(workers)
    continue_run(tmp_path / "run", whole_run, "--workers", "1")


@pytest.mark.parametrize("stop", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_stopped_on_an_existing_cluster(started, tmp_path, existing, stop):
    """The cluster drops the work that is left, and lives on."""
    process = begin(started, tmp_path / "run", "--scheduler", existing.scheduler_address)
    os.kill(process.pid, stop)
    process.communicate(timeout=60)
    assert process.returncode == (130 if stop == signal.SIGINT else -stop)
    deadline = time.monotonic() + 60
    while existing.scheduler.tasks:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(existing.scheduler.workers) == 2
    assert len(units(tmp_path / "run")) < UNITS
