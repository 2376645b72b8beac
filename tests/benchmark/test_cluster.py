"""Work on a Dask cluster: the same records, and nothing lost when a part of it dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from segbench.benchmark.cli import cli
from segbench.benchmark.execution import cluster
from segbench.benchmark.execution.run_units import execute
from segbench.benchmark.provenance import source_digest
from segbench.errors import Failure
from segbench.results import load

pytest.importorskip("distributed")

HERE = Path(__file__).resolve().parent
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{HERE.parents[1]}{os.pathsep}{HERE}"}
WORDS = [
    *("run", "--models", "toys:Slow", "--datasets", "toys:Toys", "--images", "3", "--simulations", "12"),
    *("--device", "cpu", "--precision", "float32", "--max-steps", "4"),
]
UNITS = 8  # that these words mean


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    output = tmp_path_factory.mktemp("whole") / "run"
    assert CliRunner().invoke(cli, [*WORDS, "--workers", "1", "--output", str(output)]).exit_code == 0
    return output


@pytest.fixture
def started(tmp_path) -> Iterator:
    """What starts a scheduler, worker or run in a process group of its own; all end with the test."""
    processes: list[subprocess.Popen] = []

    def start(*words: str) -> subprocess.Popen:
        # A background job of a shell ignores Ctrl-C and passes that on; a run in a terminal does not.
        inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=HERE,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE if words[0] == "benchmark" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        signal.signal(signal.SIGINT, inherited)
        processes.append(process)
        return process

    yield start
    for process in processes:
        end(process)


def end(process: subprocess.Popen) -> None:
    """Kill all of a process group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def scheduler(started, tmp_path: Path, name: str = "scheduler") -> tuple[subprocess.Popen, str]:
    """A scheduler without workers, and its address."""
    file = tmp_path / f"{name}.json"
    words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    process = started("dask", "scheduler", *words)
    wait_for(lambda: file.exists() and file.read_text().endswith("}"), process)
    return process, json.loads(file.read_text())["address"]


def worker(started, address: str, tmp_path: Path, *words: str) -> subprocess.Popen:
    shared = ("--memory-limit", "0", "--no-dashboard", "--local-directory", str(tmp_path / "scratch"))
    return started("dask", "worker", address, *shared, *words)


