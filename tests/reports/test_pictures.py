"""Stored pictures: matched with their images, drawn in Fig. 5 and 10, and packed for the replay."""

from __future__ import annotations

import base64
import io
import zlib
from copy import copy

import discs
import numpy as np
import pytest
from artefact_helpers import figure_of
from discs import CLICKS, EVIL, HEIGHT, SCRIBBLES, WIDTH, Discs, disc_run, joined_runs, prediction
from PIL import Image

from segbench.reports import pictures
from segbench.reports.replay import replay
from segbench.reports.requirement import InsufficientRecords

TASKS = [task.name for task in Discs().tasks(None)]


@pytest.fixture(scope="module")
def run():
    """Both protocols, ScribblePrompt and MultiverSeg, a seed image and ten examples of three tasks."""
    return disc_run()


@pytest.fixture(scope="module")
def replayed(run):
    return replay(run)


def panels(figure) -> list[list]:
    """The axes of a figure by rows."""
    grid = figure.axes[0].get_gridspec()
    return [figure.axes[row * grid.ncols : (row + 1) * grid.ncols] for row in range(grid.nrows)]


def test_masks_are_unpacked_as_they_were():
    mask = np.random.default_rng(0).random((5, 7)) < 0.5
    assert (pictures.unpacked(np.packbits(mask).tobytes(), 5, 7) == mask).all()
    assert pictures.unpacked(b"", 5, 7).shape == (5, 7)
    assert not pictures.unpacked(b"", 5, 7).any()


def test_a_scene_is_the_image_and_the_label_of_its_index(run):
    task = Discs().tasks(None)[1]
    image, label = pictures.scene(run, task.name, 7)
    data = Discs().load(task, None)
    assert (image == data.images[7, 0]).all()
    assert (label == data.labels[7, 0]).all()


def test_dark_and_low_contrast_images_are_stretched_for_display_only():
    dark = np.linspace(0.1, 0.3, 1000, dtype=np.float32).reshape(25, 40)
    original = dark.copy()
    shown = pictures.displayed(dark)
    assert (shown.min(), shown.max()) == (0, 1)
    assert shown[12, 20] == pytest.approx((0.2 - 0.102) / (0.299 - 0.102), abs=0.01)
    assert (dark == original).all()
    assert shown.tobytes() == pictures.displayed(dark).tobytes()
    bright = np.linspace(0, 1, 1000, dtype=np.float32).reshape(25, 40)
    for image in (bright, np.full((9, 9), 0.3, np.float32)):
        assert pictures.displayed(image) is image
    assert pictures.stretched([bright, bright]) == ""
    assert "(1 of 2): grey values from percentile 1 to 99.5" in pictures.legend([bright, dark])


def column(index: int) -> np.ndarray:
    """A structure that is one pixel wide."""
    mask = np.zeros((24, 24), bool)
    mask[4:20, index] = True
    return mask


