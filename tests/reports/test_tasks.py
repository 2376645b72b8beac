"""Results by task, on records whose means are known by hand."""

from __future__ import annotations

import pytest
from artefact_helpers import data_of, grid_of
from set_runs import as_run, automatic, interactive

from segbench.reports.by_task import largest
from segbench.reports.missing import Coverage
from segbench.reports.registry import get

# Subject a has two images of the task x, subject b one; the task y has one image, which failed.
LABELS = [
    {"label": "x", "position": 1, "image": 1, "subject": "a", "interactions": 2, "dice": 0.9, "nsd_1px": 0.5},
    {
        "label": "x",
        "position": 2,
        "image": 2,
        "subject": "a",
        "interactions": 4,
        "dice": 0.95,
        "nsd_1px": 0.7,
    },
    {
        "label": "x",
        "position": 3,
        "image": 3,
        "subject": "b",
        "interactions": 9,
        "dice": 0.92,
        "nsd_1px": 1.0,
    },
    {
        "label": "y",
        "position": 1,
        "image": 1,
        "subject": "a",
        "interactions": 20,
        "dice": 0.5,
        "reached": False,
    },
]


@pytest.fixture(scope="module")
def of_whole(whole_run):
    """The numbers of a run of all protocols, and their rows for reading."""
    table = data_of("tasks", whole_run)
    return table, get("tasks").reading_grid(whole_run, table)


@pytest.fixture(scope="module")
def labels(records):
    return records(LABELS)


def test_images_weigh_by_subject_and_tasks_the_same(labels):
    table = data_of("tasks", labels).pivot(index="task", columns="metric", values="mean")
    assert list(table.index) == ["all tasks", "toy/a/m/0/x", "toy/a/m/0/y"]
    assert table.interactions.tolist() == pytest.approx([(6 + 20) / 2, 6, 20])
    assert table.failed_percent.tolist() == pytest.approx([50, 0, 100])
    assert table.dice_percent.tolist() == pytest.approx([(92.25 + 50) / 2, 92.25, 50])
    assert table.nsd_1px.tolist() == pytest.approx([80, 80, 80])


def test_rows_have_the_labels_of_the_only_data_set_and_count_its_images(labels):
    grid = grid_of("tasks", labels)
    assert grid.columns[:5] == ["Protocol", "Task", "Method", "Interactions", "Failed"]
    assert [row[1:3] for row in grid.rows] == [[task, "MultiverSeg"] for task in ("x", "y", "all tasks")]
    assert [row[-1] for row in grid.rows] == ["3", "1", "4"]
    assert grid.rows[0][3].startswith("6.00 [3.00, 9.00]")  # both images of subject a, or that of b, alone
    assert grid.rows[1][3:5] == ["20.00", "100%"]  # one subject has no interval


def test_several_data_sets_have_a_column_and_a_mean_each(run):
    grid = grid_of("tasks", run)
    assert grid.columns[:4] == ["Protocol", "Data set", "Task", "Method"]
    of_model = [row[1:3] for row in grid.rows if row[0] == "Center clicks" and row[3] == "MultiverSeg"]
    assert of_model == [
        *(["buid", task] for task in ("benign", "malignant", "all tasks")),
        *(["wbc", f"{cohort}, {label}"] for cohort in ("cv", "jtsc") for label in ("cytoplasm", "nucleus")),
        ["wbc", "all tasks"],
    ]


def test_all_protocols_have_rows_splits_and_contexts_only_where_they_vary(of_whole):
    _, grid = of_whole
    assert grid.columns[:3] == ["Protocol", "Split", "Context"]
    titles = {row[0] for row in grid.rows}
    assert {"Center clicks", "Supervised (no interactions)", "In context, context of 4"} <= titles
    clicks = {tuple(row[1:3]) for row in grid.rows if row[0] == "Center clicks" and row[5] == "MultiverSeg"}
    assert clicks == {("test", "binary"), ("val", "binary"), ("val", "soft"), ("val", "ground-truth")}


def test_supervised_networks_have_intervals_over_trainings(of_whole):
    table, _ = of_whole
    assert set(table.pass_unit[table.protocol == "supervised"]) == {"training"}
    assert set(table.pass_unit[table.protocol != "supervised"]) == {"simulation"}


def test_of_several_sizes_the_largest_one_is_shown(whole_run):
    images = largest(whole_run.images)
    in_context = images.protocol.str.contains("in-context") & (images.protocol != "bootstrapped-in-context")
    assert set(images.context_size[in_context]) == {4}
    assert (~in_context).sum() == (~whole_run.images.protocol.isin(images.protocol[in_context])).sum()


def test_sets_and_scans_have_rows_too():
    sets = grid_of("tasks", as_run(interactive(most=1, simulations=1)))
    assert {row[0] for row in sets.rows} == {
        "Line scribbles on sets, set of 8",
        "Random clicks on sets, set of 8",
    }
    assert {row[-7] for row in sets.rows} == {"8.00"}  # their number is fixed
    scans = grid_of("tasks", as_run(automatic([("simpleunet", "simpleunet-interconv")])))
    assert {row[-7] for row in scans.rows} == {"0.00"}
    assert scans.columns[:3] == ["Protocol", "Task", "Method"]


@pytest.mark.parametrize("name", ["tasks", "worst-images"])
def test_they_are_drawn_for_any_images_and_lack_nothing(records, name):
    only_val = Coverage(records([{"split": "val", "protocol": "mine:OTHER"}]))
    assert only_val.drawable(get(name))
    assert only_val.gaps(get(name)) == []
