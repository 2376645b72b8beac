"""Real files of five public data sets, from their layout as released to a run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy import ndimage

from segbench.benchmark.cli import cli
from segbench.datasets.importing.store import read_manifest
from segbench.datasets.registry import load_dataset
from segbench.datasets.sources.cobre import ASEG
from segbench.datasets.sources.scd import SCD
from segbench.datasets.task import TaskData


class Expected(NamedTuple):
    """What the files of a data set must give: numbers, and the range of a label's mean share of the image."""

    tasks: int
    pictures: int
    subjects: int
    area: tuple[float, float]


SETS = {
    "drive": Expected(1, 20, 20, (0.06, 0.08)),
    "buid": Expected(2, 26, 26, (0.03, 0.10)),
    "pandental": Expected(1, 7, 7, (0.07, 0.09)),
    "cobre": Expected(43, 37, 1, (0.00005, 0.05)),
    "scd": Expected(1, 5, 5, (0.025, 0.04)),
}


# The heading of a protocol in the table of results, and a model's interactions, failures and Dice.
RESULT = re.compile(r"^center-clicks.*\bscribbleprompt +[\d.]+ +\d+% +[\d.]+$", re.MULTILINE | re.DOTALL)


class Imported(NamedTuple):
    """An import: its data folder, what the command printed, and the data of each task by cohort and label."""

    root: Path
    output: str
    tasks: dict[str, TaskData]


