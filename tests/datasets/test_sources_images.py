"""BUID, DRIVE, STARE, HipXRay and PanDental in their official layouts, in 128 x 128 pixels."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from segbench.datasets.importing import PublicDataset, import_dataset
from segbench.datasets.registry import find_source, load_dataset, open_dataset
from segbench.datasets.sources.buid import BUID
from segbench.datasets.sources.drive import DRIVE
from segbench.datasets.sources.hipxray import HipXRay
from segbench.datasets.sources.pandental import PanDental
from segbench.datasets.sources.stare import STARE
from segbench.datasets.task import DataError, TaskData

SIDE = 128


def box(top: int, left: int, height: int, width: int, shape: tuple[int, int] = (SIDE, SIDE)) -> np.ndarray:
    """255 in a rectangle, 0 elsewhere."""
    pixels = np.zeros(shape, np.uint8)
    pixels[top : top + height, left : left + width] = 255
    return pixels


def save(file: Path, pixels: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


def save_ppm(file: Path, pixels: np.ndarray) -> None:
    """As PPM or, of one channel, PGM; compressed where the name says so."""
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, format="PPM")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(data.getvalue()) if file.suffix == ".gz" else data.getvalue())


def save_nifti(file: Path, pixels: np.ndarray, affine: np.ndarray | None = None) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(pixels[..., None], np.eye(4) if affine is None else affine), file)


def make_buid(folder: Path) -> None:
    """Two benign images, the first with two tumours, three malignant, one normal, and files of macOS."""
    place = folder / "Dataset_BUSI_with_GT"
    for cohort, count in (("benign", 2), ("malignant", 3), ("normal", 1)):
        for number in range(1, count + 1):
            save(place / cohort / f"{cohort} ({number}).png", np.stack([box(10, 100, 4, 8)] * 3, axis=2))
            mask = box(10, 100, 4, 8) * (cohort != "normal")
            save(place / cohort / f"{cohort} ({number})_mask.png", mask)
    save(place / "benign" / "benign (1)_mask_1.png", box(60, 20, 2, 3))
    for name in ("__MACOSX/benign/benign (9).png", "benign/._benign (1).png"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(b"litter")


def make_drive(folder: Path) -> None:
    """Three training images with their fields of view, and a test image without vessels."""
    for number in (21, 22, 23):
        place = folder / "DRIVE" / "training"
        save(place / "images" / f"{number}_training.tif", np.stack([box(5, 90, 10, 20)] * 3, axis=2))
        save(place / "1st_manual" / f"{number}_manual1.gif", box(5, 90, 10, 20))
        save(place / "mask" / f"{number}_training_mask.gif", box(0, 0, SIDE, SIDE))
    save(folder / "DRIVE" / "test" / "images" / "01_test.tif", box(0, 0, 9, 9))


def make_stare(folder: Path) -> None:
    """Three images in two folders, one of them unpacked; the second observer draws more."""
    for name, end in (("im0001", ".gz"), ("im0044", ".gz"), ("im0324", "")):
        colours = np.stack([box(5, 90, 10, 20), *[np.zeros((SIDE, SIDE), np.uint8)] * 2], axis=2)
        save_ppm(folder / f"{name}.ppm{end}", colours)
        save_ppm(folder / "labels" / f"{name}.ah.ppm{end}", box(5, 90, 10, 20))
        save_ppm(folder / "labels" / f"{name}.vk.ppm{end}", box(5, 90, 10, 25))


def make_hipxray(folder: Path) -> None:
    """Four images, 128 high and 64 wide; the ilium above the femur and to its right."""
    for number in (1, 2, 54, 102):
        image = box(0, 50, 3, 10, (SIDE, 64)).astype(np.float64)
        labels = box(40, 10, 60, 20, image.shape) // 255 + box(0, 40, 20, 20, image.shape) // 255 * 2
        save_nifti(folder / "hip" / "images" / f"image_{number:03d}.nii.gz", image)
        save_nifti(folder / "hip" / "labels" / f"label_{number:03d}.nii.gz", labels)


def make_pandental(folder: Path) -> None:
    """Images 1, 2, 3 and 19 with both experts' mandibles, and teeth on 1 and 19."""
    for number in (1, 2, 3, 19):
        image = np.full((64, SIDE), 90, np.uint8)
        image[:4, -8:] = 200
        lower = box(40, 20, 20, 80, image.shape) > 0
        save(folder / "v2" / "Images" / f"{number}.png", image)
        save(folder / "v2" / "Segmentation1" / f"{number}.png", image * lower)
        save(folder / "v2" / "Segmentation2" / f"{number}.png", image * np.roll(lower, 2, axis=0))
    for number in (1, 19):
        save(folder / "v1" / "Images" / f"{number}.png", image)
        teeth = np.stack([box(30, 30, 4, 60, image.shape)] * 3, axis=2)
        save(folder / "v1" / "Original_Masks" / f"{number}.png", teeth)


