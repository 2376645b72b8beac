"""Boxes in answers, tables and pictures, on records and masks that are known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from artefact_helpers import data_of, figure_of, grid_of
from discs import BOX, BOX_THEN_CLICKS, BOXES, CLICKS, HEIGHT, WIDTH, disc_run
from matplotlib.figure import Figure

from segbench.protocols.registry import PROTOCOLS
from segbench.reports import answer, cautions, pictures
from segbench.reports.replay import replay
from segbench.reports.requirement import InsufficientRecords


def one_box(model: str, *dice: float) -> list[dict]:
    """Return the only predictions of one model, one image after another."""
    return [
        {"protocol": BOXES, "model": model, "position": position, "interactions": 1, "dice": value}
        | {"reached": value >= 0.9, "context": "binary" if model == "multiverseg" else "none"}
        for position, value in enumerate(dice, start=1)
    ]


@pytest.fixture(scope="module")
def boxes(records):
    """Four images: MultiverSeg misses the target on one, ScribblePrompt on three."""
    return records(
        [*one_box("scribbleprompt", 0.5, 0.6, 0.7, 0.92), *one_box("multiverseg", 0.8, *[0.96] * 3)]
    )


def test_the_answer_to_one_box_is_dice_and_the_share_below_the_target(boxes):
    (text,) = answer.qualities(boxes)
    assert answer.sentences(boxes) == []  # no number of interactions to the target
    assert text.startswith("Boxes on toy: Dice (×100) after 1 box: MultiverSeg 92.0 [")
    assert text.endswith("Images below 90% Dice: 25.0% with MultiverSeg and 75.0% with ScribblePrompt.")


def test_the_table_of_tasks_has_one_interaction_without_an_interval(boxes):
    grid = grid_of("tasks", boxes)
    cells = [dict(zip(grid.columns, row, strict=True)) for row in grid.rows]
    assert [row["Interactions"] for row in cells] == ["1.00", "1.00"]
    assert [row["Failed"] for row in cells] == ["75%", "25%"]


def test_the_figure_of_one_box_has_dice_by_example(boxes):
    data = data_of("boxes", boxes)
    data = data[(data.unit == "simulation") & (data.model == "multiverseg")]
    assert data["mean"].tolist() == pytest.approx([80, 96, 96, 96])
    for name in ("fig3", "profiles", "dice-by-step", "comparisons"):
        with pytest.raises(InsufficientRecords):
            data_of(name, boxes)


def test_a_box_and_clicks_are_interactions_to_the_target(records):
    images = [
        {"protocol": BOX_THEN_CLICKS, "model": model, "position": position, "interactions": interactions}
        for model, interactions in (("scribbleprompt", 4), ("multiverseg", 2))
        for position in (1, 2)
    ]
    (text,) = answer.sentences(records(images))
    assert "MultiverSeg needs the fewest interactions: 2.0 per image" in text
    assert data_of("fig4", records(images)).paper.isna().all()


def test_the_summary_separates_titles_that_have_a_comma(records):
    rows = [*one_box("multiverseg", 0.95), {"protocol": BOX_THEN_CLICKS}]
    titles = [PROTOCOLS.get(name).title for name in (BOXES, BOX_THEN_CLICKS)]
    between = "; " if "," in titles[1] else ", "
    assert answer.summary(records(rows)).startswith(between.join(titles) + " · ")


def test_seed_images_after_one_box_are_no_failures(boxes):
    boxes.seeds = boxes.images.iloc[:1].assign(position=0, reached=False)
    assert cautions.missed_seeds(boxes) == ""
    boxes.seeds = boxes.seeds.assign(protocol=CLICKS)
    assert cautions.missed_seeds(boxes).startswith("1 of 1 missed 90% Dice")


def test_the_replay_has_the_bounds_of_each_box_at_its_step():
    run = replay(disc_run(protocols=[BOX_THEN_CLICKS, BOXES], positions=[1, 2]))
    assert run.data["colors"]["box"] == pictures.BOX
    for image in run.data["images"]:
        for _, steps in image["runs"]:
            assert [step[5:] for step in steps] == [[BOX]] + [[]] * (len(steps) - 1)
            assert [step[0] for step in steps] == list(range(1, len(steps) + 1))
    lengths = {
        len(steps) for image in run.data["images"] if image["group"] == 1 for _, steps in image["runs"]
    }
    assert run.data["groups"][0]["unit"] == "boxes"
    assert max(lengths) > 1


def test_pictures_outline_the_box():
    frames = disc_run(protocols=[BOX_THEN_CLICKS], positions=[1]).pictures
    frames = frames[(frames.task == frames.task.iloc[0]) & (frames.model == "multiverseg")]
    axes = Figure().subplots()
    label = np.zeros((HEIGHT, WIDTH), bool)
    pictures.draw(axes, label.astype(np.float32), label, frames[frames.step <= 2])
    top, left, bottom, right = BOX
    outlines = {patch.get_bbox().bounds for patch in axes.patches}
    assert outlines == {(left - 0.5, top - 0.5, right - left, bottom - top)}
    assert len(axes.lines) == 2  # the click of step 2: disc and sign


def test_examples_of_one_box_name_it_in_their_legend():
    figure = figure_of("fig5", disc_run(["multiverseg"], [BOXES], positions=[1]))
    assert pictures.BOXES in figure.get_supxlabel().replace("\n", " ")
    assert pictures.interactions_of(disc_run(positions=[1]).pictures) == pictures.INTERACTIONS
