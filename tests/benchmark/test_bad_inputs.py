"""Every wrong input ends in one sentence and the right exit status, and nothing is written."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import good_inputs
import pytest
from bad_inputs import TABLE
from click.testing import CliRunner
from spoiling import Bad

from segbench.benchmark.cli import cli

ROOT = Path(__file__).resolve().parents[2]
IN_A_PROCESS = ("an unknown model", "an image cut off", "an adapter that raises", "weights that are code")


class Server(BaseHTTPRequestHandler):
    """Knows ``/circle``, which leads to itself, and ``/cut``, of which it gives the first half."""

    def do_GET(self) -> None:
        found = {"/circle": 302, "/cut": 200}.get(self.path, 404)
        self.send_response(found)
        self.send_header("Location", self.path)
        self.send_header("Content-Length", "9" if found == 200 else "0")
        self.end_headers()
        if found == 200:
            self.wfile.write(b"half")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def here(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the good folder as the working directory; the user's cache is another folder."""
    folder = tmp_path / "here"
    shutil.copytree(good, folder)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delenv("SEGBENCH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("segbench.datasets.download.transfers.PAUSES", ())
    return folder


def everything(folder: Path) -> dict[str, tuple[int, int]]:
    """All files and folders below one, with size and time of the files."""
    found = {}
    for path in folder.rglob("*"):
        if "__pycache__" not in path.parts:
            about = path.lstat()
            found[str(path.relative_to(folder))] = (
                (0, 0) if path.is_dir() else (about.st_size, about.st_mtime_ns)
            )
    return found


def error_of(stderr: str) -> str:
    """Return the one line of an error, the last of standard error."""
    assert "Traceback" not in stderr
    lines = [line for line in stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, stderr
    assert stderr.rstrip().endswith(lines[0]), stderr
    return lines[0]


def hold(bad: Bad, status: int, stderr: str, before: dict[str, tuple[int, int]], folder: Path) -> None:
    """The status, the sentence, and that nothing was written but what may be."""
    assert status == bad.status, stderr
    error = error_of(stderr)
    assert bad.message in error
    assert "Error: unexpected" not in error and ": unexpected" not in error
    after = everything(folder)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    kept = f"here/{bad.keeps}" if bad.keeps else None
    assert not [name for name in changed if kept is None or not f"{name}/".startswith(f"{kept}/")]
    assert not [name for name in changed if "/units/" in name]


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: bad.what)
def test_one_sentence_and_nothing_written(
    bad: Bad, here: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if bad.spoil:
        bad.spoil(here)
    before = everything(here.parent)
    result = CliRunner().invoke(cli, shlex.split(bad.words.replace("SERVER", address)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    hold(bad, result.exit_code, result.stderr, before, here.parent)


@pytest.mark.parametrize(
    "what",
    # The others take the same way, in a process of their own as in this one.
    [w if w == "an adapter that raises" else pytest.param(w, marks=pytest.mark.slow) for w in IN_A_PROCESS],
)
def test_the_same_in_a_process_of_its_own(what: str, here: Path) -> None:
    (bad,) = (bad for bad in TABLE if bad.what == what)
    if bad.spoil:
        bad.spoil(here)
    before = everything(here.parent)
    paths = [str(ROOT), str(ROOT / "tests" / "benchmark"), str(ROOT / "tests")]
    done = subprocess.run(
        [sys.executable, "-m", "benchmark", *shlex.split(bad.words)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
    )
    hold(bad, done.returncode, done.stderr, before, here.parent)


def test_words_that_are_no_text(here: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmark", "run", "--models", b"\xff\xfe", "--datasets", b"folder:\xff"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
    )
    assert done.returncode == 2, done.stderr
    error_of(done.stderr.decode(errors="replace"))


def test_the_table_is_of_different_faults() -> None:
    assert len({bad.what for bad in TABLE}) == len(TABLE) >= 50
    assert {bad.what for bad in TABLE} >= {*IN_A_PROCESS}


@pytest.mark.parametrize(
    "words",
    [
        f"{good_inputs.RUN} --datasets folder:mine --dry-run",
        "data import own table --data-root root",
        "data import own scans --data-root root",
        "data preview known --data-root root --output new",
        "run --models universeg --protocol in-context --weights universeg.pt --datasets toys:Toys --dry-run",
        "report old --only table7 --output new",
    ],
)
def test_what_is_not_spoilt_works(words: str, here: Path) -> None:
    assert CliRunner().invoke(cli, shlex.split(words)).exit_code == 0