MADE: dict[type[PublicDataset], Callable[[Path], None]] = {
    BUID: make_buid,
    DRIVE: make_drive,
    STARE: make_stare,
    HipXRay: make_hipxray,
    PanDental: make_pandental,
}


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., dict[str, TaskData]]:
    """A function that makes the files of a data set, imports them and loads its tasks."""

    def run(kind: type[PublicDataset], folder: Path = tmp_path / "files") -> dict[str, TaskData]:
        if not folder.exists():
            MADE[kind](folder)
        import_dataset(kind.name, kind(), folder, tmp_path / "root", workers=2)
        tasks = load_dataset(f"{kind.__module__}:{kind.__name__}", tmp_path / "root")
        return {data.task.name.removeprefix(f"{kind.name}/"): data for data in tasks}

    return run


def bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Top, left, height and width of a mask, which must be a full rectangle."""
    rows, columns = np.nonzero(mask)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert mask.sum() == height * width
    return int(rows.min()), int(columns.min()), int(height), int(width)


def test_buid_merges_the_masks_of_an_image_and_leaves_normal_ones_out(imported, tmp_path) -> None:
    tasks = imported(BUID)
    assert len(BUID().cases(tmp_path / "files")) == 2 + 3
    assert sorted(tasks) == ["benign/Ultrasound/0/tumour", "malignant/Ultrasound/0/tumour"]
    benign, malignant = (tasks[name] for name in sorted(tasks))
    assert list(malignant.subjects) == ["malignant-1", "malignant-2", "malignant-3"]
    assert list(benign.subjects) == ["benign-1", "benign-2"]
    assert benign.labels.sum(axis=(1, 2, 3)).tolist() == [4 * 8 + 2 * 3, 4 * 8]
    assert benign.labels[0, 0, 60:62, 20:23].all()
    assert bounds(malignant.labels[2, 0]) == bounds(malignant.images[2, 0] == 1) == (10, 100, 4, 8)


def test_a_smoothed_mask_gives_the_region_of_the_sharp_one(imported, tmp_path) -> None:
    make_buid(tmp_path / "files")
    for file in (tmp_path / "files").rglob("benign (?)_mask*.png"):
        Image.open(file).resize((2 * SIDE, 2 * SIDE), Image.Resampling.BILINEAR).save(file)
        image = file.with_name(f"{file.stem.partition('_mask')[0]}.png")
        Image.open(image).resize((2 * SIDE, 2 * SIDE)).save(image)
    benign = imported(BUID)["benign/Ultrasound/0/tumour"]
    assert np.array_equal(benign.labels[0, 0], (box(10, 100, 4, 8) | box(60, 20, 2, 3)) > 0)


def test_drive_reads_the_training_part(imported) -> None:
    (name, data), *more = imported(DRIVE).items()
    assert (name, more) == ("all/Optical_camera/0/vessels", [])
    assert list(data.subjects) == ["21", "22", "23"]
    assert bounds(data.labels[0, 0]) == bounds(data.images[0, 0] == 1) == (5, 90, 10, 20)


def second_reader(name: str, root: Path) -> dict[str, TaskData]:
    return {data.task.name: data for data in load_dataset(f"{name}@second-reader", root)}


def test_stare_has_a_label_of_each_observer(imported, tmp_path) -> None:
    """The second's is a task of the variant only."""
    ((name, first),) = imported(STARE).items()
    assert name == "all/Optical_camera/0/vessels-ah"
    ((name, second),) = second_reader("stare", tmp_path / "root").items()
    assert name == "stare@second-reader/all/Optical_camera/0/vessels-vk"
    assert (first.split == second.split).all()
    assert list(first.subjects) == list(second.subjects) == ["im0001", "im0044", "im0324"]
    assert {bounds(mask[0]) for mask in first.labels} == {(5, 90, 10, 20)}
    assert {bounds(mask[0]) for mask in second.labels} == {(5, 90, 10, 25)}
    assert bounds(first.images[0, 0] == 1) == (5, 90, 10, 20)


def test_hipxray_has_femur_and_ilium(imported) -> None:
    tasks = imported(HipXRay)
    assert sorted(tasks) == ["all/X-Ray/0/femur", "all/X-Ray/0/ilium"]
    femur, ilium = (tasks[name] for name in sorted(tasks))
    assert list(femur.subjects) == ["001", "002", "054", "102"]
    assert bounds(femur.labels[0, 0]) == (40, 32 + 10, 60, 20)  # 32 columns are added on either side
    assert bounds(ilium.labels[0, 0]) == (0, 32 + 40, 20, 20)
    assert bounds(femur.images[0, 0] == 1) == (0, 32 + 50, 3, 10)


