"""A run that is killed again and again, in all ways, ends as if nothing had happened."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from test_resume import HERE, survivors

from segbench.results import Run, load

KINDS = ("parent", "worker", "disk", "truncated")
ONE_SENTENCE = {"worker": "a worker process was killed", "disk": "cannot write"}


def words(simulations: int, output: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "benchmark", "run", "--protocol", "toys:JOURNAL", "--models", "toys:Slow"),
        *("--datasets", "toys:Toys", "--images", "2", "--simulations", str(simulations), "--workers", "2"),
        *("--device", "cpu", "--precision", "float32", "--output", str(output)),
    ]


def start(simulations: int, output: Path, journal: Path) -> subprocess.Popen:
    return subprocess.Popen(
        words(simulations, output),
        cwd=HERE,
        env=os.environ | {"PYTHONPATH": str(HERE.parents[1]), "TOYS_JOURNAL": str(journal)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def units(output: Path) -> set[str]:
    folder = output / "units"
    return {e.name for e in folder.iterdir() if not e.name.startswith(".")} if folder.is_dir() else set()


def wait_for(output: Path, more_than: int, process: subprocess.Popen) -> None:
    """Wait until there are more units."""
    while len(units(output)) <= more_than:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def workers_of(process: subprocess.Popen) -> list[psutil.Process]:
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "popen_loky" in " ".join(child.cmdline())]


def stop(kind: str, process: subprocess.Popen, rng: random.Random) -> None:
    """Do harm, and wait until all processes are gone."""
    if kind == "worker":
        rng.choice(workers_of(process)).kill()
    elif kind == "disk":  # files cannot grow any more, as on a full disk
        for each in (psutil.Process(process.pid), *workers_of(process)):
            each.rlimit(resource.RLIMIT_FSIZE, (100, 100))
    else:
        process.kill()
    _, said = process.communicate(timeout=120)
    if kind in ONE_SENTENCE:
        assert process.returncode == 1, said
        assert ONE_SENTENCE[kind] in said and "Traceback" not in said
    deadline = time.monotonic() + 60
    while survivors(process.pid):
        assert time.monotonic() < deadline, "workers outlive the main process"
        time.sleep(0.02)


def truncate(unit: Path, rng: random.Random) -> None:
    file = rng.choice(sorted(unit.iterdir()))
    os.truncate(file, file.stat().st_size // 2)


def content(output: Path) -> dict[str, bytes]:
    """All files of the finished units but the clock's."""
    found = {file: file.read_bytes() for key in units(output) for file in (output / "units" / key).iterdir()}
    return {f"{f.parent.name}/{f.name}": c for f, c in found.items() if f.name != "timings.parquet"}


def begun(journal: Path) -> set[str]:
    """Units on which work has begun since this was asked last."""
    files = list(journal.iterdir())
    for file in files:
        file.unlink()
    return {file.name for file in files}


def campaign(tmp_path: Path, simulations: int, kinds: list[str], seed: int) -> None:
    """Harm a run again and again, each time after some progress, then let it end."""
    whole, output, journal = tmp_path / "whole", tmp_path / "run", tmp_path / "journal"
    journal.mkdir()
    process = start(simulations, whole, journal)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    known = {key: Run(whole).description(key) for key in units(whole)}
    names = {key: f"{unit['task'].split('/')[-1]} {unit['simulations'][0]}" for key, unit in known.items()}

    assert begun(journal) == set(names.values())
    rng, truncated = random.Random(seed), set()
    progress = len(names) // (len(kinds) + 1)
    for kind in kinds:
        sound = units(output) - truncated
        process = start(simulations, output, journal)
        wait_for(output, len(units(output)) + rng.randrange(progress), process)
        stop(kind, process, rng)
        assert not {names[key] for key in sound} & begun(journal), "a finished unit was computed again"
        if kind == "truncated":
            key = rng.choice(sorted(units(output) - truncated))
            truncate(output / "units" / key, rng)
            truncated.add(key)
    assert len(units(output)) < len(names)

    sound = units(output) - truncated
    process = start(simulations, output, journal)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert all(f"unit {key} was damaged" in said for key in truncated)
    assert begun(journal) == {names[key] for key in names.keys() - sound}
    assert content(output) == content(whole)
    assert len(list((output / "damaged").iterdir())) == len(truncated)
    assert not list(output.rglob(".tmp-*"))
    assert load(output).steps.equals(load(whole).steps)


def test_each_kind_of_harm_once(tmp_path):
    campaign(tmp_path, simulations=80, kinds=list(KINDS), seed=0)


@pytest.mark.slow
def test_thirty_random_kills_over_200_units(tmp_path):
    """About ten minutes on two cores."""
    rng = random.Random(1)
    campaign(tmp_path, simulations=1000, kinds=[rng.choice(KINDS) for _ in range(30)], seed=2)
