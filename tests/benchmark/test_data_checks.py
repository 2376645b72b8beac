"""`data verify` and `data preview` as commands, on a folder that the test makes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from segbench.benchmark.cli import data_preview, data_verify
from segbench.datasets.task import DataError
from segbench.errors import UsageError
from segbench.registry import UnknownName


def call(command, *words):
    return CliRunner().invoke(command, [str(word) for word in words])


@pytest.fixture
def folder(tmp_path):
    """Thirty pictures of noise with two labels, a disc and a bar."""
    rng = np.random.default_rng(0)
    rows, columns = np.indices((64, 64))
    for name in ("images", "masks"):
        (tmp_path / "knees" / name).mkdir(parents=True)
    for i in range(30):
        mask = ((rows - 20) ** 2 + (columns - 20) ** 2 < 90 + i).astype(np.uint8)
        mask[50:60, 10 : 40 + i // 2] = 2
        picture = rng.integers(0, 120, (64, 64)) + 60 * mask
        Image.fromarray(picture.astype(np.uint8)).save(tmp_path / "knees/images" / f"{i:02d}.png")
        Image.fromarray(mask).save(tmp_path / "knees/masks" / f"{i:02d}.png")
    return tmp_path / "knees"


def copy(folder, source, target):
    """Give an image the picture of another one."""
    image = folder / "images"
    (image / f"{target}.png").write_bytes((image / f"{source}.png").read_bytes())


def split_of(folder) -> dict[str, str]:
    """The split of each image, by its name."""
    from segbench.datasets.registry import find_source

    found = find_source(f"folder:{folder}")
    data = found.load(found.tasks(None)[0], None)
    return dict(zip(map(str, data.subjects), map(str, data.split), strict=True))


def test_no_error_is_exit_status_0_and_the_summary_comes_first(folder):
    result = call(data_verify.command, f"folder:{folder}")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == "knees: 2 tasks, 30 distinct images, 0 errors, 0 warnings, 2 notes"
    assert lines[1].startswith("  knees/all/unknown/0/1: train 18, val 6, test 6; label ")
    assert lines[3].startswith("note: fewer than 18 test images: ")
    assert lines[4:] == ["    knees/all/unknown/0/1; test 6", "    knees/all/unknown/0/2; test 6"]


def test_a_leak_is_an_error_and_exit_status_1(folder):
    split = split_of(folder)
    seen, held_out = (next(name for name in split if split[name] == part) for part in ("train", "test"))
    copy(folder, seen, held_out)
    result = call(data_verify.command, f"folder:{folder}")
    assert result.exit_code == 1
    assert "knees: 2 tasks, 29 distinct images, 1 error, 0 warnings, 2 notes" in result.output
    pair = " and ".join(f"{name} (image {int(name)})" for name in sorted((seen, held_out)))
    assert f"    knees/all/unknown/0/1; {pair}; splits test and train" in result.output.splitlines()


def test_findings_for_programs(folder):
    split = split_of(folder)
    first, second = [name for name in split if split[name] == "train"][:2]
    copy(folder, first, second)
    result = call(data_verify.command, f"folder:{folder}", "--format", "json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert (found["name"], found["distinct_images"], len(found["tasks"])) == ("knees", 29, 2)
    row = found["findings"][0]
    assert (row["severity"], row["title"]) == ("warning", "the same image twice")
    assert row["subjects"] == [first, second]
    assert row["images"] == [int(first), int(second)]
    deciles = list(found["tasks"][0]["deciles"].values())
    assert deciles == sorted(deciles) and len(deciles) == 9


def test_long_lists_are_cut_with_the_number_left(folder):
    split = split_of(folder)
    first, *others = [name for name in split if split[name] == "train"][:16]
    flat = np.full((64, 64), 9, np.uint8)
    flat[0, 0] = 0
    for i, name in enumerate((first, *others)):
        picture = flat.copy()
        picture[0, i] = 0
        Image.fromarray(picture).save(folder / "images" / f"{name}.png")
    result = call(data_verify.command, f"folder:{folder}")
    kind = result.output[result.output.index("warning: nearly all pixels black or white") :].splitlines()
    assert kind[6] == "    and 11 more; --format json lists all"


def test_a_data_set_that_is_not_there(tmp_path):
    result = call(data_verify.command, "wbc", "--data-root", tmp_path)
    assert isinstance(result.exception, DataError)
    assert isinstance(call(data_verify.command, "wcb", "--data-root", tmp_path).exception, UnknownName)


def test_preview_draws_the_tasks_that_are_asked_for(folder, tmp_path):
    output = tmp_path / "sheets"
    result = call(data_preview.command, f"folder:{folder}", "--task", "0/2", "--output", output)
    assert result.exit_code == 0, result.output
    assert [path.name for path in output.iterdir()] == ["preview-knees-all-unknown-0-2.png"]
    assert result.output.split() == [str(output / "preview-knees-all-unknown-0-2.png")]


def test_preview_draws_a_few_tasks_unless_asked_and_says_so(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(data_preview, "MAX_SHEETS", 1)
    result = call(data_preview.command, f"folder:{folder}", "--output", tmp_path / "sheets")
    assert len(list((tmp_path / "sheets").iterdir())) == 1
    assert result.output.splitlines()[1].startswith("1 of 2 tasks, the maximum; --task TEXT ")


def test_preview_of_a_task_that_there_is_not(folder, tmp_path):
    result = call(
        data_preview.command, f"folder:{folder}", "--task", "liver", "--output", tmp_path / "sheets"
    )
    assert isinstance(result.exception, UsageError)
    assert "no task of folder" in str(result.exception)
    assert not (tmp_path / "sheets").exists()
