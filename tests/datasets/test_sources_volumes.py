"""ACDC, BTCV Cervix, SpineWeb and COBRE, on tiny volumes in the official layouts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from segbench.datasets.importing import import_dataset
from segbench.datasets.importing.store import read_manifest
from segbench.datasets.registry import find_source
from segbench.datasets.sources.cobre import ASEG
from segbench.datasets.task import DataError, TaskData

SOURCES = {
    "acdc": "acdc",
    "btcv-cervix": "segbench.datasets.sources.btcv_cervix:BTCVCervix",
    "spineweb": "segbench.datasets.sources.spineweb:SpineWeb",
    "cobre": "segbench.datasets.sources.cobre:COBRE",
}
SIDE = 64  # so that a pixel becomes two by two
RAS, LPS, LIA = (
    np.eye(4),
    np.diag([-1.0, -1, 1, 1]),
    np.array([[-1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]]),
)


def save(path: Path, values: np.ndarray, affine: np.ndarray = RAS) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = nibabel.MGHImage if path.suffix == ".mgz" else nibabel.Nifti1Image
    nibabel.save(kind(values, affine), path)


def cube() -> np.ndarray:
    return np.zeros((SIDE, SIDE, SIDE), np.int16)


def tasks(name: str, folder: Path, root: Path) -> dict[str, TaskData]:
    """All tasks of a data set once it is imported, by cohort, modality, axis and label."""
    source = find_source(SOURCES[name])
    import_dataset(name, source, folder, root, workers=2)  # type: ignore[arg-type]
    assert source.installed(root)
    return {task.name.removeprefix(f"{name}/"): source.load(task, root) for task in source.tasks(root)}


def box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of a mask (1, 128, 128), which fills it, in pixels of the slice."""
    rows, columns = mask[0].any(1).nonzero()[0], mask[0].any(0).nonzero()[0]
    assert mask[0, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    return rows[0] // 2, rows[-1] // 2 + 1, columns[0] // 2, columns[-1] // 2 + 1


def make_acdc(folder: Path) -> None:
    for number in (1, 2, 3):
        patient = folder / "database" / "training" / f"patient{number:03d}"
        image, truth = np.zeros((2, SIDE, 32, 3), np.int16)
        image[:, :, 1], image[:32, :, 1] = 10, 60
        image[10:14, 20:24, 1] = 110
        image[11, 21, 1] = 5000  # one voxel in two thousand is an outlier
        truth[5:15, 10:14, 1], truth[5:10, 10:14, 0] = 1, 1
        truth[5:15, 20:22, 2] = 3
        for frame, shift in ((1, 0), (9, 3)):
            stem = f"patient{number:03d}_frame{frame:02d}"
            save(patient / f"{stem}.nii.gz", np.roll(image, shift, 0))
            save(patient / f"{stem}_gt.nii.gz", np.roll(truth, shift, 0))
        (patient / "Info.cfg").write_text("ED: 1\nES: 9\n")
    last = folder / "database" / "training" / "patient090"  # whose heart is relaxed in frame 11
    tested = folder / "database" / "testing" / "patient101"
    for name in (last / "patient090_frame11", tested / "patient101_frame01"):
        save(name.with_suffix(".nii.gz"), image)
        save(name.with_name(f"{name.name}_gt.nii.gz"), truth)


def test_acdc_is_the_first_frame_as_it_is_stored(tmp_path: Path) -> None:
    make_acdc(tmp_path / "acdc")
    loaded = tasks("acdc", tmp_path / "acdc", tmp_path)
    start = "Challenge2017/cine-MRI/stored"
    assert set(loaded) == {f"{start}/right-ventricle", f"{start}/left-ventricle"}  # no muscle was drawn
    right, left = loaded[f"{start}/right-ventricle"], loaded[f"{start}/left-ventricle"]
    assert list(right.subjects) == ["patient001", "patient002", "patient003"]
    for data in (right, left):  # 64 wide and 32 high, 16 black rows above
        assert len(data) == 3
    assert box(right.labels[0]) == (16 + 10, 16 + 14, 5, 15)
    assert box(left.labels[0]) == (16 + 20, 16 + 22, 5, 15)
    assert right.images[0, 0, 2 * 40, 0] == pytest.approx(0.5, abs=1e-4)
    brightest = np.argwhere(right.images[0, 0] == right.images[0, 0].max()) // 2
    square = [[16 + 20 + y, 10 + x] for y in range(4) for x in range(4)]
    assert np.unique(brightest, axis=0).tolist() == square
    assert not left.images[0].any()  # slice 2 is black


def make_btcv(folder: Path) -> None:
    """A body of water with a bladder 4 wide, 6 deep and 8 high at the front, low and to the left."""
    ct, organs = cube() - 1024, cube()  # axes to the left, back and feet
    ct[8:56, 8:56, 8:56] = 0
    ct[20, 20, 20] = 3000
    organs[40:44, 10:16, 48:56] = 1
    organs[20:22, 30:32, 30:34] = 4
    ct[organs == 1] = 250
    raw = folder / "RawData"
    turns = {
        "0000001": (slice(None, None, -1),) * 3,
        "0000002": (slice(None), slice(None), slice(None, None, -1)),
    }
    for (case, turn), affine in zip(turns.items(), (RAS, LPS), strict=True):
        save(raw / "Training" / "img" / f"{case}-Image.nii.gz", ct[turn], affine)
        save(raw / "Training" / "label" / f"{case}-Mask.nii.gz", organs[turn], affine)
    save(raw / "Testing" / "img" / "0000003-Image.nii.gz", ct)
    litter = folder / "__MACOSX" / "img" / "._0000001-Image.nii.gz"
    litter.parent.mkdir(parents=True)
    litter.write_bytes(b"litter")


def test_btcv_has_three_axes_and_one_orientation(tmp_path: Path) -> None:
    make_btcv(tmp_path / "btcv")
    loaded = tasks("btcv-cervix", tmp_path / "btcv", tmp_path)
    assert set(loaded) == {
        f"Cervix/CT/{axis}/{label}"
        for axis in ("sagittal", "coronal", "axial")
        for label in ("bladder", "small-bowel")
    }
    seen = {axis: loaded[f"Cervix/CT/{axis}/bladder"] for axis in ("sagittal", "coronal", "axial")}
    assert {axis: box(data.labels[0]) for axis, data in seen.items()} == {
        "sagittal": (48, 56, 10, 16),
        "coronal": (48, 56, 40, 44),
        "axial": (10, 16, 40, 44),
    }
    for data in loaded.values():
        assert list(data.subjects) == ["0000001", "0000002"]
        np.testing.assert_array_equal(data.images[0], data.images[1])
        np.testing.assert_array_equal(data.labels[0], data.labels[1])


def test_btcv_is_cut_to_the_window_of_the_papers(tmp_path: Path) -> None:
    make_btcv(tmp_path / "btcv")
    for file in (tmp_path / "btcv").rglob("*-Mask.nii.gz"):
        organs = cube()
        organs[[20, 43]] = 2  # the slices with the metal, as stored
        save(file, organs, nibabel.load(file).affine)
    images = tasks("btcv-cervix", tmp_path / "btcv", tmp_path)["Cervix/CT/sagittal/uterus"].images[:, 0]
    metal = [image for image in images if image[40, 40] == image.max()]
    assert metal  # -500, 0 and 1000 HU
    for image in metal:
        assert image[0, 0] == 0
        assert image[100, 100] == pytest.approx(500 / 1500, abs=0.01)


def make_spineweb(folder: Path) -> None:
    """Three discs of five slices, numbered one by one; their widest slice is the fourth from the left."""
    discs = np.zeros((12, SIDE, SIDE), np.int16)  # axes to the left, back and feet
    for number in (1, 2, 3):
        discs[6:11, 30:40, 10 * number : 10 * number + 3] = number
    discs[8, 30:44, 10:13] = 1
    for name in ("Subject01", "Subject02", "Subject15"):
        subject = folder / "IVD_Challenge_Data" / name
        save(subject / f"{name}.nii", 10 * discs[::-1, ::-1, ::-1], np.diag([2.0, 1.25, 1.25, 1]))
        save(subject / f"{name}_Label.nii", discs[::-1, ::-1, ::-1], np.diag([2.0, 1.25, 1.25, 1]))


def test_spineweb_merges_discs_on_sagittal_slices(tmp_path: Path) -> None:
    make_spineweb(tmp_path / "spine")
    ((name, data),) = tasks("spineweb", tmp_path / "spine", tmp_path).items()
    assert name == "Dataset7/T2-weighted_MRI/sagittal/intervertebral-discs"
    assert list(data.subjects) == ["Subject01", "Subject02", "Subject15"]
    assert data.labels[0].sum() == 4 * (14 * 3 + 10 * 3 + 10 * 3)
    assert box(data.labels[0][:, :30]) == (10, 13, 30, 44)
    assert box(data.labels[0] & (np.arange(128)[:, None] >= 60)) == (30, 33, 30, 40)
    assert data.images[0, 0, 70, 64] == 0 and data.images[0, 0, 62, 62] == 1


def make_cobre(folder: Path) -> None:
    """All 45 structures and three other numbers, a block each, in FreeSurfer's order of axes."""
    brain, aseg = cube(), cube().astype(np.int32)  # axes to the left, back and feet
    for k, number in enumerate([*ASEG, 1, 78, 1001]):
        aseg[4 * (k % 8) : 4 * (k % 8) + 3, 20 : 20 + 3, 6 * (k // 8) : 6 * (k // 8) + 5] = number
    aseg[60, 10, 2] = 17
    brain[:, 21] = 100
    for subject in ("A1_ses-1", "A1_ses-2", "B2", "C3", "D4", "fsaverage"):
        mri = folder / subject / "mri"
        save(mri / "norm.mgz", brain.transpose(0, 2, 1)[:, :, ::-1].astype(np.uint8), LIA)
        save(mri / "aseg.mgz", aseg.transpose(0, 2, 1)[:, :, ::-1], LIA)


def test_cobre_is_45_coronal_tasks_of_freesurfers_names(tmp_path: Path) -> None:
    make_cobre(tmp_path / "fs")
    loaded = tasks("cobre", tmp_path / "fs", tmp_path)
    assert set(loaded) == {f"all/T1-weighted_MRI/coronal/{label}" for label in ASEG.values()}
    assert len(loaded) == 45
    left, stem = (
        loaded[f"all/T1-weighted_MRI/coronal/{label}"] for label in ("left-hippocampus", "brain-stem")
    )
    assert list(left.subjects) == ["A1", "A1", "B2", "C3", "D4"]
    assert left.split[0] == left.split[1]  # scans of a subject share a split
    assert set(read_manifest(tmp_path, "cobre")["subjects"]) == {"A1", "B2", "C3", "D4"}
    place = {label: divmod(k, 8) for k, label in enumerate(ASEG.values())}
    for data, label in ((left, "left-hippocampus"), (stem, "brain-stem")):
        row, column = place[label]
        assert box(data.labels[0]) == (6 * row, 6 * row + 5, 4 * column, 4 * column + 3)


def test_names_of_cobre_are_those_of_freesurfers_table() -> None:
    named = {4: "left-lateral-ventricle", 24: "csf", 53: "right-hippocampus", 85: "optic-chiasm"}
    named |= {58: "right-accumbens-area", 251: "cc-posterior", 255: "cc-anterior"}
    assert len(ASEG) == len(set(ASEG.values())) == 45 and {number: ASEG[number] for number in named} == named
    other = {label.replace("left-", "right-") for label in ASEG.values() if label.startswith("left-")}
    assert other == {label for label in ASEG.values() if label.startswith("right-")}


MAKE: dict[str, Callable[[Path], None]] = {
    "acdc": make_acdc,
    "btcv-cervix": make_btcv,
    "spineweb": make_spineweb,
    "cobre": make_cobre,
}
FILES = {  # an image and its label map
    "acdc": ("patient002_frame01.nii.gz", "patient002_frame01_gt.nii.gz"),
    "btcv-cervix": ("0000002-Image.nii.gz", "0000002-Mask.nii.gz"),
    "spineweb": ("Subject02.nii", "Subject02_Label.nii"),
    "cobre": ("B2/mri/norm.mgz", "B2/mri/aseg.mgz"),
}


@pytest.fixture(scope="module", params=MAKE)
def released(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Name and folder of each data set in its released layout."""
    folder = tmp_path_factory.mktemp(request.param) / "source"
    MAKE[request.param](folder)
    return request.param, folder


@pytest.fixture
def laid_out(released: tuple[str, Path], tmp_path: Path) -> tuple[str, Path, Path, Path]:
    """Name, folder, an image and its label map of each data set, copied for one test."""
    name, folder = released[0], shutil.copytree(released[1], tmp_path / "source")
    image, labels = (next(folder.rglob(file)) for file in FILES[name])
    return name, folder, image, labels


def refused(name: str, folder: Path, root: Path) -> str:
    """The message of an import that fails; it must leave no file."""
    with pytest.raises(DataError) as error:
        tasks(name, folder, root)
    assert not [*root.glob("imported/*"), *root.glob("imported/.*")]
    return str(error.value)


def test_a_missing_partner_is_named(laid_out, tmp_path: Path) -> None:
    name, folder, image, labels = laid_out
    truth = labels.read_bytes()
    labels.unlink()
    assert refused(name, folder, tmp_path).startswith(f"{image} has no label map; ")
    labels.write_bytes(truth)
    image.unlink()
    assert refused(name, folder, tmp_path).startswith(f"{labels} has no image; ")


def test_a_subject_with_two_images_is_refused(laid_out, tmp_path: Path) -> None:
    name, folder, image, _ = laid_out
    again = folder / "again" / image.parent.relative_to(folder) / image.name
    again.parent.mkdir(parents=True)
    again.write_bytes(image.read_bytes())
    message = refused(name, folder, tmp_path)
    assert str(image) in message and str(again) in message and "keep one of them" in message


@pytest.mark.parametrize("which", [0, 1])
def test_a_corrupt_file_is_named(which: int, laid_out, tmp_path: Path) -> None:
    name, folder, *files = laid_out
    whole = files[which].read_bytes()
    files[which].write_bytes(whole[: len(whole) // 2])
    assert refused(name, folder, tmp_path).startswith(f"{files[which]} cannot be read as a volume")


def test_a_label_map_of_another_shape_or_space_is_named(laid_out, tmp_path: Path) -> None:
    name, folder, image, labels = laid_out
    truth = nibabel.load(labels)
    values = np.asarray(truth.dataobj).copy()  # a copy, since the file is written again
    save(labels, values[:, :-1], truth.affine)
    assert refused(name, folder, tmp_path).startswith(f"{labels} is ")
    save(labels, values, truth.affine @ np.diag([-1, 1, 1, 1]))
    assert refused(name, folder, tmp_path).startswith(
        f"{labels} and its image {image} lie in different spaces: corners lie "
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("acdc", "is not ACDC: it holds no training/patientNNN/patientNNN_frame01.nii.gz"),
        ("btcv-cervix", "is not BTCV Cervix: it holds no RawData/Training/img/NNNNNNN-Image.nii.gz"),
        ("spineweb", "is not SpineWeb's Dataset 7: it holds no SubjectNN/SubjectNN.nii"),
        (
            "cobre",
            "is not a folder of FreeSurfer's results (recon-all) for COBRE: it holds no SUBJECT/mri",
        ),
    ],
)
def test_a_folder_of_something_else_is_refused(name: str, message: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    save(other / "scan.nii.gz", cube())
    assert refused(name, other, tmp_path).startswith(f"{other} {message}")
