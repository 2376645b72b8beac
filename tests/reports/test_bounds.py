"""The supervised upper bound in figures, tables and on the page, against numbers computed by hand."""

from __future__ import annotations

import pandas as pd
import pytest
from artefact_helpers import data_of, figure_of, grid_of, legend, text_of
from conftest import MANIFEST, schedule
from discs import disc_run

from segbench.reports import bounds
from segbench.reports.answer import sentences
from segbench.reports.build import build
from segbench.reports.missing import Coverage
from segbench.reports.registry import get
from segbench.reports.replay import replay
from segbench.reports.requirement import InsufficientRecords
from segbench.results import Results
from segbench.results.schema import IMAGES

WBC, OTHER = "wbc/a/m/0/x", "other/a/m/0/x"
SHORT = "nnU-Net, 20 epochs of 20 iterations (shortened)"
# Dice of the two images of every task, each of its own subject, by data set and training.
DICE = {"wbc": ((0.96, 0.90), (0.92, 0.82)), "other": ((0.7, 0.9), (0.8, 0.8))}
DICE_FIGURES = ["fig6", "fig7", "fig17a", "fig18", "fig19", "fig20", "fig21"]


def rows(dice=DICE, model="nnunet") -> list[dict]:
    """Make the image records of networks trained on each task."""
    return [
        {
            "protocol": "supervised",
            "model": model,
            "context": "none",
            "context_size": 0,
            "dataset": dataset,
            "training": run,
            "position": position,
            "image": position,
            "subject": f"s{position}",
            "dice": dice,
            "reached": dice >= 0.9,
            "hd95": 1.0 + run,
        }
        for dataset, runs in dice.items()
        for run, values in enumerate(runs)
        for position, dice in enumerate(values, start=1)
    ]


@pytest.fixture
def made(records):
    """Return a function that makes results of such and other records, with trainings in the manifest."""

    def make(supervised: list[dict], *others: dict, training: dict | None = None, images=18) -> Results:
        results = records([*supervised, *others], images=images)
        results.manifests[0]["models"] = {"nnunet": {"weights": "bundled", "training": training or {}}}
        return results

    return make


def with_manifest(results: Results, images: pd.DataFrame, *manifests: dict) -> Results:
    return Results(images.astype(IMAGES), list(manifests), results.read)


def levels(axes, label: str) -> list[float]:
    """Return the heights of the horizontal lines with this label."""
    found = [line for line in axes.lines if str(line.get_label()).replace("\n", " ") == label]
    return [float(line.get_ydata()[0]) for line in found]


def test_runs_are_averaged_within_tasks_and_their_spread_is_the_interval(made):
    (row,) = bounds.bounds(made(rows())).to_dict("records")
    assert row["mean"] == pytest.approx((90 + 80) / 2)
    assert (row["runs"], row["tasks"], row["subjects"]) == (2, 2, 4)
    assert row["hd95"] == pytest.approx(1.5)
    assert row["at_target"] == pytest.approx(((100 + 50) / 2 + (50 + 0) / 2) / 2)
    # Run 0 alone is (93 + 80) / 2 and run 1 alone (87 + 80) / 2.
    assert (row["low"], row["high"]) == (pytest.approx(83.5), pytest.approx(86.5))
    assert row["subject_low"] < row["mean"] < row["subject_high"]


def test_a_single_run_has_an_interval_over_subjects_only(made):
    (row,) = bounds.bounds(made(rows({"wbc": DICE["wbc"][:1]}))).to_dict("records")
    assert pd.isna([row["std"], row["low"], row["high"]]).all()
    assert (row["subject_low"], row["mean"], row["subject_high"]) == (90, pytest.approx(93), 96)


def test_a_bound_is_over_the_requested_tasks_and_counts_the_missing_ones(made):
    results = made(rows(), training=dict.fromkeys([WBC, OTHER], schedule()))
    (row,) = bounds.bounds(results, [OTHER, "wbc/other/m/0/x"]).to_dict("records")
    assert row["mean"] == pytest.approx(80)
    assert row["label"] == f"{SHORT}, 1 of 2 tasks"
    assert bounds.bounds(results, ["no/such/task/0/x"]).empty
    groups = bounds.bounds(results, level="dataset").set_index("group")["mean"]
    assert groups.to_dict() == {"other": pytest.approx(80), "wbc": pytest.approx(90)}


