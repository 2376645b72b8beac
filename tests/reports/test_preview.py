"""The sheet of a task: its images, their frames and captions, and the plots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import same_color
from PIL import Image

from segbench.datasets.checks import View
from segbench.datasets.task import Task
from segbench.reports.preview import COLUMNS, EXTREME, ROWS, SUSPECT, save, select, sheet

ROOM = ROWS * COLUMNS


def make_view(train: int, val: int, test: int) -> View:
    """Return images of 16 x 16 with a square each; the largest and the smallest label come last."""
    count = train + val + test
    labels = np.zeros((count, 16, 16), bool)
    labels[:, 4:8, 4:8] = True
    labels[-1, 4:12, 4:12] = True
    labels[-2, 4:7, 4:7] = False
    pictures = np.random.default_rng(0).uniform(0, 0.4, labels.shape) + 0.5 * labels
    return View(
        Task("toy", "all", "Optical camera", "0", "square"),
        pictures.astype(np.float32),
        labels,
        np.array([f"s{i:03d}" for i in range(count)]),
        np.repeat(("train", "val", "test"), (train, val, test)),
        ("train", "val", "test"),
    )


def test_a_sheet_shows_equally_many_evenly_spaced_images_of_each_split():
    view = make_view(100, 100, 100)
    cells = select(view, [])
    assert len(cells) == ROOM
    assert [cell.image for cell in cells] == sorted({cell.image for cell in cells})
    plain = [cell.image for cell in cells if not cell.reason]
    counts = [sum(view.split[image] == name for image in plain) for name in view.splits]
    assert max(counts) - min(counts) <= 1
    first = [image for image in plain if view.split[image] == "val"]
    assert (first[0], first[-1]) == (100, 199)
    assert set(np.diff(first)) <= {6, 7, 8}


def test_a_small_split_leaves_its_share_to_the_others():
    view = make_view(200, 3, 20)
    cells = select(view, [])
    splits = [str(view.split[cell.image]) for cell in cells]
    assert len(cells) == ROOM
    assert splits.count("val") == 3
    assert splits.count("test") >= 20


def test_a_small_task_is_shown_whole():
    assert [cell.image for cell in select(make_view(4, 2, 3), [])] == list(range(9))


def test_suspects_and_extremes_have_a_reason_and_suspects_come_first():
    view = make_view(100, 10, 10)
    found = [
        view.finding("warning", "the same image twice", "", [30, 31]),
        view.finding("error", "empty label", "", [119]),
    ]
    marked = {cell.image: (cell.reason, cell.color) for cell in select(view, found) if cell.reason}
    assert marked[30] == marked[31] == ("the same image twice", SUSPECT)
    assert marked[119] == ("empty label", SUSPECT)  # although it also has the largest label
    assert marked[118] == ("smallest label", EXTREME)


def test_many_suspects_leave_room_for_others():
    view = make_view(100, 10, 10)
    found = [view.finding("warning", "tiny label", "", [image]) for image in range(60)]
    marked = [cell for cell in select(view, found) if cell.color == SUSPECT]
    assert len(marked) == ROOM // 3


def test_the_sheet_names_subjects_and_frames_suspects():
    view = make_view(6, 3, 3)
    figure = sheet(view, [view.finding("warning", "tiny label", "", [2])])
    captions = [axes.get_xlabel() for axes in figure.axes]
    assert "s001 · train" in captions
    suspect = figure.axes[captions.index("s002 · train\ntiny label")]
    assert all(spine.get_visible() for spine in suspect.spines.values())
    assert same_color(suspect.spines["left"].get_edgecolor(), SUSPECT)
    plain = figure.axes[captions.index("s001 · train")]
    assert not any(spine.get_visible() for spine in plain.spines.values())
    texts = " ".join(text.get_text() for text in figure.texts)
    assert "12 images of 12 subjects (train 6, val 3, test 3)" in texts
    titles = {axes.get_title(): axes for axes in figure.axes}
    assert {"Intensities", "Size of the label", "Mean image", "Mean label"} <= set(titles)
    mean = titles["Mean label"].images[0].get_array()
    assert np.allclose(mean, view.labels.mean(0))
    dots = titles["Size of the label"].lines[0]
    assert np.allclose(dots.get_xdata(), 100 * view.labels.mean((1, 2)))


def test_captions_name_the_file_and_stretched_images_are_counted():
    view = make_view(3, 1, 1)
    names = [f"scan_{i}.png" for i in range(4)] + ["a-very-long-name-of-a-file.png"]
    figure = sheet(replace(view, files=names))
    captions = [axes.get_xlabel() for axes in figure.axes]
    assert "scan_1.png\ns001 · train" in captions
    assert "a-very-long…-a-file.png\ns004 · test\nlargest label" in captions
    legend = figure.texts[-1].get_text()
    assert "Dark or low-contrast images" not in legend
    dark = replace(view, images=np.where(np.arange(5)[:, None, None] < 2, 0.3, 1) * view.images)
    assert "Dark or low-contrast images (2 of 5)" in sheet(dark).texts[-1].get_text()


def test_long_names_are_shortened_in_the_middle():
    view = make_view(3, 1, 1)
    named = View(
        **{**vars(view), "subjects": np.array([f"a-very-long-name-of-a-subject-{i}" for i in range(5)])}
    )
    captions = [axes.get_xlabel() for axes in sheet(named).axes]
    caption = next(text for text in captions if text.endswith("· train"))
    assert caption == "a-very-…bject-1 · train"


@pytest.mark.parametrize("kind", ["nothing", "everything"])
def test_labels_of_nothing_or_everything_are_drawn_too(kind):
    view = make_view(4, 2, 2)
    view.labels[:] = kind == "everything"
    assert sheet(view).axes


def test_the_file_is_named_after_the_task_and_is_the_same_again(tmp_path):
    view = make_view(4, 2, 2)
    path = save(sheet(view), tmp_path, view)
    assert path.name == "preview-toy-all-Optical_camera-0-square.png"
    first = path.read_bytes()
    with Image.open(path) as picture:
        assert picture.size == (2400, 1744)
    assert save(sheet(view), tmp_path, view).read_bytes() == first
