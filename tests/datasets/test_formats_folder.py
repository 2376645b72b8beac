"""The folder format: images/ and masks/ with 2D files of any kind."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from made_files import data, imported, noise, pictures, refused, save, square
from PIL import Image

from segbench.datasets.folder import Folder
from segbench.datasets.importing.formats import ImportOptions, find_reader
from segbench.datasets.task import DataError

WIDE = (20, 30)


def test_settings_and_subjects_of_the_folder_are_used(tmp_path: Path) -> None:
    for i in range(4):
        save(tmp_path / "data" / "images" / f"p{i // 2}_{i}.png", noise(*WIDE, seed=i))
        save(tmp_path / "data" / "masks" / f"p{i // 2}_{i}.png", square(2))
    (tmp_path / "data" / "dataset.toml").write_text(
        'cohort = "clinic a"\nmodality = "X-Ray"\nsubject_pattern = "^(p[0-9]+)_"\nlabels = {2 = "tibia"}\n'
    )
    manifest = imported(tmp_path / "data", tmp_path)
    assert list(manifest["tasks"]) == ["own/clinic_a/X-Ray/0/tibia"]
    assert set(manifest["subjects"]) == {"p0", "p1"}


def test_import_and_folder_source_give_the_same_arrays(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "data")
    manifest = imported(folder, tmp_path)
    (task,) = data(manifest, tmp_path).values()
    in_place = Folder(folder)
    other = in_place.load(in_place.tasks(None)[0], None)
    np.testing.assert_array_equal(task.labels, other.labels)
    np.testing.assert_allclose(task.images, other.images, atol=1e-5)
    assert list(task.subjects) == list(other.subjects)


def test_options_complete_the_settings(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "data")
    given = ImportOptions(labels={"knee": (255,)}, modality="CT", subject_pattern="p(.)")
    manifest = imported(folder, tmp_path, given)
    assert list(manifest["tasks"]) == ["own/all/CT/0/knee"]
    assert sorted(manifest["subjects"]) == list("0123456789")


@pytest.mark.parametrize(
    ("settings", "given", "option"),
    [
        ('modality = "MR"', ImportOptions(modality="CT"), "--modality"),
        ('labels = {255 = "knee"}', ImportOptions(labels={"knee": (255,)}), "--labels"),
        ('subject_pattern = "(p)"', ImportOptions(subject_pattern="(.)"), "--subject-pattern"),
    ],
)
def test_options_must_not_repeat_the_settings(
    tmp_path: Path, settings: str, given: ImportOptions, option: str
) -> None:
    folder = pictures(tmp_path / "data")
    (folder / "dataset.toml").write_text(settings)
    assert f"dataset.toml already states this; leave out {option}" in refused(folder, tmp_path, given)


def test_options_that_have_nothing_to_choose_are_refused(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "data")
    assert "--axes is for volumes, leave it out" in refused(
        folder, tmp_path, ImportOptions(axes={"axial": 2})
    )
    message = refused(folder, tmp_path, ImportOptions(rule="midslice"))
    assert (
        "--rule takes one slice of each subject, and here 10 images are of 10 subjects; name the" in message
    )


def by_label(folder: Path) -> Path:
    """Two labels in folders of their own, 0/1 and 0/255; the third image shows one of them."""
    for i in range(3):
        save(folder / "images" / f"p{i}.jpg", noise(*WIDE, seed=i))
        save(folder / "masks" / "left lung" / f"p{i}.png", square(1))
        if i < 2:
            save(folder / "masks" / "heart" / f"p{i}.gif", square(255, side=15))
    return folder


def test_a_folder_of_masks_for_each_label(tmp_path: Path) -> None:
    tasks = data(imported(by_label(tmp_path / "data"), tmp_path), tmp_path)
    assert {name: len(task) for name, task in tasks.items()} == {
        "all/unknown/0/left_lung": 3,
        "all/unknown/0/heart": 2,
    }
    heart, lung = (tasks[f"all/unknown/0/{label}"].labels.sum() for label in ("heart", "left_lung"))
    assert heart / 2 == pytest.approx(lung / 3 * (15 / 8) ** 2, rel=0.05)


def test_faults_of_folders_for_each_label(tmp_path: Path) -> None:
    folder = by_label(tmp_path / "data")
    stray = save(folder / "masks" / "heart" / "p9.png", square())
    assert f"{stray} has no image in {folder / 'images'}" in refused(folder, tmp_path)
    stray.unlink()
    twin = save(folder / "images" / "p1.png", noise(*WIDE))
    assert f"{twin.with_suffix('.jpg')} and {twin} both belong to p1" in refused(folder, tmp_path)
    twin.unlink()
    alone = save(folder / "images" / "p9.png", noise(*WIDE))
    assert f"{alone} has no mask in any folder" in refused(folder, tmp_path)
    alone.unlink()
    assert "names a label already" in refused(folder, tmp_path, ImportOptions(labels={"heart": (1,)}))


def test_labels_with_equal_names_in_tasks_are_refused(tmp_path: Path) -> None:
    folder = by_label(tmp_path / "data")
    (folder / "masks" / "heart").rename(folder / "masks" / "left_lung")
    assert "label 'left lung' and label 'left_lung' would both be left_lung" in refused(folder, tmp_path)


def test_folders_of_pictures_are_subjects_and_not_a_dicom_series(tmp_path: Path) -> None:
    for part in ("early", "late"):
        for seed in (1, 2):
            image = noise(*WIDE, seed=seed * len(part))
            save(tmp_path / "data" / "images" / part / f"{seed}.png", image)
            save(tmp_path / "data" / "masks" / part / f"{seed}.png", square())
    manifest = imported(tmp_path / "data", tmp_path)
    assert (set(manifest["subjects"]), manifest["pictures"]) == ({"early", "late"}, 4)
    assert manifest["subjects_from"] == "the folders of the images"


def test_one_label_with_two_values_must_be_named(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "data", 4)
    one = save(folder / "masks" / "p2.png", square(1))
    message = refused(folder, tmp_path)
    assert f"{one} contains only 0 and 1, {folder / 'masks' / 'p0.png'} only 0 and 255" in message
    assert "--labels 1=x,255=x makes one" in message
    manifest = imported(folder, tmp_path, ImportOptions(labels={"x": (1, 255)}))
    assert list(map(sum, (counts.values() for counts in manifest["tasks"].values()))) == [4]


def test_errors_of_a_pattern_do_not_blame_the_settings(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "data", 2)
    message = refused(folder, tmp_path, ImportOptions(subject_pattern="("))
    assert message.startswith("'(' is not a regular expression")
    assert "dataset.toml" not in message
    (folder / "subjects.csv").write_text("file,subject\np0.png,a\np1.png,b\n")
    message = refused(folder, tmp_path, ImportOptions(subject_pattern="(.)"))
    assert "subjects.csv and --subject-pattern both name subjects; keep one" in message


def test_a_file_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "data", 2)
    for kind in ("images", "masks"):
        (folder / kind / "p1.png").rename(folder / kind / os.fsdecode(b"\xff.png"))
    assert "\\udcff.png' or its subject or label is not UTF-8; rename the file" in refused(folder, tmp_path)


def odd(folder: Path, name: str) -> None:
    """The same step in brightness, and a mask of its brighter half, as files of one odd kind."""
    images, masks = folder / "images", folder / "masks"
    images.mkdir(parents=True)
    masks.mkdir()
    step = np.full(WIDE, 40, np.uint8)
    step[:, 15:] = 200
    half = np.zeros(WIDE, np.uint8)
    half[:, 15:] = 1
    if name == "16-bit PNG":
        cv2.imwrite(str(images / "a.png"), step.astype(np.uint16) * 257)
        cv2.imwrite(str(masks / "a.png"), half.astype(np.uint16) * 1000)
    elif name == "16-bit TIFF":
        tifffile.imwrite(images / "a.tif", step.astype(np.uint16) * 16, compression="zlib")
        tifffile.imwrite(masks / "a.tif", half.astype(np.int16))
    elif name == "float TIFF":
        tifffile.imwrite(images / "a.tif", step.astype(np.float32) / 1e4 - 3)
        tifffile.imwrite(masks / "a.tif", half.astype(np.float64))
    elif name == "RGBA":
        Image.fromarray(np.dstack([step] * 3 + [255 - step])).save(images / "a.png")
        Image.fromarray(np.dstack([half * 255] * 3 + [np.full(WIDE, 255, np.uint8)])).save(masks / "a.png")
    elif name == "0/255":
        Image.fromarray(step).save(images / "a.bmp")
        Image.fromarray(half * 255).save(masks / "a.bmp")
    elif name == "palette GIF":
        image = Image.fromarray((step > 100).astype(np.uint8), "P")
        image.putpalette([40] * 3 + [200] * 3)
        image.save(images / "a.gif")
        mask = Image.fromarray(half, "P")
        mask.putpalette([0, 0, 0, 255, 0, 0])
        mask.save(masks / "a.gif")
    elif name == "1 bit":
        Image.fromarray(step).save(images / "a.png")
        Image.fromarray(half * 255).convert("1").save(masks / "a.png")
    elif name == "bool NPY":
        np.save(images / "a.npy", step.astype(np.float16))
        np.save(masks / "a.npy", half.astype(bool))


@pytest.mark.parametrize(
    "name",
    ["16-bit PNG", "16-bit TIFF", "float TIFF", "RGBA", "0/255", "palette GIF", "1 bit", "bool NPY"],
)
def test_every_file_type_gives_the_same_picture_and_mask(tmp_path: Path, name: str) -> None:
    odd(tmp_path / "data", name)
    manifest = imported(tmp_path / "data", tmp_path)
    assert list(manifest["tasks"]) == ["own/all/unknown/0/foreground"]
    (task,) = data(manifest, tmp_path).values()
    inside = task.images[0, 0, 24:104]  # 20 rows of 30 lie in the middle of a square
    np.testing.assert_allclose(inside[:, :60], 0, atol=1e-3)
    np.testing.assert_allclose(inside[:, 68:], 1, atol=1e-3)
    label = task.labels[0, 0]
    assert label[24:104, 66:].all()
    assert not label[:, :62].any()
    assert not label[:20].any()


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (lambda f: (f / "masks" / "p3.png").unlink(), "images/p3.png has no mask"),
        (lambda f: (f / "images" / "p3.png").unlink(), "masks/p3.png has no image"),
        (
            lambda f: save(f / "masks" / "p3.png", square(255, (30, 20))),
            "masks/p3.png is 30x20 and its image",
        ),
        (lambda f: (f / "masks" / "p3.png").write_bytes(b"\x89PNG"), "masks/p3.png cannot be read"),
        (lambda f: (f / "images" / "p3.png").write_bytes(b""), "images/p3.png cannot be read"),
        (lambda f: save(f / "images" / "p3.jpg", noise(20, 30)), "both belong to p3"),
        (
            lambda f: [p.unlink() for p in (f / "masks").iterdir()],
            "images: p0.png, p1.png, p2.png, p3.png, p4.png and 5 more have no mask; add one for each",
        ),
    ],
)
def test_faults_name_the_file(tmp_path: Path, break_it, sentence: str) -> None:
    folder = pictures(tmp_path / "data")
    break_it(folder)
    assert sentence in refused(folder, tmp_path, given=ImportOptions(labels={"knee": (255,)}))
    assert sentence in refused(folder, tmp_path)


def test_the_error_for_an_unknown_layout_lists_the_formats(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    message = refused(tmp_path / "data", tmp_path)
    assert all(f"({name})" in message for name in ("folder", "nnunet", "nifti", "table"))
    assert "there is no" in refused(tmp_path / "gone", tmp_path)


def test_a_named_format_must_fit_the_data(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("folder", "nnunet", "nifti", "table"):
        reader = find_reader(folder, name)
        with pytest.raises(DataError, match=str(folder)):
            reader.cases(folder)