FULL, LONGER = schedule(1000, 250, False), schedule(50, 20)


@pytest.mark.parametrize(
    ("model", "training", "label", "weights"),
    [
        ("nnunet", {WBC: FULL, OTHER: FULL}, "nnU-Net", "trained: 1000 epochs of 250 iterations"),
        (
            "nnunet",
            {WBC: schedule(), OTHER: schedule()},
            SHORT,
            "trained: 20 epochs of 20 iterations (shortened)",
        ),
        (
            "nnunet",
            {WBC: schedule(), OTHER: LONGER},
            "nnU-Net, several shortened schedules",
            "trained: several shortened schedules",
        ),
        (
            "nnunet",
            {WBC: schedule(), OTHER: FULL},
            "nnU-Net, several schedules, some shortened",
            "trained: several schedules, some shortened",
        ),
        ("nnunet", {}, "nnU-Net (schedule unknown)", "trained: schedule unknown"),
        ("mine:Net", {}, "mine:Net", "trained"),
    ],
)
def test_the_label_mentions_shortened_and_unknown_schedules(made, model, training, label, weights):
    results = made(rows(model=model), training=training)
    assert bounds.bounds(results).label.tolist() == [label]
    assert bounds.weights(results, model, [WBC, OTHER]) == weights
    assert bounds.weights(results, model, [WBC, OTHER], count=3).endswith("2 of 3 tasks")


@pytest.mark.parametrize("name", DICE_FIGURES)
def test_every_panel_with_dice_has_the_bound_of_its_tasks(name, whole_run):
    figure = figure_of(name, whole_run)
    assert legend(figure).count(SHORT) == 1
    expected = bounds.bounds_of(
        whole_run, whole_run.images, grouped=name in ("fig18", "fig19", "fig20", "fig21")
    )
    per_protocol = [axes for axes in figure.axes if levels(axes, SHORT)]
    assert len(per_protocol) == len(figure.axes)
    for axes, mean in zip(figure.axes, [*expected["mean"]] * len(figure.axes), strict=False):
        assert levels(axes, SHORT) == [pytest.approx(mean)]
        assert axes.get_ylim()[0] < mean < axes.get_ylim()[1]
    assert "over 2 trainings" in figure.get_supxlabel().replace("\n", " ")


@pytest.mark.parametrize("name", [*DICE_FIGURES, "fig3", "fig11"])
def test_without_records_of_it_there_is_no_bound_in_a_figure(name, whole_run):
    images = whole_run.images[whole_run.images.protocol != "supervised"]
    figure = figure_of(name, with_manifest(whole_run, images, *whole_run.manifests))
    assert not [label for label in legend(figure) if "shortened" in label]
    assert "trained" not in figure.get_supxlabel()


def test_the_y_axis_reaches_a_bound_far_above_the_curves_and_the_note_names_the_subjects(made):
    context = {"protocol": "in-context", "context": "ground-truth", "dataset": "wbc", "dice": 0.2}
    results = made(rows({"wbc": DICE["wbc"][:1]}), context)
    axes = figure_of("fig19", results).axes[0]
    assert axes.get_ylim()[1] > 93
    assert levels(axes, "nnU-Net (ICCV 2023, whole data set)") == [95.1]
    assert levels(axes, "nnU-Net (schedule unknown)") == [pytest.approx(93)]
    note = figure_of("fig6", results).get_supxlabel().replace("\n", " ")
    assert note.endswith("band: 95% bootstrap interval over 2 subjects.")


def test_fig3_has_the_quality_without_interactions(made):
    results = made(rows({"wbc": DICE["wbc"]}), {"dataset": "wbc"}, training={WBC: schedule()})
    label = f"{SHORT}, no interactions: Dice 90.00 ± "
    (entry,) = (text for text in legend(figure_of("fig3", results)) if text.startswith("nnU-Net"))
    assert entry.startswith(label)
    assert entry.endswith(", 75% of images ≥ 90%")
    axes = figure_of("fig3", results).axes[0]
    assert levels(axes, entry) == [0]
    assert axes.get_ylim()[0] < 0


