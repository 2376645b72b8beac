"""Volumes with label maps: layouts, orientations, DICOM series, faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from made_files import LPS, RAS, data, imported, noise, refused, save, square

from segbench.datasets.files.slices import STORED
from segbench.datasets.importing.formats import ImportOptions

SHAPE = (14, 12, 10)


def marked() -> np.ndarray:
    """A label map with a corner block of 1 and a flat block of 2 elsewhere, nothing alike when turned."""
    numbers = square(1, SHAPE, 4)
    numbers[8:13, 9:11, 7:9] = 2
    return numbers


def volumes(
    folder: Path, affine: np.ndarray = RAS, flips: tuple[int, ...] = (), maps: str = "labels"
) -> Path:
    """Four volumes in space the same however they are stored."""
    for i in range(4):
        for kind, values in (("images", noise(*SHAPE, seed=i)), (maps, marked())):
            save(folder / kind / f"s{i}.nii.gz", np.flip(values, flips), affine)
    return folder


def test_labels_axes_and_subjects(tmp_path: Path) -> None:
    manifest = imported(volumes(tmp_path / "data"), tmp_path, ImportOptions(modality="CT"))
    assert sorted(manifest["tasks"]) == sorted(
        f"own/all/CT/{axis}/{label}" for axis in ("sagittal", "coronal", "axial") for label in "12"
    )
    assert list(manifest["subjects"]) == ["s0", "s1", "s2", "s3"]
    task = data(manifest, tmp_path)["all/CT/axial/1"]
    # The corner of a RAS array is at the patient's left and back: right and bottom of 14 x 12 in a square.
    corner = task.labels[0, 0]
    assert corner[84:117, 94:].all()
    assert corner[:80].sum() == corner[122:].sum() == corner[:, :88].sum() == 0


def test_stored_orientation_does_not_change_the_import(tmp_path: Path) -> None:
    ras = imported(volumes(tmp_path / "ras", RAS), tmp_path / "a")
    lps_affine = LPS.copy()
    lps_affine[:2, 3] = 13, 11
    lps = imported(volumes(tmp_path / "lps", lps_affine, (0, 1)), tmp_path / "b")
    assert ras == lps
    stored = ImportOptions(axes=STORED)
    one, other = (
        imported(tmp_path / name, tmp_path / f"stored-{name}", stored)["content"] for name in ("ras", "lps")
    )
    assert one != other


def test_one_value_is_the_foreground_and_the_folder_may_be_masks(tmp_path: Path) -> None:
    for i in range(3):
        save(tmp_path / "data" / "images" / f"s{i}.nii", noise(*SHAPE, seed=i))
        save(tmp_path / "data" / "masks" / f"s{i}.nii.gz", square(7, SHAPE, 4).astype(np.float32))
    manifest = imported(tmp_path / "data", tmp_path, ImportOptions(axes={"axial": 2}))
    assert list(manifest["tasks"]) == ["own/all/unknown/axial/foreground"]


def test_options_name_and_merge_values(tmp_path: Path) -> None:
    given = ImportOptions(labels={"both": (1, 2), "second": (2,)}, axes={"axial": 2})
    tasks = data(imported(volumes(tmp_path / "data"), tmp_path, given), tmp_path)
    assert sorted(tasks) == ["all/unknown/axial/both", "all/unknown/axial/second"]


def test_pairs_in_a_folder_for_each_subject(tmp_path: Path) -> None:
    for patient in ("p1", "p2"):
        for scan in ("early", "late"):
            folder = tmp_path / "data" / patient
            save(folder / f"{scan}_img.nii.gz", noise(*SHAPE, seed=len(scan)))
            save(folder / f"{scan}_seg.nii.gz", marked())
    manifest = imported(tmp_path / "data", tmp_path, ImportOptions(axes={"axial": 2}))
    assert list(manifest["subjects"]) == ["p1", "p2"]
    assert [sum(counts.values()) for counts in manifest["tasks"].values()] == [4, 4]


def test_meta_image_and_a_single_volume_of_four_dimensions(tmp_path: Path) -> None:
    for i, ending in enumerate((".mha", ".nii.gz")):
        image = tmp_path / "data" / f"s{i}_image{ending}"
        mask = tmp_path / "data" / f"s{i}_label{ending}"
        if ending == ".mha":
            image.parent.mkdir()
            sitk.WriteImage(sitk.GetImageFromArray(noise(*SHAPE).T), str(image))
            sitk.WriteImage(sitk.GetImageFromArray(marked().T), str(mask))
        else:
            save(image, noise(*SHAPE)[..., None], LPS)
            save(mask, marked(), LPS)
    tasks = data(imported(tmp_path / "data", tmp_path), tmp_path)
    assert {len(task) for task in tasks.values()} == {2}
    for task in tasks.values():
        np.testing.assert_array_equal(task.labels[0], task.labels[1])
        np.testing.assert_array_equal(task.images[0], task.images[1])


def dicom(folder: Path, values: np.ndarray) -> None:
    """A series with a file for each slice."""
    folder.mkdir(parents=True)
    for index in range(values.shape[2]):
        slice_ = sitk.GetImageFromArray(values[:, :, index].T.astype(np.int16))
        for tag, value in {
            "0008|0060": "CT",
            "0020|000d": "1.2.3",
            "0020|000e": "1.2.3.4",
            "0020|0032": f"0\\0\\{index}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
            "0020|0013": str(index),
        }.items():
            slice_.SetMetaData(tag, value)
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(folder / f"{index:03d}.dcm"))
        writer.Execute(slice_)


def test_a_dicom_series_is_a_folder(tmp_path: Path) -> None:
    for i in range(2):
        dicom(tmp_path / "data" / "images" / f"s{i}", noise(*SHAPE, seed=i))
        save(tmp_path / "data" / "labels" / f"s{i}.nii.gz", marked(), LPS)
    manifest = imported(tmp_path / "data", tmp_path)
    assert list(manifest["subjects"]) == ["s0", "s1"]
    for path in (tmp_path / "data" / "images" / "s1").iterdir():
        path.write_bytes(path.read_bytes()[:200])
    assert str(tmp_path / "data" / "images" / "s1") in refused(tmp_path / "data", tmp_path, replace=True)


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (lambda f: (f / "images/s3.nii.gz").unlink(), "labels/s3.nii.gz has no volume"),
        (lambda f: (f / "labels/s3.nii.gz").unlink(), "images/s3.nii.gz has no label map"),
        (lambda f: (f / "labels/s3.nii.gz").rename(f / "labels/s2.nii"), "both belong to s2"),
        (lambda f: cut(f / "images/s3.nii.gz"), "images/s3.nii.gz cannot be read"),
        (lambda f: cut(f / "labels/s3.nii.gz"), "labels/s3.nii.gz cannot be read"),
        (lambda f: save(f / "labels/s3.nii.gz", marked()[1:]), "labels/s3.nii.gz is 13 x 12 x 10"),
        (lambda f: save(f / "labels/s3.nii.gz", marked(), LPS), "lie in different spaces"),
        (lambda f: save(f / "labels/s3.nii.gz", marked() / 3), "s3.nii.gz contains infinite values or"),
        (lambda f: save(f / "labels/s3.nii.gz", np.where(marked(), np.inf, 0)), "labels/s3.nii.gz contains"),
        (lambda f: save(f / "images/s3.nii.gz", noise(*SHAPE, 2)), "images/s3.nii.gz is 14 x 12 x 10 x 2"),
        (lambda f: save(f / "images/s3.nii.gz", np.full(SHAPE, np.nan)), "s3.nii.gz contains NaN"),
        (lambda f: (f / "images/s4").mkdir(), "images/s4 has no label map"),
        (lambda f: [save(f / f"labels/s{i}.nii.gz", noise(*SHAPE)) for i in range(4)], "more than 64 values"),
        (lambda f: [save(f / f"labels/s{i}.nii.gz", 0 * marked()) for i in range(4)], "every mask is empty"),
    ],
)  # fmt: skip
def test_faults_name_the_file(tmp_path: Path, break_it, sentence: str) -> None:
    folder = volumes(tmp_path / "data")
    break_it(folder)
    assert sentence in refused(folder, tmp_path)


@pytest.mark.parametrize("rule", ["maxslice", "midslice"])
def test_missing_labels_of_a_volume_are_counted(tmp_path: Path, rule) -> None:
    folder = volumes(tmp_path / "data")
    save(folder / "labels" / "s0.nii.gz", np.where(marked() == 1, 1, 0).astype(np.uint8))
    save(folder / "labels" / "s1.nii.gz", 0 * marked())
    save(folder / "labels" / "s3.nii.gz", np.ones(SHAPE, np.uint8))
    manifest = imported(folder, tmp_path, ImportOptions(axes={"axial": 2, "coronal": 1}, rule=rule))
    if rule == "maxslice":
        assert manifest["empty"] == {"1": 2, "2": 6}
        assert manifest["subjects"].keys() == {"s0", "s2", "s3"}
    else:  # the blocks of `marked` do not reach the middle
        assert manifest["empty"] == {"1": 6, "2": 8}
        assert manifest["subjects"].keys() == {"s3"}


def test_label_maps_of_the_other_byte_order(tmp_path: Path) -> None:
    folder = volumes(tmp_path / "data")
    expected = imported(folder, tmp_path / "a")
    for path in (folder / "labels").iterdir():
        nibabel.save(nibabel.MGHImage(marked().astype(np.int32), RAS), path.with_name(f"{path.name[:2]}.mgz"))
        path.unlink()
    stored: Any = nibabel.load(folder / "labels" / "s0.mgz")
    assert stored.dataobj.dtype.byteorder == ">"
    assert imported(folder, tmp_path / "b") == expected


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def test_a_folder_without_dicom_files(tmp_path: Path) -> None:
    folder = volumes(tmp_path / "data")
    (folder / "images" / "s3.nii.gz").unlink()
    (folder / "images" / "s3").mkdir()
    (folder / "images" / "s3" / "000.dcm").write_bytes(b"no DICOM")
    assert "images/s3 contains no DICOM series" in refused(folder, tmp_path)


def test_the_test_volumes_are_equal_in_space(tmp_path: Path) -> None:
    """The two ways of storing in `volumes` are one volume in space."""
    affine = LPS.copy()
    affine[:2, 3] = 13, 11
    one = save(tmp_path / "one.nii", marked(), RAS)
    other = save(tmp_path / "other.nii", np.flip(marked(), (0, 1)), affine)
    turned = nibabel.as_closest_canonical(nibabel.load(other))
    np.testing.assert_array_equal(np.asarray(turned.dataobj), np.asarray(nibabel.load(one).dataobj))
    np.testing.assert_allclose(turned.affine, RAS)
