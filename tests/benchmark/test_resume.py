"""Interrupting a run and going on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from segbench.benchmark.cli import cli
from segbench.results import Run, load

HERE = Path(__file__).resolve().parent
WORDS = [
    *("run", "--models", "toys:Slow", "--datasets", "toys:Toys", "--images", "3", "--simulations", "12"),
    *("--device", "cpu", "--precision", "float32", "--workers", "2", "--max-steps", "4", "--output"),
]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    output = tmp_path_factory.mktemp("whole") / "run"
    assert CliRunner().invoke(cli, [*WORDS, str(output)]).exit_code == 0
    return load(output)


def begin(output: Path) -> subprocess.Popen:
    """Start a run in a process group of its own, and wait for its first finished unit."""
    # A background job of a shell ignores Ctrl-C and passes that on; a run in a terminal does not.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmark", *WORDS, str(output)],
        cwd=HERE,
        env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    signal.signal(signal.SIGINT, inherited)
    deadline = time.monotonic() + 120
    while not units(output):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def units(output: Path) -> dict[str, float]:
    """Finished units and when they were written."""
    folder = output / "units"
    found = folder.iterdir() if folder.is_dir() else ()
    return {path.name: path.stat().st_mtime for path in found if not path.name.startswith(".")}


def survivors(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def go_on(output: Path, kept: dict[str, float], uninterrupted) -> None:
    result = CliRunner().invoke(cli, [*WORDS, str(output)])
    assert result.exit_code == 0, result.output
    assert f"{len(kept)} of 8 units are finished already" in result.output
    after = units(output)
    assert {name: after[name] for name in kept} == kept
    assert len(after) == 8
    again = load(output)
    assert again.steps.equals(uninterrupted.steps)
    assert again.images.drop(columns="seconds").equals(uninterrupted.images.drop(columns="seconds"))


def test_killed_and_continued(tmp_path, uninterrupted):
    output = tmp_path / "run"
    process = begin(output)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 60
    while survivors(process.pid):
        assert time.monotonic() < deadline, "workers outlive the main process"
        time.sleep(0.05)
    kept = units(output)
    assert 0 < len(kept) < 8
    go_on(output, kept, uninterrupted)


def test_interrupted_and_continued(tmp_path, uninterrupted):
    output = tmp_path / "run"
    process = begin(output)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does at Ctrl-C
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "interrupted; the same command goes on from what is finished" in said
    assert "Traceback" not in said and "Warning" not in said
    kept = units(output)
    assert 0 < len(kept) < 8
    go_on(output, kept, uninterrupted)


def test_what_another_run_has_overwritten_in_the_manifest_is_said_again(tmp_path):
    words = ["run", "--protocol", "center-clicks", "--models", "toys:Brush", "--datasets", "toys:Toys"]
    words += ["--images", "1", "--simulations", "1", "--workers", "1", "--output", str(tmp_path / "run")]
    assert CliRunner().invoke(cli, words).exit_code == 0
    run = Run(tmp_path / "run")
    whole = run.manifest()
    run.write_manifest(whole | {"models": {}, "commands": ["another"], "parts": []})
    assert "Nothing left to do" in CliRunner().invoke(cli, words).output
    assert run.manifest()["models"] == whole["models"]
    assert run.manifest()["commands"] == ["another", *whole["commands"]]