def test_fig11_names_the_bound_once_with_its_dice_in_every_panel(made):
    others = [{"dataset": name, "protocol": "center-clicks"} for name in ("wbc", "other")]
    results = made(rows({name: dice[:1] for name, dice in DICE.items()}), *others)
    figure = figure_of("fig11", results)
    assert legend(figure).count("nnU-Net (schedule unknown), no interactions") == 1
    assert [[text.get_text() for text in axes.texts] for axes in figure.axes] == [
        ["nnU-Net: Dice 80.00"],
        ["nnU-Net: Dice 93.00"],
    ]


def test_table_7_compares_the_quality_of_bounds_with_the_paper_without_totals(made):
    sets = [{"dataset": "wbc", "position": position} for position in (1, 2, 3)]
    table = data_of("table7", made(rows(), *sets, training={WBC: schedule()}))
    supervised = table[table.protocol == "supervised"].set_index("metric")
    assert list(supervised.index) == ["dice_percent", "hd95"]
    assert set(supervised.tasks) == {1}  # the other task has no sets
    dice = supervised.loc["dice_percent"]
    assert (dice["mean"], dice.paper, dice.paper_std) == (pytest.approx(90), 90.15, 0.54)
    assert dice.weights == "trained: 20 epochs of 20 iterations (shortened)"
    assert pd.isna(dice.set_size)
    assert set(table[table.protocol != "supervised"].set_size) == {3}
    assert pd.isna(supervised.loc["hd95"].paper)


def test_the_spread_over_trainings_is_not_that_of_other_simulations(made):
    sets = [
        {"dataset": "wbc", "protocol": "center-clicks", "simulation": number, "dice": 0.9}
        for number in range(20)
    ]
    results = made(rows({"wbc": DICE["wbc"]}), *sets)
    table = data_of("table7", results).set_index(["protocol", "metric"]).loc["supervised", "dice_percent"]
    (bound,) = bounds.bounds(results).to_dict("records")
    for name in ("mean", "low", "high", "subject_low", "subject_high"):
        assert table[name] == pytest.approx(bound[name], rel=0.05), name
    assert table.bootstrap_std == pytest.approx(bound["std"], rel=0.05)


def test_every_test_image_counts_beyond_the_size_of_a_set(made):
    table = data_of("table7", made(rows({"wbc": DICE["wbc"]}), images=1)).set_index("metric")
    assert table["mean"]["dice_percent"] == pytest.approx((96 + 90 + 92 + 82) / 4)


def test_the_table_of_bounds_has_the_papers_numbers_and_the_largest_context(made):
    context = {"protocol": "in-context", "context": "ground-truth"}
    others = [
        context | {"dataset": "wbc", "model": model, "context_size": size, "dice": dice}
        for model, size, dice in (
            ("multiverseg", 1, 0.5),
            ("multiverseg", 4, 0.7),
            ("universeg", 4, 0.6),
        )
    ]
    results = made(rows(), *others, training={WBC: schedule(), OTHER: FULL})
    table = data_of("upper-bounds", results)
    assert table[["level", "group"]].agg(" ".join, axis=1).tolist() == [
        "overall all",
        "dataset other",
        "dataset wbc",
        f"task {OTHER}",
        f"task {WBC}",
    ]
    assert table["mean"].tolist() == [pytest.approx(mean) for mean in (85, 80, 90, 80, 90)]
    assert table.label.tolist()[:3] == ["nnU-Net, several schedules, some shortened", "nnU-Net", SHORT]
    known = table.set_index("group")
    assert (known.paper["all"], known.paper["wbc"]) == (90.15, 95.1)
    assert known.paper[["other", OTHER, WBC]].isna().all()
    # The models with a context have no records of the other task, which leaves no mean over both.
    assert known.multiverseg.isna().to_dict() == {
        "all": True,
        "other": True,
        "wbc": False,
        OTHER: True,
        WBC: False,
    }
    assert (known.multiverseg[WBC], known.universeg["wbc"]) == (pytest.approx(70), pytest.approx(60))
    grid = grid_of("upper-bounds", results)
    assert grid.columns[-1] == "MultiverSeg, context of 4"
    assert grid.rows[2][:4] == ["Data set: wbc", SHORT, "2", grid.rows[2][3]]
    assert grid.rows[2][3].startswith("90.00 ± ")


