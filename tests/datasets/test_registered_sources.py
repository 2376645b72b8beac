"""OASIS-3 and ADNI, on volumes of the official layout that are empty but for a few slices."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest

from segbench.datasets.registry import find_source
from segbench.datasets.scans import STRUCTURES, ScanData
from segbench.datasets.sources.registered import RegisteredScans
from segbench.datasets.task import DataError

NUMBERS = [2, 3, 4, 5, 10, 11, 12, 14, 16, 17, 28, 41, 42, 43, 44, 49, 50, 51, 53, 60]
T2STAR, DSEG = "space-talairach_T2star.nii.gz", "space-talairach_dseg.nii.gz"
AFFINE = np.diag([-1.0, 1.0, 1.0, 1.0])


def volume(plane: np.ndarray, shape=(160, 192, 224), affine=AFFINE) -> nibabel.Nifti1Image:
    """The plane at slice 109, the slice before it full, the rest empty."""
    voxels = np.zeros(shape, plane.dtype)
    voxels[:, :, 108] = 50
    voxels[:, :, 109] = plane
    return nibabel.Nifti1Image(voxels, affine)


def label_plane() -> np.ndarray:
    """Structure k in row 5 k, columns 10 to 19; the 4th ventricle, which is none of them, in row 0."""
    plane = np.zeros((160, 192), np.uint8)
    plane[0, 10:20] = 15
    for k, number in enumerate(NUMBERS, start=1):
        plane[5 * k, 10:20] = number
    return plane


def image_plane() -> np.ndarray:
    """40 with a ramp from 40 to 231 along the columns of row 3."""
    plane = np.full((160, 192), 40, np.uint8)
    plane[3] = np.arange(192) + 40
    return plane


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> dict[str, Path]:
    """One image, one label map and damaged ones, which the data sets of the tests link to."""
    folder = tmp_path_factory.mktemp("volumes")
    lacking, sparse = label_plane(), image_plane().astype(np.float32)
    lacking[lacking == 53] = 0
    sparse[7, 7] = np.nan
    volumes = {
        "image": volume(image_plane()),
        "labels": volume(label_plane()),
        "lacking": volume(lacking),
        "elsewhere": volume(label_plane(), affine=np.diag([-1.0, 1.0, 1.2, 1.0])),
        "rounded": volume(label_plane(), affine=np.diag([-1.0, 1.0, 1.0, 1.0]) + 0.02 * np.eye(4, k=3)),
        "cropped": volume(label_plane(), (160, 192, 200)),
        "nan": volume(sparse),
    }
    for name, content in volumes.items():
        nibabel.save(content, folder / f"{name}.nii.gz")
    (folder / "damaged.nii.gz").write_bytes(gzip.compress(b"no volume"))
    cut = (folder / "image.nii.gz").read_bytes()
    (folder / "cut.nii.gz").write_bytes(cut[: len(cut) // 3])
    return {path.name.removesuffix(".nii.gz"): path for path in folder.iterdir()}


@pytest.fixture
def add(tmp_path: Path, files: dict[str, Path]):
    """A function that puts files into a session below ``tmp_path``."""

    def put(session: str, folder: str = "oasis3", **content: str) -> None:
        subject, visit = session.split("/")
        anat = tmp_path / folder / f"sub-{subject}" / f"ses-{visit}" / "anat"
        anat.mkdir(parents=True)
        endings = {"t2star": T2STAR, "tse": "acq-TSE_space-talairach_T2w.nii.gz", "dseg": DSEG}
        endings["flair"] = "space-talairach_FLAIR.nii.gz"
        for kind, name in content.items():
            (anat / f"sub-{subject}_ses-{visit}_{endings[kind]}").symlink_to(files[name])

    return put


def load(name: str, root: Path) -> ScanData:
    source = find_source(name)
    return source.load(source.tasks(root)[0], root)


def test_a_scan_is_slice_109_as_stored_rescaled_with_the_papers_labels(add, tmp_path) -> None:
    add("A/d0001", t2star="image", dseg="labels")
    data = load("oasis3-t2star", tmp_path)
    assert data.task.name == "oasis3-t2star/OASIS-3/T2star/coronal/all-structures"
    assert data.images.shape == data.labels.shape == (1, 1, 160, 192)
    np.testing.assert_allclose(data.images[0, 0, 3], np.arange(192) / 191, atol=1e-6)
    assert (data.images[0, 0, 4:] == 0).all()
    expected = np.zeros((160, 192), np.uint8)
    for k in range(1, 21):
        expected[5 * k, 10:20] = k
    np.testing.assert_array_equal(data.labels[0, 0], expected)


def test_names_follow_table_2_of_the_paper() -> None:
    named = {2: "left-cerebral-cortex", 8: "3rd-ventricle", 9: "brain-stem", 10: "left-hippocampus"}
    named |= {12: "right-cerebral-white-matter", 19: "right-hippocampus", 20: "right-ventral-dc"}
    assert len(STRUCTURES) == 20 and {k: STRUCTURES[k - 1] for k in named} == named


def test_a_set_is_all_scans_of_a_subject_and_a_subject_has_one_split(add, tmp_path) -> None:
    for subject, sessions in {"A": 2, "B": 1, "C": 1, "D": 3}.items():
        for i in range(sessions):
            add(f"{subject}/d{i}", t2star="image", dseg="labels")
    data = load("oasis3-t2star", tmp_path)
    assert list(data.subjects) == ["A", "A", "B", "C", "D", "D", "D"]
    sets = [s for split in ScanData.SPLITS for s in data.sets(split)]  # type: ignore[arg-type]
    assert sorted(map(len, sets)) == [1, 1, 2, 3]
    assert {len(data.sets(split)) for split in ScanData.SPLITS} == {1}  # type: ignore[arg-type]


def test_each_data_set_reads_its_own_modality(add, tmp_path) -> None:
    add("A/d1", t2star="image", tse="image", dseg="labels")
    add("A/d2", tse="image", dseg="labels")
    add("B/m12", folder="adni", flair="image", dseg="labels")
    with pytest.warns(UserWarning, match=r"oasis3-t2star: 1 scans; left out: sessions without T2star: 1"):
        assert len(load("oasis3-t2star", tmp_path)) == 1
    assert len(load("oasis3-t2tse", tmp_path)) == 2
    assert list(load("adni-flair", tmp_path).subjects) == ["B"]


def test_positions_may_differ_by_rounding(add, tmp_path) -> None:
    add("A/d1", t2star="image", dseg="rounded")
    assert list(load("oasis3-t2star", tmp_path).subjects) == ["A"]


def test_what_is_left_out_is_counted(add, tmp_path) -> None:
    add("A/d1", t2star="image", dseg="labels")
    add("A/d2", t2star="image", dseg="lacking")
    add("B/d1", t2star="image")
    add("B/d2", t2star="image", dseg="lacking")
    with pytest.warns(UserWarning, match="scans that lack a structure: 2, scans without a label map: 1"):
        assert list(load("oasis3-t2star", tmp_path).subjects) == ["A"]


def test_nothing_usable_is_an_error(add, tmp_path) -> None:
    add("A/d1", t2star="image", dseg="lacking")
    with pytest.raises(DataError, match=r"no scan in .* can be used \(scans that lack a structure: 1\)"):
        load("oasis3-t2star", tmp_path)


@pytest.mark.parametrize(
    ("image", "label", "message"),
    [
        ("image", "cropped", r"dseg\.nii\.gz is 160 x 192 x 200, not 160 x 192 x 224; register"),
        ("cropped", "labels", r"T2star\.nii\.gz is 160 x 192 x 200, not"),
        ("image", "elsewhere", r"dseg\.nii\.gz and its image \S+T2star\.nii\.gz lie in different spaces"),
        ("damaged", "labels", r"T2star\.nii\.gz cannot be read"),
        ("image", "cut", r"dseg\.nii\.gz cannot be read"),
        ("nan", "labels", r"T2star\.nii\.gz holds NaN"),
    ],
)
def test_an_unusable_volume_is_named(image, label, message, add, tmp_path) -> None:
    add("A/d1", t2star=image, dseg=label)
    with pytest.raises(DataError, match=message):
        load("oasis3-t2star", tmp_path)


@pytest.mark.parametrize("name", ["oasis3-t2star", "oasis3-t2tse", "adni-flair"])
def test_absent_volumes_say_where_they_belong(name, tmp_path) -> None:
    source = find_source(name)
    assert (
        isinstance(source, RegisteredScans) and not source.installed(tmp_path) and not source.installed(None)
    )
    for root in (tmp_path, None):
        with pytest.raises(DataError, match=rf"{name} is not .*put its volumes at .*/anat/.*--data-root"):
            source.tasks(root)


def test_the_splits_are_those_of_table_3() -> None:
    names = ("oasis3-t2star", "oasis3-t2tse", "adni-flair")
    sizes = {name: tuple(find_source(name).split_counts.values()) for name in names}
    assert sizes == {
        "oasis3-t2star": (777, 50, 47, 102),
        "oasis3-t2tse": (780, 49, 48, 99),
        "adni-flair": (636, 106, 106, 213),
    }
