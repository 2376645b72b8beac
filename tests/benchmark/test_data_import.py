"""``data import`` through the command line, and a run on what it has imported."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from segbench.benchmark.cli import cli
from segbench.results import load

COUNT = 20


def tool(*words):
    return CliRunner().invoke(cli, [str(word) for word in words])


def failed(result, status):
    """Return the one line of an error."""
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    (line,) = result.stderr.splitlines()
    return line


@pytest.fixture
def knees(tmp_path) -> Path:
    """Bright rectangles on dark ground, each of its own subject; one mask is empty."""
    folder = tmp_path / "scans"
    rng = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for i in range(COUNT + 1):
        mask = np.zeros((48, 64), np.uint8)
        mask[8 : 20 + i, 10:40] = 255 if i < COUNT else 0
        image = rng.integers(0, 60, mask.shape, dtype=np.uint8) + mask // 2
        Image.fromarray(image).save(folder / "images" / f"k{i:02d}.png")
        Image.fromarray(mask).save(folder / "masks" / f"k{i:02d}.png")
    return folder


@pytest.fixture
def scans(tmp_path) -> Path:
    """Volumes with two labels."""
    folder = tmp_path / "volumes"
    numbers = np.zeros((12, 10, 8), np.uint8)
    numbers[:4, :4, :4], numbers[6:, 6:, 5:] = 1, 2
    for i in range(5):
        for kind, values in (
            ("images", np.random.default_rng(i).normal(size=numbers.shape)),
            ("labels", numbers),
        ):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), folder / kind / f"s{i}.nii.gz")
    return folder  # fmt: skip


def test_import_says_what_it_has_taken(tmp_path, knees):
    result = tool("data", "import", "knees", knees, "--modality", "X-Ray", "--data-root", tmp_path / "root")
    assert result.exit_code == 0, result.output
    manifest = json.loads((tmp_path / "root" / "imported" / "knees" / "manifest.json").read_text())
    assert result.stdout.splitlines() == [
        f"knees: 1 task, 20 pictures of 20 subjects, in {tmp_path / 'root' / 'imported' / 'knees'}",
        "  knees/all/X-Ray/0/foreground  12 train, 4 val, 4 test; Dice kept at 128 x 128: 1.0, worst 1.0",
        "  subjects: each image",
        "  split: 60/20/20 of the subjects, drawn for the name knees",
        "  left out: foreground is empty in 1 picture",
        f"content {manifest['content']}",
        f"split   {manifest['split']}",
        f"next: python -m benchmark data preview knees --data-root {tmp_path / 'root'}",
        f"      python -m benchmark run --datasets knees --data-root {tmp_path / 'root'}",
    ]
    assert result.stderr == ""  # no progress bar where nobody looks


def test_the_next_command_of_an_import_without_test_images_counts_all_as_test(tmp_path, knees):
    for file in knees.glob("*/k*.png"):
        if file.stem > "k01":
            file.unlink()
    result = tool("data", "import", "few", knees, "--data-root", tmp_path / "root")
    command = f"python -m benchmark run --datasets few --data-root {tmp_path / 'root'} --split all"
    assert result.stdout.splitlines()[-1].strip() == command
    assert tool(*command.split()[3:], "--models", "random-walker", "--dry-run").exit_code == 0


def test_many_empty_labels_are_told_in_short(tmp_path, knees):
    labels = "255=knee," + ",".join(f"{value}=l{value}" for value in range(1, 9))
    result = tool("data", "import", "knees", knees, "--labels", labels, "--data-root", tmp_path / "root")
    lines = [line for line in result.stdout.splitlines() if "left out" in line]
    assert lines == [
        "  left out: knee is empty in 1 picture",
        *(f"  left out: l{value} is empty in 21 pictures" for value in range(1, 5)),
        "  left out: 4 more labels in some pictures",
    ]


def test_a_name_is_no_option(tmp_path, knees):
    result = tool("data", "import", "--data-root", tmp_path / "root", "--", "-knees", knees)
    assert "'-knees' cannot be the name" in failed(result, 2)


def test_what_is_imported_is_listed_and_run(tmp_path, knees):
    root = ("--data-root", tmp_path / "root")
    assert tool("data", "import", "knees", knees, *root).exit_code == 0
    assert "knees/all/unknown/0/foreground" in tool("list", "tasks", *root).output
    assert "knees" in tool("list", "datasets", *root).output
    words = ("run", "--datasets", "knees", "--models", "toys:Brush", "--protocol", "center-clicks", *root)
    words += ("--images", 3, "--simulations", 1, "--device", "cpu", "--workers", 1)
    done = tool(*words, "--output", tmp_path / "run")
    assert done.exit_code == 0, done.output
    images = load(tmp_path / "run").images
    assert set(images.task) == {"knees/all/unknown/0/foreground"}
    split = json.loads((tmp_path / "root" / "imported" / "knees" / "manifest.json").read_text())["subjects"]
    assert {split[subject] for subject in images.subject} == {"test"}
    assert images.dice.min() > 0.5


@pytest.mark.parametrize("by_file", [True, False])
def test_labels_and_axes_of_volumes(tmp_path, scans, by_file):
    labels = "1=liver,2=spleen"
    if by_file:
        labels = tmp_path / "labels.csv"
        labels.write_text("value,label\n1,liver\n2,spleen\n")
    words = ("--labels", labels, "--axes", "axial,coronal", "--rule", "maxslice", "--format", "nifti")
    result = tool("data", "import", "ct", scans, *words, "--data-root", tmp_path)
    assert result.exit_code == 0, result.output
    tasks = json.loads((tmp_path / "imported" / "ct" / "manifest.json").read_text())["tasks"]
    assert sorted(tasks) == sorted(
        f"ct/all/unknown/{axis}/{label}" for axis in ("axial", "coronal") for label in ("liver", "spleen")
    )


def test_two_laboratories_share_a_split(tmp_path, knees):
    """The second lacks an image and has the others elsewhere; the split is that of the first's manifest."""
    here, there = tmp_path / "here", tmp_path / "there"
    assert tool("data", "import", "knees", knees, "--data-root", here).exit_code == 0
    shared = here / "imported" / "knees" / "manifest.json"
    moved = knees.rename(tmp_path / "moved")
    words = ("data", "import", "ours", moved, "--split", shared, "--data-root", there)
    first = tool(*words)
    assert first.exit_code == 0, first.output
    assert "  split: --split manifest.json\n" in first.output
    mine, theirs = (
        json.loads((root / "imported" / name / "manifest.json").read_text())
        for root, name in ((here, "knees"), (there, "ours"))
    )
    assert (mine["split"], mine["content"]) == (theirs["split"], theirs["content"])
    for kind in ("images", "masks"):
        (moved / kind / "k03.png").unlink()
    fewer = tool(*words, "--replace")
    assert f"{shared} has 1 subject without images, such as k03" in fewer.output
    theirs = json.loads((there / "imported" / "ours" / "manifest.json").read_text())
    assert theirs["subjects"] == {who: split for who, split in mine["subjects"].items() if who != "k03"}
    assert mine["split"] != theirs["split"]
    shared.write_text(shared.read_text().replace('"k05": "', '"k55": "'))
    assert "manifest.json was edited" in failed(tool(*words, "--replace"), 1)


