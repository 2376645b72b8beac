"""Seed images that miss the target Dice, and scribbles without a pixel: sentences, table and settings."""

from __future__ import annotations

import pandas as pd
import pytest
from artefact_helpers import data_of, grid_of, text_of

from segbench.benchmark.summary import result_lines
from segbench.reports.build import build
from segbench.reports.cautions import empty_scribbles, missed_seeds
from segbench.results import Results
from segbench.results.schema import UNTIMED, typed

CLICKS, SCRIBBLES = "center-clicks", "centerline-scribbles"
# Dice of the seed images by protocol and data set, in the order of the simulations.
SEEDS = {
    (CLICKS, "wbc"): [0.95, 0.92, 0.0],
    (CLICKS, "buid"): [0.91, 0.5],
    (SCRIBBLES, "wbc"): [0.97, 0.93, 0.94],
}


def seed_rows(protocol: str, dataset: str, model: str, dice: list[float]) -> list[dict]:
    common = {"protocol": protocol, "model": model, "dataset": dataset, "task": f"{dataset}/a/m/0/x"}
    rest = dict.fromkeys(UNTIMED, 0) | {"split": "test", "context": "binary"}
    return [
        rest
        | common
        | {"simulation": number, "dice": value, "reached": value >= 0.9, "interactions": 2 * number}
        for number, value in enumerate(dice)
    ]


def with_seeds(run: Results, **settings) -> Results:
    """Return a run in which two models share seed images."""
    rows = [
        row
        for (protocol, dataset), dice in SEEDS.items()
        for model in ("sp-uvs", "multiverseg")
        for row in seed_rows(protocol, dataset, model, dice)
    ]
    tables = {"seeds": typed(rows, UNTIMED)}

    def read(name: str, protocols) -> pd.DataFrame:
        return tables[name] if name in tables else run.read(name, protocols)

    manifest = run.manifests[0] | {"settings": run.manifests[0]["settings"] | settings}
    return Results(run.images, [manifest], read)


def test_seed_images_below_the_target_are_counted_once_for_all_methods(run):
    assert missed_seeds(with_seeds(run)) == (
        "2 of 5 missed 90% Dice with center clicks (lowest: 0.0%). The seed image is entry 1 of the "
        "context of every method. Run with --seed-image redraw to replace those that missed."
    )


def test_where_seed_images_are_redrawn_no_command_redraws_them(run):
    text = missed_seeds(with_seeds(run, seed_image="redraw"))
    assert text.startswith("2 of 5 missed") and "--seed-image" not in text
    assert text.endswith("No other train image that was drawn in their place reached it.")


def test_the_page_counts_seed_images_beside_the_answer(run, tmp_path):
    build(with_seeds(run, seed_image="keep"), tmp_path, only=["table1"])
    text = text_of(tmp_path)
    assert "Seed images. 2 of 5 missed 90% Dice with center clicks" in text
    assert text.index("Seed images.") < text.index("Reading the intervals")
    assert "Seed image below the target keep" in text


def test_a_run_prints_the_count(run):
    results = with_seeds(run)
    results.folders = ["here"]
    assert any(line.startswith("Seed images: 2 of 5 missed 90% Dice") for line in result_lines(results))
    assert not any("Seed images" in line for line in result_lines(named(run)))


def named(run: Results) -> Results:
    return Results(run.images, run.manifests, run.read, folders=["here"])


def test_the_table_of_seed_images_has_a_row_for_each_protocol_and_data_set(run):
    table = data_of("seed-images", with_seeds(run)).set_index(["protocol", "dataset"])
    assert table.index.to_list() == [(CLICKS, "buid"), (CLICKS, "wbc"), (SCRIBBLES, "wbc")]
    assert table.seeds.to_list() == [2, 3, 3] and table.missed.to_list() == [1, 1, 0]
    assert table.lowest_dice.to_list() == [0.5, 0.0, 0.93]
    assert table.dice.to_list() == pytest.approx([0.705, 0.6233, 0.9467], abs=1e-4)
    assert table.interactions.to_list() == [1, 2, 2]
    grid = grid_of("seed-images", with_seeds(run))
    assert grid.rows[0][4:] == ["1.00", "70.5", "50.0"]


def test_without_seed_images_the_table_is_not_drawn(run, tmp_path):
    build(run, tmp_path, only=["seed-images"])
    text = text_of(tmp_path)
    assert "Seed images: not drawn No method of the run takes a context" in text
    assert "Seed images. " not in text


def test_empty_scribbles_are_counted_with_their_protocol(run, tmp_path):
    images = run.images.copy()
    scribbled = images.index[images.protocol == SCRIBBLES]
    for row, count in zip(scribbled, (4, 1, 2), strict=False):
        images.loc[row, "empty_scribbles"] = count
    changed = Results(images, run.manifests, run.read)
    assert empty_scribbles(changed).startswith(
        "Centerline scribbles: 7 scribbles on 3 images (counted for each method) had no pixel, although"
    )
    build(changed, tmp_path, only=["table1"])
    assert "Empty scribbles. Centerline scribbles: 7 scribbles on 3 images" in text_of(tmp_path)
    build(run, tmp_path, only=["table1"])
    assert "Empty scribbles" not in text_of(tmp_path)
