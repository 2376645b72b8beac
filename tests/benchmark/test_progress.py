"""The progress bar within a unit, the time left, and the estimate of a dry run."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from toys import Brush

from segbench import benchmark
from segbench.benchmark.cli import cli
from segbench.benchmark.execution.batches import Batch
from segbench.benchmark.execution.estimate import duration
from segbench.benchmark.execution.progress import (
    BatchProgress,
    Load,
    Outcome,
    Report,
    Reporter,
    reports,
    seconds_of_rest,
)
from segbench.benchmark.execution.timing import interpolated
from segbench.benchmark.plan import Unit
from segbench.datasets.task import Task
from segbench.protocols.config import Config
from segbench.protocols.protocol import PredictionKind

TASK = Task("toys", "drawn", "synthetic", "0", "one")


def unit(key: str, cost: int, model: str = "mine") -> Unit:
    return Unit("center-clicks", model, "toys", TASK, (0,), Config(), "bundled", False, {}, cost, key)


# Within a unit


class Gated(Brush):
    """Segments one image, and begins the second when there is a file ``gate``."""

    def __init__(self) -> None:
        self.first = None

    def predict(self, query):
        self.first = query.image if self.first is None else self.first
        deadline = time.monotonic() + 60
        while not torch.equal(query.image, self.first) and not Path("gate").exists():
            assert time.monotonic() < deadline, "the progress bar does not move within a unit"
            time.sleep(0.05)
        return super().predict(query)


class Opening(BatchProgress):
    """Opens the gate when it shows a part of a unit; no unit is finished before."""

    def finished_cost(self) -> float:
        cost = super().finished_cost()
        if cost > 0:
            Path("gate").touch()
        return cost


@pytest.mark.parametrize("workers", [1, 2])
def test_the_bar_moves_within_a_unit(tmp_path, monkeypatch, workers, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("segbench.benchmark.execution.progress.BatchProgress", Opening)
    options = {"protocol": "center-clicks", "datasets": "toys:Toys", "images": 3, "simulations": 1}
    benchmark.run(models="test_progress:Gated", workers=workers, output="run", device="cpu", **options)
    assert Path("gate").exists()
    assert re.search(r"[1-9]\d?% \|.*0 of 2 units", capfd.readouterr().err)


def test_the_share_of_a_batch_counts_its_units_by_cost_and_those_that_were_finished_before():
    sent: list[Report] = []
    batch = Batch([unit("a", 10), unit("b", 30), unit("c", 60)])
    reporter = Reporter(batch, batch[1:], sent.append)
    reporter(0, 0.5)
    reporter(1, 0.1)  # too early for another report
    assert [(report.batch, report.cost) for report in sent] == [("a", 10 + 15)]
    assert 0 <= sent[0].seconds <= reporter.seconds()


def test_reports_of_a_worker_that_was_killed_count_once():
    batches = [Batch([unit("a", 10)]), Batch([unit("b", 30)])]
    received = [Report("b", 12, 6.0)]
    progress = BatchProgress(batches, lambda: received)
    assert progress.seconds_left(10.0, workers=2) == (40 - 12) * 0.5 / 2
    received.append(Report("b", 3, 1.0))  # of the worker that computes it again
    assert progress.finished_cost() == 3
    progress.finish(batches[1], Outcome(15.0))
    assert progress.finished_cost() == 30
    assert progress.seconds_left(30.0, workers=2) == 10 * 0.5  # one batch keeps one worker busy
    progress.finish(batches[0], Outcome(5.0))
    assert progress.finished_cost() == progress.total == 40 and progress.seconds_left(40.0, workers=2) == 0


def test_a_report_that_is_being_written_is_read_later(tmp_path):
    with reports(None) as (send, receive):
        send(Report("a", 1.5, 2.0))
        assert receive() == [Report("a", 1.5, 2.0)]
        folder = Path(send.args[0])
        (folder / "1").write_text('["b", 2')
        assert receive() == [Report("a", 1.5, 2.0)]
    assert not folder.exists()
    send(Report("a", 2, 3.0))  # a folder that is gone stops nothing


# The time left


def test_time_left_by_model():
    """Kinds that have begun: 2 and 0.5 s; new ones as their model (here 2 s), or as all (14 s for 10)."""
    loads = {
        ("clicks", "slow"): Load(cost=10, finished=6, seconds=12.0),
        ("clicks", "fast"): Load(cost=8, finished=4, seconds=2.0),
        ("scribbles", "slow"): Load(cost=5),
        ("clicks", "new"): Load(cost=20),
    }
    assert seconds_of_rest(loads) == pytest.approx(4 * 2 + 4 * 0.5 + 5 * 2 + 20 * 1.4)
    assert seconds_of_rest({("clicks", "new"): Load(cost=20)}) is None


# A dry run


def test_times_grow_linearly_with_the_context():
    measured = {(0, True): 1.0, (1, True): 2.0, (5, True): 4.0, (1, False): 3.0, (5, False): 7.0}
    seconds = {PredictionKind(*kind): value for kind, value in measured.items()}
    kinds = {(0, True): 1.0, (3, True): 3.0, (9, True): 6.0, (5, False): 7.0, (65, False): 67.0}
    assert {kind: interpolated(seconds, PredictionKind(*kind)) for kind in kinds} == pytest.approx(kinds)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.52, "0.52 s"), (99, "99 s"), (600, "10 min"), (9000, "2.5 h")]
)
def test_durations(seconds, shown):
    assert duration(seconds) == shown


def dry_run(*words: str) -> list[str]:
    result = CliRunner().invoke(cli, ["run", "--dry-run", *words])
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def columns(lines: list[str]) -> dict[str, list[str]]:
    """Return seconds per prediction, number of predictions and time of each model."""
    (start,) = (number for number, line in enumerate(lines) if "seconds per prediction" in line)
    (end,) = (number for number, line in enumerate(lines) if line.startswith("At most"))
    return {line.split()[0]: re.split(r"  +", line)[1:] for line in lines[start + 1 : end]}


def test_a_dry_run_estimates_time_and_memory(tmp_path):
    """Of 6 images in two simulations of 3, 20 clicks or 10 scribbles each; two tasks."""
    words = ["--datasets", "toys:Toys", "--models", "toys:Brush,toys:Slow,toys:Faulty", "--images", "3"]
    words += ["--simulations", "2", "--workers", "2", "--output", str(tmp_path / "run")]
    lines = dry_run(*words)
    rows = columns(lines)
    assert list(rows) == ["toys:Slow", "toys:Brush"]  # the slowest first
    assert [row[1] for row in rows.values()] == [str(2 * (6 * 20 + 6 * 10))] * 2
    seconds = float(rows["toys:Slow"][0])
    assert 0.015 <= seconds < 0.1 and rows["toys:Slow"][2].endswith(" s")
    assert float(rows["toys:Slow"][2].split()[0]) == pytest.approx(360 * seconds / 2, rel=0.1)
    assert any(line.startswith("toys:Faulty cannot be timed: ") and "division" in line for line in lines)
    assert re.fullmatch(
        r"Memory: about \d+\.\d GiB for each worker, \d+\.\d GiB for all, of \d+ GiB", lines[-1]
    )


def test_a_dry_run_estimates_models_with_a_context_on_the_phantoms(weights):
    """3 tasks; multiverseg needs a seed image, then 1 + 4 predictions with 1, 2 and 3 context images."""
    words = ["--datasets", "phantoms", "--preset", "smoke", "--protocol", "centerline-scribbles"]
    lines = dry_run(*words, "--models", "multiverseg,random-walker", "--weights", str(weights))
    rows = columns(lines)
    assert rows["multiverseg"][1] == str(3 * (4 + 3 * 5)) and rows["random-walker"][1] == str(3 * 3 * 4)
    assert all(float(row[0]) > 0 for row in rows.values())


def test_a_dry_run_times_only_what_is_not_finished(tmp_path):
    words = ["--datasets", "toys:Toys", "--protocol", "center-clicks", "--images", "2", "--simulations", "1"]
    words += ["--workers", "1", "--output", str(tmp_path / "run")]
    CliRunner().invoke(cli, ["run", *words, "--models", "toys:Brush"])
    assert dry_run(*words, "--models", "toys:Brush")[-1] == "2 of 2 units are finished"
    assert list(columns(dry_run(*words, "--models", "toys:Brush,toys:Slow"))) == ["toys:Slow"]


def test_other_machines_are_not_timed(tmp_path):
    words = ["--datasets", "toys:Toys", "--models", "toys:Brush", "--backend", "dask", "--images", "2"]
    lines = dry_run(*words, "--scheduler", "tcp://nowhere:8786", "--output", str(tmp_path / "run"))
    assert lines[-1] == "No estimate of the time: other machines compute"
