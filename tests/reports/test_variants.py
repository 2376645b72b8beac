"""Longer sets, kinds of contexts, cut-offs and bootstrapping, against numbers computed by hand."""

from __future__ import annotations

import pytest
from artefact_helpers import data_of, figure_of, grid_of, legend, titles
from conftest import TASKS, as_results, bootstrapped_rows

from segbench.reports.requirement import InsufficientRecords

BOOTSTRAPPED = "bootstrapped-in-context"


def only(data, **values):
    """Return the single row with these values, over simulations."""
    data = data[data.unit == "simulation"]
    for name, value in values.items():
        data = data[data[name] == value]
    assert len(data) == 1
    return data.iloc[0]


def set_of(length: int, **what) -> list[dict]:
    """Make the images of two simulations; image n needs n interactions in the first, n + 2 in the second."""
    return [
        what | {"simulation": simulation, "position": position, "interactions": position + 2 * simulation}
        for simulation in (0, 1)
        for position in range(1, length + 1)
    ]


def test_longer_sets_are_shown_by_task_for_the_data_set_of_the_paper(records):
    clicks = [
        *set_of(4, dataset="hipxray", label="femur"),
        *set_of(3, dataset="hipxray", label="ilium"),
        *set_of(2, dataset="hipxray", label="pelvis"),
        *set_of(4, dataset="wbc", label="nucleus"),
    ]
    results = records(clicks, images=2)
    data = data_of("fig13", results)
    assert set(data.group) == {"hipxray/a/m/0/femur", "hipxray/a/m/0/ilium"}
    assert set(data.loc[data.group.str.endswith("femur"), "example"]) == {1, 2, 3, 4}
    assert only(data, group="hipxray/a/m/0/ilium", example=3)["mean"] == pytest.approx(4)
    figure = figure_of("fig13", results)
    assert titles(figure) == ["femur", "ilium"]
    assert figure.axes[0].get_ylabel() == "Clicks to 90% Dice"
    assert figure.axes[0].lines[0].get_ydata().tolist() == [2, 3, 4, 5]


def test_without_longer_sets_of_that_data_set_the_one_with_most_of_them_is_shown(records):
    scribbles = {"protocol": "centerline-scribbles"}
    given = [
        *set_of(2, dataset="buid", **scribbles),
        *set_of(3, dataset="one", **scribbles),
        *set_of(3, dataset="two", cohort="a", **scribbles),
        *set_of(3, dataset="two", cohort="b", **scribbles),
    ]
    results = records(given, images=2)
    assert set(data_of("fig12", results).group) == {"two/a/m/0/x", "two/b/m/0/x"}
    assert titles(figure_of("fig12", results)) == ["a", "b"]
    with pytest.raises(InsufficientRecords, match="more than 3 images"):
        data_of("fig12", records(given, images=3))


def test_kinds_of_contexts_are_compared_on_validation_images(records):
    val = {"split": "val"}
    results = records(
        [
            *set_of(2, context="binary", **val),
            *set_of(2, context="soft", **val),
            *set_of(1, context="ground-truth", **val),
            *set_of(1, model="sp-uvs", context="soft", **val),
            *set_of(2, context="binary"),
            *set_of(2, model="scribbleprompt", context="none", **val),
        ]
    )
    data = data_of("fig14", results)
    assert set(data.model) == {"multiverseg", "sp-uvs"}
    first = data[(data.unit == "simulation") & (data.example == 1)]
    assert list(zip(first.model, first.context, strict=True)) == [
        ("sp-uvs", "soft"),
        ("multiverseg", "binary"),
        ("multiverseg", "soft"),
        ("multiverseg", "ground-truth"),
    ]
    assert only(data, model="multiverseg", context="binary", example=2)["mean"] == pytest.approx(3)


def test_fig14_has_a_panel_per_protocol_and_model_and_a_line_per_context(whole_run):
    figure = figure_of("fig14", whole_run)
    assert titles(figure) == ["SP+UVS", "MultiverSeg"] * 2
    assert [len(axes.lines) for axes in figure.axes] == [3] * 4
    assert legend(figure) == [
        f"{model}, {context}"
        for model in ("SP+UVS", "MultiverSeg")
        for context in ("binary predictions", "soft predictions", "ground truth")
    ]
    for axes in figure.axes:  # told apart without colour
        assert len({line.get_linestyle() for line in axes.lines}) == 3
        assert len({line.get_marker() for line in axes.lines}) == 3
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_cut_offs_are_named_and_in_order(whole_run):
    assert set(data_of("fig15", whole_run).model) == {
        "scribbleprompt",
        *("sp-uvs-1", "sp-uvs-2", "sp-uvs", "sp-uvs-10"),
    }
    figure = figure_of("fig15", whole_run)
    assert legend(figure) == ["ScribblePrompt", *(f"SP+UVS, min. {size}" for size in (1, 2, 5, 10))]
    assert titles(figure) == ["Center clicks", "Centerline scribbles"]


