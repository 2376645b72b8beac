"""The command ``data fetch``, with archives on disk."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import time
import types
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from segbench.benchmark.cli import cli
from segbench.datasets.download import Archive
from segbench.datasets.registry import load_dataset
from segbench.datasets.sources.buid import BUID
from segbench.datasets.sources.wbc import FOLDER


class Public:
    """A data set with a public archive and no method of its own."""

    name = "public"
    archives: tuple[Archive, ...] = ()

    def installed(self, root: Path | None) -> bool:
        return False

    def tasks(self, root: Path | None) -> list[object]:
        return []

    def load(self, task: object, root: Path | None) -> None: ...


class Simple(Public):
    """One that downloads itself, the way docs/extending.md has it."""

    name = "simple"

    def fetch(self, root: Path) -> Path:
        return root / "simple"


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("r/1.txt", "one")
    module = types.ModuleType("publicsets")
    module.Public, module.Simple = Public, Simple  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "publicsets", module)
    monkeypatch.setattr(Public, "archives", (Archive(path.as_uri(), 1000),))
    return path


def run(root: Path, name: str, *words: object) -> Result:
    return CliRunner().invoke(cli, ["data", "fetch", name, "--data-root", str(root), *map(str, words)])


def test_an_archive_is_unpacked_and_its_first_checksum_told_once(archive: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    first = run(root, "publicsets:Public")
    place = root / "downloads" / "public" / "unpacked"
    assert first.exit_code == 0, first.output
    assert (place / "1.txt").read_text() == "one"
    record = root / "downloads" / "public" / "x.zip.sha256"
    assert record.read_text().split() == [hashlib.sha256(archive.read_bytes()).hexdigest(), "x.zip"]
    lines = first.output.splitlines()
    assert lines[0] == str(place)
    assert "first download" in lines[1] and str(record) in lines[1] and len(lines) == 2
    again = run(root, "publicsets:Public")
    assert again.output.splitlines() == [str(place)]


def buid_zip(path: Path, folder: str = "benign") -> Path:
    """BUID in its official layout, or nearly so."""
    with zipfile.ZipFile(path, "w") as file:
        for number in range(1, 6):
            for ending, value in (("", 90), ("_mask", 255)):
                picture = np.zeros((40, 30), np.uint8)
                picture[10:20, 10:20] = value
                encoded = cv2.imencode(".png", picture)[1].tobytes()
                file.writestr(f"Dataset_BUSI_with_GT/{folder}/benign ({number}){ending}.png", encoded)
    return path


@pytest.fixture
def unrecorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BUID, "archives", (replace(BUID.archives[0], sha256=None),))


@pytest.mark.usefixtures("unrecorded")
def test_what_has_to_be_imported_is_imported_at_once(tmp_path: Path) -> None:
    """From a mirror on disk; the second time it is there already."""
    path, root = buid_zip(tmp_path / "Dataset_BUSI.zip"), tmp_path / "root"
    result = run(root, "buid", "--url", path.as_uri())
    assert result.exit_code == 0, result.output
    assert "buid: 1 task, 1 picture of 5 subjects" in result.output
    (data,) = load_dataset("buid", root)
    assert data.task.name == "buid/benign/Ultrasound/0/tumour" and len(data) == 5
    assert f"buid is already in {root}" in run(root, "buid").output


def test_another_archive_than_the_recorded_one_is_not_imported(tmp_path: Path) -> None:
    result = run(tmp_path / "root", "buid", "--url", buid_zip(tmp_path / "x.zip").as_uri())
    assert result.exit_code == 1 and "differs from the recorded file" in result.stderr


@pytest.mark.usefixtures("unrecorded")
def test_a_wrong_first_download_is_in_nobodys_way(tmp_path: Path) -> None:
    wrong, right = buid_zip(tmp_path / "wrong.zip", folder="other"), buid_zip(tmp_path / "right.zip")
    root = tmp_path / "root"
    result = run(root, "buid", "--url", wrong.as_uri())
    assert result.exit_code == 1
    assert "the downloaded files are not buid, and were removed" in result.stderr
    assert not [path for path in root.rglob("*") if path.is_file()]
    result = run(root, "buid", "--url", right.as_uri())
    assert result.exit_code == 0 and len(load_dataset("buid", root)) == 1, result.output


@pytest.mark.usefixtures("unrecorded")
def test_a_link_is_taken_although_another_archive_was_unpacked(tmp_path: Path) -> None:
    """A link that fails costs nothing of what is there."""
    root, good = tmp_path / "root", buid_zip(tmp_path / "good.zip")
    stray = root / "downloads" / "buid" / "unpacked" / "stray.txt"
    stray.parent.mkdir(parents=True)
    stray.touch()
    (tmp_path / "bad.zip").write_bytes(b"PK")
    assert run(root, "buid", "--url", (tmp_path / "bad.zip").as_uri()).exit_code == 1
    assert stray.exists()
    result = run(root, "buid", "--url", good.as_uri())
    assert result.exit_code == 0 and not stray.exists(), result.output


@pytest.mark.usefixtures("unrecorded")
def test_a_full_disk_costs_no_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    root, path = tmp_path / "root", buid_zip(tmp_path / "x.zip")
    with monkeypatch.context() as patch:
        patch.setattr("segbench.datasets.importing.importer.write_manifest", full)
        result = run(root, "buid", "--url", path.as_uri())
    assert result.exit_code == 1 and "No space left" in result.stderr
    assert run(root, "buid").exit_code == 0 and len(load_dataset("buid", root)) == 1


def test_a_terminated_import_is_cleared_away(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    (tmp_path / "slow.py").write_text(
        "import time\nfrom pathlib import Path\nfrom segbench.datasets.importing import PublicDataset\n"
        "class Slow(PublicDataset):\n    name = 'slow'\n"
        "    def cases(self, folder):\n        return [1]\n"
        f"    def examples(self, case):\n        Path({str(begun)!r}).touch()\n"
        "        time.sleep(1)\n        return []\n"
    )
    words = ["data", "import", "slow:Slow", ".", "--data-root", "root"]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmark", *words],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not begun.exists():
        time.sleep(0.05)
    process.terminate()
    _, message = process.communicate(timeout=60)
    assert (process.returncode, "interrupted" in message) == (130, True), message
    assert not (tmp_path / "root").exists()


def test_a_mirror_stands_in_for_the_official_link(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(Public, "archives", (Archive("http://127.0.0.1:1/x.zip", 1000, recorded),))
    done = run(tmp_path / "root", "publicsets:Public", "--url", archive.as_uri())
    assert done.exit_code == 0 and "first download" not in done.output
    other = tmp_path / "other.zip"
    other.write_bytes(archive.read_bytes() + b"!")
    refused = run(tmp_path / "elsewhere", "publicsets:Public", "--url", other.as_uri())
    assert refused.exit_code == 1
    assert "differs from the recorded file" in refused.stderr and "Traceback" not in refused.output
    assert not list((tmp_path / "elsewhere").rglob("*.txt"))


def test_a_source_that_fetches_by_itself(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Simple, "archives", ())
    assert run(tmp_path, "publicsets:Simple").output.splitlines() == [str(tmp_path / "simple")]
    refused = run(tmp_path, "publicsets:Simple", "--url", archive.as_uri())
    assert refused.exit_code == 2
    assert "cannot be downloaded from another link" in refused.stderr


def test_other_data_sets_say_how_to_get_them(tmp_path: Path) -> None:
    embedded = run(tmp_path, "phantoms")
    assert embedded.exit_code == 1
    assert "phantoms cannot be downloaded; it is embedded" in embedded.stderr
    by_hand = run(tmp_path, "oasis3-t2star")
    assert by_hand.exit_code == 1
    assert "cannot be downloaded by this command; from https://" in by_hand.stderr
    assert "Apply for access" in by_hand.stderr


def test_what_is_there_is_checked(tmp_path: Path) -> None:
    for cohort in ("Dataset 1", "Dataset 2"):
        (tmp_path / FOLDER / cohort).mkdir(parents=True)
    changed = run(tmp_path, "wbc")
    assert changed.exit_code == 1
    assert "differ from the released ones" in changed.stderr


def test_the_real_images_are_said_to_be_there(shared_data: Path) -> None:
    done = run(shared_data, "wbc")
    assert done.exit_code == 0
    assert done.output == f"wbc is already in {shared_data.resolve()}\n"
