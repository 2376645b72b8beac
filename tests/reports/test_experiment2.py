"""Experiment 2: Dice by context size and by step, against numbers computed by hand."""

from __future__ import annotations

import pytest
from artefact_helpers import data_of, figure_of, grid_of, legend, titles

from segbench.reports.requirement import InsufficientRecords

CLICKS, SCRIBBLES = "interactive-in-context-clicks", "interactive-in-context-scribbles"


def only(data, **values):
    """Return the single row with these values, over subjects."""
    data = data[data.unit == "subject"]
    for name, value in values.items():
        data = data[data[name] == value]
    assert len(data) == 1
    return data.iloc[0]


# Dice by context size of the three images of a task: two of subject p, one of subject q; all draws alike.
DICE = {1: (0.4, 0.6, 0.3), 4: (0.7, 0.9, 0.6)}
SUBJECTS = ("p", "p", "q")


@pytest.fixture(scope="module")
def contexts(records):
    """Two draws of contexts of 1 and 4 images, one task in each of two data sets, the second 0.2 worse."""
    return records(
        [
            {
                "protocol": "in-context",
                "context": "ground-truth",
                "dataset": dataset,
                "simulation": simulation,
                "position": position,
                "subject": SUBJECTS[position - 1],
                "context_size": size,
                "dice": dice - worse,
            }
            for dataset, worse in (("wbc", 0.0), ("other", 0.2))
            for simulation in (0, 1)
            for size, values in DICE.items()
            for position, dice in enumerate(values, start=1)
        ],
        images=2,  # of experiment 1; here images come in no sequence, and all count
    )


def test_dice_by_context_size_weighs_subjects_equally(contexts):
    data = data_of("fig6", contexts)
    assert only(data, context_size=1)["mean"] == pytest.approx((40 + 20) / 2)
    assert only(data, context_size=4)["mean"] == pytest.approx((70 + 50) / 2)
    assert list(data.unit.unique()) == ["subject", "simulation"]


def test_intervals_are_over_subjects_first_then_over_simulations(contexts):
    data = data_of("fig6", contexts)
    row = only(data, context_size=1)
    assert (row.n_units, row.low < row["mean"] < row.high) == (4, True)
    beside = data[(data.unit == "simulation") & (data.context_size == 1)].iloc[0]
    assert (beside.n_units, beside.low, beside.high) == (2, pytest.approx(30), pytest.approx(30))
    assert (
        figure_of("fig6", contexts)
        .get_supxlabel()
        .startswith("Shading: 95% bootstrap interval over 4 subjects,")
    )


def test_context_sizes_double_from_tick_to_tick(contexts, whole_run):
    axes = figure_of("fig6", contexts).axes[0]
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "4"]
    assert legend(figure_of("fig6", whole_run))[:2] == ["MultiverSeg", "UniverSeg"]


def test_published_values_are_in_the_data_and_the_figure(contexts):
    data = data_of("fig6", contexts)
    assert data.paper.notna().all()
    axes = figure_of("fig6", contexts).axes[0]
    hollow = [line.get_xydata() for line in axes.lines if line.get_markerfacecolor() == "white"]
    expected = {size: only(data, context_size=size).paper for size in DICE}
    assert {int(size): value for points in hollow for size, value in points} == expected
    shown = legend(figure_of("fig6", contexts))
    assert "nnU-Net (ICCV 2025)" in shown and "Paper (ICCV 2025)" in shown


def test_context_sizes_by_data_set(contexts):
    data = data_of("fig19", contexts)
    assert only(data, group="other", context_size=4)["mean"] == pytest.approx(50)
    figure = figure_of("fig19", contexts)
    assert titles(figure) == ["Data set: other", "Data set: wbc"]
    bounds = [any(line.get_label() == "nnU-Net (ICCV 2023)" for line in axes.lines) for axes in figure.axes]
    assert bounds == [False, True]


@pytest.mark.parametrize(
    ("models", "beside"),
    [(("universeg",), "universeg"), (("universeg", "universeg-ensemble"), "universeg-ensemble")],
)
def test_the_ensembles_published_number_is_beside_the_ensemble_if_there_is_one(records, models, beside):
    """UniverSeg's paper has the ensemble's number of WBC with 64 images."""
    row = {"protocol": "in-context", "context": "ground-truth", "context_size": 64}
    places = [{"dataset": name, "subject": subject} for name in ("wbc", "other") for subject in "pq"]
    data = data_of("fig19", records([row | place | {"model": name} for name in models for place in places]))
    assert data[data.group == "wbc"].groupby("model", observed=True).paper.first().dropna().to_dict() == {
        beside: 90.5
    }


@pytest.fixture(scope="module")
def corrections(records):
    """Both protocols, one image in each of two cohorts: Dice 0.5, 0.7, 0.8, less with a smaller context."""
    rows = [
        {
            "protocol": protocol,
            "context": "ground-truth",
            "cohort": cohort,
            "context_size": size,
            "simulation": simulation,
            "step": step,
            "dice": dice - (0.3 if size == 1 else 0.0) - (0.1 if cohort == "b" else 0.0),
        }
        for protocol in (CLICKS, SCRIBBLES)
        for cohort in ("a", "b")
        for size in (1, 64)
        for simulation in (0, 1)
        for step, dice in enumerate((0.5, 0.7, 0.8))
    ]
    last = [
        {name: value for name, value in row.items() if name != "step"} for row in rows if row["step"] == 2
    ]
    return records(last, rows)


def test_dice_by_step_and_context_size(corrections):
    data = data_of("fig7", corrections)
    assert only(data, protocol=CLICKS, context_size=1, step=0)["mean"] == pytest.approx(15)
    assert only(data, protocol=SCRIBBLES, context_size=64, step=2)["mean"] == pytest.approx(75)
    figure = figure_of("fig7", corrections)
    assert legend(figure) == ["1", "64"]
    assert figure.legends[0].get_title().get_text() == "Context size"
    assert [axes.get_xlabel() for axes in figure.axes] == ["Clicks", "Scribble steps"]
    assert figure.axes[0].lines[1].get_ydata().tolist() == pytest.approx([45, 65, 75])
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert grid_of("fig7", corrections).columns[-2:] == ["Context of 1", "Context of 64"]


@pytest.mark.parametrize(("name", "protocol"), [("fig20", CLICKS), ("fig21", SCRIBBLES)])
def test_steps_by_cohort_if_there_is_one_data_set(corrections, name, protocol):
    data = data_of(name, corrections)
    assert set(data.protocol) == {protocol}
    assert only(data, group="b", context_size=64, step=1)["mean"] == pytest.approx(60)
    assert titles(figure_of(name, corrections)) == ["Cohort: a", "Cohort: b"]


def test_one_protocol_alone_is_drawn(corrections):
    images, steps = (table[table.protocol == CLICKS] for table in (corrections.images, corrections.steps))
    clicks = type(corrections)(images, corrections.manifests, lambda *_: steps)
    assert titles(figure_of("fig7", clicks)) == ["Center clicks in context"]
    with pytest.raises(InsufficientRecords):
        figure_of("fig21", clicks)


def test_lines_of_context_sizes_go_from_light_to_dark(whole_run):
    from matplotlib.colors import to_rgb

    *lines, _ = figure_of("fig7", whole_run).axes[0].lines  # the last is the upper bound
    brightness = [sum(to_rgb(line.get_color())) for line in lines]
    assert len(lines) == 3
    assert brightness == sorted(brightness, reverse=True)