@pytest.mark.parametrize("affine", [np.eye(4), np.diag([-1.0, -1.0, 1.0, 1.0])], ids=["RAS", "LPS"])
def test_hipxray_stands_upright_whichever_axis_is_stored_first(imported, tmp_path, affine) -> None:
    make_hipxray(tmp_path / "files")
    for file in (tmp_path / "files").rglob("*_054.nii.gz"):
        save_nifti(file, nibabel.Nifti1Image.from_filename(file).get_fdata()[..., 0].T, affine)
    for data in imported(HipXRay).values():
        assert np.array_equal(data.labels[0], data.labels[2])
        assert np.array_equal(data.images[0], data.images[2])


def test_pandental_has_the_teeth_and_two_experts_mandibles(imported, tmp_path) -> None:
    """The second's is a task of the variant only: the papers count two labels."""
    tasks = imported(PanDental)
    assert sorted(tasks) == ["v1/X-Ray/0/teeth", "v2/X-Ray/0/mandible"]
    teeth, mandible = (tasks[name] for name in sorted(tasks))
    ((name, second),) = second_reader("pandental", tmp_path / "root").items()
    assert name == "pandental@second-reader/v2/X-Ray/0/mandible-2"
    assert open_dataset("pandental@second-reader", tmp_path / "root").installed
    assert list(teeth.subjects) == ["1", "19"]
    assert list(mandible.subjects) == list(second.subjects) == ["1", "2", "3"]  # 19 is left out of v2
    assert bounds(mandible.labels[0, 0]) == (32 + 40, 20, 20, 80)
    assert bounds(second.labels[0, 0]) == (32 + 42, 20, 20, 80)
    assert bounds(teeth.labels[0, 0]) == (32 + 30, 30, 4, 60)
    assert bounds(mandible.images[0, 0] == 1) == (32, 120, 4, 8)
    assert teeth.split[0] == mandible.split[0]  # one person


def test_pandental_works_without_the_teeth_that_are_not_in_its_release(imported, tmp_path) -> None:
    make_pandental(tmp_path / "all")
    assert sorted(imported(PanDental, tmp_path / "all" / "v2")) == ["v2/X-Ray/0/mandible"]


@pytest.mark.parametrize("kind", MADE, ids=lambda kind: kind.name)
def test_every_subject_has_a_split_that_is_the_same_each_time(kind, tmp_path) -> None:
    MADE[kind](tmp_path / "files")
    one, other = (
        import_dataset(kind.name, kind(), tmp_path / "files", tmp_path / root, workers=workers)
        for root, workers in (("a", 1), ("b", 3))
    )
    assert one == other
    assert set(one["subjects"].values()) <= {"train", "val", "test"}
    tasks = find_source(f"{kind.__module__}:{kind.__name__}").tasks(tmp_path / "a")
    assert [task.name for task in tasks] == [
        name for name in one["tasks"] if name.split("/")[-1] not in kind.second_reader
    ]


def remove(file: Path) -> None:
    file.unlink()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:40])


def narrow(file: Path) -> None:
    save(file, np.full((SIDE, SIDE - 1), 255, np.uint8))


def narrow_ppm(file: Path) -> None:
    save_ppm(file, np.full((SIDE, SIDE - 1), 255, np.uint8))


def narrow_nifti(file: Path) -> None:
    save_nifti(file, np.ones((SIDE, 60), np.uint8))


def lose(file: Path) -> None:
    """JPEG under a name of PNG."""
    Image.fromarray(np.asarray(Image.open(file).convert("L"))).save(file, format="JPEG")


def turn(file: Path) -> None:
    """The orientation tag of a camera held upside down."""
    image = Image.open(file)
    image.load()
    image.getexif()[0x0112] = 3
    image.save(file, exif=image.getexif())


def swap_bones(file: Path) -> None:
    labels = nibabel.Nifti1Image.from_filename(file).get_fdata()[..., 0]
    save_nifti(file, np.where(labels > 0, 3 - labels, 0).astype(np.uint8))


def stack(file: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.ones((SIDE, 64, 2), np.uint8), np.eye(4)), file)


