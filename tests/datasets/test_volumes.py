"""Volumes: formats, one orientation, slices."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from nibabel import orientations

from segbench.datasets.files.slices import AXES, STORED, cut_slices, largest_slice
from segbench.datasets.files.volumes import Volume, read_label_map, read_volume, reorient
from segbench.datasets.task import DataError

EVERY_ORIENTATION = sorted(
    "".join(signs[axis] for axis in order)
    for order in permutations(range(3))
    for signs in product("RL", "AP", "SI")
)


def affine(codes: str, spacing: tuple[float, float, float] = (1, 2, 3)) -> np.ndarray:
    """Indices to millimetres for axes that point where the letters say."""
    to_ras = orientations.inv_ornt_aff(orientations.axcodes2ornt(tuple(codes)), (0, 0, 0))
    matrix = np.linalg.inv(to_ras)
    matrix[:3, 3] = 0
    return matrix @ np.diag([*spacing, 1.0])


def nifti(path: Path, values: np.ndarray, space: np.ndarray | None = None) -> Path:
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4) if space is None else space), path)
    return path


def numbered(shape: tuple[int, ...] = (4, 5, 6)) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.int16).reshape(shape)


def volume(values: np.ndarray, codes: str = "LPI") -> Volume:
    return Volume(values, affine(codes, (1, 1, 1)), Path("scan.nii.gz"))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mgz", "a.img", "a.mha", "a.mhd", "a.nrrd"])
def test_every_format_yields_the_same_volume(name: str, tmp_path: Path) -> None:
    """Written by one library with a marker 3 mm to the left, 10 to the front and 100 up from the origin."""
    values = np.zeros((4, 5, 6), np.float32)
    values[1, 2, 3] = 9
    space = affine("LAS", (3, 5, 7))
    space[:3, 3] = (0, 0, 79)
    if name.endswith(("nii", "nii.gz", "mgz", "img")):
        kind = {"mgz": nibabel.MGHImage, "img": nibabel.Nifti1Pair}.get(name[-3:], nibabel.Nifti1Image)
        nibabel.save(kind(values, space), tmp_path / name)
    else:
        image = sitk.GetImageFromArray(values.T)
        image.SetSpacing((3, 5, 7))
        image.SetOrigin((0, 0, 79))
        image.SetDirection((1, 0, 0, 0, -1, 0, 0, 0, 1))  # ITK's axes point to the left, back and head
        sitk.WriteImage(image, tmp_path / name)
    stored = read_volume(tmp_path / (name if name != "a.img" else "a.hdr"))
    np.testing.assert_array_equal(stored.values, values)
    np.testing.assert_allclose(stored.affine @ [1, 2, 3, 1], [-3, 10, 100, 1], atol=1e-5)


def dicom_series(
    folder: Path,
    values: np.ndarray,
    uid: str,
    places: Sequence[float] = range(0, 100, 2),
    direction: str = "1\\0\\0\\0\\1\\0",
    place: str = "0\\0\\{}",
) -> None:
    """Axial slices, the first at the feet, 2 mm apart, pixels 0.5 mm."""
    folder.mkdir(exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for i in range(values.shape[2]):
        image = sitk.GetImageFromArray(values[:, :, i : i + 1].T)
        image.SetSpacing((0.5, 0.5, 2))
        for key, value in {
            "0008|0016": "1.2.840.10008.5.1.4.1.1.4",
            "0008|0018": f"{uid}.{i + 1}",
            "0008|0060": "MR",
            "0020|000d": "1.2.3",
            "0020|000e": uid,
            "0020|0013": str(i + 1),
            "0020|0032": place.format(places[i]),
            "0020|0037": direction,
        }.items():
            image.SetMetaData(key, value)
        writer.SetFileName(str(folder / f"{uid}-{values.shape[2] - i}.dcm"))  # names against the order
        writer.Execute(image)


def test_a_dicom_series_is_ordered_by_position(tmp_path: Path) -> None:
    values = numbered()
    dicom_series(tmp_path, values, "1.2.3.4")
    series = read_volume(tmp_path)
    np.testing.assert_array_equal(series.values, values)
    np.testing.assert_allclose(series.affine, np.diag([-0.5, -0.5, 2, 1]), atol=1e-6)


def test_a_folder_of_two_series_or_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"{tmp_path} contains no DICOM series"):
        read_volume(tmp_path)
    dicom_series(tmp_path, numbered(), "1.2.3.4")
    dicom_series(tmp_path, numbered(), "1.2.3.5")
    with pytest.raises(DataError, match=rf"{tmp_path} contains 2 DICOM series; keep the labelled one"):
        read_volume(tmp_path)


def test_a_series_without_its_last_slice_does_not_match_its_label_map(tmp_path: Path) -> None:
    series = tmp_path / "series"
    dicom_series(series, numbered(), "1.2.3.4")
    truth = nifti(tmp_path / "truth.nii.gz", numbered(), np.diag([-0.5, -0.5, 2, 1]))
    np.testing.assert_array_equal(read_label_map(truth, read_volume(series)).values, numbered())
    (series / "1.2.3.4-1.dcm").unlink()
    with pytest.raises(DataError, match=rf"truth\.nii\.gz is 4 x 5 x 6 and its image {series} 4 x 5 x 5"):
        read_label_map(truth, read_volume(series))


SAGITTAL = {"direction": "0\\1\\0\\0\\0\\1", "place": "{}\\0\\0"}


@pytest.mark.parametrize("turned_to", [{}, SAGITTAL])
def test_a_series_with_a_gap_is_refused(turned_to: dict[str, str], tmp_path: Path) -> None:
    """Wherever a label map may lie; places that are rounded to tenths are no gap."""
    whole = tmp_path / "whole"
    dicom_series(whole, numbered(), "1.2.3.4", (0, 1.2, 2.5, 3.7, 5, 6.2), **turned_to)
    np.testing.assert_array_equal(read_volume(whole).values, numbered())
    gap = tmp_path / "gap"
    dicom_series(gap, numbered(), "1.2.3.4", (0, 2, 4, 8, 10, 12), **turned_to)
    with pytest.raises(
        DataError, match=rf"after {gap}/1\.2\.3\.4-4\.dcm: the next one is 4 mm away, others .* 2 mm"
    ):
        read_volume(gap)
    twice = tmp_path / "twice"
    dicom_series(twice, numbered(), "1.2.3.4", (0, 2, 4, 4, 6, 8), **turned_to)
    with pytest.raises(DataError, match=rf"^{twice}/.*-[34]\.dcm and {twice}/.*-[34]\.dcm have the same"):
        read_volume(twice)


def test_itk_writes_no_warnings(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for folder, places in {"none": None, "gap": (0, 2, 4, 8, 10, 12), "twice": (0, 2, 4, 4, 6, 8)}.items():
        (tmp_path / folder).mkdir()
        if places:
            dicom_series(tmp_path / folder, numbered(), "1.2.3.4", places)
        with pytest.raises(DataError):
            read_volume(tmp_path / folder)
    assert capfd.readouterr() == ("", "")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    whole = nifti(tmp_path / "whole.nii.gz", rng.integers(0, 1000, (20, 20, 20)).astype(np.int16))
    cut = tmp_path / "cut.nii.gz"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    text = tmp_path / "text.mha"
    text.write_text("no volume")
    for file in (cut, text, tmp_path / "absent.nii"):
        with pytest.raises(DataError, match=rf"^{file} cannot be read as a volume \(.+\); download it again"):
            read_volume(file)


def test_a_volume_has_three_dimensions(tmp_path: Path) -> None:
    one = nifti(tmp_path / "one.nii.gz", numbered((4, 5, 6, 1)))
    np.testing.assert_array_equal(read_volume(one).values, numbered())
    film = nifti(tmp_path / "film.nii.gz", numbered((4, 5, 6, 2)))
    with pytest.raises(DataError, match=r"film\.nii\.gz is 4 x 5 x 6 x 2, not a 3D volume"):
        read_volume(film)
    sitk.WriteImage(sitk.GetImageFromArray(numbered((4, 5))), tmp_path / "flat.mha")
    np.testing.assert_array_equal(read_volume(tmp_path / "flat.mha").values, numbered((4, 5)).T[..., None])
    nifti(tmp_path / "flat.nii", numbered((4, 5)))
    np.testing.assert_array_equal(read_volume(tmp_path / "flat.nii").values, numbered((4, 5, 1)))


def test_shapes_are_refused_before_voxels_are_read(tmp_path: Path) -> None:
    """Files that end with their headers."""
    header = nibabel.Nifti1Header()
    header.set_data_shape((256, 256, 200, 2000))
    header["magic"], header["vox_offset"] = b"n+1", 352
    film = tmp_path / "film.nii.gz"
    film.write_bytes(gzip.compress(header.binaryblock + bytes(4)))
    meta = (
        "ObjectType = Image\nNDims = {}\nDimSize = {}\nElementType = MET_SHORT\n{}ElementDataFile = LOCAL\n"
    )
    (tmp_path / "film.mha").write_text(meta.format(4, "256 256 200 2000", ""))
    colours = tmp_path / "colours.mha"
    colours.write_text(meta.format(3, "256 256 200", "ElementNumberOfChannels = 3\n"))
    for file, size in {
        film: "200 x 2000",
        film.with_name("film.mha"): "200 x 2000",
        colours: "200 x 3",
    }.items():
        with pytest.raises(DataError, match=rf"^{file} is 256 x 256 x {size}, not a 3D volume"):
            read_volume(file)


@pytest.mark.parametrize("kind", [[("R", "u1"), ("G", "u1"), ("B", "u1")], np.complex64])
def test_a_voxel_is_one_real_number(kind: Any, tmp_path: Path) -> None:
    file = nifti(tmp_path / "scan.nii.gz", np.zeros((4, 5, 6), kind))
    with pytest.raises(DataError, match=rf"^{file} contains colours or complex numbers; save one"):
        read_volume(file)


@pytest.mark.parametrize(
    ("first", "second", "sides"),
    [
        ((0, 0, 0, 0), (0, 1, 0, 0), "0 x 1 x 1"),
        ((1e-5, 0, 0, 0), (0, 1, 0, 0), "1e-05 x 1 x 1"),
        ((101, 0, 0, 0), (0, 1, 0, 0), "101 x 1 x 1"),
        ((np.nan, 0, 0, 0), (0, 1, 0, 0), "nan x 1 x 1"),
        ((np.inf, 0, 0, 0), (0, 1, 0, 0), "inf x 1 x 1"),
        ((1, 0, 0, np.nan), (0, 1, 0, 0), "1 x 1 x 1"),
        ((1, 1, 0, 0), (1, 1.001, 0, 0), r"1\.41 x 1\.41 x 1"),
    ],
)
def test_voxels_have_a_plausible_size(
    first: tuple[float, ...], second: tuple[float, ...], sides: str, tmp_path: Path
) -> None:
    """The first two rows of the affine map, for which the third is (0, 0, 1, 0)."""
    header = nibabel.Nifti1Header()
    header.set_data_shape((4, 5, 6))
    header["magic"], header["vox_offset"], header["sform_code"] = b"n+1", 352, 1
    header["srow_x"], header["srow_y"], header["srow_z"] = first, second, (0, 0, 1, 0)
    file = tmp_path / "scan.nii"
    file.write_bytes(header.binaryblock + bytes(4 + 4 * 5 * 6 * 4))
    with pytest.raises(DataError, match=rf"^{file} has voxels of {sides} mm or axes that coincide; correct"):
        read_volume(file)


@pytest.mark.parametrize("codes", EVERY_ORIENTATION)
def test_a_label_map_may_be_stored_in_another_order(codes: str, tmp_path: Path) -> None:
    """Of an image whose axes lie half way between those of the patient, with voxels of three sides."""
    half = np.sqrt(0.5)
    tilt = np.array([[half, -half, 0, 9], [half, half, 0, 8], [0, 0, 1, 7], [0, 0, 0, 1]])
    image = read_volume(nifti(tmp_path / "image.nii.gz", numbered(), tilt @ affine("RAS")))
    change = orientations.axcodes2ornt(tuple(codes))  # from RAS to these
    change = orientations.ornt_transform(orientations.axcodes2ornt("RAS"), change)
    stored = orientations.apply_orientation(numbered(), change)
    space = image.affine @ orientations.inv_ornt_aff(change, numbered().shape)
    labels = read_label_map(nifti(tmp_path / "labels.nii.gz", stored, space), image)
    np.testing.assert_array_equal(labels.values, numbered())
    np.testing.assert_allclose(labels.affine, image.affine, atol=1e-5)


def test_a_label_map_must_have_the_space_of_its_image(tmp_path: Path) -> None:
    image = read_volume(nifti(tmp_path / "image.nii.gz", numbered(), affine("RAS")))
    small = nifti(tmp_path / "small.nii.gz", numbered((4, 5, 5)), affine("RAS"))
    with pytest.raises(
        DataError, match=r"small\.nii\.gz is 4 x 5 x 5 and its image .*image\.nii\.gz 4 x 5 x 6"
    ):
        read_label_map(small, image)
    moved = affine("RAS")
    moved[0, 3] = 0.5
    for name, space, apart in (("moved", moved, "0.5"), ("mirrored", affine("LAS"), "3")):
        file = nifti(tmp_path / f"{name}.nii.gz", numbered(), space)
        message = (
            f"{file} and its image {image.file} lie in different spaces: corners lie {apart} voxels apart; "
            "resample one of them"
        )
        with pytest.raises(DataError, match=re.escape(message)):
            read_label_map(file, image)


@pytest.mark.filterwarnings("error")
def test_labels_must_be_whole_numbers(tmp_path: Path) -> None:
    image = read_volume(nifti(tmp_path / "image.nii.gz", numbered(), affine("RAS")))
    whole = read_label_map(nifti(tmp_path / "whole.nii.gz", numbered() * 1.0, affine("RAS")), image)
    assert whole.values.dtype.kind == "i"
    np.testing.assert_array_equal(whole.values, numbered())
    for name, value in {"half": 0.5, "nan": np.nan, "infinite": np.inf, "large": 2.0**40}.items():
        values = numbered() * 1.0
        values[1, 1, 1] = value
        file = nifti(tmp_path / f"{name}.nii.gz", values, affine("RAS"))
        with pytest.raises(DataError, match=rf"{name}\.nii\.gz contains NaN or fractions"):
            read_label_map(file, image)


@pytest.mark.parametrize("codes", EVERY_ORIENTATION)
def test_every_orientation_is_brought_to_one(codes: str) -> None:
    """The voxel at the right, front and head comes first, however axes run and point."""
    size = {"R": 4, "L": 4, "A": 5, "P": 5, "S": 6, "I": 6}
    shape = tuple(size[letter] for letter in codes)
    values = np.zeros(shape)
    marker = tuple(n - 1 if letter in "RAS" else 0 for n, letter in zip(shape, codes, strict=True))
    values[marker] = 1
    before = Volume(values, affine(codes), Path("scan.nii.gz"))
    after = reorient(before)
    assert after.values.shape == (4, 5, 6)
    assert np.argwhere(after.values).tolist() == [[0, 0, 0]]
    np.testing.assert_allclose(after.affine[:, 3], before.affine @ [*marker, 1])
    assert (np.sign(np.diag(after.affine)[:3]) == [-1, -1, -1]).all()


def test_an_oblique_volume_is_brought_to_the_nearest_axes() -> None:
    cos, sin = np.cos(np.radians(20)), np.sin(np.radians(20))
    tilt = np.array([[1, 0, 0, 0], [0, cos, -sin, 0], [0, sin, cos, 0], [0, 0, 0, 1]])
    values = np.zeros((4, 5, 6))
    values[3, 4, 5] = 1
    after = reorient(Volume(values, tilt @ affine("RAS", (1, 1, 1)), Path("scan.nii.gz")))
    assert after.values[0, 0, 0] == 1
    np.testing.assert_allclose(after.affine[:3, 3], (tilt @ [3, 4, 5, 1])[:3])


def test_the_first_of_equally_large_slices_is_selected() -> None:
    mask = np.zeros((4, 5, 6), bool)
    mask[1, 1, 2] = mask[1, 1, 4] = mask[2, 1, 4] = mask[2, 2, 5] = mask[3, 1, 5] = True
    assert largest_slice(mask, 2) == 4  # two voxels, as in slice 5
    assert largest_slice(mask, 0) == 1
    assert largest_slice(mask, 1) == 1
    assert largest_slice(np.zeros((4, 5, 6), bool), 0) is None


def test_maxslice_yields_a_slice_per_visible_label_and_axis() -> None:
    labels = np.zeros((4, 5, 6), np.int16)
    labels[1, 1, 1] = labels[1, 2, 1] = labels[2, 2, 3] = 7
    labels[3, 4, 0] = 8
    image = numbered()
    examples = list(
        cut_slices(
            volume(image), volume(labels), {"seven": 7, "gone": 5, "both": (7, 8)}, "p1", modality="CT"
        )
    )
    assert [(e.axis, *e.masks) for e in examples] == [
        (axis, label) for axis in AXES for label in ("seven", "both")
    ]
    assert {(e.subject, e.modality, e.cohort, e.file.name) for e in examples} == {
        ("p1", "CT", "all", "scan.nii.gz")
    }
    sagittal, axial = examples[0], examples[4]
    np.testing.assert_array_equal(sagittal.image, image[1].T)  # (6, 5): down to the feet, to the back
    assert np.argwhere(sagittal.masks["seven"]).tolist() == [[1, 1], [1, 2]]
    np.testing.assert_array_equal(axial.image, image[:, :, 1].T)
    assert np.argwhere(axial.masks["seven"]).tolist() == [[1, 1], [2, 1]]


def test_midslice_yields_one_slice_with_its_visible_labels() -> None:
    labels = np.zeros((4, 5, 6), np.int16)
    labels[0, 0, 3], labels[1, 1, 3], labels[2, 2, 2] = 1, 2, 3
    values = {"one": 1, "two": 2, "three": 3}
    (example,) = cut_slices(volume(numbered()), volume(labels), values, "p1", STORED, "midslice")
    assert example.axis == "stored" and list(example.masks) == ["one", "two"]
    np.testing.assert_array_equal(example.image, numbered()[:, :, 3].T)


@pytest.mark.parametrize("codes", ["RAS", "LPS", "AIL"])
def test_slices_are_oriented_as_radiologists_view_them(codes: str) -> None:
    """A voxel at the patient's left, front and head, in pictures across each axis."""
    shape = (4, 4, 4)
    values = np.zeros(shape, np.int16)
    values[tuple(3 if letter in "LAS" else 0 for letter in codes)] = 1
    one = reorient(volume(values, codes))
    corner = {e.axis: np.argwhere(e.image).tolist() for e in cut_slices(one, one, {"one": 1}, "p1")}
    assert corner == {"sagittal": [[0, 0]], "coronal": [[0, 3]], "axial": [[0, 3]]}


def test_pixels_are_square():
    """Voxels of 1 x 1 x 3 mm: across the first axis a picture has three rows for each slice."""
    labels = np.zeros((4, 8, 6), np.int16)
    labels[2, 3:5, 2:4] = 1
    space = np.diag([-1.0, -1, -3, 1])
    one = Volume(labels, space, Path("scan.nii.gz"))
    shapes = {
        e.axis: (e.image.shape, int(e.masks["one"].sum())) for e in cut_slices(one, one, {"one": 1}, "p1")
    }
    assert shapes == {"sagittal": ((18, 8), 12), "coronal": ((18, 4), 6), "axial": ((8, 4), 2)}


def test_an_unreadable_slice_of_a_series_is_refused(tmp_path):
    dicom_series(tmp_path, numbered(), "1.2.3.4")
    last = sorted(tmp_path.iterdir())[-1]
    last.write_bytes(last.read_bytes()[:-40])
    with pytest.raises(DataError, match=rf"{last} is not a readable slice of its DICOM series"):
        read_volume(tmp_path)
