"""Artefacts beyond the papers: comparisons of pairs, performance profiles, convergence."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest
from artefact_helpers import data_of, figure_of, grid_of, needing, with_categories

from segbench.reports.registry import get
from segbench.reports.requirement import InsufficientRecords
from segbench.results import statistics


@pytest.fixture(scope="module")
def small(run_of):
    """Both protocols, two models, six tasks, 2 simulations of 3 images."""
    return run_of(models=("multiverseg", "sp-uvs"), simulations=2, count=3)


def test_every_pair_is_compared_and_changes_stand_in_both_directions(run):
    table = data_of("comparisons", run)
    pairs = table[["protocol", "model", "baseline"]].drop_duplicates()
    assert len(pairs) == 2 * 6 * 2
    assert pairs.model.iloc[0] == "sp-uvs" and pairs.baseline.iloc[0] == "scribbleprompt"
    measured = table.groupby(["measure", "unit"]).size().to_dict()
    assert measured == {
        ("change_percent", "simulation"): 24,
        ("change_percent", "subject"): 24,
        ("task_change_percent", "simulation"): 24,
        ("task_change_percent", "subject"): 24,
        ("iqm_difference", "simulation"): 12,
        ("iqm_difference", "subject"): 12,
        ("probability", "simulation"): 12,
    }
    assert len(get("comparisons").reading_grid(run, table).rows) == (2 * 2 + 2) * 12


def test_comparisons_by_hand():
    results = needing(scribbleprompt=[[4, 8, 8, 20], [6, 6, 8, 8]], multiverseg=[[2, 4, 6, 20], [8, 8, 6, 8]])
    table = data_of("comparisons", results)
    first = table[table.unit == "simulation"].set_index(["model", "measure"])["mean"]
    means = first["multiverseg"]
    assert means["change_percent"] == pytest.approx(100 * (62 - 68) / 68)
    assert first["scribbleprompt", "change_percent"] == pytest.approx(100 * (68 - 62) / 62)
    assert means["probability"] == 0.5  # 32 of 40, and 30 of 28
    # The middle four of eight, of MultiverSeg and of ScribblePrompt.
    assert means["iqm_difference"] == pytest.approx((6 + 6 + 8 + 8) / 4 - (6 + 8 + 8 + 8) / 4)
    rows = grid_of("comparisons", results).rows
    pair = ["Center clicks", "MultiverSeg", "ScribblePrompt"]
    assert rows[0][:5] == [*pair, "Change of mean totals", "−8.8%"]
    assert rows[1][:5] == [*pair, "Mean of the tasks' changes", "−8.8%"]  # there is one task
    assert rows[2][-1] == "–"  # no probability over subjects
    assert rows[4][:5] == [pair[0], pair[2], pair[1], "Change of mean totals", "+9.7%"]


def test_methods_without_a_common_image_are_left_out_and_alone_there_is_nothing_to_compare():
    results = needing(scribbleprompt=[[4], [5]], multiverseg=[[2], [2]], sp_uvs=[[3], [3]])
    results.images.loc[results.images.model == "sp-uvs", "simulation"] += 10
    table = data_of("comparisons", results)
    assert set(table.model) | set(table.baseline) == {"scribbleprompt", "multiverseg"}
    with pytest.raises(InsufficientRecords, match="none can be compared"):
        data_of("comparisons", needing(scribbleprompt=[[4], [5]]))


def test_a_profile_ends_where_the_failures_begin():
    results = needing(
        scribbleprompt=[[0, 3, 20, 20], [1, 3, 3, 20]], multiverseg=[[0, 0, 1, 1], [0, 2, 2, 2]]
    )
    data = data_of("profiles", results)
    first = data[data.unit == "simulation"].set_index(["model", "interactions"])["mean"]
    assert first["scribbleprompt"].loc[[0, 1, 2, 3, 19, 20]].tolist() == [12.5, 25, 25, 62.5, 62.5, 62.5]
    assert first["multiverseg"].loc[[0, 1, 2, 20]].tolist() == [37.5, 62.5, 100, 100]
    (axes,) = get("profiles").figure(results, data).axes
    assert {text.get_text() for text in axes.texts} == {"38% fail", "0% fail"}
    drawn = {line.get_label(): line.get_ydata()[-1] for line in axes.lines}
    assert drawn["ScribblePrompt"] == 62.5 and drawn["MultiverSeg"] == 100


def test_profiles_go_to_the_maximum_of_each_protocol(run):
    last = data_of("profiles", run).groupby("protocol").interactions.max()
    assert last.to_dict() == {"center-clicks": 20, "centerline-scribbles": 10}
    assert [axes.get_title() for axes in figure_of("profiles", run).axes] == [
        "Center clicks",
        "Centerline scribbles",
    ]


def test_convergence_shows_the_width_of_both_intervals(run_of):
    results = run_of(simulations=12, count=3)
    data = data_of("convergence", results)
    assert data.simulations.unique().tolist() == [5, 12]
    for unit in ("simulation", "subject"):
        whole = statistics.bootstrap(results.images, "interactions", unit).set_index(["protocol", "model"])
        rows = data[(data.unit == unit) & (data.simulations == 12)].set_index(["protocol", "model"])
        difference = rows.width - (whole.high - whole.low)
        assert difference.abs().max() < 1e-3
    figure = get("convergence").figure(results, data)
    widths = [line.get_ydata().tolist() for line in figure.axes[0].lines]
    assert len(widths) == 2 * 4
    shown = data[(data.protocol == "center-clicks") & (data.unit == "simulation")]
    assert shown[shown.model == "sp-uvs"].width.tolist() in widths


def test_convergence_takes_two_simulations(run_of):
    with pytest.raises(InsufficientRecords, match="only one simulation"):
        data_of("convergence", run_of(simulations=1, count=3))


NAMED = ["comparisons", "profiles", "convergence"]


@pytest.mark.parametrize("name", NAMED)
def test_only_binary_contexts_of_the_test_split_and_standard_sets_are_used(name, whole_run):
    images = whole_run.images
    wanted = images[
        images.protocol.isin(["center-clicks", "centerline-scribbles"])
        & (images.split == "test")
        & images.context.isin(["binary", "none"])
        & (images.position <= whole_run.manifests[0]["images"])
    ]
    assert len(wanted) < len(images)
    alone = SimpleNamespace(images=wanted.reset_index(drop=True), manifests=[])
    pd.testing.assert_frame_equal(data_of(name, whole_run), data_of(name, alone))


@pytest.mark.parametrize("name", NAMED)
def test_names_may_be_categories(name, small):
    pd.testing.assert_frame_equal(data_of(name, with_categories(small)), data_of(name, small))
