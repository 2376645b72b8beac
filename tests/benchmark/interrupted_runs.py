"""Runs in processes of their own that tests interrupt, and the files that they leave."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from click.testing import CliRunner

from segbench.benchmark.cli import cli

HERE = Path(__file__).resolve().parent
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{HERE.parents[1]}{os.pathsep}{HERE}"}
# Slow enough to be interrupted after the first unit.
WORDS = [
    *("run", "--protocol", "center-clicks", "--models", "toys:Slow", "--datasets", "toys:Toys"),
    *("--images", "1", "--simulations", "40", "--max-steps", "4", "--device", "cpu"),
    *("--precision", "float32"),
]
UNITS = 8  # of these words


def start(*words: str, **environment: str) -> subprocess.Popen:
    """Start a Python module in a process group of its own."""
    # A background job of a shell ignores Ctrl-C and passes this on; a run in a terminal does not.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=HERE,
        env=ENVIRONMENT | environment,
        stdout=subprocess.PIPE if words[0] == "benchmark" else subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    signal.signal(signal.SIGINT, inherited)
    return process


def wait_until(condition: Callable[[], object], process: subprocess.Popen, seconds: float = 120) -> None:
    """Wait for a condition while a process is alive."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for_end(processes: list[psutil.Process]) -> None:
    """Wait until processes have ended, which the end of their parent must cause."""
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert all(process.status() == psutil.STATUS_ZOMBIE for process in alive), "workers outlive the run"


def workers_of(process: subprocess.Popen, backend: str = "local") -> list[psutil.Process]:
    """Return the worker processes that a run has started."""
    mark = {"local": "popen_loky", "dask": "--multiprocessing-fork"}[backend]
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if mark in " ".join(child.cmdline())]


def units(output: Path) -> dict[str, float]:
    """Return the finished units of a run, and when they were written."""
    folder = output / "units"
    entries = folder.iterdir() if folder.is_dir() else ()
    return {path.name: path.stat().st_mtime for path in entries if not path.name.startswith(".")}


def tables(output: Path) -> dict[str, bytes]:
    """Return the files of all units, without the times in the model."""
    files = [file for key in units(output) for file in (output / "units" / key).iterdir()]
    return {f"{f.parent.name}/{f.name}": f.read_bytes() for f in files if f.name != "timings.parquet"}


def continue_run(output: Path, whole: Path, *words: str) -> None:
    """Repeat the command; finished units stay, and the result equals that of an uninterrupted run."""
    kept = units(output)
    assert 0 < len(kept) < UNITS
    result = CliRunner().invoke(cli, [*WORDS, *words, "--output", str(output)])
    assert result.exit_code == 0, result.output
    found = re.search(rf"(\d+) of {UNITS} units are finished already", result.output)
    assert found and int(found[1]) >= len(kept)  # a worker may still have finished its unit
    after = units(output)
    assert len(after) == UNITS and {name: after[name] for name in kept} == kept
    assert tables(output) == tables(whole)
