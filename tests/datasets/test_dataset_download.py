"""Archives are verified and appear complete or not at all."""

from __future__ import annotations

import errno
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Web, serving

from segbench.datasets import DataError
from segbench.datasets.download import Archive, checksum, fetch, pending_checksums, transfers
from segbench.datasets.sources.wbc import FOLDER, WBC

PATTERNS = ("a/*.bmp",)
# sha256 of the line "<sha256 of b'one'>  a/1.bmp\n"
RECORDED = "60478a022f28e1a48f3a9d806ae39cae744166a8fb2cdeea4c051d20d4072b59"
NEVER = "http://127.0.0.1:1/never-asked.zip"


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(transfers, "PAUSES", ())  # one try a call
    with serving() as web:
        yield web


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return packed.getvalue()


ONE = zipped(**{"r/a/1.bmp": b"one"})
TWO = zipped(**{"r/a/1.bmp": b"two"})
DIGEST = hashlib.sha256(ONE).hexdigest()


def below(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def get(root: Path, *archives: Archive, urls: tuple[str, ...] = ()) -> Path:
    return fetch(archives, root / "data", root / "downloads" / "x", urls)


def test_files_are_verified_unpacked_and_moved_into_place(web: Web, tmp_path: Path) -> None:
    packed = zipped(**{"repo-master/a/1.bmp": b"one", "repo-master/README": b"not counted"})
    archive = Archive(web.put("x.zip", packed), 1000, RECORDED, PATTERNS)
    assert get(tmp_path, archive) == tmp_path / "data"
    assert below(tmp_path) == {"data/a/1.bmp": b"one", "data/README": b"not counted"}
    assert checksum(tmp_path / "data", PATTERNS) == RECORDED


@pytest.mark.parametrize(
    ("files", "limit", "message"),
    [
        ({"r/a/1.bmp": b"two"}, 300, "not hold the recorded files"),
        ({"r/b/1.bmp": b"one"}, 300, "not hold the recorded files"),
        ({}, 300, "holds no file"),
        ({"r/a/1.bmp": b"one"}, 100, "larger than 100 bytes"),
        ({"../evil": b"one"}, 300, "unsafe entry"),
        ({"/evil": b"one"}, 300, "unsafe entry"),
    ],
)
def test_wrong_archives_leave_nothing_behind(
    web: Web, tmp_path: Path, files: dict[str, bytes], limit: int, message: str
) -> None:
    url, root = web.put("x.zip", zipped(**files)), tmp_path / "root"
    with pytest.raises(DataError, match=message) as caught:
        get(root, Archive(url, limit, RECORDED, PATTERNS))
    assert url in str(caught.value)
    assert not (root / "data").exists() and below(tmp_path) == {}
    assert [p.name for p in root.iterdir()] in ([], ["downloads"])


def test_several_archives_make_one_folder(web: Web, tmp_path: Path) -> None:
    images = Archive(web.put("images.zip", zipped(**{"images/1": b"i"})), 1000)
    masks = Archive(web.put("masks.zip", zipped(**{"masks/1": b"m"})), 1000)
    labels = Archive(web.put("labels.csv", b"1,disc"), 1000)
    get(tmp_path, images, masks, labels)
    assert below(tmp_path / "data") == {"images/1": b"i", "masks/1": b"m", "labels.csv": b"1,disc"}


def test_a_failed_second_archive_keeps_the_first(web: Web, tmp_path: Path) -> None:
    first = Archive(web.put("first.zip", ONE), 1000)
    second = Archive(web.put("second.zip", zipped(**{"r/b": b"b" * 500}), cuts=[400]), 1000)
    with pytest.raises(DataError, match=r"second.zip broke off after 400 of \d+ bytes .* repeat the command"):
        get(tmp_path, first, second)
    assert not (tmp_path / "data").exists()
    get(tmp_path, first, second)
    assert below(tmp_path / "data") == {"a/1.bmp": b"one", "b": b"b" * 500}
    assert web.requests == [("/first.zip", None), ("/second.zip", None), ("/second.zip", "bytes=400-")]


def test_a_file_that_differs_from_its_checksum_is_removed(web: Web, tmp_path: Path) -> None:
    archive = Archive(web.put("x.zip", TWO), 1000, DIGEST)
    with pytest.raises(DataError, match=rf"the file from {web.address}/x.zip differs from the recorded file"):
        get(tmp_path, archive)
    assert below(tmp_path) == {}
    web.put("x.zip", ONE)
    get(tmp_path, archive)
    assert below(tmp_path) == {"data/a/1.bmp": b"one"}


def test_changed_bytes_are_detected_after_a_resumed_transfer(web: Web, tmp_path: Path) -> None:
    archive = Archive(web.put("x.zip", ONE, cuts=[50]), 1000, DIGEST)
    with pytest.raises(DataError, match="broke off"):
        get(tmp_path, archive)
    part = tmp_path / "downloads" / "x" / "x.zip.part"
    part.write_bytes(b"P" + part.read_bytes()[1:].swapcase())
    with pytest.raises(DataError, match="differs from the recorded file"):
        get(tmp_path, archive)
    assert below(tmp_path) == {}


def test_without_a_known_checksum_the_first_download_sets_it(web: Web, tmp_path: Path) -> None:
    archive, record = Archive(web.put("x.zip", ONE), 1000), tmp_path / "downloads" / "x" / "x.zip.sha256"
    assert pending_checksums([archive], record.parent) == [record]
    get(tmp_path, archive)
    assert record.read_text() == f"{DIGEST}  x.zip\n"
    assert pending_checksums([archive], record.parent) == []
    (tmp_path / "data").rename(tmp_path / "moved")
    web.put("x.zip", TWO)
    with pytest.raises(DataError, match=r"differs from the first download .* remove .*x\.zip\.sha256"):
        get(tmp_path, archive)
    assert not (tmp_path / "data").exists() and [p.name for p in record.parent.iterdir()] == ["x.zip.sha256"]
    web.put("x.zip", ONE)
    get(tmp_path, archive)
    assert below(tmp_path / "data") == below(tmp_path / "moved")


@pytest.mark.parametrize("content", [b"<html>log in</html>", b"", ONE[:-30]], ids=["page", "empty", "cut"])
def test_a_file_that_is_no_archive_sets_no_checksum(web: Web, tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match="not an intact archive"):
        get(tmp_path, Archive(web.put("x.zip", content), 1000))
    assert below(tmp_path) == {}


def test_a_mirror_must_have_the_same_content(web: Web, tmp_path: Path) -> None:
    archive = Archive(NEVER, 1000, DIGEST)
    with pytest.raises(DataError, match="differs from the recorded file"):
        get(tmp_path, archive, urls=(web.put("bad.zip", TWO),))
    get(tmp_path, archive, urls=(web.put("good.zip", ONE),))
    assert below(tmp_path) == {"data/a/1.bmp": b"one"}


def test_a_mirror_on_disk_is_read_in_place_and_never_removed(tmp_path: Path) -> None:
    mine, root, archive = tmp_path / "my copy.zip", tmp_path / "root", Archive(NEVER, 1000, DIGEST)
    for content, message in ((TWO, "differs from the recorded file"), (ONE, None)):
        mine.write_bytes(content)
        if message:
            with pytest.raises(DataError, match=message):
                get(root, archive, urls=(mine.as_uri(),))
        else:
            get(root, archive, urls=(mine.as_uri(),))
        assert mine.read_bytes() == content
    assert below(root) == {"data/a/1.bmp": b"one"}


def test_a_bad_mirror_on_disk_keeps_the_official_download(web: Web, tmp_path: Path) -> None:
    archive, mine = Archive(web.put("x.zip", ONE, cuts=[60]), 1000, DIGEST), tmp_path / "mine.zip"
    mine.write_bytes(TWO)
    for urls, message in (((), "broke off"), ((mine.as_uri(),), "differs from the recorded file")):
        with pytest.raises(DataError, match=message):
            get(tmp_path, archive, urls=urls)
    get(tmp_path, archive)
    assert web.requests == [("/x.zip", None), ("/x.zip", "bytes=60-")]


@pytest.mark.parametrize(
    ("urls", "message"),
    [
        (("ftp://there/x.zip",), "ftp://there/x.zip cannot be fetched"),
        (("/home/x.zip",), "/home/x.zip cannot be fetched"),
        (("file:///absent/x.zip",), "/absent/x.zip does not exist"),
        (("file:a", "file:b"), f"as many links are needed as there are archives, in this order: {NEVER}"),
    ],
)
def test_unusable_links(tmp_path: Path, urls: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        get(tmp_path, Archive(NEVER, 1000), urls=urls)


class Full:
    """A file on a disk with limited room."""

    def __init__(self, file: io.BufferedWriter, room: list[int]) -> None:
        self.file, self.room = file, room

    def __enter__(self) -> Full:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, content: bytes) -> int:
        self.room[0] -= len(content)
        if self.room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.file.write(content)


@pytest.mark.parametrize("stage", ["ab", "xb"])  # while downloading, while unpacking
def test_a_full_disk_leaves_the_data_folder_as_it_was(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    big = zipped(**{"r/1": b"1" * 150_000, "r/2": b"2" * 150_000})
    archive, root = Archive(web.put("x.zip", big), 1_000_000), tmp_path / "root"
    (root / "other").mkdir(parents=True)
    (root / "other" / "kept").write_bytes(b"k")
    really, room = Path.open, [200_000]

    def full(path: Path, mode: str = "r", *more: object, **named: object) -> object:
        file = really(path, mode, *more, **named)  # type: ignore[call-overload]
        return Full(file, room) if mode == stage else file

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        with pytest.raises(DataError, match=rf"the disk of {root} is full; free some space and repeat the"):
            get(root, archive)
    assert {p.name for p in root.iterdir()} == {"other", "downloads"}
    assert sorted(below(root / "downloads")) == ["x/x.zip.part", "x/x.zip.part.json"]
    came = (root / "downloads" / "x" / "x.zip.part").stat().st_size
    get(root, archive)
    assert below(root / "data") == {"1": b"1" * 150_000, "2": b"2" * 150_000}
    assert below(root / "other") == {"kept": b"k"}
    asked = [None] if came == len(big) else [None, f"bytes={came}-"]
    assert came > 0 and [wanted for _, wanted in web.requests] == asked


def test_an_interruption_while_unpacking_keeps_the_download(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(path: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    archive = Archive(web.put("x.zip", ONE), 1000, DIGEST)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", press)
        with pytest.raises(KeyboardInterrupt):
            get(tmp_path, archive)
    assert [p.name for p in tmp_path.iterdir()] == ["downloads"]
    get(tmp_path, archive)
    assert len(web.requests) == 1 and below(tmp_path) == {"data/a/1.bmp": b"one"}


def test_a_missing_page_names_the_link_and_an_alternative(web: Web, tmp_path: Path) -> None:
    url = f"{web.address}/absent.zip"
    with pytest.raises(DataError, match=rf"cannot download {url} \(HTTP status 404\).*--url file:PATH"):
        WBC().fetch(tmp_path / "root", urls=(url,))
    assert not (tmp_path / "root").exists()


def test_an_incomplete_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "mine").write_bytes(b"m")
    with pytest.raises(DataError, match="incomplete; remove it"):
        WBC().fetch(tmp_path, urls=(NEVER,))
    assert below(tmp_path) == {f"{FOLDER}/mine": b"m"}


def test_a_root_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot write to .*file"):
        WBC().fetch(tmp_path / "file", urls=(NEVER,))


def test_images_that_differ_from_the_release_are_an_error(tmp_path: Path) -> None:
    for cohort in ("Dataset 1", "Dataset 2"):
        (tmp_path / FOLDER / cohort).mkdir(parents=True)
    with pytest.raises(DataError, match="differ from the released ones"):
        WBC().fetch(tmp_path)


def test_the_released_images_are_fetched_and_loaded(web: Web, tmp_path: Path, shared_data: Path) -> None:
    images = (shared_data / FOLDER).rglob("*.*")
    packed = zipped(
        **{f"{FOLDER}-master/{p.relative_to(shared_data / FOLDER)}": p.read_bytes() for p in images}
    )
    cut = len(packed) // 2
    root, wbc, url = tmp_path / "root", WBC(), web.put("master.zip", packed, cuts=[cut])
    assert not wbc.installed(root)
    with pytest.raises(DataError, match="broke off"):
        wbc.fetch(root, urls=(url,))
    assert wbc.fetch(root, urls=(url,)) == root / FOLDER
    assert web.sent == [cut, len(packed) - cut]
    assert wbc.installed(root)
    assert wbc.fetch(root, urls=(NEVER,)) == root / FOLDER
    assert len(wbc.load(wbc.tasks(root)[2], root)) == 100
