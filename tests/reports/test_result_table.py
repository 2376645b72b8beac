"""The table of results that a run prints."""

from __future__ import annotations

from segbench.benchmark.result_table import result_table

LABELS = [
    {"label": "x", "interactions": 2, "dice": 0.9},
    {"label": "y", "interactions": 20, "dice": 0.5, "reached": False},
]


def rows_of(results) -> list[list[str]]:
    lines = result_table(results.images).split("\n")
    assert max(map(len, lines)) <= 100
    return [line.split() for line in lines]


def test_a_run_of_few_tasks_is_listed_by_task_and_model(records):
    other = [row | {"model": "scribbleprompt", "context": "none", "dice": 0.8} for row in LABELS]
    assert rows_of(records([*LABELS, *other])) == [
        ["model", "interactions", "failed", "Dice"],
        ["center-clicks"],
        ["x", "multiverseg", "2.00", "0%", "0.90"],
        ["scribbleprompt", "2.00", "0%", "0.80"],
        ["y", "multiverseg", "20.00", "100%", "0.50"],
        ["scribbleprompt", "20.00", "100%", "0.80"],
        ["all", "tasks", "multiverseg", "11.00", "50%", "0.70"],
        ["scribbleprompt", "11.00", "50%", "0.80"],
    ]


def test_one_task_has_the_means_only(records):
    assert rows_of(records(LABELS[:1]))[1:] == [["center-clicks"], ["multiverseg", "2.00", "0%", "0.90"]]


def test_many_tasks_are_listed_by_data_set(run):
    rows = rows_of(run)  # 2 protocols, 4 models, 6 tasks of 2 data sets
    names = [" ".join(row[:-4]) for row in rows[2:14] if len(row) > 4]
    assert names == ["buid", "wbc", "all data sets"]
    assert len(rows) == 1 + 2 * (1 + 3 * 4)


def test_very_many_rows_and_one_data_set_leave_the_means(records, whole_run):
    tasks = [row | {"label": f"{row['label']}{number}"} for row in LABELS for number in range(16)]
    assert len(rows_of(records(tasks))) == 3
    assert "buid" not in result_table(whole_run.images)


def test_data_sets_name_their_tasks_and_long_names_are_cut(records):
    results = records([LABELS[0], LABELS[1] | {"dataset": "another", "label": "a-very-long-name-" * 3}])
    text = result_table(results.images)
    assert "  toy, x " in text
    assert "  another, a-very-long-name-a-very-lo…  multiverseg" in text


def test_single_tasks_have_the_largest_context(records):
    rows = [
        row | {"protocol": "in-context", "context_size": size, "interactions": 0, "dice": size / 10}
        for row in LABELS
        for size in (1, 2)
    ]
    shown = rows_of(records(rows))
    assert ["x", "multiverseg", "largest", "0.00", "0%", "0.20"] in shown
    assert [row for row in shown if row[:2] == ["all", "tasks"]] == [
        ["all", "tasks", "multiverseg", "1", "0.00", "50%", "0.10"]
    ]
    assert shown[-1] == ["multiverseg", "2", "0.00", "50%", "0.20"]