def test_only_its_own_table_reports_a_missing_bound(run, tmp_path):
    gaps = {name: Coverage(run).gaps(get(name)) for name in ("fig3", "table7", "fig6", "upper-bounds")}
    assert not [
        gap
        for name, found in gaps.items()
        if name != "upper-bounds"
        for gap in found
        if "nnunet" in gap.command
    ]
    (own,) = gaps["upper-bounds"]
    assert own.command.startswith(
        "python -m benchmark run --protocol supervised --models nnunet --datasets wbc"
    )
    with pytest.raises(InsufficientRecords, match="no results of supervised"):
        data_of("upper-bounds", run)


def test_a_run_of_nothing_else_has_its_own_page(made, tmp_path):
    results = made(rows(), training=dict.fromkeys([WBC, OTHER], schedule()))
    build(results, tmp_path, formats=["png"])
    text = text_of(tmp_path)
    assert "Supervised (no interactions) · 1 model · 2 tasks · 2 trainings" in text
    assert (
        f"Supervised upper bound, without interactions, of {SHORT}: Dice (×100) 85.0 [83.5, 86.5 over" in text
    )
    assert f"Shortened training. {SHORT}: trained with less than the full schedule." in text
    assert "Bundled weights" not in text
    assert f"nnU-Net {WBC} nnUNetTrainerScheduled 20 epochs of 20 iterations (shortened) bfloat16 2" in text
    assert "nnU-Net nnunet trained on each task –" in text
    assert "none: synthetic tasks only" not in text
    assert {path.name for path in tmp_path.glob("tables/*.csv")} >= {"upper-bounds.csv", "table7.csv"}
    assert SHORT in (tmp_path / "tables" / "upper-bounds.csv").read_text(encoding="utf-8")


def test_a_bound_of_one_run_is_in_the_figures_of_another(whole_run, tmp_path):
    manifest = whole_run.manifests[0]
    other = manifest | {"models": {"nnunet": manifest["models"]["nnunet"]}}
    both = with_manifest(whole_run, whole_run.images, MANIFEST, other)
    assert SHORT in legend(figure_of("fig6", both))
    build(both, tmp_path, only=["fig3", "table7", "upper-bounds"], formats=["png"])
    text = text_of(tmp_path)
    assert text.count(SHORT) > 3
    assert "Bundled weights. ScribblePrompt, SP+UVS and MultiverSeg used the small networks" in text
    assert "Unfinished" not in text


def test_supervised_networks_are_not_in_the_comparison_of_interactions(whole_run):
    assert not [sentence for sentence in sentences(whole_run) if "nnU-Net" in sentence]


def test_a_model_trained_on_fewer_tasks_is_unfinished_but_more_runs_are_not(made, tmp_path):
    more_runs = rows({"wbc": DICE["wbc"]}, "mine:Net") + rows({"wbc": DICE["wbc"][:1]})
    build(made(more_runs), tmp_path, only=["table7"])
    assert "Unfinished" not in text_of(tmp_path)
    build(made([*more_runs, *rows({"other": DICE["other"]})]), tmp_path, only=["table7"])
    assert "mine:Net, supervised (no interactions): 2 of 4 images" in text_of(tmp_path)


def test_the_replay_shows_a_supervised_network_with_its_full_name():
    results = disc_run(models=("nnunet",), protocols=("supervised",), positions=range(1, 4))
    training = dict.fromkeys(results.images.task.unique(), schedule())
    results.manifests[0]["models"] = {"nnunet": {"weights": "bundled", "training": training}}
    assert [method["title"] for method in replay(results).data["methods"]] == [SHORT]