def across(label: np.ndarray, prediction: np.ndarray | None) -> list[str]:
    """Return the colours across pixels 9 to 12 of a row: label, prediction, mixed or grey."""
    image = np.full(label.shape, 0.6, np.float32)
    picture = pictures.composed(image, label, prediction)
    k = len(picture) // len(label)
    letters = {0xF0: "l", 0x56: "p", 0x99: "."}  # red of the label, of the prediction and of the image
    row = [letters.get(round(255 * red), "m") for red in picture[12 * k + k // 2, :, 0]]
    return ["".join(row[pixel * k + place] for place in (1, k // 2, k - 2)) for pixel in (9, 10, 11, 12)]


def test_label_and_prediction_of_one_pixel_differ_where_they_coincide_and_where_not():
    label = column(10)
    assert across(label, None) == [".ll", "...", "l..", "..."]
    assert across(label, column(10)) == [".ll", "pmp", "l..", "..."]
    assert across(label, column(11)) == [".ll", "...", "lmp", "..."]  # one pixel beside
    assert across(label, column(12)) == [".ll", "...", "l..", "pmp"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"source": "wbc"}, "no longer has the task|not available"),
        ({"source": "discs:Nothing"}, "not available"),
        ({"source": "discs:OtherDiscs"}, "another fingerprint"),
        ({"fingerprint": "0" * 64}, "another fingerprint"),
    ],
)
def test_missing_or_changed_data_are_refused_in_a_sentence(changes, reason):
    run = disc_run(positions=[1], **changes)
    for draw in (
        lambda: pictures.scene(run, TASKS[0], 2),
        lambda: figure_of("fig5", run),
        lambda: replay(run),
    ):
        with pytest.raises(InsufficientRecords, match=reason) as refusal:
            draw()
        assert str(refusal.value).endswith(".")
        assert "\n" not in str(refusal.value)


def test_without_a_manifest_the_data_set_is_unknown(run):
    run = copy(run)
    run.manifests = []
    with pytest.raises(InsufficientRecords, match="No manifest names"):
        pictures.scene(run, TASKS[0], 2)


def test_runs_without_pictures_are_refused(run_of):
    run = run_of(simulations=1, count=2)
    for draw in (lambda: figure_of("fig5", run), lambda: figure_of("fig10", run), lambda: replay(run)):
        with pytest.raises(InsufficientRecords, match="store no pictures"):
            draw()


def test_fig5_shows_every_method_after_one_step(run):
    rows = panels(figure_of("fig5", run))
    assert [axes.get_title() for axes in rows[0]] == ["Image", "ScribblePrompt", "MultiverSeg"]
    assert len(rows) == len(TASKS)  # a task of each cohort, as there is one data set
    kinds = [row[0].get_ylabel().splitlines()[-2] for row in rows]
    assert kinds == ["Centerline scribbles", "Centerline scribbles", "Center clicks"]
    assert all("10 earlier images" in row[0].get_ylabel() for row in rows)
    assert "low-contrast images (3 of 3)" in rows[0][0].figure.get_supxlabel().replace("\n", " ")
    label = Discs().load(Discs().tasks(None)[0], None).labels[11, 0]
    one_step = 100 * discs.dice(prediction(label, 2), label)
    for row in rows:
        assert row[1].get_xlabel() == f"Dice {one_step:.1f}%"
    usual = next(row for row in rows if "usual" in row[0].get_ylabel())
    evil = next(row for row in rows if EVIL in row[0].get_ylabel().splitlines()[0])
    assert evil[2].get_xlabel() == "Dice 100.0%\nwithout interaction"
    assert usual[2].get_xlabel() == "Dice 100.0%"


def test_fig5_draws_the_click_at_its_position(run):
    row = panels(figure_of("fig5", run))[-1]
    assert [tuple(np.ravel(line.get_xydata())) for line in row[1].lines] == [(2, 11)] * 2  # disc and sign
    assert row[0].lines[:] == []


def test_fig5_takes_the_last_example_there_is_of_a_short_run():
    rows = panels(figure_of("fig5", disc_run(protocols=[CLICKS], positions=range(3))))
    assert all("2 earlier images" in row[0].get_ylabel() for row in rows)


def test_fig5_leaves_out_variants_and_other_contexts_and_splits(run):
    more = [disc_run(("sp-uvs-1",)), disc_run(context="soft"), disc_run(("random-walker",), split="val")]
    rows = panels(figure_of("fig5", joined_runs(run, *more)))
    assert [axes.get_title() for axes in rows[0]] == ["Image", "ScribblePrompt", "MultiverSeg"]
    with pytest.raises(InsufficientRecords, match="no pictures of test images"):
        figure_of("fig5", disc_run(split="val"))


def test_fig5_names_missing_data():
    figure = figure_of("fig5", disc_run(source="discs:FewerDiscs"))
    assert len(panels(figure)) == 2
    assert "no longer has the task discs/hard" in " ".join(figure.get_supxlabel().split())


def test_fig10_follows_one_task_from_the_seed_image_on(run):
    figure = figure_of("fig10", run)
    assert "discs/usual" in figure.get_suptitle()  # neither the hardest nor the easiest
    rows = panels(figure)
    assert [row[0].get_ylabel() for row in rows] == [f"Example {number}" for number in (0, 1, 2, 3, 10)]
    titles = [[axes.get_title() for axes in row[1:] if axes.axison] for row in rows]
    assert titles[0] == ["1 click", "2 clicks", "3 clicks"]
    first = ["In context of 1 image", "1 click", "2 clicks", "3 clicks", "4 clicks", "6 clicks"]
    assert titles[1] == first  # the fifth is left out
    assert titles[4] == ["In context of 10 images", "1 click"]
    assert rows[4][1].get_xlabel() != "Dice 100.0%, final: 1 click"
    assert rows[4][2].get_xlabel() == "Dice 100.0%, final: 1 click"
    clicked = [tuple(np.ravel(line.get_xydata())) for line in rows[1][6].lines[::2]]
    assert clicked == [(2 * step, 11) for step in range(1, 7)]


def test_fig10_needs_multiverseg_with_clicks():
    for run in (
        disc_run(protocols=[SCRIBBLES]),
        disc_run(models=["scribbleprompt"]),
        disc_run(context="soft"),
    ):
        with pytest.raises(InsufficientRecords, match="no pictures of MultiverSeg"):
            figure_of("fig10", run)


def decoded(data: dict, entry: dict) -> dict[int, list]:
    """Return the frames of every method: step, Dice, prediction, positive interaction; as the page does."""
    packed = zlib.decompress(base64.b64decode(entry["masks"]))
    size = -(-HEIGHT * WIDTH // 8)
    planes = iter([np.frombuffer(packed[i : i + size], np.uint8) for i in range(0, len(packed), size)])

    def mask(plane):
        return np.unpackbits(plane)[: HEIGHT * WIDTH].reshape(HEIGHT, WIDTH).astype(bool)

    label, methods = next(planes), {}
    for method, steps in entry["runs"]:
        current, methods[method] = label, []
        for step, score, row, column, signs in steps:
            current = current ^ next(planes)
            interaction = np.zeros((HEIGHT, WIDTH), bool)
            if row >= 0:
                interaction[row, column] = True
            elif signs:
                interaction = mask(next(planes))
            methods[method].append((step, score, mask(current), interaction))
    assert next(planes, None) is None
    return methods


def titles(entries: list[dict]) -> list[str]:
    return [entry["title"] for entry in entries]


@pytest.mark.parametrize("group", [0, 1])
def test_the_replay_holds_every_prediction_and_interaction(run, replayed, group):
    found = replayed
    assert titles(found.data["methods"]) == ["ScribblePrompt", "MultiverSeg"]
    assert found.data["tasks"] == sorted(TASKS)
    entry = next(
        image
        for image in found.data["images"]
        if (image["group"], image["position"]) == (group, 4) and "hard" in found.data["tasks"][image["task"]]
    )
    stored = run.pictures
    stored = stored[(stored.protocol == (CLICKS, SCRIBBLES)[group]) & (stored.position == 4)]
    methods = decoded(found.data, entry)
    for method, model in enumerate(["scribbleprompt", "multiverseg"]):
        rows = stored[(stored.model == model) & (stored.task == TASKS[0])]
        assert [step for step, *_ in methods[method]] == rows.step.tolist()
        for frame, (_, score, mask, interaction) in zip(rows.itertuples(), methods[method], strict=True):
            assert score == pytest.approx(frame.dice, abs=1e-4)
            assert (mask == pictures.unpacked(frame.prediction, HEIGHT, WIDTH)).all()
            assert (interaction == pictures.unpacked(frame.positive, HEIGHT, WIDTH)).all()


def test_the_replay_holds_each_image_once_for_both_protocols(run, replayed):
    found = replayed
    assert found.shown == found.stored == 2 * 3 * 11
    assert len(found.data["scenes"]) == 3 * 11
    entry = found.data["images"][5]
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(found.data["scenes"][entry["scene"]]))))
    image, _ = pictures.scene(run, found.data["tasks"][entry["task"]], entry["image"])
    assert (picture == np.where(image > 0.5, 255, 0)).all()  # discs of 0.8 on 0.2: stretched
    assert found.data["stretched"] == [True] * 33
    assert "percentile 1 to 99.5" in found.data["note"]