@pytest.fixture(scope="module")
def bootstrapped(records):
    """Two images in two simulations of one task each in two data sets."""
    dice = {
        ("universeg", "binary"): (0.5, 0.7),
        ("universeg", "soft"): (0.6, 0.8),
        ("universeg-oracle", "ground-truth"): (0.85, 0.95),
    }
    return records(
        [
            {
                "protocol": BOOTSTRAPPED,
                "dataset": dataset,
                "model": model,
                "context": context,
                "simulation": simulation,
                "position": position,
                "dice": first + 0.1 * (position - 1) - worse,
                "reached": False,
            }
            for (model, context), values in dice.items()
            for dataset, worse in (("one", 0.0), ("two", 0.04))
            for simulation, first in enumerate(values)
            for position in (1, 2)
        ],
        target_dice=0.9,
    )


def test_bootstrapping_is_by_kind_of_context_in_percent(bootstrapped):
    data = data_of("fig17a", bootstrapped)
    assert only(data, context="binary", example=1)["mean"] == pytest.approx((50 + 70 + 46 + 66) / 4)
    assert only(data, context="soft", example=2)["mean"] == pytest.approx((70 + 90 + 66 + 86) / 4)
    assert only(data, model="universeg-oracle", example=1)["mean"] == pytest.approx((85 + 95 + 81 + 91) / 4)
    figure = figure_of("fig17a", bootstrapped)
    assert legend(figure) == [
        "UniverSeg, binary predictions",
        "UniverSeg, soft predictions",
        "UniverSeg (oracle)",
    ]
    assert figure.axes[0].lines[0].get_ydata().tolist() == pytest.approx([58, 68])


def test_bootstrapping_by_data_set(bootstrapped):
    data = data_of("fig18", bootstrapped)
    assert only(data, group="two", context="soft", example=1)["mean"] == pytest.approx((56 + 76) / 2)
    figure = figure_of("fig18", bootstrapped)
    assert titles(figure) == ["Data set: one", "Data set: two"]
    assert len({axes.get_ylim() for axes in figure.axes}) == 1


def test_failures_are_images_below_the_target(bootstrapped):
    table = data_of("table17b", bootstrapped)
    oracle = only(table, model="universeg-oracle", metric="failures")
    # Per set of two: the first simulation fails on its first image, the second on none.
    assert oracle["mean"] == pytest.approx(0.5)
    assert only(table, context="binary", metric="failures")["mean"] == pytest.approx(2)
    assert only(table, context="soft", metric="failures")["mean"] == pytest.approx((2 + 1 + 2 + 2) / 4)
    dice = only(table, context="soft", metric="dice_percent")
    assert dice["mean"] == pytest.approx((65 + 85 + 61 + 81) / 4)
    assert table.paper.isna().all()  # these are sets of two images
    grid = grid_of("table17b", bootstrapped)
    assert grid.columns[:3] == ["Metric", "Method", "Context"]
    assert [row[2] for row in grid.rows[:3]] == ["binary", "soft", "ground-truth"]


def test_both_contexts_of_sets_of_the_papers_size_are_compared_with_its_one_number():
    table = data_of("table17b", as_results(list(bootstrapped_rows(TASKS[:1], simulations=2, count=18))))
    dice = table[(table.metric == "dice_percent") & (table.model == "universeg")].set_index("context")
    assert dice.paper.to_dict() == {"binary": 51.02, "soft": 51.02}
    assert (dice.paper_difference == dice["mean"] - dice.paper).all()


def test_some_variants_suffice_for_a_figure_and_none_does_not(records, run):
    some = records([{"protocol": BOOTSTRAPPED, "model": "universeg", "context": "soft"}])
    assert legend(figure_of("fig17a", some)) == ["UniverSeg, soft predictions"]
    for name in ("fig14", "fig15", "fig17a", "fig18", "table17b"):
        with pytest.raises(InsufficientRecords):
            data_of(name, run)