def test_public_data_sets_have_readers_of_their_own(tmp_path, knees):
    root = ("--data-root", tmp_path)
    assert "is not ACDC" in failed(tool("data", "import", "acdc", knees, *root), 1)
    assert "--axes is for your own data" in failed(
        tool("data", "import", "acdc", knees, "--axes", "all", *root), 2
    )
    assert "choose another name" in failed(tool("data", "import", "wbc", knees, *root), 1)


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (("my knees",), 2, "'my knees' cannot be the name"),
        (("../knees",), 2, "'../knees' cannot be the name"),
        ((".knees",), 2, "'.knees' cannot be the name"),
        (("knees", "--format", "nift"), 2, "unknown format 'nift'; did you mean nifti?"),
        (("knees", "--format", "nnunet"), 1, "dataset.json cannot be read"),
        (("all",), 2, "all means every data set"),
        (("WBC",), 2, "WBC and the public wbc differ in capitals only"),
        (("knees", "--modality", ""), 2, "--modality is empty"),
        (("knees", "--labels", "lables.csv"), 2, "--labels: there is no file lables.csv"),
        (("knees", "--labels", "0=liver"), 2, "--labels: 0=liver names no label"),
        (("knees", "--labels", "1=a b,255=a/b"), 1, "label 'a b' and label 'a/b' would both be a_b"),
        (("knees", "--labels", "1=a,1=b"), 2, "--labels names value 1 twice"),
        (("knees", "--axes", "axal"), 2, "unknown axis 'axal'; did you mean axial?"),
        (("knees", "--axes", "axial"), 1, "--axes is for volumes"),
        (("knees", "--rule", "maxslise"), 2, "unknown value of --rule: 'maxslise'; did you mean maxslice?"),
        (("knees", "--mask-suffix", " "), 2, "--mask-suffix is empty; give one such as _lesion"),
        (("knees", "--subject-pattern", "q(.)"), 1, "finds no subject in k00"),
        (("knees", "--split", "gone.csv"), 1, "gone.csv cannot be read"),
    ],
)
def test_what_cannot_be_meant(tmp_path, knees, words, status, sentence):
    name, *rest = words
    result = tool("data", "import", name, knees, *rest, "--data-root", tmp_path / "root")
    assert sentence in failed(result, status)
    assert not (tmp_path / "root").exists()


def test_an_import_is_replaced_only_on_demand(tmp_path, knees):
    words = ("data", "import", "knees", knees, "--data-root", tmp_path / "root")
    assert tool(*words).exit_code == 0
    assert "--replace" in failed(tool(*words), 1)
    assert tool(*words, "--replace").exit_code == 0
