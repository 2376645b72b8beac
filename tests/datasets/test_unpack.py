"""Intact, damaged and hostile archives."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from segbench.datasets.download import unpack, unpacking
from segbench.datasets.task import DataError

FILES = {"r/a/1.txt": b"one" * 100, "r/two": b"2" * 5000}


def zipped(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def tarred(path: Path, files: dict[str, bytes], *more: tarfile.TarInfo, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
        for entry in more:
            file.addfile(entry)
    return path


def link(name: str, kind: bytes, to: str = "/etc/passwd") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, to
    return entry


def unpacked(path: Path, folder: Path, limit: int = 10_000) -> dict[str, bytes]:
    unpack(path, folder, path.name, f"https://there/{path.name}", limit)
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(path: Path, folder: Path, message: str, limit: int = 10_000) -> None:
    with pytest.raises(DataError, match=message) as caught:
        unpacked(path, folder, limit)
    assert f"https://there/{path.name}" in str(caught.value)


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz", "x.tgz", "x.tar.xz", "x.tar.bz2", "download"])
def test_the_content_decides_the_kind(tmp_path: Path, name: str) -> None:
    mode = {"gz": "w:gz", "tgz": "w:gz", "xz": "w:xz", "bz2": "w:bz2"}.get(name.split(".")[-1], "w")
    path = zipped(tmp_path / name, FILES) if name == "x.zip" else tarred(tmp_path / name, FILES, mode=mode)
    assert unpacked(path, tmp_path / "to") == FILES


@pytest.mark.parametrize(
    "page",
    [
        b"<!DOCTYPE html><p>log in",
        b"\xef\xbb\xbf\n<html>",
        b"<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0//EN'>",
        b"<!-- a portal -->\n<HTML>",
    ],
)
@pytest.mark.parametrize("name", ["x.zip", "download"])
def test_a_login_page_is_refused(tmp_path: Path, name: str, page: bytes) -> None:
    (tmp_path / name).write_bytes(page)
    refused(tmp_path / name, tmp_path / "to", "a web page")


def test_an_archive_may_hold_a_web_page(tmp_path: Path) -> None:
    files = {"index.html": b"<html>"}
    assert unpacked(zipped(tmp_path / "x.zip", files, zipfile.ZIP_STORED), tmp_path / "zip") == files


@pytest.mark.parametrize(
    "content", [gzip.compress(b"volume", mtime=0), bytes(2000), b"\x93NUMPY", b"a,b\n1,2\n"]
)
def test_any_other_file_is_copied(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "image.bin"
    path.write_bytes(content)
    assert unpacked(path, tmp_path / "to") == {"image.bin": content}
    refused(path, tmp_path / "again", "more than 5 bytes", limit=5)


def test_a_tar_that_ends_with_a_zip_is_a_tar(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", {"in": b"1"}).read_bytes()
    assert unpacked(tarred(tmp_path / "x.tar", {"inner.zip": inner}), tmp_path / "to") == {"inner.zip": inner}


def test_backslashes_of_windows_are_folders(tmp_path: Path) -> None:
    assert unpacked(zipped(tmp_path / "x.zip", {"a\\b.txt": b"1"}), tmp_path / "to") == {"a/b.txt": b"1"}


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "..\\evil", "\\evil"])
@pytest.mark.parametrize("make", [zipped, tarred])
def test_no_path_leads_outside(tmp_path: Path, make: object, name: str) -> None:
    path = make(tmp_path / "archive", {name: b"1"})  # type: ignore[operator]
    refused(path, tmp_path / "deep" / "to", "unsafe entry")
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_of_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    path = tarred(tmp_path / "x.tar", {"fine": b"1"}, link("r/odd", kind))
    refused(path, tmp_path / "to", r"unsafe entry, 'r/odd'")
    assert not (tmp_path / "to" / "r" / "odd").exists()


def test_a_link_to_outside_cannot_be_written_through(tmp_path: Path) -> None:
    path = tarred(tmp_path / "x.tar", {}, link("door", tarfile.SYMTYPE, str(tmp_path)))
    with tarfile.open(path, "a") as file:
        entry = tarfile.TarInfo("door/evil")
        entry.size = 1
        file.addfile(entry, io.BytesIO(b"1"))
    refused(path, tmp_path / "to", "unsafe entry, 'door'")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_of_a_zip_are_refused(tmp_path: Path, kind: int) -> None:
    entry = zipfile.ZipInfo("r/odd")
    entry.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr(entry, "/etc/passwd")
    refused(tmp_path / "x.zip", tmp_path / "to", "unsafe entry, 'r/odd'")


def test_bombs_stop_at_the_limit_whatever_their_headers_state(tmp_path: Path) -> None:
    bomb = {"zeros": bytes(5_000_000)}
    for path in (zipped(tmp_path / "x.zip", bomb), tarred(tmp_path / "x.tgz", bomb, mode="w:gz")):
        assert path.stat().st_size < 10_000
        refused(path, tmp_path / f"to-{path.name}", "unpacks to more than 10000 bytes")
        assert (tmp_path / f"to-{path.name}" / "zeros").stat().st_size <= 10_000
    many = {f"{i}": b"x" * 2500 for i in range(5)}
    refused(zipped(tmp_path / "many.zip", many), tmp_path / "many", "more than 10000 bytes")


def test_too_many_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_ENTRIES", 3)
    path = zipped(tmp_path / "x.zip", {f"{i}/": b"" for i in range(4)})
    refused(path, tmp_path / "to", "more than 3 entries")


@pytest.mark.parametrize("names", [("a", "./a"), ("a", "a/b"), ("a/b", "a")])
def test_no_file_takes_the_place_of_another(tmp_path: Path, names: tuple[str, ...]) -> None:
    path = tarred(tmp_path / "x.tar", dict.fromkeys(names, b"1"))
    refused(path, tmp_path / "to", f"conflicts with another, '{names[1]}'")


def test_existing_files_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "a").write_bytes(b"mine")
    refused(zipped(tmp_path / "x.zip", {"a": b"theirs"}), tmp_path / "to", "conflicts with another")
    assert (tmp_path / "to" / "a").read_bytes() == b"mine"


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"a": b"one"})
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flags of the file's own header, and of the directory's
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    refused(path, tmp_path / "to", "is encrypted")


@pytest.mark.parametrize("content", [b"", b"<html>log in</html>", b"\n<!DOCTYPE html>", b"no archive"])
@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, tmp_path / "to", "not an intact archive")


@pytest.mark.parametrize("content", [b"", b"<html>log in</html>"])
def test_a_web_page_is_never_copied(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    refused(tmp_path / "labels.csv", tmp_path / "to", "not an intact archive")


def test_an_archive_without_files_is_refused(tmp_path: Path) -> None:
    refused(zipped(tmp_path / "x.zip", {}), tmp_path / "to", "holds no file")
    refused(zipped(tmp_path / "y.zip", {"folder/": b""}), tmp_path / "to", "holds no file")


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz", "x.tar.xz", "x.tar.bz2"])
def test_an_archive_cut_short_is_damaged(tmp_path: Path, name: str) -> None:
    files = {f"{i}": bytes((i * j) % 251 for j in range(900)) for i in range(9)}
    mode = f"w:{name.rpartition('.')[2]}"
    path = zipped(tmp_path / name, files) if name == "x.zip" else tarred(tmp_path / name, files, mode=mode)
    whole = path.read_bytes()
    for share in (0.02, 0.3, 0.9, 0.999):
        path.write_bytes(whole[: int(len(whole) * share)])
        refused(path, tmp_path / f"to-{share}", "not an intact archive")


def test_changed_bytes_are_damage(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", FILES, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"oneone", b"twoone", 1))
    refused(path, tmp_path / "to", "not an intact archive")
    packed = bytearray(tarred(tmp_path / "x.tgz", FILES, mode="w:gz").read_bytes())
    packed[-8] ^= 1  # gzip's own checksum
    (tmp_path / "x.tgz").write_bytes(packed)
    refused(tmp_path / "x.tgz", tmp_path / "to-tgz", "not an intact archive")


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path: Path) -> None:
    path = tarred(tmp_path / "x.tar", FILES)
    path.write_bytes(path.read_bytes().replace(b"r/two", b"r/six"))
    refused(path, tmp_path / "to", "not an intact archive")
