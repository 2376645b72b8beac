from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segbench.datasets import DataError, load_dataset
from segbench.datasets.importing import find_reader, import_dataset
from segbench.datasets.registry import find_source

SHAPE = (20, 30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten images ``p<subject>_<view>.png``, two per subject, with a binary mask each."""
    rng = np.random.default_rng(0)
    path = tmp_path / "my knees"
    for kind in ("images", "masks"):
        (path / kind).mkdir(parents=True)
    for i in range(10):
        name = f"p{i // 2}_{i % 2}.png"
        write(path / "images" / name, rng.integers(0, 255, SHAPE, dtype=np.uint8))
        write(path / "masks" / name, mask_of(255))
    return path


def mask_of(*values: int) -> np.ndarray:
    """Four rows of each value below each other."""
    mask = np.zeros(SHAPE, np.uint8)
    for i, value in enumerate(values):
        mask[4 * i : 4 * i + 4] = value
    return mask


def write(path: Path, values: np.ndarray) -> None:
    Image.fromarray(values).save(path)


def names(path: Path) -> list[str]:
    return [task.name for task in find_source(f"folder:{path}").tasks(None)]


def error(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        load_dataset(f"folder:{path}")
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_binary_masks_make_one_task(folder: Path) -> None:
    assert find_source(f"folder:{folder}").installed(None)
    (data,) = load_dataset(f"folder:{folder}")
    assert data.task.name == "my_knees/all/unknown/0/foreground"
    assert data.images.shape == (10, 1, 128, 128)
    assert data.labels.mean() == pytest.approx(4 * 30 / 30**2, abs=0.01)
    assert len(set(data.subjects)) == 10
    assert [len(data.indices(s)) for s in ("train", "val", "test")] == [6, 2, 2]


def test_every_value_of_integer_masks_is_a_task_and_lacking_images_are_left_out(folder: Path) -> None:
    for i, path in enumerate(sorted((folder / "masks").iterdir())):
        write(path, mask_of(1, 3) if i else mask_of(1))
    one, three = load_dataset(f"folder:{folder}")
    assert (one.task.label, three.task.label) == ("1", "3")
    assert (len(one), len(three)) == (10, 9)
    kept = np.isin(one.subjects, three.subjects)
    assert (one.split[kept] == three.split).all()
    assert not (one.labels[kept] & three.labels).any()


def test_settings_name_the_task_and_its_labels(folder: Path) -> None:
    for path in (folder / "masks").iterdir():
        write(path, mask_of(1, 2, 9))
    (folder / "dataset.toml").write_text(
        'name = "knees"\ncohort = "a/b"\nmodality = "X-Ray"\nlabels = {1 = "femur", 2 = "left tibia"}\n'
    )
    assert names(folder) == ["knees/a_b/X-Ray/0/femur", "knees/a_b/X-Ray/0/left_tibia"]


def test_subjects_by_pattern(folder: Path) -> None:
    (folder / "dataset.toml").write_text('subject_pattern = "^(p[0-9])_"')
    (data,) = load_dataset(f"folder:{folder}")
    assert list(data.subjects) == [f"p{i // 2}" for i in range(10)]
    assert all(len(set(data.split[data.subjects == s])) == 1 for s in set(data.subjects))


def test_subjects_by_table(folder: Path) -> None:
    rows = [f"p{i // 2}_{i % 2}.png,mouse {i % 5}\n" for i in range(10)]
    (folder / "subjects.csv").write_text("file,subject\n" + "".join(rows), encoding="utf-8-sig")
    (data,) = load_dataset(f"folder:{folder}")
    assert sorted(set(data.subjects)) == [f"mouse {i}" for i in range(5)]


def test_formats_may_be_mixed(folder: Path) -> None:
    image, mask = folder / "images" / "p0_0.png", folder / "masks" / "p0_0.png"
    write(image.with_suffix(".jpg"), np.zeros((*SHAPE, 3), np.uint8))
    np.save(mask.with_suffix(".npy"), mask_of(255))
    write(mask.with_name("p1_0.tif"), mask_of(255))
    image.unlink(), mask.unlink(), mask.with_name("p1_0.png").unlink()
    assert names(folder) == ["my_knees/all/unknown/0/foreground"]
    write(mask.with_name("p1_0.tif"), mask_of(1))
    assert "only 0 and 255; name both values" in error(folder)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert not find_source(f"folder:{tmp_path / 'absent'}").installed(None)
    assert f"there is no folder {tmp_path / 'absent'}; give the one" in error(tmp_path / "absent")


def test_hidden_files_are_ignored(folder: Path) -> None:
    (folder / "images" / ".hidden").touch()
    assert names(folder)


def save_nan(folder: Path) -> None:
    (folder / "images" / "p3_1.png").unlink()
    np.save(folder / "images" / "p3_1.npy", np.full(SHAPE, np.nan))


def empty(path: Path) -> None:
    for file in path.rglob("*.png"):
        file.unlink()


def without_foreground(folder: Path) -> None:
    for path in (folder / "masks").iterdir():
        write(path, mask_of())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "masks").rename(f / "other"), "there is no folder"),
        (empty, "images is empty"),
        (lambda f: (f / "masks" / "p3_1.png").unlink(), "p3_1.png has no mask"),
        (lambda f: (f / "images" / "p3_1.png").unlink(), "p3_1.png has no image"),
        (
            lambda f: write(f / "masks/p3_1.png", mask_of(255).T),
            "p3_1.png is 30x20 and its image",
        ),
        (save_nan, "p3_1.npy contains NaN"),
        (lambda f: (f / "masks" / "p3_1.png").write_bytes(b"?"), "p3_1.png cannot be read"),
        (lambda f: (f / "images" / "p9.webp").touch(), "p9.webp is not one of the types for images"),
        (lambda f: write(f / "masks/p3_1.jpg", mask_of(255)), "p3_1.jpg is not one of the types for masks"),
        (without_foreground, "every mask is empty"),
        (
            lambda f: write(f / "masks/p3_1.png", (np.arange(600) % 101).astype(np.uint8).reshape(SHAPE)),
            "p3_1.png the masks have more than 64 values",
        ),
        (
            lambda f: (f / "dataset.toml").write_text('labels = {7 = "femur"}'),
            "no mask shows the label",
        ),
        (
            lambda f: (f / "subjects.csv").write_text("file,subject\np0_0.png,a\n"),
            "images: p0_1.png, p1_0.png, p1_1.png, p2_0.png, p2_1.png and 4 more; add a row for each",
        ),
        (
            lambda f: (f / "subjects.csv").write_text("image;person\np0_0.png;a\n"),
            "subjects.csv lacks the column 'subject'; its columns are image, person",
        ),
    ],
)
def test_errors_name_the_file(folder: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(folder)
    assert message in error(folder)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('subject_pattern = "^(x)_"', "finds no subject in p0_0 "),
        ('subject_pattern = "p"', "must have one group"),
        ('subject_pattern = "("', "not a regular expression"),
        ('subjects = "x"', "unknown key 'subjects'"),
        ("name = 3", "name must be a non-empty text"),
        ("labels = {}", "labels must be a non-empty table"),
        ('labels = {1 = "femur;2=tibia"}', "1=femur;2=tibia has a further =; separate labels by commas"),
        ('labels = {a = "femur"}', "a=femur names no label"),
        ('labels = {0 = "background", 1 = "femur"}', "0=background names no label"),
        ("name = ", "cannot be read"),
    ],
)
def test_wrong_settings(folder: Path, settings: str, message: str) -> None:
    (folder / "dataset.toml").write_text(settings)
    message = error(folder)
    assert "dataset.toml" in message and message in message


def test_values_of_one_name_are_one_label(folder: Path) -> None:
    write(folder / "masks" / "p0_0.png", mask_of(1))
    (folder / "dataset.toml").write_text('labels = {1 = "femur", 255 = "femur"}')
    (data,) = load_dataset(f"folder:{folder}")
    assert len(data) == 10


def test_values_without_a_label_are_told(folder: Path) -> None:
    for path in (folder / "masks").iterdir():
        write(path, mask_of(1, 4))
    (folder / "dataset.toml").write_text('labels = {1 = "femur"}')
    with pytest.warns(UserWarning, match="my knees: 4 in the masks belong to no label"):
        load_dataset(f"folder:{folder}")


def test_subjects_given_twice(folder: Path) -> None:
    (folder / "dataset.toml").write_text('subject_pattern = "^(p[0-9])_"')
    (folder / "subjects.csv").write_text("file,subject\n")
    assert "both name subjects" in error(folder)


def test_folders_of_a_split_are_the_split_as_in_an_import(tmp_path: Path) -> None:
    path = tmp_path / "knees"
    for split, count in (("train", 3), ("validation", 1), ("test", 2)):
        for i in range(count):
            for kind, values in (("Image", np.full(SHAPE, 9 * i, np.uint8)), ("Label", mask_of(255))):
                (path / split / kind).mkdir(parents=True, exist_ok=True)
                values[-1, i] = 255
                write(path / split / kind / f"{i}.png", values)
    (data,) = load_dataset(f"folder:{path}")
    assert dict(zip(data.subjects, data.split, strict=True)) == {
        **{f"train/{i}": "train" for i in range(3)},
        "validation/0": "val",
        **{f"test/{i}": "test" for i in range(2)},
    }
    import_dataset("own", find_reader(path), path, tmp_path)
    (other,) = load_dataset("own", tmp_path)
    np.testing.assert_array_equal(data.labels, other.labels)
    np.testing.assert_array_equal(data.split, other.split)
    np.testing.assert_allclose(data.images, other.images, atol=1e-5)
    (path / "subjects.csv").write_text("file,subject\n0.png,a\n1.png,b\n2.png,c\n")
    assert "subject a is in two splits" in error(path)


def test_masks_in_a_folder_for_each_label(folder: Path) -> None:
    for i, path in enumerate(sorted((folder / "masks").iterdir())):
        for label in ("femur", "left tibia") if i else ("femur",):
            (folder / "masks" / label).mkdir(exist_ok=True)
            write(folder / "masks" / label / path.name, mask_of(255, 255) if label == "femur" else mask_of(1))
        path.unlink()
    femur, tibia = load_dataset(f"folder:{folder}")
    assert (femur.task.label, tibia.task.label) == ("femur", "left_tibia")
    assert (len(femur), len(tibia)) == (10, 9)
    assert femur.labels.sum() == pytest.approx(2 * tibia.labels.sum() * 10 / 9, rel=0.05)
    assert (femur.split[np.isin(femur.subjects, tibia.subjects)] == tibia.split).all()


def test_two_folders_of_masks_are_refused(folder: Path) -> None:
    (folder / "labels").mkdir()
    write(folder / "labels" / "p0_0.png", mask_of(1))
    assert find_source(f"folder:{folder}").installed(None)
    assert "labels/ and masks/, which may both hold the masks" in error(folder)
