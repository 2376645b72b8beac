"""SCD: the challenges' volumes and Sunnybrook's contours in their layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from segbench.datasets.importing import import_dataset
from segbench.datasets.registry import load_dataset
from segbench.datasets.sources.scd import SCD
from segbench.datasets.task import DataError, TaskData

IDENTITY = (1, 0, 0, 0, 1, 0, 0, 0, 1)
LPS_TO_RAS = (-1, 0, 0, 0, -1, 0, 0, 0, 1)
SERIES = "SCD_IMAGES_01/SCD0000101/CINESAX_300"


def save_volume(file: Path, values: np.ndarray, direction: tuple[int, ...]) -> None:
    image = sitk.GetImageFromArray(values)
    image.SetDirection(direction)
    file.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(file))


def save_pair(image: Path, truth: Path, direction: tuple[int, ...] = IDENTITY) -> None:
    """Three slices of 128 x 128; the label is 4 x 5 in the second, 6 x 10 in the third."""
    values, labels = np.zeros((3, 128, 128), np.int16), np.zeros((3, 128, 128), np.uint8)
    values[2], values[2, 3:13, 100:110] = 100, 700  # large enough to be no outlier
    labels[1, 10:14, 90:95] = 1
    labels[2, 20:26, 80:90] = 255
    save_volume(image, values, direction)
    save_volume(truth, labels, direction)


def save_dicom(file: Path, pixels: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    data = pydicom.Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, generate_uid()
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation = 15, 0
    data.PixelData = pixels.astype("<u2").tobytes()
    data.save_as(file, enforce_file_format=True)


def save_contour(file: Path, top: float, left: float, height: float, width: float) -> None:
    """The outline of a rectangle; in a contour file the centre of the first pixel is (1, 1)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    corners = [(0, 0), (0, width), (height, width), (height, 0)]
    file.write_text("".join(f"{left + dx + 1:.2f} {top + dy + 1:.2f}\n" for dy, dx in corners))


def contours(folder: Path, patient: str) -> Path:
    return folder / "SCD_ManualContours" / patient / "contours-manual" / "IRCCI-expert"


def with_line(row: int) -> np.ndarray:
    """An image with 500 in two rows, 100 elsewhere and an outlier."""
    pixels = np.full((128, 128), 100)
    pixels[row : row + 2] = 500
    pixels[row, 7] = 30000
    return pixels


def line(row: int) -> np.ndarray:
    """The same as it is imported."""
    return with_line(row) > 100


def make_sunnybrook(folder: Path) -> None:
    """A patient of the Cardiac Atlas Project with contours on images 48 and 59, and one without contours."""
    table = "\ufeffPatientID,OriginalID,Gender\nSCD0000101,SC-HF-I-1,Male\nSCD0000201,SC-HF-I-10,Male\n"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scd_patientdata.csv").write_text(table, encoding="utf-8")
    for number in (48, 59, 60):
        save_dicom(folder / SERIES / f"IM-0003-{number:04d}.dcm", with_line(number))
        save_dicom(folder / "SCD_IMAGES_02/SCD0000201/CINESAX_4" / f"IM-0002-{number:04d}.dcm", with_line(1))
    for number in range(46, 62):  # more images, of another series
        save_dicom(folder / SERIES / f"../CINELAX_301/IM-0004-{number:04d}.dcm", with_line(2))
    place = contours(folder, "SC-HF-I-01")
    save_contour(place / "IM-0001-0048-icontour-manual.txt", 39.5, 19.5, 6, 4)
    save_contour(place / "IM-0001-0059-icontour-manual.txt", 39.5, 19.5, 6, 10)
    save_contour(place / "IM-0001-0059-ocontour-manual.txt", 29.5, 9.5, 30, 30)


