"""Artefacts beyond the papers: comparisons of pairs, performance profiles, convergence."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest
from artefact_helpers import data_of, figure_of, grid_of
from conftest import UNUSED

from segbench.reports.answer import sentences
from segbench.reports.registry import get
from segbench.reports.requirement import InsufficientRecords
from segbench.results import statistics
from segbench.results.schema import IMAGES, typed

NAMES = [name for name, kind in IMAGES.items() if kind == "string"]


def needing(**efforts: list[list[int]]) -> SimpleNamespace:
    """Return clicks by model, (simulations, images); each position has a subject, 20 clicks are a failure."""
    rows = [
        {
            "protocol": "center-clicks",
            "model": model.replace("_", "-"),
            **dict.fromkeys(("dataset", "cohort", "modality", "axis", "label", "task"), "x"),
            **UNUSED,
            "simulation": simulation,
            "position": position,
            "image": position,
            "subject": f"s{position}",
            "context_size": 0,
            "context": "none",
            "split": "test",
            "interactions": needed,
            "reached": needed < 20,
            **dict.fromkeys(("dice", "hd95", "seconds"), 0.5),
        }
        for model, simulations in efforts.items()
        for simulation, images in enumerate(simulations)
        for position, needed in enumerate(images, start=1)
    ]
    return SimpleNamespace(images=typed(rows, IMAGES), manifests=[])


def with_categories(results) -> SimpleNamespace:
    """Return the same records with text as categories."""
    images = results.images.astype(dict.fromkeys(NAMES, "category"))
    return SimpleNamespace(images=images, manifests=results.manifests)


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


@pytest.mark.parametrize(
    ("efforts", "answer"),
    [
        (
            {"scribbleprompt": [[10, 10]] * 3, "sp_uvs": [[8, 8]] * 3, "multiverseg": [[6, 6]] * 3},
            "MultiverSeg needs the fewest clicks: a change of −25.0% from the next best, SP+UVS "
            "[−25.0%, −25.0% over 3 simulations; −25.0%, −25.0% over 2 subjects].",
        ),
        (
            {"scribbleprompt": [[9, 9]] * 3, "multiverseg": [[12, 12]] * 3},
            "ScribblePrompt needs the fewest clicks: a change of −25.0% from MultiverSeg "
            "[−25.0%, −25.0% over 3 simulations; −25.0%, −25.0% over 2 subjects].",
        ),
        (
            {"scribbleprompt": [[10, 10]] * 3, "multiverseg": [[4, 12]] * 3},
            "MultiverSeg needs the fewest clicks: a change of −20.0% from ScribblePrompt "
            "[−20.0%, −20.0% over 3 simulations; −60.0%, +20.0% over 2 subjects]; "
            "with other subjects the order could be different.",
        ),
        (
            {"scribbleprompt": [[10, 10]] * 2, "multiverseg": [[11, 11], [8, 8]]},
            "MultiverSeg needs the fewest clicks, but a change of −5.0% from ScribblePrompt [−20.0%, +10.0% "
            "over 2 simulations; −5.0%, −5.0% over 2 subjects] is too small to rank the two.",
        ),
        (
            {"scribbleprompt": [[10, 10]], "multiverseg": [[8, 6]]},
            "MultiverSeg needs the fewest clicks: a change of −30.0% from ScribblePrompt "
            "[−40.0%, −20.0% over 2 subjects; no interval over simulations, because there is only one].",
        ),
        (
            {"scribbleprompt": [[10, 4]] * 2, "multiverseg": [[4, 10]] * 2},
            "ScribblePrompt and MultiverSeg need equally many clicks.",
        ),
        (
            {"scribbleprompt": [[8, 8]] * 2, "sp_uvs": [[8, 8]] * 2, "multiverseg": [[9, 9]] * 2},
            "ScribblePrompt and SP+UVS need the fewest clicks, equally many.",
        ),
        (
            {"scribbleprompt": [[4, 6]] * 2},
            "ScribblePrompt needs 5.0 clicks per image [5.0, 5.0 over 2 simulations; 4.0, 6.0 over "
            "2 subjects]; there is no other method on the same images to compare with.",
        ),
        (
            {
                "scribbleprompt": [[2, 3]] * 2,
                "multiverseg": [[0, 0]] * 2,
            },  # −100%; the other way is undefined
            "MultiverSeg needs the fewest clicks: a change of −100.0% from ScribblePrompt "
            "[−100.0%, −100.0% over 2 simulations; −100.0%, −100.0% over 2 subjects].",
        ),
    ],
)
def test_the_answer_in_words(efforts, answer):
    assert sentences(needing(**efforts)) == [f"Center clicks: {answer}"]


@pytest.mark.parametrize(
    ("efforts", "answer"),
    [
        (
            {"scribbleprompt": [[20, 20]] * 2, "multiverseg": [[20, 10]] * 2},
            "MultiverSeg needs the fewest clicks: a change of −25.0% from ScribblePrompt "
            "[−25.0%, −25.0% over 2 simulations; −50.0%, 0.0% over 2 subjects]; with other subjects the "
            "order could be different. Images that missed 90% Dice: 50.0% with MultiverSeg, 100.0% with "
            "ScribblePrompt; each counts with the maximum, 20 clicks.",
        ),
        (
            {"scribbleprompt": [[20, 20]] * 2, "multiverseg": [[20, 20]] * 2},
            "No method reached 90% Dice on any image, so there is nothing to rank.",
        ),
        (
            {"scribbleprompt": [[20, 20]] * 2},
            "No method reached 90% Dice on any image, so there is nothing to rank.",
        ),
        (
            {"scribbleprompt": [[4, 20, 6, 10]] * 2},
            "ScribblePrompt needs 10.0 clicks per image [10.0, 10.0 over 2 simulations; 4.5, 16.5 over "
            "4 subjects]; there is no other method on the same images to compare with. Images that missed "
            "90% Dice: 25.0% with ScribblePrompt; each counts with the maximum, 20 clicks.",
        ),
    ],
)
def test_the_answer_states_failures(efforts, answer):
    (text,) = sentences(needing(**efforts))
    assert text == f"Center clicks: {answer}"


def test_a_method_that_never_reached_the_target_needs_no_number_of_clicks():
    results = needing(scribbleprompt=[[4, 6]] * 2, multiverseg=[[20, 20]] * 2)
    results.images.loc[results.images.model == "multiverseg", "simulation"] += 10  # no image in common
    (text,) = sentences(results)
    assert "MultiverSeg reached 90% Dice on no image" in text
    assert "20.0 clicks" not in text


def test_the_answer_counts_tasks_that_no_method_solves():
    easy = needing(scribbleprompt=[[10, 10]] * 2, multiverseg=[[5, 5]] * 2)
    hard = needing(scribbleprompt=[[20, 20]] * 2, multiverseg=[[20, 20]] * 2)
    images = pd.concat([easy.images, hard.images.assign(label="hard", task="hard")], ignore_index=True)
    (text,) = sentences(SimpleNamespace(images=images, manifests=[]))
    assert "a change of −16.7% from ScribblePrompt" in text  # 30 to 25
    assert text.endswith(
        "Images that missed 90% Dice: 50.0% with MultiverSeg, 50.0% with ScribblePrompt; each counts with "
        "the maximum, 20 clicks. No method reached it on any image of 1 of 2 tasks."
    )


def test_there_is_one_sentence_per_protocol_also_from_a_computed_table(small):
    texts = sentences(small)
    assert [text.split(":")[0] for text in texts] == ["Center clicks", "Centerline scribbles"]
    assert sentences(small, data_of("comparisons", small)) == texts


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


def test_sentences_read_categories(small):
    assert sentences(with_categories(small)) == sentences(small)
