"""Numbers that the page states twice: each has one value, to the digit."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from artefact_helpers import data_of, text_of
from conftest import TASKS

from segbench.reports.answer import sentences
from segbench.reports.build import build
from segbench.reports.layout import number
from segbench.reports.registry import get
from segbench.results import Results

CHANGE, TASK_CHANGE = "Change of mean totals", "Mean of the tasks' changes"
PLAIN = {"−": "-", "%": "", "+": ""}


def value(text: str) -> float:
    """Read a number of the page."""
    for old, new in PLAIN.items():
        text = text.replace(old, new)
    return float(text)


NAMES_OF = {"ScribblePrompt": "scribbleprompt", "SP+UVS": "sp-uvs", "MultiverSeg": "multiverseg"}
NAMES = ("fig3", "fig4", "fig16", "table7", "comparisons")


@pytest.fixture(scope="module")
def results(run_of):
    """Sets of the paper's size on tasks of both data sets, of unequal difficulty, with failures."""
    models = ("scribbleprompt", "sp-uvs", "multiverseg")
    return run_of(models=models, tasks=[TASKS[1], TASKS[2], TASKS[5]], simulations=3, count=18)


@pytest.fixture(scope="module")
def data(results) -> dict[str, pd.DataFrame]:
    """The numbers of every artefact, as in its CSV file."""
    return {name: data_of(name, results) for name in NAMES}


@pytest.fixture(scope="module")
def rows(results, data):
    """The rows of every artefact's table on the page, by the cells that name them."""
    grids = {name: get(name).reading_grid(results, data[name]) for name in NAMES}
    return {
        name: {tuple(row[: grid.heads]): row[grid.heads :] for row in grid.rows}
        for name, grid in grids.items()
    }


@pytest.fixture(scope="module")
def answers(results, data) -> list[str]:
    return sentences(results, data["comparisons"])


def test_changes_of_fig4_are_those_of_the_comparisons(rows):
    for (protocol, baseline, measure), cells in rows["fig4"].items():
        mean, *ends = rows["comparisons"][protocol, "MultiverSeg", baseline, measure]
        assert cells == [f"{mean} [{end.replace(' to ', ', ')}]" for end in ends]
    assert len(rows["fig4"]) == 2 * 2 * 2


def test_bars_and_tick_labels_of_fig4_are_the_changes_of_mean_totals(results, data, rows):
    for axes in get("fig4").figure(results, data["fig4"]).axes:
        for bar, tick in zip(axes.patches, axes.get_xticklabels(), strict=True):
            baseline, shown = tick.get_text().split("\n")
            mean = rows["comparisons"][axes.get_title(), "MultiverSeg", baseline, CHANGE][0]
            assert shown == mean
            assert value(mean) == pytest.approx(bar.get_height(), abs=0.05001)


def test_the_answer_takes_its_change_from_the_comparisons(answers, rows):
    for sentence in answers:
        protocol, best, second, change, ends = parts(sentence)
        mean, *intervals = rows["comparisons"][protocol, best, second, CHANGE]
        assert change == mean
        assert re.findall(r"(\S+), (\S+) over", ends) == [tuple(end.split(" to ")) for end in intervals]


def parts(sentence: str) -> tuple[str, ...]:
    """Return protocol, best and second method of an answer, and the change between them with its ends."""
    pattern = r"(.+) on .+: (.+) needs .+ The next best, (.+), needs .+ of the total is (\S+) \[(.+?)\]"
    return re.match(pattern, sentence).groups()


def test_the_interactions_of_the_answer_are_those_of_the_metrics(results, answers):
    metrics = data_of("metrics", results).query("metric == 'noi_90'").set_index(["protocol", "model"])
    for sentence in answers:
        protocol, best, second, *_ = parts(sentence)
        amounts = re.findall(r"([\d.]+)(?: per image)? \[([\d.]+), ([\d.]+)", sentence)
        for title, stated in zip((best, second), amounts, strict=True):
            row = metrics.loc[protocol.lower().replace(" ", "-"), NAMES_OF[title]]
            assert stated == tuple(number(row[name], 1) for name in ("mean", "subject_low", "subject_high"))


def test_dice_where_everything_fails_is_that_of_table_7(results, data):
    failed = Results(results.images.assign(reached=False), results.manifests, results.read)
    dice = data["table7"].query("metric == 'dice_percent'").set_index(["protocol", "model"])["mean"]
    texts = sentences(failed)
    assert len(texts) == 2
    for protocol, text in zip(("center-clicks", "centerline-scribbles"), texts, strict=True):
        for title, name in NAMES_OF.items():
            assert f"{title} {number(dice[protocol, name], 1)} [" in text


def test_the_page_shows_these_answers_and_rows(results, answers, rows, tmp_path):
    page = text_of(build(results, tmp_path, only=["fig4", "comparisons"], formats=["png"]).parent)
    assert all(sentence in page for sentence in answers)
    for name in ("fig4", "comparisons"):
        assert all(" ".join([*heads, *cells]) in page for heads, cells in rows[name].items())


def test_changes_follow_from_the_total_steps_of_table_7(rows):
    total = {
        (protocol, model): value(cells[0].split(" ±")[0])
        for (protocol, metric, model), cells in rows["table7"].items()
        if metric.startswith("Total steps")
    }
    assert len(total) == 2 * 3
    for (protocol, model, baseline, measure), (mean, *_) in rows["comparisons"].items():
        if measure == CHANGE:
            expected = 100 * (total[protocol, model] / total[protocol, baseline] - 1)
            assert value(mean) == pytest.approx(expected, abs=0.06)


def test_the_mean_of_the_tasks_changes_is_another_number_under_its_own_name(rows):
    compared = rows["comparisons"]
    pairs = [key[:3] for key in compared if key[3] == CHANGE]
    assert any(compared[(*pair, CHANGE)][0] != compared[(*pair, TASK_CHANGE)][0] for pair in pairs)


def test_totals_of_fig16_average_to_table_7_and_fig3_to_both(data):
    keys = ["protocol", "model"]
    steps = data["table7"].query("metric == 'total_steps'").set_index(keys)
    of_fig16 = data["fig16"].query("unit == 'simulation'").groupby(keys)["mean"].mean()  # over data sets
    of_fig3 = data["fig3"].query("unit == 'simulation'").groupby(keys)["mean"].sum()
    for key, row in steps.iterrows():
        assert number(row["mean"]) == number(of_fig16[key]) == number(of_fig3[key])


def test_failures_of_the_answer_are_those_of_table_7(answers, rows):
    failures = {key: value(cells[0].split(" ±")[0]) for key, cells in rows["table7"].items()}
    stated = [
        (100 * failures[sentence.split(" on ")[0], "Failures ↓", model] / 18, value(share))
        for sentence in answers
        for share, model in re.findall(r"(\S+)% with (\S+?)[,;]? ", sentence)
    ]
    assert stated
    assert all(share == pytest.approx(expected, abs=0.08) for expected, share in stated)


def test_numbers_of_the_csv_files_are_the_same_floats(data):
    keys = ["protocol", "model", "baseline", "measure", "unit"]
    both = data["fig4"].merge(data["comparisons"], on=keys, suffixes=("", "_compared"))
    assert len(both) == len(data["fig4"])
    for name in ("mean", "std", "low", "high"):
        assert both[name].tolist() == both[f"{name}_compared"].tolist()
