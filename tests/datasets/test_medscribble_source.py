"""MedScribble is read in the layout of its release, and every damage names its file."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segbench.datasets.download import checksum
from segbench.datasets.scribbled import ScribbledData
from segbench.datasets.sources.medscribble import MedScribble
from segbench.datasets.task import DataError, Task

SIDE = 256
LABEL, BACKGROUND = np.s_[64:192, 64:192], np.s_[:32]
SOURCE = MedScribble()


def write_image(folder, with_image=True, annotators=3):
    """A square with a soft stripe; annotator n draws on the row 2n + 101 and in the column 7."""
    folder.mkdir(parents=True)
    if with_image:
        seg = np.zeros((SIDE, SIDE), np.float32)
        seg[LABEL], seg[BACKGROUND] = 1, 0.4
        np.save(folder / "seg.npy", seg)
        np.save(folder / "img.npy", seg * 0.9)
    for number in range(annotators):
        scribble = np.zeros((2, SIDE, SIDE), np.float32)
        scribble[0, 101 + 2 * number] = 1
        scribble[1, :, 7] = 0.25
        np.save(folder / f"scribble_{number}.npy", scribble)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "MedScribble"
    write_image(folder / "BTCV" / "Cervix" / "12-Image_axis1_maxslice")
    write_image(folder / "BTCV" / "Cervix" / "03-Image_axis1_maxslice")
    write_image(folder / "WBC" / "CV" / "004_axis0_midslice")
    write_image(folder / "SpineWeb" / "Dataset7" / "Subject04_axis0_midslice", with_image=False)
    return tmp_path


BLADDER = Task("medscribble", "BTCV-Cervix", "CT", "1", "bladder")
FIRST = "MedScribble/BTCV/Cervix/03-Image_axis1_maxslice"


def test_a_cohort_is_a_task_and_those_without_images_are_left_out_with_a_warning(root):
    wanted = [BLADDER, Task("medscribble", "WBC-CV", "Microscopy", "0", "cytoplasm")]
    with pytest.warns(UserWarning, match="left out for lack of images: SpineWeb/Dataset7$"):
        assert SOURCE.tasks(root) == wanted
    with pytest.warns(UserWarning):
        assert SOURCE.tasks(root / "MedScribble") == wanted
    shutil.move(root / "MedScribble", root / "ScribblePrompt" / "MedScribble")  # where `fetch` puts it
    with pytest.warns(UserWarning):
        assert SOURCE.tasks(root) == wanted


def test_images_labels_and_scribbles_come_at_the_benchmarks_size(root):
    data = SOURCE.load(BLADDER, root)
    assert isinstance(data, ScribbledData) and data.annotators == 3
    assert data.subjects.tolist() == ["03-Image", "12-Image"]
    assert set(data.split) == {"test"}
    assert data.images.shape == data.labels.shape == (2, 1, 128, 128)
    label = np.zeros((128, 128), bool)
    label[32:96, 32:96] = True
    np.testing.assert_array_equal(data.labels[0, 0], label)
    assert (data.images.min(), data.images.max()) == (0, 1)
    for number in range(3):  # a line a pixel wide keeps its strength
        positive, negative = data.scribbles[1, number]
        assert (positive[50 + number] == 1).all() and positive.sum() == 128
        assert (negative[:, 3] == 0.25).all() and np.count_nonzero(negative) == 128


def test_the_fingerprint_depends_on_the_scribbles(root):
    before = SOURCE.load(BLADDER, root).fingerprint
    assert SOURCE.load(BLADDER, root).fingerprint == before
    file = root / FIRST / "scribble_1.npy"
    np.save(file, np.load(file)[:, ::-1])
    assert SOURCE.load(BLADDER, root).fingerprint != before


def damaged(name):
    def damage(folder):
        file = folder / name
        file.write_bytes(file.read_bytes()[:1000])

    return damage


def replaced(name, array):
    return lambda folder: np.save(folder / name, array)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("scribble_2.npy", lambda folder: (folder / "scribble_2.npy").unlink(), "is missing"),
        ("img.npy", lambda folder: (folder / "img.npy").unlink(), "is missing"),
        ("seg.npy", lambda folder: (folder / "seg.npy").unlink(), "is missing"),
        ("seg.npy", damaged("seg.npy"), "is damaged"),
        ("img.npy", lambda folder: (folder / "img.npy").write_bytes(b""), "is damaged"),
        ("img.npy", replaced("img.npy", np.array([None])), "is damaged"),
        (
            "scribble_0.npy",
            replaced("scribble_0.npy", np.zeros((2, 128, 128))),
            "does not hold 2 x 256 x 256",
        ),
        ("seg.npy", replaced("seg.npy", np.zeros((SIDE, SIDE), int)), "does not hold 256 x 256"),
        ("img.npy", replaced("img.npy", np.full((SIDE, SIDE), np.nan)), "holds values outside"),
        (
            "scribble_1.npy",
            replaced("scribble_1.npy", np.full((2, SIDE, SIDE), 255.0)),
            "holds values outside",
        ),
    ],
)
def test_a_damaged_file_is_named(root, name, damage, message):
    damage(root / FIRST)
    with pytest.raises(DataError) as error:
        SOURCE.load(BLADDER, root)
    assert f"{root / FIRST / name} {message}" in str(error.value) and "\n" not in str(error.value)


def test_a_mask_without_an_image_is_damage_also_where_no_image_is_left(root):
    (root / "MedScribble/WBC/CV/004_axis0_midslice/img.npy").unlink()
    with pytest.warns(UserWarning):
        task = SOURCE.tasks(root)[1]
    with pytest.raises(DataError, match=r"004_axis0_midslice/img.npy is missing"):
        SOURCE.load(task, root)


def test_a_folder_without_axis_and_slice_is_named(root):
    write_image(root / "MedScribble/WBC/CV/005")
    with pytest.warns(UserWarning), pytest.raises(DataError, match=r"CV/005 does not end in _axisK_maxslice"):
        SOURCE.tasks(root)


def test_a_missing_data_set_names_the_command_that_fetches_it(tmp_path):
    for root in (None, tmp_path):
        assert not SOURCE.installed(root)
        with pytest.raises(DataError, match="run `python -m benchmark data fetch medscribble`"):
            SOURCE.tasks(root)


def test_a_task_without_images_cannot_be_loaded(root):
    bare = Task("medscribble", "SpineWeb-Dataset7", "MRI", "0", "unknown")
    for task in (bare, Task("medscribble", "nothing", "CT", "0", "bladder")):
        with pytest.raises(DataError, match="is no task of medscribble with images"):
            SOURCE.load(task, root)


def test_the_authors_repository_is_unpacked_and_found(root, tmp_path_factory, monkeypatch):
    packing, data = tmp_path_factory.mktemp("mirror"), tmp_path_factory.mktemp("data")
    shutil.copytree(root, packing / "ScribblePrompt-fd0f990")
    packed = shutil.make_archive(str(packing / "release"), "zip", packing, "ScribblePrompt-fd0f990")
    url = Path(packed).as_uri()
    with pytest.raises(DataError, match="recorded files"):
        SOURCE.fetch(data, (url,))
    assert not SOURCE.installed(data)
    (archive,) = MedScribble.archives
    known = replace(archive, sha256=checksum(root, archive.patterns))
    monkeypatch.setattr(MedScribble, "archives", (known,))
    assert SOURCE.fetch(data, (url,)) == data / "ScribblePrompt" / "MedScribble"
    assert len(SOURCE.load(BLADDER, data)) == 2
    assert SOURCE.fetch(data) == data / "ScribblePrompt" / "MedScribble"  # verified, not fetched again


def test_files_that_differ_from_the_release_are_an_error(root):
    with pytest.raises(DataError, match="differ from the released ones"):
        SOURCE.fetch(root)


@pytest.mark.parametrize(
    ("scribbles", "message"),
    [
        (np.zeros((1, 3, 2, 8, 8)), "must be float32"),
        (np.zeros((1, 0, 2, 8, 8), np.float32), "must be float32"),
        (np.zeros((2, 3, 2, 8, 8), np.float32), "do not match images"),
        (np.zeros((1, 3, 2, 8, 9), np.float32), "do not match images"),
        (np.full((1, 3, 2, 8, 8), 2, np.float32), r"lie in \[0, 1\]"),
    ],
)
def test_scribbles_must_fit_their_images(scribbles, message):
    image = np.zeros((1, 1, 8, 8), np.float32)
    with pytest.raises(DataError, match=message):
        ScribbledData(BLADDER, image, image > 0, np.array(["a"]), np.array(["test"]), scribbles=scribbles)


@pytest.mark.filterwarnings("ignore:medscribble")
def test_the_release_has_twelve_tasks_with_images(shared_data):
    if not SOURCE.installed(shared_data):
        pytest.skip("MedScribble is not in ../shared/data")
    counts = {task.cohort: len(SOURCE.load(task, shared_data)) for task in SOURCE.tasks(shared_data)}
    assert len(counts) == 12 and sum(counts.values()) == 56
    assert (counts["SCD-VIS_human"], counts["CHAOS-CT"], counts["WBC-CV"]) == (3, 4, 5)
    assert SOURCE.fetch(shared_data) == shared_data / "MedScribble"
