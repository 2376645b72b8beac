"""`--rule` on slices that are pictures takes the slice that it takes of the same volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from made_files import noise, save

import segbench
from segbench.benchmark.cli import cli
from segbench.datasets.registry import load_dataset

SIZES = (0, 4, 9, 12, 12, 3, 0)  # of the label in slices 6 to 12: the largest is slice 9, the middle one too


def scan(folder: Path, subject: str, sizes: tuple[int, ...], seed: int) -> None:
    """Slices 6, 7, ... of a subject; as text, 10 precedes 6. A second label is largest in the last slice."""
    for i, size in enumerate(sizes):
        mask = np.zeros((32, 32), np.uint8)
        mask[:size, :size] = 1
        mask[20 : 22 + i, 20:30] = 2
        save(folder / subject / f"slice_{i + 6}.png", noise(32, 32, seed=100 * seed + i))
        save(folder / subject / f"slice_{i + 6}_mask.png", mask)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, subject in enumerate(("p1", "p2", "p3")):
        scan(tmp_path / "heart", subject, SIZES, number)
    return tmp_path / "heart"


def imported(folder: Path, *words: str) -> dict[str, list[str]]:
    """The files of each label of an import."""
    root = folder.parent / "root"
    result = CliRunner().invoke(cli, ["data", "import", "own", str(folder), "--data-root", str(root), *words])
    assert result.exit_code == 0, result.output
    return {data.task.label: sorted(map(str, data.names)) for data in load_dataset("own", root)}


def test_maxslice_takes_the_slice_with_the_largest_area_of_each_label(folder: Path) -> None:
    assert imported(folder, "--rule", "maxslice") == {
        "1": [f"p{i}/slice_9.png" for i in (1, 2, 3)],
        "2": [f"p{i}/slice_12.png" for i in (1, 2, 3)],
    }


def test_an_import_is_loaded_by_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported(folder)
    monkeypatch.setenv("SEGBENCH_DATA", str(folder.parent / "root"))
    assert {data.task.label for data in segbench.load_dataset("own")} == {"1", "2"}


def test_midslice_takes_the_middle_slice_by_number(folder: Path) -> None:
    middle = [f"p{i}/slice_9.png" for i in (1, 2, 3)]
    assert imported(folder, "--rule", "midslice") == {"1": middle, "2": middle}


def test_sessions_of_a_subject_are_scans_of_their_own(folder: Path) -> None:
    for number, subject in enumerate(("p1", "p2", "p3")):
        scan(folder, f"{subject}/ses-2", (8, 2), 10 + number)
        (folder / subject).rename(folder / "moved")
        (folder / subject).mkdir()
        (folder / "moved" / "ses-2").rename(folder / subject / "ses-2")
        (folder / "moved").rename(folder / subject / "ses-1")
    files = imported(folder, "--rule", "maxslice")
    assert files["1"] == [f"p{i}/ses-{j}/slice_{9 if j == 1 else 6}.png" for i in (1, 2, 3) for j in (1, 2)]
    root = folder.parent / "root"
    assert {str(subject) for data in load_dataset("own", root) for subject in data.subjects} == {
        "p1",
        "p2",
        "p3",
    }


def test_without_a_rule_all_slices_are_taken(folder: Path) -> None:
    assert {label: len(files) for label, files in imported(folder).items()} == {"1": 15, "2": 21}


def test_verify_finds_a_subject_that_fills_the_contexts(folder: Path) -> None:
    split = folder.parent / "split.csv"
    split.write_text("subject,split\np1,train\np2,train\np3,test\n")
    imported(folder, "--split", str(split))
    words = ["data", "verify", "own", "--data-root", str(folder.parent / "root")]
    found = CliRunner().invoke(cli, words).output
    assert (
        "warning: one subject fills the contexts: name the subjects (subjects.csv, --subject-pattern)"
        in found
    )
    assert "    own/all/unknown/0/2; p1; train images 7 of 14; train subjects 2\n" in found