def test_the_seed_image_is_replayed_once_for_all_methods(run):
    found = replay(joined_runs(run, disc_run(context="soft")))
    assert found.data["seed"] == "ScribblePrompt, for all methods"
    for image in found.data["images"]:
        assert len(image["runs"]) == (3 if image["position"] else 1)
    methods = titles(found.data["methods"])
    assert methods == ["ScribblePrompt", "MultiverSeg", "MultiverSeg, soft context"]


def test_images_of_the_validation_split_are_a_group_of_their_own(run):
    groups = replay(joined_runs(run, disc_run(protocols=[CLICKS], split="val"))).data["groups"]
    assert titles(groups) == ["Center clicks", "Center clicks, validation images", "Centerline scribbles"]


def size(data: dict) -> int:
    return sum(map(len, data["scenes"])) + sum(len(image["masks"]) for image in data["images"])


def test_a_replay_that_is_too_large_is_thinned_evenly(run, replayed):
    whole = size(replayed.data)
    found = replay(run, whole // 2)
    assert size(found.data) <= whole // 2
    assert found.stored == 66
    assert 18 <= found.shown < 40
    places = [(image["group"], image["task"], image["position"]) for image in found.data["images"]]
    positions = [position for *place, position in places if place == [0, 0]]
    assert len(places) == 2 * 3 * len(positions)  # the same positions of every task in both protocols
    assert np.ptp(np.diff(positions)) <= 1
    with pytest.raises(InsufficientRecords, match="too large"):
        replay(run, 10)


def test_the_replay_names_the_file_of_an_image():
    found = replay(disc_run(source="discs:NamedDiscs", protocols=[CLICKS], positions=range(2)))
    assert {(image["image"], image["file"]) for image in found.data["images"]} == {
        (1, f"disc-1-{EVIL}.png"),
        (2, f"disc-2-{EVIL}.png"),
    }


def test_the_replay_names_missing_data():
    found = replay(disc_run(source="discs:FewerDiscs"))
    assert len(found.data["tasks"]) == 2
    assert len(found.refusals) == 1
    assert "discs/hard" in found.refusals[0]
