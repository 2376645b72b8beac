"""The store while imports replace, race with or are killed at the same time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from made_files import contents, imported, noise, pictures, save, square

from segbench.datasets.checks.stored import verify_manifest as verified
from segbench.datasets.importing import ImportedDataset, store, writer
from segbench.datasets.task import DataError

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    imported(pictures(tmp_path / "data"), tmp_path)
    return tmp_path


def put(root: Path, source: Path, replace: bool = True) -> None:
    """Copy an imported data set into the store as ``own``."""
    with writer.replacement_of(store.folder_of(root, "own"), replace) as new:
        shutil.copytree(source, new, dirs_exist_ok=True)


def other(folder: Path) -> Path:
    """An import of the same subjects with other pictures."""
    for i in range(10):
        save(folder / "data" / "images" / f"p{i}.png", noise(20, 30, seed=100 + i))
        save(folder / "data" / "masks" / f"p{i}.png", square(255, side=3))
    imported(folder / "data", folder)
    return store.folder_of(folder, "own")


def test_a_reader_sees_one_whole_import_while_others_replace_it(root: Path, tmp_path: Path) -> None:
    kept = shutil.copytree(store.folder_of(root, "own"), tmp_path / "kept")
    second = other(tmp_path / "other")
    own = ImportedDataset("own")
    (task,) = own.tasks(root)
    known = {own.load(task, root).fingerprint, own.load(task, tmp_path / "other").fingerprint}
    ended = threading.Event()

    def swap() -> None:
        while not ended.is_set():
            put(root, second)
            put(root, kept)

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        seen = {own.load(task, root).fingerprint for _ in range(60)}
        wrong = [finding for _ in range(20) for finding in verified(root, "own")]
    finally:
        ended.set()
        swapping.join()
    assert (len(known), seen <= known, wrong) == (2, True, [])


def test_opened_tables_stay_readable_after_a_replacement(root: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    second = other(tmp_path / "other")
    before = pq.read_table(store.folder_of(root, "own") / store.EXAMPLES)
    with store.open_tables(root, "own") as (manifest, tables):
        put(root, second)
        assert pq.read_table(tables[store.EXAMPLES]) == before
    assert store.read_manifest(root, "own")["content"] != manifest["content"]


def test_the_slower_of_two_simultaneous_imports_changes_nothing(root: Path, tmp_path: Path) -> None:
    first, second = shutil.move(store.folder_of(root, "own"), tmp_path / "first"), other(tmp_path / "other")
    target = store.folder_of(root, "own")
    with (
        pytest.raises(DataError, match="own exists already; import with --replace"),
        writer.replacement_of(target, replace=False) as new,
    ):
        shutil.copytree(second, new, dirs_exist_ok=True)
        put(root, first, replace=False)
    assert contents(target) == contents(first)
    assert [path.name for path in target.parent.iterdir()] == ["own"]


def kill(root: Path, name: str, code: str) -> None:
    """Let another process be killed while it writes a data set."""
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from segbench.datasets.importing import store, writer\n"
        "def end(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "with writer.replacement_of(store.folder_of(Path(sys.argv[1]), sys.argv[2]), True) as new:\n"
        f"    {code}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, root, name], env=os.environ | {"PYTHONPATH": str(REPOSITORY)}
    )
    assert done.returncode == -signal.SIGKILL


def test_an_import_removes_files_of_killed_imports_but_not_of_running_ones(
    root: Path, tmp_path: Path
) -> None:
    parent = store.folder_of(root, "own").parent
    kill(root, "more", "Path(new, 'half').touch(); end()")
    (left,) = parent.glob(".import-*")
    with writer.replacement_of(parent / "slow", replace=False) as slow:
        assert not left.exists()
        with pytest.raises(DataError, match="exists already"):
            put(root, tmp_path, replace=False)
        assert slow.is_dir()
        (slow / store.MANIFEST).touch()
    assert sorted(path.name for path in parent.iterdir()) == ["own", "slow"]


def test_data_that_a_killed_import_had_moved_away_are_restored(root: Path, tmp_path: Path) -> None:
    target = store.folder_of(root, "own")
    before = contents(target)
    kill(root, "own", "move = Path.rename; Path.rename = lambda *paths: (move(*paths), end())")
    assert not target.exists()
    with pytest.raises(DataError, match="exists already"):
        put(root, tmp_path, replace=False)
    assert contents(target) == before
    assert [path.name for path in target.parent.iterdir()] == ["own"]
