"""Tables that name images and masks: CSV, JSON Lines, Parquet, and folders of the Hugging Face kind."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_files import contents, data, imported, noise, refused, save, square

from segbench.datasets.files.tables import COLUMNS, plain_name
from segbench.datasets.importing import ImportOptions
from segbench.datasets.importing.formats import volumes
from segbench.datasets.importing.formats.folder import SETTINGS
from segbench.datasets.importing.formats.table import MEANINGS
from segbench.datasets.registry import find_source

WIDE = (20, 30)


def rows(folder: Path, count: int = 5, **columns: str) -> list[dict[str, str]]:
    """Images and masks, and a row for each; `columns` may use ``{i}``."""
    table = []
    for i in range(count):
        save(folder / "img" / f"{i}.png", noise(*WIDE, seed=i))
        save(folder / "seg" / f"{i}.png", square(255, side=6 + i))
        extra = {name: text.format(i=i) for name, text in columns.items()}
        table.append({"image": f"img/{i}.png", "mask": f"seg/{i}.png"} | extra)
    return table


def write(file: Path, table: list[dict]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".csv":
        with file.open("w", newline="") as text:
            writer = csv.DictWriter(text, list(table[0]))
            writer.writeheader()
            writer.writerows(table)
    elif file.suffix == ".jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in table))
    else:
        pq.write_table(pa.Table.from_pylist(table), file)
    return file


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_all_three_file_types_give_the_same_import(tmp_path: Path, name: str) -> None:
    table = rows(tmp_path / "data", patient="p{i}", cohort="clinic", modality="CT", split="train", note="{i}")
    expected = imported(write(tmp_path / "data" / "other.csv", table), tmp_path / "expected")
    manifest = imported(write(tmp_path / "data" / name, table), tmp_path / "root")
    assert manifest == expected
    assert list(manifest["tasks"].items()) == [
        ("own/clinic/CT/0/foreground", {"train": 5, "val": 0, "test": 0})
    ]
    assert list(manifest["subjects"]) == [f"p{i}" for i in range(5)]


def test_two_columns_are_enough(tmp_path: Path) -> None:
    manifest = imported(write(tmp_path / "data" / "t.csv", rows(tmp_path / "data")), tmp_path)
    assert list(manifest["tasks"]) == ["own/all/unknown/0/foreground"]
    assert manifest["subjects"].keys() == {f"img/{i}" for i in range(5)}
    assert sorted(manifest["subjects"].values()) == ["test", "train", "train", "train", "val"]


def test_one_row_per_label_of_an_image(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    table = [
        row | extra
        for row in rows(folder)
        for extra in ({"label": "left lung", "value": ""}, {"label": "none", "value": "7"})
    ]
    both = save(folder / "both.png", square(7, side=20))
    for row in table[1::2]:
        row["mask"] = str(both)  # outside of seg/, and absolute
    manifest = imported(write(folder / "t.csv", table), tmp_path)
    tasks = data(manifest, tmp_path)
    assert {name: len(task) for name, task in tasks.items()} == {
        "all/unknown/0/left_lung": 5,
        "all/unknown/0/none": 5,
    }
    assert manifest["pictures"] == 5
    assert tasks["all/unknown/0/none"].labels[0].sum() == pytest.approx(400 * (128 / 30) ** 2, rel=0.05)


def test_the_label_column_is_the_mask_if_there_is_no_other(tmp_path: Path) -> None:
    table = [{"file_name": row["image"], "label": row["mask"]} for row in rows(tmp_path / "data")]
    manifest = imported(write(tmp_path / "data" / "t.csv", table), tmp_path)
    assert list(manifest["tasks"]) == ["own/all/unknown/0/foreground"]


def test_instances_of_a_label_are_merged(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    low = square(1, side=4)[::-1, ::-1]
    save(folder / "low.png", low.copy())
    table = rows(folder, count=1, label="cell")
    table.append(table[0] | {"mask": "low.png"})
    (task,) = data(imported(write(folder / "t.csv", table), tmp_path), tmp_path).values()
    assert len(task) == 1
    assert task.labels.sum() == pytest.approx((36 + 16) * (128 / 30) ** 2, rel=0.1)


def test_folders_name_the_splits(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for split in ("train", "validation", "test"):
        table = [
            {"file_name": row["image"], "mask_file_name": row["mask"]}
            for row in rows(folder / split, count=2)
        ]
        write(folder / split / "metadata.jsonl", table)
    manifest = imported(folder, tmp_path)
    (task,) = data(manifest, tmp_path).values()
    assert len(task) == 6
    assert manifest["subjects"] == {
        f"{name}/img/{i}": split
        for name, split in (("test", "test"), ("train", "train"), ("validation", "val"))
        for i in range(2)
    }


def test_a_column_names_the_splits(tmp_path: Path) -> None:
    table = rows(tmp_path / "data", split="validation")
    manifest = imported(write(tmp_path / "data" / "metadata.csv", table).parent, tmp_path)
    assert set(manifest["subjects"].values()) == {"val"}


def test_volumes_in_a_table(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    save(folder / "v.nii.gz", noise(9, 9, 9))
    save(folder / "m.nii.gz", square(4, (9, 9, 9), 3))
    file = write(folder / "t.csv", [{"image": "v.nii.gz", "mask": "m.nii.gz", "label": "organ"}])
    manifest = imported(file, tmp_path, ImportOptions(axes={"axial": 2}, modality="MR"))
    assert list(manifest["tasks"]) == ["own/all/MR/axial/organ"]


def test_a_label_map_of_many_rows_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = np.zeros((8, 8, 8), np.uint8)
    numbers[1:3, 1:3, 1:3], numbers[4:7, 4:7, 4:7] = 1, 2
    save(tmp_path / "a.nii.gz", numbers), save(tmp_path / "m.nii.gz", numbers)
    labels = (
        ("liver", "1"),
        ("spleen", "2"),
        ("liver", "2"),
    )  # the last row repeats a label
    table = [{"image": "a.nii.gz", "mask": "m.nii.gz", "label": n, "value": v} for n, v in labels]
    reads: list[Path] = []
    read = volumes.read_label_map
    monkeypatch.setattr(
        volumes, "read_label_map", lambda path, image: reads.append(path) or read(path, image)
    )
    manifest = imported(write(tmp_path / "t.csv", table[:2]), tmp_path)
    assert len(reads) == 1 and len(manifest["tasks"]) == 6
    root = tmp_path / "again"
    tasks = data(imported(write(tmp_path / "t.csv", table), root), root)
    liver, spleen = (tasks[f"all/unknown/axial/{name}"].labels.sum() for name in ("liver", "spleen"))
    assert liver == spleen == pytest.approx((3 * 16) ** 2, rel=0.05)  # corners are rounded


def test_instances_of_a_label_in_a_volume_are_merged(tmp_path: Path) -> None:
    """The slice and its mask are those of both together, not of each."""
    folder = tmp_path / "data"
    low, high, other = np.zeros((3, 9, 9, 9), np.uint8)
    low[:2, :2, :3] = 1
    high[5:8, 5:8, 2:5] = 7
    other[4, 4, 4] = 1
    save(folder / "v.nii.gz", noise(9, 9, 9))
    for name, mask in (("low", low), ("high", high), ("other", other)):
        save(folder / f"{name}.nii.gz", mask)
    table = [
        {"image": "v.nii.gz", "mask": f"{name}.nii.gz", "label": label}
        for name, label in (("low", "lesion"), ("other", "cyst"), ("high", "lesion"))
    ]
    manifest = imported(write(folder / "t.csv", table), tmp_path, ImportOptions(axes={"axial": 2}))
    tasks = data(manifest, tmp_path)
    assert {name: len(task) for name, task in tasks.items()} == {
        "all/unknown/axial/lesion": 1,
        "all/unknown/axial/cyst": 1,
    }
    area = tasks["all/unknown/axial/lesion"].labels.sum()
    assert area == pytest.approx((4 + 9) * (128 / 9) ** 2, rel=0.05)
    assert manifest["empty"] == {}


def test_names_that_would_be_equal_in_tasks_are_refused(tmp_path: Path) -> None:
    for column, one, other in (("label", "core (a)", "core [a]"), ("cohort", "a b", "a/b")):
        table = rows(tmp_path / column, count=2)
        table[0][column], table[1][column] = one, other
        file = write(tmp_path / column / "t.csv", table)
        sentence = f"{column} {one!r} and {column} {other!r} would both be"
        assert sentence in refused(file, tmp_path / "root")


def test_subjects_do_not_reveal_the_folders_of_the_machine(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    table = rows(folder, count=2)
    save(tmp_path / "far" / "scan.png", noise(*WIDE))
    for row in table:
        row["image"] = str(folder / row["image"])
    table.append(table[0] | {"image": str(tmp_path / "far" / "scan.png")})
    table.append(table[0] | {"image": "../far/scan2.png"})
    save(tmp_path / "far" / "scan2.png", noise(*WIDE, seed=3))
    subjects = imported(write(folder / "t.csv", table), tmp_path / "a")["subjects"]
    assert subjects.keys() == {"img/0", "img/1", "scan", "scan2"}
    save(tmp_path / "near" / "scan.png", noise(*WIDE, seed=4))
    table.append(table[0] | {"image": str(tmp_path / "near" / "scan.png")})
    subjects = imported(write(folder / "t.csv", table), tmp_path / "b")["subjects"]
    assert subjects.keys() == {"img/0", "img/1", "far/scan", "far/scan2", "near/scan"}


def test_options_complete_the_columns(tmp_path: Path) -> None:
    file = write(tmp_path / "data" / "t.csv", rows(tmp_path / "data"))
    given = ImportOptions(labels={"knee": (255,)}, modality="MR", subject_pattern="(.)$")
    manifest = imported(file, tmp_path, given)
    assert list(manifest["tasks"]) == ["own/all/MR/0/knee"]
    assert list(manifest["subjects"]) == list("01234")


@pytest.mark.parametrize(
    ("column", "given", "option"),
    [
        ({"modality": "CT"}, ImportOptions(modality="MR"), "--modality"),
        ({"label": "knee"}, ImportOptions(labels={"knee": (1,)}), "--labels"),
        ({"subject": "p{i}"}, ImportOptions(subject_pattern="(.)"), "--subject-pattern"),
    ],
)
def test_options_must_not_repeat_a_column(
    tmp_path: Path, column: dict, given: ImportOptions, option: str
) -> None:
    file = write(tmp_path / "data" / "t.csv", rows(tmp_path / "data", **column))
    assert f"t.csv already states this; leave out {option}" in refused(file, tmp_path / "root", given)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"mask": ""}, "row 3 names no mask"),
        ({"image": "img/9.png"}, "row 3: there is no image"),
        ({"mask": "seg/9.png"}, "row 3: there is no mask"),
        ({"split": "half"}, "row 3 names the split 'half'"),
        ({"split": "test", "subject": "p1"}, "subject p1 is in two splits, train by"),
        ({"split": ""}, "subject p2"),
        ({"value": "one"}, "row 3: one=one names no label"),
        ({"value": "0"}, "row 3: 0=0 names no label"),
    ],
)
def test_an_unusable_row_is_named(tmp_path: Path, change: dict, sentence: str) -> None:
    table = rows(tmp_path / "data", split="train", subject="p{i}", value="255")
    table[2] |= change
    assert sentence in refused(write(tmp_path / "data" / "t.csv", table), tmp_path / "root")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("t.csv", b"a;b\n1;2\n", "t.csv lacks the column 'image'; its columns are a, b"),
        ("t.csv", b"", "t.csv has no rows"),
        ("t.csv", b"image,mask\n", "t.csv has no rows"),
        ("t.csv", b"\xff\xfe\x00", "t.csv cannot be read"),
        ("t.jsonl", b'{"image": "a.png"', "t.jsonl cannot be read"),
        ("t.jsonl", b"[1]\n", "t.jsonl has a line that is not a JSON object"),
        ("t.parquet", b"PAR1", "t.parquet cannot be read"),
        ("t.txt", b"", "no known layout"),
    ],
)
def test_an_unusable_table_is_named(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    assert sentence in refused(file, tmp_path / "root")


def test_numbers_in_a_table_with_gaps(tmp_path: Path) -> None:
    table = [
        row | {"subject": float(i // 2), "value": 255.0, "split": None, "cohort": float("nan")}
        for i, row in enumerate(rows(tmp_path / "data"))
    ]
    manifest = imported(write(tmp_path / "data" / "t.parquet", table), tmp_path)
    assert list(manifest["tasks"]) == ["own/all/unknown/0/255"]
    assert list(manifest["subjects"]) == ["0", "1", "2"]


def test_jpeg_masks_are_refused(tmp_path: Path) -> None:
    table = rows(tmp_path / "data")
    save(tmp_path / "data" / "seg" / "3.jpg", square(255))
    table[3]["mask"] = "seg/3.jpg"
    file = write(tmp_path / "data" / "t.csv", table)
    assert "seg/3.jpg is not one of the types for masks" in refused(file, tmp_path / "root")


def test_real_images_give_the_arrays_of_their_source(tmp_path: Path, shared_data: Path) -> None:
    folder = shared_data / "segmentation_WBC" / "Dataset 2"
    if not folder.is_dir():
        pytest.skip("the folder segmentation_WBC of WBC is absent")
    table = [
        {"image": str(mask.with_suffix(".bmp")), "mask": str(mask), "subject": f"CV-{mask.stem}"}
        for mask in sorted(folder.glob("*.png"))
    ]
    file = write(tmp_path / "t.csv", table)
    given = ImportOptions(labels={"cytoplasm": (128,), "nucleus": (255,)}, modality="Microscopy")
    tasks = data(imported(file, tmp_path, given), tmp_path)
    wbc = find_source("wbc", shared_data)
    for task in wbc.tasks(shared_data):
        if task.cohort == "CV":
            expected = wbc.load(task, shared_data)
            other = tasks[f"all/Microscopy/0/{task.label}"]
            np.testing.assert_array_equal(other.labels, expected.labels)
            np.testing.assert_allclose(other.images, expected.images, atol=1e-5)
            assert list(other.subjects) == list(expected.subjects)


def test_images_inside_a_table_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "data" / "t.parquet", [{"image": {"bytes": b"x", "path": "a.png"}, "mask": "b"}])
    assert "t.parquet row 1 contains the image itself" in refused(file, tmp_path / "root")


def test_importing_changes_no_file_of_the_data(tmp_path: Path) -> None:
    file = write(tmp_path / "data" / "t.csv", rows(tmp_path / "data"))
    before = contents(tmp_path / "data")
    imported(file, tmp_path / "root")
    assert contents(tmp_path / "data") == before


def test_the_docs_list_every_column_and_setting() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text("utf-8")
    _, _, page = page.partition("### Files that you write")
    listed = {
        name for row in re.findall(r"(?m)^\| (`.+?) \| ", page) for name in re.findall(r"`([^`]+)`", row)
    }
    assert {*MEANINGS, *SETTINGS, "file"} <= listed
    known = {name for names in COLUMNS.values() for name in names}
    assert {
        plain_name(name) for name in listed if name.startswith(("subject_i", "patient", "mask_"))
    } <= known
