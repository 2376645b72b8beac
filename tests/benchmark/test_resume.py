"""Interrupting a run and continuing it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from interrupted_runs import WORDS, continue_run, start, units, wait_for_end, wait_until

from segbench.benchmark.cli import cli
from segbench.results import Run


@pytest.mark.parametrize("stop", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_stopped_and_continued(tmp_path: Path, whole_run: Path, stop: signal.Signals) -> None:
    """`test_kills` kills runs, too."""
    output = tmp_path / "run"
    process = start("benchmark", *WORDS, "--workers", "2", "--output", str(output))
    wait_until(lambda: units(output), process)
    workers = psutil.Process(process.pid).children(recursive=True)
    if stop == signal.SIGINT:
        os.killpg(process.pid, stop)  # as a terminal does at Ctrl-C
    else:
        process.kill()
    message, _ = process.communicate(timeout=120)
    wait_for_end(workers)
    assert process.returncode == (130 if stop == signal.SIGINT else -stop)
    if stop == signal.SIGINT:
        assert "interrupted; the same command continues with what is not finished" in message
        assert "Traceback" not in message and "Warning" not in message
    continue_run(output, whole_run, "--workers", "2")


def test_what_another_run_has_overwritten_in_the_manifest_is_added_again(tmp_path):
    words = ["run", "--protocol", "center-clicks", "--models", "toys:Brush", "--datasets", "toys:Toys"]
    words += ["--images", "1", "--simulations", "1", "--workers", "1", "--output", str(tmp_path / "run")]
    assert CliRunner().invoke(cli, words).exit_code == 0
    run = Run(tmp_path / "run")
    whole = run.manifest()
    run.write_manifest(whole | {"models": {}, "all_arguments": [{"seed": 7}], "parts": []})
    assert "Nothing to compute" in CliRunner().invoke(cli, words).output
    assert run.manifest()["models"] == whole["models"]
    assert run.manifest()["all_arguments"] == [{"seed": 7}, *whole["all_arguments"]]
    assert run.manifest()["arguments"] == whole["arguments"]