def make_volumes(folder: Path, direction: tuple[int, ...] = IDENTITY) -> None:
    for case in ("b001", "b002"):
        save_pair(folder / "LAS" / case / "image.mhd", folder / "LAS" / case / "gt_binary.mhd", direction)
    save_volume(folder / "LAS" / "b099" / "image.mhd", np.zeros((3, 128, 128), np.int16), direction)
    for time, letter, numbers in (("pre", "a", (1, 2)), ("post", "b", (2, 3))):
        for n in numbers:
            place = folder / time / f"p{n}"
            save_pair(place / f"de_{letter}_{n}.nrrd", place / f"la_seg_{letter}_{n}.nrrd", direction)
    for kind, name in (("human_dataset", "p7"), ("pig_dataset", "p7"), ("pig_dataset", "p8")):
        place = folder / "miccai2012" / kind / "training"
        save_pair(place / f"{name}_de.nrrd", place / f"{name}_myo.nrrd", direction)


def imported(folder: Path, root: Path) -> dict[str, TaskData]:
    import_dataset("scd", SCD(), folder, root, workers=2)
    return {
        data.task.name.removeprefix("scd/"): data
        for data in load_dataset("segbench.datasets.sources.scd:SCD", root)
    }


@pytest.mark.parametrize("direction", [IDENTITY, LPS_TO_RAS], ids=["LPS", "RAS"])
def test_the_largest_stored_slice_of_each_volume(direction, tmp_path) -> None:
    make_volumes(tmp_path / "files", direction)
    tasks = imported(tmp_path / "files", tmp_path / "root")
    assert {name: list(data.subjects) for name, data in tasks.items()} == {
        "LAS/MRI/stored/left-atrium": ["LAS-b001", "LAS-b002"],
        "LAF_Pre/LGE-MRI/stored/left-atrium": ["LAF-1", "LAF-2"],
        "LAF_Post/LGE-MRI/stored/left-atrium": ["LAF-2", "LAF-3"],
        "VIS_human/LGE-MRI/stored/myocardium": ["human-7"],
        "VIS_pig/LGE-MRI/stored/myocardium": ["pig-7", "pig-8"],
    }
    label, image = np.zeros((128, 128), bool), np.zeros((128, 128))
    label[20:26, 80:90] = True
    image[3:13, 100:110] = 1
    for data in tasks.values():
        assert (data.labels == label).all()
        assert (data.images == image).all()


def test_one_cohort_can_be_imported_alone(tmp_path) -> None:
    make_volumes(tmp_path / "files")
    tasks = imported(tmp_path / "files" / "miccai2012" / "pig_dataset", tmp_path / "root")
    assert list(tasks) == ["VIS_pig/LGE-MRI/stored/myocardium"]


def test_the_largest_contour_of_each_patient(tmp_path) -> None:
    make_sunnybrook(tmp_path / "files")
    ((name, data),) = imported(tmp_path / "files", tmp_path / "root").items()
    assert name == "Sunnybrook/cine-MRI/stored/left-ventricle"
    assert list(data.subjects) == ["SC-HF-I-1"]
    label = np.zeros((128, 128), bool)
    label[40:46, 20:30] = True
    assert np.array_equal(data.labels[0, 0], label)
    assert np.array_equal(data.images[0, 0], line(59))  # of the short axis


def test_a_contour_without_an_image_is_left_out_with_a_warning(tmp_path) -> None:
    make_sunnybrook(tmp_path / "files")
    stray = contours(tmp_path / "files", "SC-HF-I-01") / "IM-0001-0199-icontour-manual.txt"
    save_contour(stray, 1, 1, 90, 90)
    with pytest.warns(UserWarning, match=r"left out for lack of an image: 1 contours, .*0199-ico"):
        ((_, data),) = imported(tmp_path / "files", tmp_path / "root").items()
    assert np.array_equal(data.images[0, 0], line(59))


