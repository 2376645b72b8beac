"""Computation of items by workers, and what is sent to them."""

from __future__ import annotations

import heapq
import pickle
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from toys import Toys

from segbench.benchmark.execution.batches import Batch, make_batches
from segbench.benchmark.execution.dask_workers import versions
from segbench.benchmark.execution.progress import Progress
from segbench.benchmark.execution.run_units import execute
from segbench.benchmark.execution.worker import Job, with_absolute_paths
from segbench.benchmark.plan import Unit
from segbench.benchmark.plugin_source import source_of
from segbench.benchmark.settings import Settings
from segbench.datasets.task import Task
from segbench.models.registry import MODELS
from segbench.protocols.config import Config
from segbench.results.store import Run


class Note(NamedTuple):
    """A file to write."""

    name: str
    cost: int = 1


def write(note: Note, device: str) -> str:
    Path(note.name).touch()
    return device


def test_workers_follow_into_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker resolves relative paths as its caller does, also in a second call."""
    for place in ("one", "two"):
        folder = tmp_path / place
        folder.mkdir()
        monkeypatch.chdir(folder)
        assert execute([Note("a"), Note("b")], write, "cpu", workers=2) == ["cpu", "cpu"]
        assert sorted(path.name for path in folder.iterdir()) == ["a", "b"]


def test_progress_that_cannot_be_read_keeps_its_last_value(capfd):
    """A disk that does not answer for a while neither ends the work nor causes a traceback."""
    asked = []

    def finished_cost() -> int:
        asked.append(len(asked))
        if len(asked) == 3:
            raise OSError("the disk does not answer")
        return 3 if len(asked) < 4 else 4

    def slow(note: Note, device: str) -> str:
        while len(asked) < 3:
            time.sleep(0.01)
        return device

    items = [Note("a", cost=4)]
    assert execute(items, slow, "cpu", workers=1, progress=Progress(items, finished_cost)) == ["cpu"]
    shown = capfd.readouterr().err
    assert "75%" in shown and "100%" in shown and "Traceback" not in shown


class Counted(Toys):
    """The toys, and how often they were loaded."""

    loads = 0

    def load(self, task, root):
        Counted.loads += 1
        return super().load(task, root)


@pytest.fixture
def unit() -> Unit:
    task = Task("toys", "drawn", "synthetic", "0", "one")
    config = Config(images=2, max_steps=2)
    model, source = "toys:Brush", "test_execute:Counted"
    identity = source_of(MODELS, model)
    return Unit("center-clicks", model, source, task, (0,), config, "bundled", False, identity, 1, "first")


@pytest.fixture
def settings(unit: Unit) -> Settings:
    return Settings(unit.config, 1, "bundled", "cpu", "float32")


def test_a_unit_that_is_stored_by_now_is_left_out(tmp_path, unit, settings, monkeypatch):
    monkeypatch.setattr(Counted, "loads", 0)
    Run.open_or_create(tmp_path / "run", settings.shared())
    job = Job(settings, tmp_path, tmp_path / "run")
    job(Batch([unit]), "cpu")
    written = (tmp_path / "run" / "units" / "first" / "unit.json").stat()
    predicted = []
    monkeypatch.setattr(
        "toys.Brush.predict", lambda self, query: predicted.append(query) or query.image - 0.5
    )
    job(Batch([unit]), "cpu")
    assert not predicted
    job(Batch([unit, replace(unit, key="second")]), "cpu")
    assert predicted and Run(tmp_path / "run").units() == ["first", "second"]
    assert (tmp_path / "run" / "units" / "first" / "unit.json").stat() == written


def test_a_worker_that_outlives_a_run_loads_everything_anew(tmp_path, unit, settings, monkeypatch):
    """The next one may mean other weights or data by the same names."""
    monkeypatch.setattr(Counted, "loads", 0)
    Run.open_or_create(tmp_path / "run", settings.shared())
    one, other = (Job(settings, tmp_path, tmp_path / "run") for _ in range(2))
    for number, job in enumerate((one, one, pickle.loads(pickle.dumps(one)), other)):
        job(Batch([replace(unit, key=str(number))]), "cpu")
    assert Counted.loads == 2


@pytest.mark.parametrize("workers", [2, 4])
def test_workers_are_busy_to_the_end(unit, workers):
    """Whoever is free takes the next: if costs are true, all end within the time of the shortest unit."""
    units = [replace(unit, key=str(cost), cost=cost) for cost in range(1, 41)]
    free = [0] * workers
    for batch in make_batches(units, "cpu", workers):
        heapq.heapreplace(free, free[0] + batch.cost)
    assert sum(free) == sum(range(1, 41))
    assert max(free) - min(free) <= 1


def test_paths_are_absolute_before_they_travel(tmp_path, unit, settings, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.pt").touch()
    own = replace(settings, weights="mine.pt")
    units = [replace(unit, weights="mine.pt", source="folder:knees"), unit]
    (batch,), job = with_absolute_paths([Batch(units)], Job(own, Path("data"), Path("run")))
    assert [each.weights for each in batch] == [str(tmp_path / "mine.pt"), "bundled"]
    assert [each.source for each in batch] == [f"folder:{tmp_path / 'knees'}", unit.source]
    assert [each.key for each in batch] == [each.key for each in units]
    assert (job.settings.weights, job.root, job.output) == (
        str(tmp_path / "mine.pt"),
        tmp_path / "data",
        tmp_path / "run",
    )
    _, job = with_absolute_paths([], Job(settings, tmp_path, "s3://bucket/run"))
    assert (job.settings, job.output) == (settings, "s3://bucket/run")


def test_what_travels_is_small(tmp_path, unit, settings):
    sent = pickle.dumps((Batch([unit]), Job(settings, tmp_path, tmp_path / "run"), versions()))
    assert len(sent) < 20_000
