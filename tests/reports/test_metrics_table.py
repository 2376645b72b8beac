"""Table 7's neighbour and its own deviations, against numbers known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from artefact_helpers import data_of, grid_of
from conftest import by_hand, make_results

from segbench.reports.requirement import InsufficientRecords
from segbench.results import Results

# Dice after so many clicks; the run stops at 0.9 or after four clicks. By simulation, then position.
CURVES = [
    [{0: 0.5, 1: 0.8, 2: 0.95}, {0: 0.2, 1: 0.82, 2: 0.5, 3: 0.86, 4: 0.5}],
    [{0: 0.9}, {0: 0.85, 1: 0.1, 2: 0.9}],
]
SECONDS = [[0.3, 1.0], [0.2, 0.9]]
HD95 = [[(1.0, False), (50.0, True)], [(2.0, False), (3.0, False)]]


@pytest.fixture(scope="module")
def four() -> Results:
    """Two simulations of two images with these curves; one HD95 is imputed, two scribbles are empty."""
    rows, steps = [], []
    for simulation, curves in enumerate(CURVES):
        for position, curve in enumerate(curves, start=1):
            key = {"simulation": simulation, "position": position, "image": position}
            distance, imputed = HD95[simulation][position - 1]
            last = max(curve)
            rows.append(
                key
                | {"interactions": last, "reached": curve[last] >= 0.9, "dice": curve[last]}
                | {
                    "hd95": distance,
                    "hd95_imputed": imputed,
                    "nsd_1px": 0.5,
                    "nsd_2px": 0.7 + 0.1 * simulation,
                }
                | {"empty_scribbles": 2 * simulation, "seconds": SECONDS[simulation][position - 1]}
            )
            steps += [key | {"step": step, "dice": dice} for step, dice in curve.items()]
    rows, steps = rows[::-1], steps[::-1]  # the order of the rows does not matter
    results = by_hand(rows, steps, target_dice=0.9, max_steps=4, device="cpu", precision="float32")
    results.manifests[0]["processors"] = ["Abacus 9"]
    return results


def test_measures_by_hand(four):
    means = data_of("metrics", four).set_index("metric")["mean"]
    assert means.to_dict() == pytest.approx(
        {
            "noi_80": (1 + 1 + 0 + 0) / 4,
            "noi_85": (2 + 3 + 0 + 0) / 4,
            "noi_90": (2 + 4 + 0 + 2) / 4,
            "failures_80": 0,
            "failures_85": 0,
            "failures_90": 1 / 2,  # per set
            "dice_auc": 100 * np.mean([3.425 / 4, 2.53 / 4, 0.9, 2.775 / 4]),
            "nsd_1px": 50,
            "nsd_2px": 75,
            "hd95": 14,
            "hd95_measured": (1 + (2 + 3) / 2) / 2,
            "empty_scribbles": 2,
            "seconds": 0.6,
            "seconds_per_prediction": np.mean([0.1, 0.2, 0.2, 0.3]),
        }
    )


def test_imputed_distances_are_counted_in_both_tables(four):
    for name in ("table7", "metrics"):
        table = data_of(name, four).set_index("metric")
        assert table.hd95_imputed["hd95"] == 1 and table.hd95_imputed.drop("hd95").isna().all()
        grid = grid_of(name, four)
        (cell,) = (row[grid.heads] for row in grid.rows if row[1] == "HD95 (pixels) ↓")
        assert cell.startswith("14.00 ± ") and cell.endswith(" (1 imputed)")


def test_seconds_have_no_spread_and_name_the_device(four):
    rows = {row[1]: row[3:] for row in grid_of("metrics", four).rows}
    device = "cpu, float32, Abacus 9"
    assert rows["Seconds per image"] == ["0.6", "–", "–", device]
    assert rows["Seconds per prediction"] == ["0.2", "–", "–", device]
    assert rows["NoI to 90% Dice ↓"][-1] == "–"
    four.manifests[0].pop("processors")
    assert grid_of("metrics", four).rows[-1][-1] == "cpu, float32"


def test_thresholds_end_at_the_target_of_the_run(four):
    other = Results(four.images, [{"settings": {"target_dice": 0.85, "max_steps": 4}}], four.read)
    names = set(data_of("metrics", other).metric)
    assert {"noi_80", "noi_85", "failures_85"} <= names and not {"noi_90", "failures_90"} & names


def test_the_maximum_is_of_the_run_else_of_the_protocol(four):
    areas = []
    for settings, protocols in (({}, {}), ({"max_steps": 40}, {}), ({}, {"max_steps": 8})):
        facts = {"title": "Clicks", "unit": "clicks", "family": "sequential", "ordered": True} | protocols
        manifest = {"settings": settings, "protocols": {"center-clicks": facts}}
        table = data_of("metrics", Results(four.images, [manifest], four.read))
        areas.append(table.set_index("metric")["mean"]["dice_auc"])
    last = np.mean([0.95, 0.5, 0.9, 0.9])
    four_clicks = np.mean([3.425, 2.53, 3.6, 2.775])  # of the records, when nothing else is known
    assert areas == pytest.approx(
        [100 * four_clicks / 4, 100 * (four_clicks + 36 * last) / 40, 100 * (four_clicks + 4 * last) / 8]
    )


def test_numbers_stated_in_two_tables_are_equal():
    run = make_results(simulations=2, count=3)
    seven, more = (
        data_of(name, run).set_index(["protocol", "model", "metric"]) for name in ("table7", "metrics")
    )
    for ours, theirs, factor in (
        ("failures_90", "failures", 1),
        ("hd95", "hd95", 1),
        ("noi_90", "total_steps", 3),
    ):
        assert (factor * more.xs(ours, level=2)["mean"]).to_dict() == pytest.approx(
            seven.xs(theirs, level=2)["mean"].to_dict()
        )
        assert (factor * more.xs(ours, level=2).low).to_dict() == pytest.approx(
            seven.xs(theirs, level=2).low.to_dict()
        )


def test_missing_steps_are_a_reason(four):
    steps = four.steps[four.steps.position == 1]
    part = Results(four.images, four.manifests, lambda *_: steps)
    with pytest.raises(InsufficientRecords, match="There are steps of 2 images of center-clicks, not 4"):
        data_of("metrics", part)


def test_the_deviation_of_figure_17b_is_that_over_simulations(records):
    dice = {("a", 0): [0.4, 0.6], ("a", 1): [0.95, 0.91], ("b", 0): [0.1, 0.3], ("b", 1): [0.5, 0.3]}
    rows = [
        {"protocol": "bootstrapped-in-context", "model": "universeg", "dataset": dataset}
        | {"simulation": simulation, "position": position, "dice": value}
        for (dataset, simulation), values in dice.items()
        for position, value in enumerate(values, start=1)
    ]
    results = records(rows, target_dice=0.9)
    table = data_of("table17b", results).set_index("metric")
    # Means over the two data sets of simulation 0: 35 and 2 failures; of simulation 1: 66.5 and 1.
    assert table["mean"].to_dict() == pytest.approx({"dice_percent": 50.75, "failures": 1.5})
    assert table.simulation_std.to_dict() == pytest.approx(
        {"dice_percent": np.std([35, 66.5], ddof=1), "failures": np.std([2, 1], ddof=1)}
    )
    assert "std" not in table and "bootstrap_std" not in table
    grid = grid_of("table17b", results)
    assert grid.columns[3:] == [
        *("Mean ± std over simulations", "95% over simulations", "95% over subjects"),
        "Weights",  # sets of two images are not compared
    ]
    assert grid.rows[0][3] == f"50.75 ± {np.std([35, 66.5], ddof=1):.2f}"


def test_the_deviation_of_table_7_is_that_of_the_bootstrap(four):
    grid = grid_of("table7", four)
    assert "Mean ± bootstrap std" in grid.columns
    row = data_of("table7", four).set_index("metric").loc["dice_percent"]
    # The mean of a resample of two simulations, of Dice 72.5 and 90: the deviation is that of three values.
    assert row.bootstrap_std == pytest.approx(np.std([72.5, 90]) / 2**0.5, rel=0.1)
