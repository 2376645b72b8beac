"""Odd files and surroundings of commands; see `odd.Odd`."""

from __future__ import annotations

import os
import resource
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
from odd import Odd
from PIL import Image

HOMES = ("HOME", "XDG_CACHE_HOME", "SEGBENCH_DATA")


@contextmanager
def no_home() -> Iterator[None]:
    """The user of a container: no HOME, and no entry in the list of users."""
    with patch.dict(os.environ), patch("pwd.getpwuid", side_effect=KeyError):
        for name in HOMES:
            os.environ.pop(name, None)
        yield


@contextmanager
def full_disk() -> Iterator[None]:
    """A disk on which no file can hold more than 100 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with ExitStack() as after, patch.object(sys, "dont_write_bytecode", True):  # imports write files, too
        after.callback(resource.setrlimit, resource.RLIMIT_FSIZE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        yield


def words(command: str) -> Callable[[Path], str]:
    """A command that needs no file."""
    return lambda here: command


def masks(here: Path) -> None:
    """A folder ``mine`` of ten pictures whose masks cover all pixels but one."""
    rng = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (here / "mine" / kind).mkdir(parents=True)
    for i in range(10):
        mask = np.ones((24, 24), np.uint8)
        mask[i, i] = 0
        Image.fromarray(mask).save(here / "mine" / "masks" / f"p{i}.png")
        Image.fromarray(rng.integers(0, 255, (24, 24), np.uint8)).save(here / "mine" / "images" / f"p{i}.png")


def nearly_full(here: Path) -> str:
    masks(here)
    return "data verify folder:mine --data-root root"


def pipe(file: Path) -> None:
    """A pipe; a reader that does not refuse it gets nothing, instead of waiting forever."""
    file.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(file)
    threading.Thread(target=lambda: file.open("wb").close(), daemon=True).start()


def piped_settings(here: Path) -> str:
    masks(here)
    pipe(here / "mine" / "dataset.toml")
    return "data import own mine --data-root root"


def piped_subjects(here: Path) -> str:
    masks(here)
    pipe(here / "mine" / "subjects.csv")
    return "data import own mine --data-root root"


def piped_run(here: Path) -> str:
    pipe(here / "run" / "manifest.json")
    return "report run --output new --data-root root"


def device_run(here: Path) -> str:
    (here / "run").mkdir()
    (here / "run" / "manifest.json").symlink_to("/dev/null")
    return "report run --output new --data-root root"


def piped_baseline(here: Path) -> str:
    pipe(here / "pipe")
    return "check run --baseline pipe"


def removed(here: Path) -> str:
    (here / "gone").mkdir()
    os.chdir(here / "gone")
    (here / "gone").rmdir()
    return "list figures"


HOMELESS = [
    Odd("no home directory", what, words(command), refused, during=no_home)
    for what, command, refused in (
        ("a list of data sets", "list datasets", "set HOME to a folder, or give the folder of the data sets"),
        ("a download of data", "data fetch wbc", "by --data-root or SEGBENCH_DATA"),
        (
            "a download of weights",
            "weights fetch universeg",
            "set HOME to a folder, or give files of weights",
        ),
        (
            "a path",
            "data verify folder:~/mine --data-root root",
            "begins with a home directory that is unknown",
        ),
    )
] + [
    Odd("no home directory", what, words(command), tells=(tells,), during=no_home)
    for what, command, tells in (
        ("a list of models", "list models", "multiverseg"),
        ("a list of weights", "weights list", "set HOME"),
        ("a list of data sets elsewhere", "list datasets --data-root root", "phantoms"),
        ("a report without data", "report --only table1 --data-root root --output new", "index.html"),
    )
]
PIPES = [
    Odd("a pipe in place of a file", what, make, refused)
    for what, make, refused in (
        ("settings", piped_settings, "mine/dataset.toml is a pipe or a device, not a file"),
        ("subjects", piped_subjects, "mine/subjects.csv is a pipe or a device, not a file"),
        ("a run", piped_run, "run/manifest.json is a pipe or a device, not a file"),
        ("a device as a run", device_run, "run/manifest.json is a pipe or a device, not a file"),
        ("a baseline", piped_baseline, "pipe is neither a run nor a baseline file"),
    )
]

COMMANDS: list[Odd] = [
    *HOMELESS,
    Odd(
        "a full disk",
        "a table of a report",
        words("report --only table1 --data-root root --output new"),
        "new/tables/table1.csv cannot be written: File too large; free some space",
        during=full_disk,
    ),
    *PIPES,
    Odd("a folder that was removed", "the current one", removed, "the current folder has been removed"),
    Odd("a share in per cent", "nearly all of a picture", nearly_full, tells=("median 100%",)),
]
