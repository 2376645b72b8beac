"""Where work is done."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from benchmark.execute import execute


class Note(NamedTuple):
    """A file to write."""

    name: str
    cost: int = 1


def write(note: Note, device: str) -> str:
    Path(note.name).touch()
    return device


def test_workers_follow_into_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths mean the same to a worker as to whoever calls, also the second time."""
    for place in ("one", "two"):
        folder = tmp_path / place
        folder.mkdir()
        monkeypatch.chdir(folder)
        assert execute([Note("a"), Note("b")], write, "cpu", workers=2) == ["cpu", "cpu"]
        assert sorted(path.name for path in folder.iterdir()) == ["a", "b"]