@pytest.mark.parametrize(
    ("kind", "file", "damage", "named"),
    [
        (BUID, "malignant (2)_mask.png", remove, "malignant (2).png"),
        (BUID, "malignant (2).png", remove, "malignant (2)_mask.png"),
        (BUID, "malignant (2)_mask.png", cut, "malignant (2)_mask.png"),
        (BUID, "benign (1)_mask_1.png", narrow, "benign (1)_mask_1.png is 128x127 and its image"),
        (BUID, "benign (2).png", turn, "benign (2).png has the orientation tag 3 and"),
        (BUID, "benign (1)_mask_1.png", lose, "benign (1)_mask_1.png was compressed with losses"),
        (DRIVE, "22_manual1.gif", remove, "22_training.tif"),
        (DRIVE, "22_training.tif", remove, "22_manual1.gif"),
        (DRIVE, "22_training.tif", cut, "22_training.tif"),
        (DRIVE, "22_manual1.gif", narrow, "22_manual1.gif"),
        (STARE, "im0044.vk.ppm.gz", remove, "im0044.ppm.gz"),
        (STARE, "im0044.ppm.gz", remove, "im0044.ah.ppm.gz"),
        (STARE, "im0044.ah.ppm.gz", cut, "im0044.ah.ppm.gz"),
        (STARE, "im0324.ppm", cut, "im0324.ppm"),
        (STARE, "im0324.vk.ppm", narrow_ppm, "im0324.vk.ppm is 128x127 and its image"),
        (HipXRay, "label_054.nii.gz", remove, "image_054.nii.gz"),
        (HipXRay, "image_054.nii.gz", cut, "image_054.nii.gz"),
        (HipXRay, "label_054.nii.gz", narrow_nifti, "label_054.nii.gz is 128x60 and its image"),
        (HipXRay, "label_054.nii.gz", swap_bones, "label_054.nii.gz"),
        (HipXRay, "image_054.nii.gz", stack, "image_054.nii.gz"),
        (PanDental, "v2/Segmentation2/2.png", remove, "v2/Images/2.png"),
        (PanDental, "v2/Images/2.png", remove, "v2/Segmentation1/2.png"),
        (PanDental, "v2/Images/2.png", turn, "v2/Images/2.png has the orientation tag 3 and"),
        (PanDental, "v2/Segmentation1/2.png", lose, "v2/Segmentation1/2.png was compressed with losses"),
        (PanDental, "v2/Segmentation1/2.png", cut, "v2/Segmentation1/2.png"),
        (PanDental, "v2/Segmentation2/2.png", narrow, "Segmentation2/2.png is 128x127 and its image"),
    ],
)
def test_a_fault_names_the_file_and_imports_nothing(kind, file, damage, named, tmp_path) -> None:
    MADE[kind](tmp_path / "files")
    damage(next((tmp_path / "files").rglob(file)))
    with pytest.raises(DataError) as error:
        import_dataset(kind.name, kind(), tmp_path / "files", tmp_path / "root", workers=1)
    assert named in str(error.value)
    assert not str(error.value).endswith("again")  # a copy may have this fault in its archive
    assert not (tmp_path / "root" / "imported" / kind.name).exists()


@pytest.mark.parametrize("kind", MADE, ids=lambda kind: kind.name)
def test_another_folder_is_refused(kind, tmp_path) -> None:
    save(tmp_path / "other" / "images" / "1.png", box(0, 0, 2, 2))
    with pytest.raises(DataError, match=f"other is not {kind.__name__}: it holds no "):
        import_dataset(kind.name, kind(), tmp_path / "other", tmp_path / "root")


def test_an_unpacked_image_replaces_the_packed_one_next_to_it(tmp_path) -> None:
    make_stare(tmp_path / "files")
    save_ppm(tmp_path / "files" / "im0001.ppm", box(0, 0, 2, 2))
    (_, files), *_ = STARE().cases(tmp_path / "files")
    assert files["image"] == tmp_path / "files" / "im0001.ppm"


def test_two_files_of_one_name_are_refused(tmp_path) -> None:
    make_stare(tmp_path / "files")
    save_ppm(tmp_path / "files" / "again" / "im0001.ppm", box(0, 0, 2, 2))
    with pytest.raises(DataError, match=r"im0001\.ppm .*im0001\.ppm\.gz|im0001\.ppm\.gz .*im0001\.ppm "):
        STARE().cases(tmp_path / "files")


def test_links_to_folders_are_followed_once(tmp_path) -> None:
    make_stare(tmp_path / "elsewhere")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(tmp_path / "files")
    assert len(STARE().cases(tmp_path / "files")) == 3


def test_drive_may_be_named_by_its_training_part(tmp_path) -> None:
    make_drive(tmp_path)
    assert len(DRIVE().cases(tmp_path / "DRIVE" / "training")) == len(DRIVE().cases(tmp_path)) > 0