def wait_for(holds, process: subprocess.Popen, seconds: float = 120) -> None:
    """Wait until something holds while a process is alive."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def units(output: Path) -> dict[str, float]:
    """Finished units and when they were written."""
    folder = output / "units"
    found = folder.iterdir() if folder.is_dir() else ()
    return {path.name: path.stat().st_mtime for path in found if not path.name.startswith(".")}


def tables(output: Path) -> dict[str, bytes]:
    """All files of all units but for the clocks."""
    files = (file for file in output.glob("units/*/*") if file.name != "timings.parquet")
    return {f"{file.parent.name}/{file.name}": file.read_bytes() for file in files}


def children(process: subprocess.Popen) -> list:
    """The workers that a run has started."""
    import psutil

    family = psutil.Process(process.pid).children(recursive=True)
    return [child for child in family if "--multiprocessing-fork" in child.cmdline()]


def over(process: subprocess.Popen, workers: list) -> bool:
    import psutil

    return all(not w.is_running() or w.status() == psutil.STATUS_ZOMBIE for w in workers)


# The same records


@pytest.mark.parametrize("workers", ["1", "2", pytest.param("4", marks=pytest.mark.slow)])
@pytest.mark.parametrize("backend", ["local", "dask"])
def test_same_bytes(tmp_path, undisturbed, backend, workers):
    words = [*WORDS, "--backend", backend, "--workers", workers, "--output", str(tmp_path / "run")]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    assert len(units(tmp_path / "run")) == UNITS
    assert tables(tmp_path / "run") == tables(undisturbed)


@pytest.mark.parametrize(
    ("size", "backend", "workers"), [(1, "dask", "2"), (5, "local", "2"), (12, "local", "1")]
)
def test_same_records_with_other_units(tmp_path, undisturbed, monkeypatch, size, backend, workers):
    monkeypatch.setattr("segbench.benchmark.plan.BLOCK", size)
    words = [*WORDS, "--backend", backend, "--workers", workers, "--output", str(tmp_path / "run")]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    assert len(units(tmp_path / "run")) != UNITS
    one, other = load(tmp_path / "run"), load(undisturbed)
    assert one.steps.equals(other.steps)
    assert one.images.drop(columns="seconds").equals(other.images.drop(columns="seconds"))
    assert one.pictures.equals(other.pictures)


# An existing cluster


class Visit(NamedTuple):
    """A piece of work that takes a while and notes when it was done, and by whom."""

    notes: str
    number: int
    cost: int = 1


def visit(item: Visit, device: str) -> int:
    """The process that did it."""
    began = time.time()
    time.sleep(0.2)
    with open(item.notes, "a") as notes:  # noqa: PTH123
        notes.write(json.dumps([os.getpid(), began, time.time(), item.number]) + "\n")
    return os.getpid()


def test_workers_that_join_later_get_work(started, tmp_path):
    _, address = scheduler(started, tmp_path)
    worker(started, address, tmp_path, "--nthreads", "3", "--name", "many-threads")
    work = [Visit(str(tmp_path / "notes"), number) for number in range(60)]
    with cluster.Backend(None, "dask", address).opened(0) as client:
        worker(started, address, tmp_path, "--nthreads", "1", "--name", "late")
        done = execute(work, visit, "cpu", workers=0, client=client)
    assert len(done) == 60 and len(set(done)) == 2
    notes = [json.loads(line) for line in (tmp_path / "notes").read_text().splitlines()]
    for process in set(done):  # one at a time, however many threads a worker has
        own = sorted((began, ended) for pid, began, ended, _ in notes if pid == process)
        assert all(ended <= began for (_, ended), (began, _) in pairwise(own))


def test_a_single_worker_does_it_in_order_and_not_this_process(started, tmp_path):
    work = [Visit(str(tmp_path / "notes"), number) for number in range(8)]
    with cluster.Backend(1, "dask").opened(1) as client:
        done = execute(work, visit, "cpu", workers=1, client=client)
    assert len(set(done)) == 1 and os.getpid() not in done
    notes = [json.loads(line) for line in (tmp_path / "notes").read_text().splitlines()]
    assert [number for *_, number in notes] == list(range(8))


@pytest.mark.parametrize("late", [False, True])
def test_a_worker_of_another_environment_refuses(monkeypatch, tmp_path, late):
    """Before anything is sent, and one that joins later when it gets its first work."""
    if late:
        monkeypatch.setattr(cluster, "check_workers", lambda client: None)
    other = {**cluster.versions(), "torch": "0.0.1"}
    with cluster.Backend(1, "dask").opened(1) as client:
        monkeypatch.setattr(cluster, "versions", lambda: other)
        with pytest.raises(
            Failure, match=r"^worker 0 at tcp://\S+ has torch \S+, and the run 0\.0\.1; start"
        ):
            execute([Visit(str(tmp_path / "notes"), 0)], visit, "cpu", workers=1, client=client)
    assert not (tmp_path / "notes").exists()


def test_the_source_of_the_program_counts(tmp_path, monkeypatch):
    for place in ("one", "two"):
        (tmp_path / place / "models").mkdir(parents=True)
        (tmp_path / place / "models" / "a.py").write_text("A = 1\n")
        (tmp_path / place / "notes.py").write_text(place)
    digests = [source_digest(tmp_path / place, cluster.SOURCE) for place in ("one", "two")]
    assert digests[0] == digests[1]
    (tmp_path / "two" / "models" / "a.py").write_text("A = 2\n")
    assert source_digest(tmp_path / "two", cluster.SOURCE) != digests[0]


def test_an_address_without_protocol_is_tcp(started, tmp_path):
    _, address = scheduler(started, tmp_path)
    worker(started, address, tmp_path, "--nthreads", "1")
    with cluster.Backend(None, "dask", address.removeprefix("tcp://")).opened(0) as client:
        assert client.scheduler_info()["address"] == address


def test_no_workers(started, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "WAIT", 2)
    _, address = scheduler(started, tmp_path)
    words = ["--backend", "dask", "--scheduler", address, "--output", str(tmp_path / "run")]
    result = CliRunner().invoke(cli, [*WORDS, *words])
    assert result.exit_code == 1
    assert f"Error: the Dask scheduler at {address} has no workers; start some" in result.output
    assert not (tmp_path / "run").exists()


# Deaths


def begin(started, output: Path, *words: str) -> subprocess.Popen:
    """Start a run and wait for its first finished unit."""
    process = started("benchmark", *WORDS, "--backend", "dask", *words, "--output", str(output))
    wait_for(lambda: units(output), process)
    return process


def go_on(output: Path, kept: dict[str, float], undisturbed: Path, *words: str) -> None:
    result = CliRunner().invoke(cli, [*WORDS, *words, "--output", str(output)])
    assert result.exit_code == 0, result.output
    assert f"{len(kept)} of {UNITS} units are finished already" in result.output
    after = units(output)
    assert {name: after[name] for name in kept} == kept
    assert tables(output) == tables(undisturbed)


def test_a_killed_worker_is_replaced(started, tmp_path, undisturbed):
    process = begin(started, tmp_path / "run", "--workers", "2")
    children(process)[0].kill()
    kept = units(tmp_path / "run")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    after = units(tmp_path / "run")
    assert {name: after[name] for name in kept} == kept
    assert tables(tmp_path / "run") == tables(undisturbed)


def test_work_that_kills_its_workers(tmp_path):
    import dask

    words = [*WORDS, "--models", "toys:Killed", "--backend", "dask", "--workers", "1"]
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}):
        result = CliRunner().invoke(cli, [*words, "--output", str(tmp_path / "run")])
    assert result.exit_code == 1
    assert "Error: 2 worker processes were killed over the same work" in result.output
    assert "Traceback" not in result.output


def test_the_scheduler_dies_and_another_goes_on(started, tmp_path, undisturbed):
    first, address = scheduler(started, tmp_path)
    workers = worker(started, address, tmp_path, "--nworkers", "2", "--nthreads", "1")
    process = begin(started, tmp_path / "run", "--scheduler", address)
    first.kill()
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"Error: the Dask scheduler at {address} is gone; start it again" in said
    assert "Traceback" not in said
    end(workers)
    kept = units(tmp_path / "run")
    assert 0 < len(kept) < UNITS
    _, address = scheduler(started, tmp_path, "second")
    worker(started, address, tmp_path, "--nworkers", "2", "--nthreads", "1")
    go_on(tmp_path / "run", kept, undisturbed, "--backend", "dask", "--scheduler", address)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_stopped_with_a_cluster_of_its_own(started, tmp_path, undisturbed, stop):
    process = begin(started, tmp_path / "run", "--workers", "2")
    workers = children(process)
    assert len(workers) == 2
    if stop == signal.SIGINT:
        os.killpg(process.pid, stop)  # what a terminal does at Ctrl-C
    else:
        process.kill()
    said, _ = process.communicate(timeout=60)
    assert process.returncode == (130 if stop == signal.SIGINT else -stop)
    assert stop != signal.SIGINT or "interrupted; the same command goes on from what is finished" in said
    assert "Traceback" not in said
    deadline = time.monotonic() + 60
    while not over(process, workers):
        assert time.monotonic() < deadline, "workers outlive the main process"
        time.sleep(0.05)
    kept = units(tmp_path / "run")
    assert 0 < len(kept) < UNITS
    go_on(tmp_path / "run", kept, undisturbed, "--workers", "1")


@pytest.mark.parametrize("stop", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_stopped_on_an_existing_cluster(started, tmp_path, stop):
    """The cluster drops what was left of the run, and lives on."""
    from distributed import Client

    leader, address = scheduler(started, tmp_path)
    worker(started, address, tmp_path, "--nthreads", "1")
    process = begin(started, tmp_path / "run", "--scheduler", address)
    os.kill(process.pid, stop)
    process.communicate(timeout=60)
    assert process.returncode == (130 if stop == signal.SIGINT else -stop)
    with Client(address, set_as_default=False) as client:

        def left() -> int:
            return client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))

        wait_for(lambda: left() == 0, leader, 60)
        assert len(client.nthreads()) == 1
    assert len(units(tmp_path / "run")) < UNITS
