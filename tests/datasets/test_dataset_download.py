from __future__ import annotations

import functools
import socket
import stat
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from datasets import DataError
from datasets.download import checksum, fetch_archive
from datasets.sources.wbc import FOLDER, WBC

PATTERNS = ("a/*.bmp",)
# sha256 of the line "<sha256 of b'one'>  a/1.bmp\n"
RECORDED = "60478a022f28e1a48f3a9d806ae39cae744166a8fb2cdeea4c051d20d4072b59"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """A web server on this machine: its address and the folder it serves."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    served = tmp_path / "served"
    served.mkdir()
    handler = functools.partial(Quiet, directory=str(served))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{http.server_address[1]}", served
        http.shutdown()


def archive(path: Path, **files: bytes) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)


def test_files_are_verified_unpacked_and_moved_into_place(server: tuple[str, Path], tmp_path: Path) -> None:
    url, served = server
    archive(served / "x.zip", **{"repo-master/a/1.bmp": b"one", "repo-master/README": b"not counted"})
    target = tmp_path / "root" / "data"
    assert fetch_archive(f"{url}/x.zip", target, PATTERNS, RECORDED, limit=100) == target
    assert (target / "a" / "1.bmp").read_bytes() == b"one"
    assert checksum(target, PATTERNS) == RECORDED
    assert [p.name for p in target.parent.iterdir()] == ["data"]


@pytest.mark.parametrize(
    ("files", "limit", "says"),
    [
        ({"r/a/1.bmp": b"two"}, 100, "not the recorded ones"),
        ({"r/b/1.bmp": b"one"}, 100, "not the recorded ones"),
        ({}, 100, "not the recorded ones"),
        ({"r/a/1.bmp": b"one", "r/big": b"0" * 200}, 100, "more than 100 bytes"),
        ({"../evil": b"one"}, 100, "unsafe entry"),
        ({"/evil": b"one"}, 100, "unsafe entry"),
    ],
)
def test_wrong_archives_leave_nothing_behind(
    server: tuple[str, Path], tmp_path: Path, files: dict[str, bytes], limit: int, says: str
) -> None:
    url, served = server
    archive(served / "x.zip", **files)
    root = tmp_path / "root"
    with pytest.raises(DataError, match=says):
        fetch_archive(f"{url}/x.zip", root / "data", PATTERNS, RECORDED, limit)
    assert list(root.iterdir()) == []
    assert not list(tmp_path.rglob("evil"))


def test_a_link_in_the_archive_is_refused(server: tuple[str, Path], tmp_path: Path) -> None:
    url, served = server
    link = zipfile.ZipInfo("r/a/1.bmp")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(served / "x.zip", "w") as file:
        file.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match="unsafe entry"):
        fetch_archive(f"{url}/x.zip", tmp_path / "root" / "data", PATTERNS, RECORDED, limit=100)


@pytest.mark.parametrize("content", [b"<html>log in</html>", b""])
def test_what_is_no_archive_is_refused(server: tuple[str, Path], tmp_path: Path, content: bytes) -> None:
    url, served = server
    (served / "x.zip").write_bytes(content)
    with pytest.raises(DataError, match="no intact zip archive"):
        fetch_archive(f"{url}/x.zip", tmp_path / "root" / "data", PATTERNS, RECORDED, limit=100)


def test_a_damaged_archive_is_refused(server: tuple[str, Path], tmp_path: Path) -> None:
    url, served = server
    archive(served / "x.zip", **{"r/a/1.bmp": b"one"})
    (served / "x.zip").write_bytes((served / "x.zip").read_bytes().replace(b"one", b"two"))
    with pytest.raises(DataError, match="no intact zip archive"):
        fetch_archive(f"{url}/x.zip", tmp_path / "root" / "data", PATTERNS, RECORDED, limit=100)


def test_a_missing_page_and_no_network_name_the_link_and_the_place(
    server: tuple[str, Path], tmp_path: Path
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        for url in (f"{server[0]}/absent.zip", f"http://127.0.0.1:{port}/x.zip"):
            with pytest.raises(DataError, match=rf"cannot download {url} .*unpack it as .*segmentation_WBC"):
                WBC().fetch(tmp_path / "root", url=url)
    assert list((tmp_path / "root").iterdir()) == []


def test_an_incomplete_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    with pytest.raises(DataError, match="incomplete; remove it"):
        WBC().fetch(tmp_path, url="http://127.0.0.1:1/never-asked.zip")


def test_a_root_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot write to .*file"):
        WBC().fetch(tmp_path / "file", url="http://127.0.0.1:1/never-asked.zip")


def test_other_images_in_place_of_the_released_ones_are_noticed(tmp_path: Path) -> None:
    for cohort in ("Dataset 1", "Dataset 2"):
        (tmp_path / FOLDER / cohort).mkdir(parents=True)
    with pytest.raises(DataError, match="differ from the released ones"):
        WBC().fetch(tmp_path)


def test_the_released_images_are_fetched_and_loaded(
    server: tuple[str, Path], tmp_path: Path, shared_data: Path
) -> None:
    url, served = server
    with zipfile.ZipFile(served / "master.zip", "w") as file:
        for path in (shared_data / FOLDER).rglob("*.*"):
            file.write(path, Path(f"{FOLDER}-master") / path.relative_to(shared_data / FOLDER))
    root, wbc = tmp_path / "root", WBC()
    assert not wbc.installed(root)
    assert wbc.fetch(root, url=f"{url}/master.zip") == root / FOLDER
    assert wbc.installed(root)
    assert wbc.fetch(root, url="http://127.0.0.1:1/never-asked.zip") == root / FOLDER
    assert len(wbc.load(wbc.tasks(root)[2], root)) == 100
