"""The MedScribble evaluation reads the released layout and averages as it says."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "medscribble.py"
SIDE = 256
LABEL, HALF, BACKGROUND = np.s_[64:192, 64:192], np.s_[64:128, 64:192], np.s_[:32]


class PositiveScribble:
    """A model whose logits are the positive scribble; keeps the queries it was sent."""

    def __init__(self):
        self.queries = []

    def predict(self, query):
        self.queries.append(query)
        return query.interactions.positive


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("medscribble_script", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drawing(region):
    scribble = np.zeros((2, SIDE, SIDE), np.float32)
    if region is not None:
        scribble[0][region] = 1
    scribble[1][BACKGROUND] = 0.5
    return scribble


def write_example(folder, regions, with_image=True):
    """A square, and for each annotator a region marked as foreground."""
    folder.mkdir(parents=True)
    if with_image:
        seg = np.zeros((SIDE, SIDE), np.float32)
        seg[LABEL] = 1
        seg[BACKGROUND] = 0.4
        np.save(folder / "seg.npy", seg)
        np.save(folder / "img.npy", seg * 0.9)
    for number, region in enumerate(regions):
        np.save(folder / f"scribble_{number}.npy", drawing(region))
    return folder


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "MedScribble"
    write_example(folder / "A" / "one" / "s1", (LABEL, HALF, None))
    write_example(folder / "A" / "one" / "s2", (LABEL,) * 3)
    write_example(folder / "B" / "two" / "s1", (None,) * 3)
    write_example(folder / "B" / "two" / "s2", (LABEL,) * 3, with_image=False)
    write_example(folder / "C" / "three" / "s1", (LABEL,) * 3, with_image=False)
    return tmp_path


def test_folders_without_an_image_are_skipped(script, root):
    tasks = script.find_tasks(root)
    assert {task: [folder.name for folder in found] for task, found in tasks.items()} == {
        "A/one": ["s1", "s2"],
        "B/two": ["s1"],
    }
    assert script.find_tasks(root / "MedScribble") == tasks


def test_an_example_has_the_benchmarks_size_and_range(script, root):
    image, label, scribbles = script.read_example(root / "MedScribble/A/one/s1")
    assert image.shape == label.shape == (1, 128, 128)
    assert image.min() == 0 and image.max() == 1
    assert label.dtype == bool and label.sum() == 64 * 64
    assert scribbles.shape == (3, 2, 128, 128) and scribbles.dtype == np.float32


def test_a_line_one_pixel_wide_keeps_its_strength(script):
    scribbles = np.zeros((1, 2, SIDE, SIDE), np.float32)
    scribbles[0, 0, 101] = 1
    scribbles[0, 1, :, 7] = 0.3
    positive, negative = script.shrink(scribbles)[0]
    assert (positive[50] == 1).all() and positive.sum() == 128
    assert (negative[:, 3] == np.float32(0.3)).all() and np.count_nonzero(negative) == 128


def test_dice_is_the_mean_over_annotators(script, root):
    # The whole square, its upper half, nothing: Dice 1, 2/3 and 0.
    example = script.read_example(root / "MedScribble/A/one/s1")
    assert script.score(PositiveScribble(), example) == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_a_query_holds_all_scribbles_of_one_annotator_and_nothing_else(script, root):
    model = PositiveScribble()
    script.score(model, script.read_example(root / "MedScribble/A/one/s1"))
    assert [float(query.interactions.positive.sum()) for query in model.queries] == [64 * 64, 32 * 64, 0]
    for query in model.queries:
        marks = query.interactions
        assert query.image.shape == marks.positive.shape == marks.negative.shape == (1, 1, 128, 128)
        assert torch.equal(marks.negative[0, 0, :16], torch.full((16, 128), 0.5))
        assert not marks.box.any() and query.previous_logits is None and query.context is None


def test_the_table_averages_images_then_tasks(script, root, monkeypatch, capsys):
    monkeypatch.setattr(script, "create_model", lambda *_, **__: PositiveScribble())
    monkeypatch.setattr("sys.argv", ["medscribble.py", "--data-root", str(root)])
    script.main()
    rows = [row.split() for row in capsys.readouterr().out.splitlines()]
    first = (5 / 9 + 1) / 2
    assert rows[1:3] == [["A/one", "2", f"{first:.3f}"], ["B/two", "1", "0.000"]]
    assert rows[3][-2:] == ["3", f"{first / 2:.3f}"]