def test_the_layout_of_the_challenge_gives_the_same(tmp_path) -> None:
    make_sunnybrook(tmp_path / "new")
    old = tmp_path / "old"
    for file in (tmp_path / "new" / SERIES).glob("*.dcm"):
        save_dicom(
            old / "SC-HF-I-1" / "DICOM" / f"IM-0001-{file.stem[-4:]}.dcm", with_line(int(file.stem[-2:]))
        )
    for file in contours(tmp_path / "new", "SC-HF-I-01").glob("*.txt"):
        target = contours(old, "SC-HF-I-1") / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.read_text())
    (one,), (other,) = (
        imported(tmp_path / name, tmp_path / f"{name}-root").values() for name in ("new", "old")
    )
    assert one.fingerprint == other.fingerprint


def test_all_cohorts_are_imported_together(tmp_path) -> None:
    make_volumes(tmp_path / "files")
    make_sunnybrook(tmp_path / "files")
    manifest = import_dataset("scd", SCD(), tmp_path / "files", tmp_path / "root")
    assert len(manifest["tasks"]) == 6
    assert len(manifest["subjects"]) == 9
    assert set(manifest["subjects"].values()) <= {"train", "val", "test"}


def write_words(file: Path) -> None:
    file.write_text("no contour at all\n")


def write_line(file: Path) -> None:
    file.write_text("1 2\n3 4\n")


def write_semicolons(file: Path) -> None:
    file.write_text("PatientID;OriginalID\nSCD0000101;SC-HF-I-1\n")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:200])


def move_away(file: Path) -> None:
    save_contour(file, 10, 100, 60, 60)


def add_slice(file: Path) -> None:
    save_volume(file, np.ones((4, 128, 128), np.uint8), IDENTITY)


def turn(file: Path) -> None:
    save_volume(file, np.ones((3, 128, 128), np.uint8), LPS_TO_RAS)


def rename_folder(file: Path) -> None:
    place = file.parents[1]
    place.rename(place.with_name("other"))


@pytest.mark.parametrize(
    ("file", "damage", "named"),
    [
        (
            "IM-0001-0059-icontour-manual.txt",
            write_words,
            "IM-0001-0059-icontour-manual.txt is not a contour",
        ),
        ("IM-0001-0059-icontour-manual.txt", write_line, "0059-icontour-manual.txt is not a contour"),
        ("IM-0001-0059-icontour-manual.txt", move_away, "icontour-manual.txt lies outside its image"),
        ("CINESAX_300/IM-0003-0059.dcm", cut, "IM-0003-0059.dcm cannot be read as DICOM"),
        ("scd_patientdata.csv", Path.unlink, "has no image of SC-HF-I-1"),
        ("scd_patientdata.csv", write_semicolons, "scd_patientdata.csv does not list"),
        ("b001/image.mhd", Path.unlink, "b001/image.mhd"),
        ("b001/gt_binary.mhd", add_slice, "b001/gt_binary.mhd is 128 x 128 x 4"),
        ("la_seg_a_2.nrrd", Path.unlink, "la_seg_a_2.nrrd"),
        ("la_seg_a_2.nrrd", turn, "la_seg_a_2.nrrd and its image"),
        ("de_b_3.nrrd", cut, "de_b_3.nrrd cannot be read"),
        ("human_dataset/training/p7_de.nrrd", rename_folder, "p7_de.nrrd is in no folder named human or pig"),
    ],
)
def test_a_fault_names_the_file(file, damage, named, tmp_path) -> None:
    folder = tmp_path / "files"
    make_volumes(folder)
    make_sunnybrook(folder)
    damage(next(folder.rglob(file)))
    with pytest.raises(DataError) as error:
        import_dataset("scd", SCD(), folder, tmp_path / "root")
    assert named in str(error.value)
    assert not str(error.value).endswith("again")  # a copy may have this fault in its archive
    assert "\n" not in str(error.value)
    assert not (tmp_path / "root" / "imported" / "scd").exists()


def test_another_folder_is_refused(tmp_path) -> None:
    (tmp_path / "other").mkdir()
    save_dicom(tmp_path / "other" / "IM-0001-0001.dcm", with_line(1))
    with pytest.raises(DataError, match="other is not SCD: it holds no contours-manual"):
        SCD().cases(tmp_path / "other")
