"""Runs in a folder, under a file URL, in memory and on an S3 server: the same claims for all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from s3 import served
from test_store import SETTINGS, tables

from segbench import results
from segbench.results import Run, StoreError
from segbench.results.storage import Bucket, Folder, open_storage
from segbench.results.store import FORMAT


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with served("bucket") as address:
        yield address


@pytest.fixture(params=["folder", "file", "memory", "s3"])
def address(request, tmp_path) -> Any:
    """An address without a run."""
    name = uuid.uuid4().hex
    if request.param == "s3":
        return f"{request.getfixturevalue('s3')}/runs/{name}"
    return {
        "folder": tmp_path / name,
        "file": f"file://{tmp_path}/{name}",
        "memory": f"memory://runs/{name}",
    }[request.param]


def filled(address: Any, *simulations: int) -> Run:
    run = Run.open_or_create(address, SETTINGS)
    for simulation in simulations:
        run.write(f"unit-{simulation}", {"simulations": [simulation]}, *tables((simulation,)))
    return run


def files(run: Run) -> dict[str, bytes]:
    """All files of a run except the timings."""
    if isinstance(run.storage, Bucket):
        found = {name: run.storage.read(name) for name in run.storage._below("")}
    else:
        assert isinstance(run.storage, Folder)
        root = run.storage.path
        found = {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    return {name: content for name, content in found.items() if not name.endswith("timings.parquet")}


def spoil(run: Run, key: str, name: str, content: bytes | None) -> None:
    """Change or remove a file of a unit."""
    if isinstance(run.storage, Bucket):
        [path] = [p for p in run.storage._below(f"units/{key}") if p.endswith(name)]
        whole = f"{run.storage.root}/units/{key}/{path}"
        run.storage.files.rm_file(whole) if content is None else run.storage.files.pipe_file(whole, content)
    else:
        file = run.storage.path / "units" / key / name
        file.unlink() if content is None else file.write_bytes(content)


def test_addresses(tmp_path):
    assert open_storage("some/folder").address == Path("some/folder")
    assert open_storage(tmp_path).address == tmp_path
    assert open_storage(f"file://{tmp_path}").address == tmp_path
    for wrong in ("s3://", "memory://", "file://host/run", "s3:///"):
        with pytest.raises(OSError, match="is not an address of a store"):
            open_storage(wrong)
    assert open_storage("memory://a/b/").address == "memory://a/b"


def test_written_units_are_read_back(address):
    run = filled(address, 0, 1)
    assert run.units() == ["unit-0", "unit-1"]
    assert run.finished("unit-0") and not run.finished("unit-2")
    assert run.verify(run.units()) == []
    read = results.load(address if isinstance(address, str) else str(address))
    assert read.images.simulation.tolist() == [0, 0, 1, 1]
    assert len(read.steps) == 8
    run.write_manifest({"models": {"m": {}}})
    assert Run(address).manifest() == {"format": FORMAT, "settings": SETTINGS, "models": {"m": {}}}


def test_an_absent_or_empty_run_is_refused(address):
    with pytest.raises(StoreError, match="holds no run"):
        results.load(address)
    filled(address)
    with pytest.raises(StoreError, match="holds no finished unit"):
        results.load(address)


def test_other_settings_and_other_files_are_refused_and_left_alone(address):
    run = filled(address, 0)
    before = files(run)
    with pytest.raises(StoreError, match="other settings"):
        Run.open_or_create(address, SETTINGS | {"seed": 1})
    assert files(run) == before
    above = str(address).rsplit("/", 1)[0]
    with pytest.raises(StoreError, match="do not belong to a run"):
        Run.open_or_create(above, SETTINGS)
    assert files(run) == before


def test_of_processes_that_start_with_other_settings_one_wins(address):
    def begin(seed: int) -> Run | StoreError:
        try:
            return Run.open_or_create(address, SETTINGS | {"seed": seed})
        except StoreError as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(begin, range(8)))
    [winner] = [run for run in begun if isinstance(run, Run)]
    assert Run(address).settings == winner.settings
    assert all(
        "other settings" in str(e) or "belong to a run" in str(e) for e in begun if isinstance(e, StoreError)
    )


def test_processes_that_start_with_the_same_settings_share_the_run(address):
    with ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(lambda _: Run.open_or_create(address, SETTINGS), range(8)))
    assert all(run.settings == SETTINGS for run in begun)


@pytest.mark.parametrize("moment", ["create", "prepare"])
def test_a_start_that_was_cut_short_can_be_repeated(address, moment, monkeypatch):
    """After a full disk or a kill there are folders but no manifest."""
    whole = getattr(type(open_storage(address)), moment)

    def cut(self, *given):
        if moment == "prepare":
            whole(self)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(open_storage(address)), moment, cut)
    with pytest.raises(StoreError, match="No space left on device"):
        Run.open_or_create(address, SETTINGS)
    monkeypatch.undo()
    assert Run.open_or_create(address, SETTINGS).units() == []


def test_units_without_a_manifest_are_refused(address):
    """Their settings are unknown."""
    run = filled(address, 0)
    if isinstance(run.storage, Bucket):
        run.storage.files.rm_file(f"{run.storage.root}/manifest.json")
    else:
        (run.storage.path / "manifest.json").unlink()
    with pytest.raises(StoreError, match="do not belong to a run"):
        Run.open_or_create(address, SETTINGS | {"seed": 1})


def test_a_unit_under_the_name_of_another_is_damaged(tmp_path):
    run = filled(tmp_path / "run", 0, 1)
    shutil.rmtree(tmp_path / "run/units/unit-1")
    shutil.copytree(tmp_path / "run/units/unit-0", tmp_path / "run/units/unit-1")
    with pytest.raises(StoreError, match=r"unit-1 is damaged"):
        results.load(run.path)
    assert run.verify(run.units()) == ["unit-1"]


def test_other_files_among_the_units_are_ignored(tmp_path):
    """An empty folder is a damaged unit."""
    run = filled(tmp_path / "run", 0)
    (tmp_path / "run/units/Thumbs.db").touch()
    assert results.load(run.path).images.simulation.tolist() == [0, 0]
    (tmp_path / "run/units/empty").mkdir()
    assert run.verify(run.units()) == ["empty"]
    (tmp_path / "run/damaged/empty-7").mkdir()
    (tmp_path / "run/units/empty").mkdir()
    run.verify(run.units())
    assert (tmp_path / "run/damaged/empty-8").is_dir()


def test_a_unit_that_has_been_replaced_is_not_quarantined(tmp_path, monkeypatch):
    run = filled(tmp_path / "run", 0)
    file = tmp_path / "run/units/unit-0/steps.parquet"
    good = file.read_bytes()
    file.write_bytes(b"")
    read = Run.read

    def mended(self, key, names):
        try:
            return read(self, key, names)
        finally:
            file.write_bytes(good)

    monkeypatch.setattr(Run, "read", mended)
    assert run.verify(["unit-0"]) == []
    assert run.units() == ["unit-0"]


def test_leftovers_of_another_machine_are_left_alone_for_a_day(tmp_path):
    run = filled(tmp_path / "run", 0)
    leftover = tmp_path / "run/units/.tmp-999999999-abc@elsewhere"
    leftover.mkdir()
    Run.open_or_create(run.path, SETTINGS)
    assert leftover.is_dir()
    os.utime(leftover, (1, 1))
    Run.open_or_create(run.path, SETTINGS)
    assert not leftover.exists()


def test_the_first_of_several_writers_wins(address):
    run = Run.open_or_create(address, SETTINGS)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda clock: run.write("a", {}, *tables(clock=float(clock))), range(8)))
    assert run.units() == ["a"] and run.verify(["a"]) == []
    first = files(run)
    run.write("a", {}, *tables(model="other"))
    assert files(run) == first


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_unit_is_quarantined_and_can_be_written_again(address, caplog, damage):
    run = filled(address, 0, 1)
    before = files(run)
    names = ("steps.parquet", "images.parquet", "timings.parquet", "unit.json")
    for attempt, name in enumerate(names, 1):
        content = run.storage.read_unit("unit-1", {name} - {"unit.json"})[name]
        spoil(run, "unit-1", name, None if damage == "gone" else content[:40])
        if run.finished("unit-1"):  # in an object store, unit.json makes the unit
            with pytest.raises(StoreError, match="damaged"):
                results.load(address)
            assert run.verify(run.units()) == ["unit-1"]
            moved = f"{address}/damaged/unit-1-{attempt}".replace("file://", "")
            assert f"unit unit-1 was damaged; it is kept as {moved}" in " ".join(caplog.messages)
        assert run.units() == ["unit-0"]
        run.write("unit-1", {"simulations": [1]}, *tables((1,)))
        assert run.verify(run.units()) == []
    assert {n: c for n, c in files(run).items() if not n.startswith("damaged/")} == before


def test_leftovers_of_a_killed_writer_are_not_a_unit(address):
    """A writer that died before its last step."""
    run = filled(address, 0)
    if isinstance(run.storage, Bucket):
        run.storage.replace("units/unit-1/0123456789abcdef/steps.parquet", b"half")
    else:
        (run.storage.path / "units" / ".tmp-1-abc@elsewhere").mkdir()
    assert run.units() == ["unit-0"] and not run.finished("unit-1")
    assert results.load(address).images.simulation.tolist() == [0, 0]
    run.write("unit-1", {}, *tables((1,)))
    assert results.load(address).images.simulation.tolist() == [0, 0, 1, 1]


def test_a_temporary_read_error_is_not_damage(address, monkeypatch):
    run = filled(address, 0)

    def broken(*_: Any) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(type(run.storage), "read_unit", broken)
    with pytest.raises(StoreError, match=r"cannot read unit .*Input/output error"):
        run.verify(["unit-0"])
    monkeypatch.undo()
    assert run.units() == ["unit-0"] and run.verify(["unit-0"]) == []


def test_writers_of_other_bytes_never_mix(monkeypatch):
    """Two writers publish different bytes at once: the unit is that of one of them."""
    run = filled(f"memory://{uuid.uuid4().hex}")
    create = Bucket.create

    def late(self: Bucket, name: str, content: bytes) -> None:
        monkeypatch.setattr(Bucket, "create", create)
        Run(self.address).write("a", {}, *tables(model="faster"))
        create(self, name, content)

    monkeypatch.setattr(Bucket, "create", late)
    run.write("a", {}, *tables(model="slower"))
    assert run.verify(["a"]) == []
    assert results.load(run.path).images.model.unique().tolist() == ["faster"]


@pytest.mark.parametrize(
    ("address", "message"),
    [("nonsense://x/y", "nonsense"), ("s3://no-such-bucket-here/run", "cannot write s3://")],
)
def test_invalid_addresses_are_named(s3, address, message):
    with pytest.raises(StoreError, match=message) as error:
        Run.open_or_create(address, SETTINGS)
    assert "\n" not in str(error.value)


def test_no_credentials(monkeypatch, s3):
    """Errors of classes of the library are one sentence, too."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(StoreError, match=r"cannot .* s3://bucket/none"):
        Run.open_or_create("s3://bucket/none", SETTINGS)
    s3fs.S3FileSystem.clear_instance_cache()