def call(*words: object) -> str:
    """The output of a command that succeeds."""
    result = CliRunner().invoke(cli, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def official(shared_data: Path) -> Path:
    folder = shared_data / "official"
    if not folder.is_dir():
        pytest.skip("the folder ../shared/data/official with real files is absent")
    return folder


@pytest.fixture(scope="module")
def imported(official: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Imported]:
    """A function that imports a data set, once."""
    done: dict[str, Imported] = {}

    def get(name: str) -> Imported:
        if name not in done:
            root = tmp_path_factory.mktemp(name)
            output = call("data", "import", name, official / name, "--data-root", root)
            tasks = {f"{data.task.cohort}/{data.task.label}": data for data in load_dataset(name, root)}
            done[name] = Imported(root, output, tasks)
        return done[name]

    return get


def run(name: str, root: Path) -> str:
    """A short run on the only or first test image of each task."""
    options = "--models scribbleprompt --protocol center-clicks --simulations 1 --images 1 --max-steps 3"
    return call(
        "run", "--datasets", name, "--data-root", root, "--output", root / "run", "--workers", 1,
        "--device", "cpu", *options.split(),
    )  # fmt: skip


def ring(label: np.ndarray, width: int = 3) -> np.ndarray:
    """The pixels around a label."""
    return ndimage.binary_dilation(label, iterations=width) & ~label


def contrast(image: np.ndarray, label: np.ndarray) -> float:
    """Mean intensity inside a label less that around it."""
    return float(image[label].mean() - image[ring(label)].mean())


def center(mask: np.ndarray) -> np.ndarray:
    """Mean row and column of a mask (H, W)."""
    return np.argwhere(mask).mean(axis=0)


@pytest.mark.parametrize("name", SETS)
def test_the_numbers_and_areas_are_those_of_the_files(name, imported) -> None:
    expected, done = SETS[name], imported(name)
    manifest = read_manifest(done.root, name)
    numbers = len(manifest["tasks"]), manifest["pictures"], len(manifest["subjects"])
    assert numbers == (expected.tasks, expected.pictures, expected.subjects)
    for data in done.tasks.values():
        assert expected.area[0] < data.labels.mean() < expected.area[1], data.task
        assert data.images.max() > 0.5 and 0.02 < data.images.mean() < 0.5  # no outlier darkens all


@pytest.mark.parametrize("name", SETS)
def test_verify_finds_no_error(name, imported) -> None:
    assert ", 0 errors, " in call("data", "verify", name, "--data-root", imported(name).root)


@pytest.mark.parametrize("name", [name for name in SETS if name != "cobre"])
def test_a_short_run_reaches_the_table_of_results(name, imported) -> None:
    assert RESULT.search(run(name, imported(name).root))


@pytest.mark.slow
def test_a_short_run_on_all_structures_of_the_brain(official, tmp_path) -> None:
    for subject in ("first", "second"):  # one trains, one tests
        (tmp_path / "brains" / subject / "mri").mkdir(parents=True)
        for file in (official / "cobre" / "bert" / "mri").iterdir():
            (tmp_path / "brains" / subject / "mri" / file.name).symlink_to(file)
    split = tmp_path / "split.csv"
    split.write_text("subject,split\nfirst,train\nsecond,test\n")
    call("data", "import", "cobre", tmp_path / "brains", "--data-root", tmp_path, "--split", split)
    assert RESULT.search(run("cobre", tmp_path))


def test_vessels_of_drive_fill_a_tenth_of_the_field_of_view(official, imported) -> None:
    data = imported("drive").tasks["all/vessels"]
    shares = []
    for subject, image, label in zip(data.subjects, data.images[:, 0], data.labels[:, 0], strict=True):
        files = official / "drive" / "training"
        vessels, view = (
            np.array(Image.open(files / folder / f"{subject}_{ending}.gif")) == 255
            for folder, ending in (("1st_manual", "manual1"), ("mask", "training_mask"))
        )
        shares.append((vessels & view).sum() / view.sum())
        assert label.mean() == pytest.approx(vessels.sum() / 584**2, rel=0.4)  # thin vessels vanish
        assert contrast(image, label) < 0  # vessels are dark
        assert np.allclose(center(image > 0.15), (63.5, 63.5), atol=4)
    assert 0.08 < np.mean(shares) < 0.14


def test_tumours_of_buid_are_whole_and_dark(official, imported) -> None:
    tasks = imported("buid").tasks
    for data in tasks.values():
        for image, label in zip(data.images[:, 0], data.labels[:, 0], strict=True):
            assert contrast(image, label) < 0
    benign = tasks["benign/tumour"]
    label = benign.labels[list(benign.subjects).index("benign-25"), 0]
    assert ndimage.label(label)[1] == 2  # the image with two masks
    folder = official / "buid" / "Dataset_BUSI_with_GT" / "benign"
    masks = [np.array(Image.open(folder / f"benign (25)_mask{end}.png")) for end in ("", "_1")]
    pixels = (max(masks[0].shape) / 128) ** 2
    assert label.sum() == pytest.approx(sum(mask.sum() for mask in masks) / pixels, rel=0.05)


def test_teeth_of_pandental_are_bright_and_inside_the_picture(official, imported) -> None:
    done = imported("pandental")
    data = done.tasks["v1/teeth"]
    assert list(data.subjects) == ["1", "2", "3", "4", "6", "7", "8"]  # 5 has lost all teeth
    assert "teeth is empty in 1 picture" in done.output
    for subject, image, label in zip(data.subjects, data.images[:, 0], data.labels[:, 0], strict=True):
        with Image.open(official / "pandental" / "Images" / f"{subject}.png") as file:
            rows = round(128 * file.height / file.width)
        margin = (128 - rows) // 2
        assert image[margin + 2 : -margin - 2].any(axis=1).all() and not image[: margin - 1].any()
        assert label[margin : 128 - margin].sum() == label.sum()
        assert np.allclose(center(label), (63.5, 63.5), atol=10)
        assert image[label].mean() > image[margin : 128 - margin].mean()


def halves(tasks: dict[str, TaskData], side: str) -> Iterator[tuple[str, float]]:
    """Column of each structure of one side, from the middle of the brain in its picture."""
    for name, data in tasks.items():
        label = name.removeprefix("all/")
        if label.startswith(side):
            yield label, center(data.labels[0, 0])[1] - center(data.images[0, 0] > 0.05)[1]


def test_the_left_half_of_the_brain_is_on_the_right(imported) -> None:
    tasks = imported("cobre").tasks
    absent = {"all/5th-ventricle", "all/non-wm-hypointensities"}
    assert {f"all/{label}" for label in ASEG.values()} - tasks.keys() == absent
    left, right = dict(halves(tasks, "left-")), dict(halves(tasks, "right-"))
    assert len(left) == len(right) == 16
    assert min(left.values()) > 0 > max(right.values())
    rows = {name.removeprefix("all/"): center(data.labels[0, 0])[0] for name, data in tasks.items()}
    assert rows["left-cerebral-cortex"] < rows["left-hippocampus"] < rows["left-cerebellum-cortex"]
    for side in ("left", "right"):
        white, gray = (tasks[f"all/{side}-cerebral-{part}"] for part in ("white-matter", "cortex"))
        assert white.images[white.labels].mean() > gray.images[gray.labels].mean() + 0.15


def contour(file: Path) -> tuple[np.ndarray, float]:
    """Middle, row and column, of a contour's extent if the first pixel is (0, 0), and area of the contour."""
    x, y = np.loadtxt(file).T - 1
    middle = np.array([y.min() + y.max(), x.min() + x.max()]) / 2
    return middle, float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def test_a_ventricle_of_sunnybrook_has_area_and_place_of_its_largest_contour(official) -> None:
    reader = SCD()
    for study in reader.cases(official / "scd"):
        (example,) = reader.examples(study)
        mask = example.masks["left-ventricle"]
        contours = (official / "scd" / example.subject).rglob("*-icontour-manual.txt")
        middle, area = max(map(contour, contours), key=lambda each: each[1])
        assert mask.sum() == pytest.approx(area, rel=0.03)  # centres on the contour are inside
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        extent = np.array([rows[0] + rows[-1], columns[0] + columns[-1]]) / 2
        assert np.allclose(extent, middle, atol=0.5)


def test_the_edge_of_a_ventricle_is_where_the_blood_ends(imported) -> None:
    data = imported("scd").tasks["Sunnybrook/left-ventricle"]
    shifts = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    contrasts = np.zeros(len(shifts))
    for image, label in zip(data.images[:, 0], data.labels[:, 0], strict=True):
        contrasts += [contrast(image, np.roll(label, shift, (0, 1))) for shift in shifts]
        assert (image == 1).sum() > 10  # the brightest half per cent is clipped
    assert shifts[int(contrasts.argmax())] == (0, 0)
