"""A run that is killed again and again, in all ways, has the same records in the end."""

from __future__ import annotations

import os
import random
import resource
import subprocess
from pathlib import Path

import psutil
import pytest
from interrupted_runs import start, tables, units, wait_for_end, wait_until, workers_of

from segbench.results import Run, load

KINDS = ("parent", "worker", "disk", "truncated")
ONE_SENTENCE = {"worker": "a worker process was killed", "disk": "cannot write"}


def begin(simulations: int, output: Path, journal: Path) -> subprocess.Popen:
    return start(
        *("benchmark", "run", "--protocol", "toys:JOURNAL", "--models", "toys:Slow"),
        *("--datasets", "toys:Toys", "--images", "2", "--simulations", str(simulations), "--workers", "2"),
        *("--device", "cpu", "--precision", "float32", "--output", str(output)),
        TOYS_JOURNAL=str(journal),
        PYTHONDONTWRITEBYTECODE="1",  # the limit on the size of files would cut them off
    )


def stop(kind: str, process: subprocess.Popen, rng: random.Random) -> None:
    """Cause a failure, and wait until all processes have ended. `truncated` kills the parent, too."""
    workers = workers_of(process)
    if kind == "worker":
        rng.choice(workers).kill()
    elif kind == "disk":  # files cannot grow any more, as on a full disk
        for each in (psutil.Process(process.pid), *workers):
            each.rlimit(resource.RLIMIT_FSIZE, (100, 100))
    else:
        process.kill()
    message, _ = process.communicate(timeout=120)
    if kind in ONE_SENTENCE:
        assert process.returncode == 1, message
        assert ONE_SENTENCE[kind] in message and "Traceback" not in message
    wait_for_end(workers)


def truncate(unit: Path, rng: random.Random) -> None:
    file = rng.choice(sorted(unit.iterdir()))
    os.truncate(file, file.stat().st_size // 2)


def computed(journal: Path) -> set[str]:
    """Return the units whose computation has begun since the last call."""
    files = list(journal.iterdir())
    for file in files:
        file.unlink()
    return {file.name for file in files}


def finish(simulations: int, output: Path, journal: Path) -> str:
    process = begin(simulations, output, journal)
    message, _ = process.communicate(timeout=600)
    assert process.returncode == 0, message
    return message


def campaign(tmp_path: Path, simulations: int, kinds: list[str], seed: int) -> None:
    """Interrupt a run again and again, each time after some progress, then let it end."""
    whole, output, journal = tmp_path / "whole", tmp_path / "run", tmp_path / "journal"
    journal.mkdir()
    finish(simulations, whole, journal)
    known = {key: Run(whole).description(key) for key in units(whole)}
    names = {key: f"{unit['task'].split('/')[-1]} {unit['simulations'][0]}" for key, unit in known.items()}

    assert computed(journal) == set(names.values())
    rng, truncated = random.Random(seed), set()
    progress = len(names) // (len(kinds) + 1)
    for kind in kinds:
        sound = set(units(output)) - truncated
        target = len(units(output)) + rng.randrange(progress)
        process = begin(simulations, output, journal)
        wait_until(lambda target=target: len(units(output)) > target, process)
        stop(kind, process, rng)
        assert not {names[key] for key in sound} & computed(journal), "a finished unit was computed again"
        if kind == "truncated":
            key = rng.choice(sorted(set(units(output)) - truncated))
            truncate(output / "units" / key, rng)
            truncated.add(key)
    assert len(units(output)) < len(names)

    sound = set(units(output)) - truncated
    message = finish(simulations, output, journal)
    assert all(f"unit {key} was damaged" in message for key in truncated)
    assert computed(journal) == {names[key] for key in names.keys() - sound}
    assert tables(output) == tables(whole)
    assert len(list((output / "damaged").iterdir())) == len(truncated)
    assert not list(output.rglob(".tmp-*"))
    assert load(output).steps.equals(load(whole).steps)


def test_each_kind_of_failure_once(tmp_path):
    campaign(tmp_path, simulations=80, kinds=["worker", "disk", "truncated"], seed=0)


@pytest.mark.slow
def test_thirty_random_kills_over_200_units(tmp_path):
    """About ten minutes on two cores."""
    rng = random.Random(1)
    campaign(tmp_path, simulations=1000, kinds=[rng.choice(KINDS) for _ in range(30)], seed=2)
