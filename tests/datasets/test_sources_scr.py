"""SCR's masks on JSRT's raw images, three of them in full size."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segbench.datasets.importing import import_dataset
from segbench.datasets.registry import load_dataset
from segbench.datasets.sources.scr import SCR
from segbench.datasets.task import DataError, TaskData

# Row and column of the corner of each label in the final images of 128 x 128; labels are 2 high and 3 wide.
CORNERS = {
    "heart": (70, 60),
    "left lung": (50, 90),
    "right lung": (50, 20),
    "left clavicle": (10, 80),
    "right clavicle": (10, 30),
}
FOLDS = {"JPCLN001": "fold1", "JPCLN002": "fold2", "JPCNN093": "fold2"}


@pytest.fixture(scope="module")
def raw() -> bytes:
    """Black film (4095), but for a final pixel that is clear (0) and one that is half clear."""
    film = np.full((2048, 2048), 4095, ">u2")
    film[160:176, 320:336] = 0
    film[160:168, 640:656] = 0
    film[0, :16] = 65535  # more than the scanner's 12 bits
    return film.tobytes()


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> Path:
    """The data set in its released layout."""
    folder = tmp_path_factory.mktemp("scr") / "files"
    (folder / "All247images").mkdir(parents=True)
    for name, fold in FOLDS.items():
        (folder / "All247images" / f"{name}.IMG").write_bytes(raw)
        for label, (row, column) in CORNERS.items():
            mask = np.zeros((1024, 1024), np.uint8)
            mask[8 * row : 8 * row + 16, 8 * column : 8 * column + 24] = 255
            save(folder / "scratch" / fold / "masks" / label / f"{name}.gif", mask)
    return folder


@pytest.fixture(scope="module")
def tasks(released: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, TaskData]:
    """The tasks of the imported data set, by label."""
    return import_tasks(released, tmp_path_factory.mktemp("root"))


@pytest.fixture
def files(released: Path, tmp_path: Path) -> Path:
    """A copy of the released files."""
    return shutil.copytree(released, tmp_path / "files")


def import_tasks(folder: Path, root: Path) -> dict[str, TaskData]:
    import_dataset("scr", SCR(), folder, root, workers=2)
    return {data.task.label: data for data in load_dataset("segbench.datasets.sources.scr:SCR", root)}


def save(file: Path, mask: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(file)


def test_labels_and_subjects(tasks) -> None:
    assert tasks.keys() == {label.replace(" ", "-") for label in CORNERS}
    for label, (row, column) in CORNERS.items():
        data = tasks[label.replace(" ", "-")]
        assert data.task.name == f"scr/all/X-Ray/0/{data.task.label}"
        assert list(data.subjects) == list(FOLDS)
        expected = np.zeros((128, 128), bool)
        expected[row : row + 2, column : column + 3] = True
        assert (data.labels == expected).all()


def test_outlines_give_the_same_data_as_masks(files, tasks, tmp_path) -> None:
    """The later release: a file of outlines for each image, with lines that are no labels."""
    (files / "scratch").rename(tmp_path / "scratch")
    for name in FOLDS:
        text = "{\n[Label=right lung fixed]\n[LineMode=Open]\n2\n{\n{ 1.0, 1.0 },\n{ 2.0, 2.0 }\n}\n},\n\n"
        for label, (row, column) in CORNERS.items():
            top, left = 8 * row - 0.5, 8 * column - 0.5  # between the centres of pixels
            corners = [(left, top), (left + 24, top), (left + 24, top + 16), (left, top + 16)]
            points = ",\n".join(f"{{ {x}, {y} }}" for x, y in corners)
            text += f"{{\n[Label={label}]\n[LineMode=ClosedContour]\n4\n{{\n{points}\n}}\n}},\n\n"
        (files / "points").mkdir(exist_ok=True)
        (files / "points" / f"{name}.pfs").write_text(text)
    outlined = import_tasks(files, tmp_path / "points")
    assert {label: data.fingerprint for label, data in outlined.items()} == {
        label: data.fingerprint for label, data in tasks.items()
    }
    cut = (files / "points" / "JPCLN002.pfs").read_text().replace("[Label=heart]", "[Label=liver]")
    (files / "points" / "JPCLN002.pfs").write_text(cut)
    with pytest.raises(DataError, match=r"JPCLN002.pfs has no outline of the heart"):
        import_dataset("scr", SCR(), files, tmp_path / "none")


def test_images_without_labels_are_an_error(files, tmp_path) -> None:
    (files / "scratch").rename(tmp_path / "scratch")
    with pytest.raises(DataError, match=r"has JSRT's images but not SCR's labels"):
        import_dataset("scr", SCR(), files, tmp_path / "root")


def test_clear_film_is_bright(tasks) -> None:
    image = tasks["heart"].images[0, 0]
    assert image[10, 20] == 1
    assert image[10, 40] == pytest.approx(0.5, abs=1e-4)
    assert np.count_nonzero(image) == 2


def test_values_are_big_endian(files, tmp_path) -> None:
    film = np.zeros((2048, 2048), ">u2")
    film[:, 1024:] = 256
    film[1024:, :1024] = 515
    (files / "All247images" / "JPCLN001.IMG").write_bytes(film.tobytes())
    image = import_tasks(files, tmp_path / "root")["heart"].images[0, 0]
    assert image[0, 0] == 1
    assert image[0, 127] == pytest.approx((515 - 256) / 515, abs=1e-4)
    assert image[127, 0] == 0


def shorten(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-2])


def halve(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def shrink(file: Path) -> None:
    save(file, np.full((512, 512), 255, np.uint8))


@pytest.mark.parametrize(
    ("file", "damage", "named"),
    [
        ("All247images/JPCLN002.IMG", shorten, "JPCLN002.IMG has 8388606 bytes instead of 8388608"),
        ("All247images/JPCLN002.IMG", Path.unlink, "JPCLN002.gif has no image"),
        ("fold2/masks/left lung/JPCLN002.gif", Path.unlink, "JPCLN002.IMG has no left lung"),
        ("fold2/masks/heart/JPCLN002.gif", halve, "heart/JPCLN002.gif"),
        ("fold2/masks/heart/JPCLN002.gif", shrink, "heart/JPCLN002.gif is 512x512"),
    ],
)
def test_a_fault_names_the_file(file, damage, named, files, tmp_path) -> None:
    damage(next(files.rglob(file)))
    with pytest.raises(DataError) as error:
        import_dataset("scr", SCR(), files, tmp_path / "root")
    assert named in str(error.value)
    assert not str(error.value).endswith("again")  # a copy may have this fault in its archive
    assert not (tmp_path / "root" / "imported" / "scr").exists()


def test_another_folder_is_refused(tmp_path) -> None:
    with pytest.raises(DataError, match=r"is not SCR: it holds no JPCLN001\.IMG"):
        SCR().cases(tmp_path)
