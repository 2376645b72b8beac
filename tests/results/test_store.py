"""Units and manifests on disk: complete or absent, the same bytes every time."""

from __future__ import annotations

import itertools
import json
import resource
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from segbench import results
from segbench.results import Run, StoreError
from segbench.results.schema import COLUMNS, IMAGES, PICTURES, STEPS, TASK, typed

SETTINGS = {"seed": 0, "target_dice": 0.9}


def tables(simulations=(0, 1), model="m", label="l", clock=0.5) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two images per simulation and two predictions per image."""
    task = dict(zip(TASK, ("d", "c", "m", "a", label), strict=True))
    shared = {"protocol": "p", "model": model, **task, "task": "/".join(task.values()), "split": "test"}
    shared |= {"context": "binary", "annotator": "a", "training": 0, "person": -1, "set_size": 1}
    steps, images = [], []
    for simulation, position in itertools.product(simulations, (1, 2)):
        image = shared | {"simulation": simulation, "position": position, "context_size": position}
        image |= {"image": 7, "subject": "s7", "dice": simulation / 10 + position / 100}
        scores = {"hd95": 1.0, "hd95_imputed": False, "nsd_1px": 1.0, "nsd_2px": 1.0, "empty_scribbles": 0}
        images.append(image | scores | {"interactions": 2, "reached": True, "seconds": clock})
        click = {"kind": "click+", "row": 3, "column": 4, "drawn": 1, "tp": 1, "fp": 2, "fn": 3}
        steps += [image | click | {"step": step} for step in (1, 2)]
    return typed(steps, STEPS), typed(images, IMAGES)


def filled(path: Path, **blocks) -> Run:
    run = Run.open_or_create(path, SETTINGS)
    for key, simulations in blocks.items():
        run.write(key, {"simulations": list(simulations)}, *tables(simulations))
    return run


def pictures(steps: pd.DataFrame, **columns) -> pd.DataFrame:
    """A picture of each step; ``columns`` replace those of the masks."""
    masks = {"height": 8, "width": 8, "prediction": b"p", "positive": b"", "negative": b"", "box": b""}
    return typed(steps.assign(**masks | columns).to_dict("records"), PICTURES)


def test_runs_without_boxes_in_their_pictures_are_read_together_with_others(tmp_path, monkeypatch):
    """Runs stored before there were boxes lack the column."""
    run, old = Run.open_or_create(tmp_path / "run", SETTINGS), tables((0,))
    with monkeypatch.context() as earlier:
        earlier.setitem(COLUMNS, "pictures", {name: PICTURES[name] for name in PICTURES if name != "box"})
        run.write("a", {}, *old, pictures(old[0]))
    assert (results.load(run.path).pictures.box == b"").all()
    new = tables((1,))
    run.write("b", {}, *new, pictures(new[0], box=b"some"))
    assert run.verify(["a", "b"]) == []
    read = results.load(run.path).pictures
    assert list(read) == list(PICTURES)
    assert dict(read.groupby("simulation").box.unique().explode()) == {0: b"", 1: b"some"}


def test_written_units_are_read_back(tmp_path):
    run = filled(tmp_path / "run", a=(0, 1))
    assert run.finished("a")
    assert not run.finished("b")
    assert run.units() == ["a"]
    assert run.verify(["a"]) == []
    read = results.load(tmp_path / "run")
    steps, images = tables()
    pd.testing.assert_frame_equal(read.steps.astype(STEPS), steps)
    pd.testing.assert_frame_equal(read.images.astype(IMAGES), images)
    assert read.manifests[0]["settings"] == SETTINGS
    unit = json.loads((tmp_path / "run" / "units" / "a" / "unit.json").read_text())
    assert unit["key"] == "a"
    assert unit["description"] == {"simulations": [0, 1]} == run.description("a")


def test_tables_do_not_depend_on_units_or_the_order_of_rows(tmp_path):
    filled(tmp_path / "one", a=(0, 1, 2, 3))
    run = filled(tmp_path / "two", z=(0, 1))
    steps, images = tables((2, 3))
    run.write("b", {}, steps.sample(frac=1, random_state=0), images.sample(frac=1, random_state=0))
    one, two = results.load(str(tmp_path / "one")), results.load(tmp_path / "two")
    pd.testing.assert_frame_equal(one.steps, two.steps)
    pd.testing.assert_frame_equal(one.images, two.images)


def test_bytes_of_tables_do_not_depend_on_times(tmp_path):
    for name, clock in (("one", 0.5), ("two", 0.7)):
        steps, images = tables(clock=clock)
        Run.open_or_create(tmp_path / name, SETTINGS).write("a", {}, steps, images[::-1])
    units = [tmp_path / name / "units" / "a" for name in ("one", "two")]
    for file in ("steps.parquet", "images.parquet", "unit.json"):
        assert units[0].joinpath(file).read_bytes() == units[1].joinpath(file).read_bytes()
    assert results.load(tmp_path / "two").images.seconds.tolist() == [0.7] * 4


def test_several_runs_are_read_as_one(tmp_path):
    filled(tmp_path / "one", a=(0,))
    filled(tmp_path / "two", b=(1,))
    read = results.load([tmp_path / "one", tmp_path / "two"])
    assert read.images.simulation.tolist() == [0, 0, 1, 1]
    assert len(read.manifests) == 2


def test_overlapping_units_are_read_once(tmp_path):
    run = filled(tmp_path, a=(0, 1))
    run.write("b", {}, *tables((1, 2), clock=9.0))
    read = results.load(tmp_path)
    assert read.images.simulation.tolist() == [0, 0, 1, 1, 2, 2]
    assert read.images.seconds.tolist() == [0.5] * 4 + [9.0] * 2
    assert len(read.steps) == 12


def test_units_that_disagree_are_refused(tmp_path):
    run = filled(tmp_path, a=(0, 1))
    steps, images = tables((1,))
    run.write("b", {}, steps, images.assign(dice=0.123))
    with pytest.raises(StoreError, match=r"disagree about .*simulation 1"):
        results.load(tmp_path)


@pytest.mark.parametrize("file", ["steps.parquet", "images.parquet", "timings.parquet", "unit.json"])
def test_changed_bytes_are_damage(tmp_path, caplog, file):
    run = filled(tmp_path, a=(0, 1))
    path = tmp_path / "units" / "a" / file
    content = bytearray(path.read_bytes())
    start = 0 if file == "unit.json" else 40
    content[start : start + 4] = b"oops"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        results.load(tmp_path)
    assert run.verify(["a"]) == ["a"]
    assert not run.finished("a")
    assert (tmp_path / "damaged" / "a-1").is_dir()
    assert "computed again" in caplog.text


def test_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a limit would cut off the files of later imports
    run = filled(tmp_path, a=(0,))
    manifest = (tmp_path / "manifest.json").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(StoreError, match="cannot write"):
            run.write("b", {}, *tables())
        with pytest.raises(StoreError, match="cannot write"):
            run.write_manifest({"text": "x" * 5000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [p.name for p in (tmp_path / "units").iterdir()] == ["a"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["manifest.json", "units"]
    assert (tmp_path / "manifest.json").read_bytes() == manifest


def test_leftovers_of_a_killed_writer_are_ignored_and_cleaned(tmp_path):
    filled(tmp_path, a=(0,))
    code = (
        "import os, signal, sys; from pathlib import Path; import segbench.results.atomic as a;"
        "t = a.temporary_path(Path(sys.argv[1])); t.mkdir(); (t / 'steps.parquet').write_bytes(b'half');"
        "print(t, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "units")]
    killed = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    leftover = Path(killed.stdout.strip())
    assert leftover.is_dir()
    assert results.load(tmp_path).images.simulation.tolist() == [0, 0]
    assert Run.open_or_create(tmp_path, SETTINGS).units() == ["a"]
    assert not leftover.exists()


def test_manifest_is_replaced_but_keeps_the_settings(tmp_path):
    run = Run.open_or_create(tmp_path, SETTINGS)
    run.write_manifest({"versions": {"numpy": "2"}})
    run.write_manifest({"versions": {"numpy": "3"}})
    again = Run.open_or_create(tmp_path, {"target_dice": 0.9, "seed": 0})
    assert again.manifest()["versions"] == {"numpy": "3"}
    assert again.settings == SETTINGS


def test_other_settings_are_refused_by_name(tmp_path):
    Run.open_or_create(tmp_path, SETTINGS | {"images": (1, 2)})
    Run.open_or_create(tmp_path, SETTINGS | {"images": [1, 2]})
    with pytest.raises(StoreError, match=r"other settings \(seed: 0 there, 1 now\)"):
        Run.open_or_create(tmp_path, SETTINGS | {"images": [1, 2], "seed": 1})
    filled(tmp_path / "b", a=(0,))
    with pytest.raises(StoreError, match="images"):
        results.load([tmp_path, tmp_path / "b"])


def test_folders_without_a_run_are_refused(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(StoreError, match="do not belong to a run"):
        Run.open_or_create(tmp_path / "mine", SETTINGS)
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    for path in (tmp_path / "mine", tmp_path / "absent", tmp_path / "mine" / "thesis.txt"):
        with pytest.raises(StoreError, match="holds no run"):
            results.load(path)
    with pytest.raises(StoreError, match="cannot write"):
        Run.open_or_create(tmp_path / "mine" / "thesis.txt" / "run", SETTINGS)
    with pytest.raises(StoreError, match="cannot write"):
        Run.open_or_create(tmp_path / "mine" / "thesis.txt", SETTINGS)


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 2}', "{}"])
def test_damaged_or_older_manifest_is_refused(tmp_path, content):
    filled(tmp_path, a=(0,))
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(
        StoreError, match=r"is damaged|format 2, and this program reads format 4; run it again"
    ):
        results.load(tmp_path)
