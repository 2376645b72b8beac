"""The numbers of figures and tables against means computed by hand."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest
from artefact_helpers import data_of, figure_of, grid_of, legend
from conftest import TASKS, UNUSED, by_hand
from PIL import Image

from segbench.reports import selection, style
from segbench.reports.registry import get
from segbench.reports.requirement import InsufficientRecords, Requirement
from segbench.results import Results
from segbench.results.reference import VERSIONS
from segbench.results.schema import IMAGES, STEPS, typed

# Interactions by (model, cohort): two simulations of two images. The maximum is 10, and 10 here is a failure.
EFFORT = {
    ("scribbleprompt", "a"): ((4, 6), (2, 4)),
    ("scribbleprompt", "b"): ((10, 10), (8, 10)),
    ("multiverseg", "a"): ((2, 1), (4, 1)),
    ("multiverseg", "b"): ((10, 1), (6, 2)),
}


@pytest.fixture(scope="module")
def tiny() -> SimpleNamespace:
    rows = [
        {
            "protocol": "centerline-scribbles",
            "model": model,
            "dataset": "toy",
            "cohort": cohort,
            "modality": "m",
            "axis": "0",
            "label": "x",
            "task": f"toy/{cohort}/m/0/x",
            **UNUSED,
            "simulation": simulation,
            "position": position,
            "image": position,
            "subject": f"{simulation}-{position}",
            "context_size": position,
            "context": "binary",
            "split": "test",
            "interactions": needed,
            "reached": needed < 10,
            "dice": 0.92 if cohort == "a" else 0.94,
            "hd95": 1.0 if cohort == "a" else 2.0,
            "seconds": 0.1,
        }
        for (model, cohort), simulations in EFFORT.items()
        for simulation, images in enumerate(simulations)
        for position, needed in enumerate(images, start=1)
    ]
    return SimpleNamespace(steps=typed([], STEPS), images=typed(rows, IMAGES), manifests=[], papers=False)


def only(data, **values):
    """Return the single row with these values, over simulations."""
    if "unit" in data:
        data = data[data.unit == "simulation"]
    for name, value in values.items():
        data = data[data[name] == value]
    assert len(data) == 1
    return data.iloc[0]


def test_fig3_averages_simulations_then_tasks(tiny):
    data = data_of("fig3", tiny)
    assert only(data, model="scribbleprompt", example=1)["mean"] == pytest.approx(
        ((4 + 2) / 2 + (10 + 8) / 2) / 2
    )
    assert only(data, model="multiverseg", example=2)["mean"] == pytest.approx((1 + 1.5) / 2)
    assert set(data.unit) == {"simulation", "subject"}
    assert set(data.loc[data.unit == "simulation", "n_units"]) == {2}


def test_fig11_and_fig16_are_by_cohort_if_there_is_one_data_set(tiny):
    curves, totals = data_of("fig11", tiny), data_of("fig16", tiny)
    assert set(curves.level) == set(totals.level) == {"cohort"}
    assert only(curves, model="multiverseg", group="b", example=1)["mean"] == pytest.approx(8)
    assert only(totals, model="scribbleprompt", group="a")["mean"] == pytest.approx((10 + 6) / 2)
    assert only(totals, model="multiverseg", group="b")["mean"] == pytest.approx((11 + 8) / 2)


def test_fig4_shows_the_change_of_mean_totals_and_lists_that_of_the_tasks():
    needed = {("scribbleprompt", "a"): 4, ("scribbleprompt", "b"): 8}  # -50% and -25%; both: 12 to 8
    needed |= {("multiverseg", "a"): 2, ("multiverseg", "b"): 6}
    results = by_hand(
        [
            {"model": model, "cohort": cohort, "simulation": simulation, "interactions": clicks}
            for (model, cohort), clicks in needed.items()
            for simulation in (0, 1)
        ]
    )
    data = data_of("fig4", results)
    assert only(data, measure="change_percent")["mean"] == pytest.approx(100 * (8 - 12) / 12)
    assert only(data, measure="task_change_percent")["mean"] == pytest.approx((-50 - 25) / 2)
    figure = figure_of("fig4", results)
    assert [bar.get_height() for bar in figure.axes[0].patches] == [pytest.approx(-100 / 3)]
    assert figure.axes[0].get_xticklabels()[0].get_text() == "ScribblePrompt\n−33.3%"
    rows = [(row[2], row[3].split()[0]) for row in grid_of("fig4", results).rows]
    assert rows == [("Change of mean totals", "−33.3%"), ("Mean of the tasks' changes", "−37.5%")]


def test_table7_counts_steps_and_failures_of_a_set(tiny):
    table = data_of("table7", tiny)
    steps = only(table, model="scribbleprompt", metric="total_steps")
    assert steps["mean"] == pytest.approx((8 + 19) / 2)
    assert only(table, model="scribbleprompt", metric="failures")["mean"] == pytest.approx((0 + 1.5) / 2)
    assert only(table, model="multiverseg", metric="failures")["mean"] == pytest.approx((0 + 0.5) / 2)
    assert only(table, model="multiverseg", metric="dice_percent")["mean"] == pytest.approx(93.0)
    assert only(table, model="multiverseg", metric="hd95")["mean"] == pytest.approx(1.5)
    assert table.paper.isna().all()  # these are sets of two images


@pytest.mark.parametrize("protocols", [("center-clicks",), ("center-clicks", "centerline-scribbles")])
def test_there_is_a_panel_per_protocol(run_of, protocols):
    some = run_of(protocols=protocols, models=("scribbleprompt", "multiverseg"), simulations=2, count=3)
    assert (
        len(figure_of("fig3", some).axes)
        == len(figure_of("fig4", some).axes)
        == len(figure_of("fig16", some).axes)
        == len(protocols)
    )


def test_fig11_has_a_panel_per_data_set_named_in_its_title(run):
    figure = figure_of("fig11", run)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["Data set: buid", "Data set: wbc"] * 2
    assert len({axes.get_ylim() for axes in figure.axes[:2]}) == 1


def test_axes_name_the_target_and_the_unit(run):
    curves = figure_of("fig3", run)
    assert [axes.get_ylabel() for axes in curves.axes] == ["Clicks to 90% Dice", "Scribble steps to 90% Dice"]
    assert curves.get_supxlabel() == "Shading: 95% bootstrap interval over 3 simulations."
    assert "subjects" in figure_of("fig4", run).get_supxlabel()


def test_a_single_simulation_is_drawn_without_an_interval(run_of):
    single = run_of(simulations=1, count=3)
    assert data_of("fig3", single).query("unit == 'simulation'").low.isna().all()
    assert "only one" in figure_of("fig3", single).get_supxlabel()
    assert "only one" in figure_of("fig4", single).get_supxlabel()


def test_only_the_records_that_a_figure_needs_are_selected(records):
    bootstrapped = {"protocol": "bootstrapped-in-context", "context": "soft"}
    given = [
        {"position": 1},
        {"position": 2, "model": "scribbleprompt", "context": "none"},
        {"position": 3},
        {"position": 1, "context": "soft"},
        {"position": 1, "split": "val"},
        bootstrapped | {"position": 1},
        bootstrapped | {"position": 3},
        {"protocol": "in-context", "context": "ground-truth", "position": 40},
    ]
    results = records(given, images=2)

    def selected(*needs):
        return selection.select(results, *needs).index.tolist()

    assert selected(Requirement()) == [0, 1]
    assert selected(Requirement(longer=True)) == [0, 1, 2]
    assert selected(Requirement(context="soft")) == [1, 3]
    assert selected(Requirement(split="val")) == [4]
    assert selected(Requirement(("bootstrapped",), context="soft")) == [5]
    assert selected(Requirement(("in-context",), context="ground-truth")) == [7]
    assert selected(Requirement(), Requirement(split="val")) == [0, 1, 4]
    without_limit = records(given)
    assert len(selection.select(without_limit, Requirement())) == 3


def test_a_selection_without_records_names_protocols_context_and_split(run):
    with pytest.raises(
        InsufficientRecords, match="no results of in-context with soft contexts on the test split"
    ):
        selection.select(run, Requirement(("in-context",), context="soft"))


@pytest.mark.parametrize("name", ["fig3", "fig4", "fig11", "fig16", "table7"])
def test_text_may_come_as_categories(run, name):
    text = run.images.columns[[kind.kind not in "ifb" for kind in run.images.dtypes]]
    categories = run.images.astype(dict.fromkeys(text, "category"))
    same = SimpleNamespace(images=categories, manifests=run.manifests, papers=False)
    pd.testing.assert_frame_equal(data_of(name, run), data_of(name, same), check_dtype=False)


@pytest.fixture(scope="module")
def papers_size(run_of):
    """Sets of 18 images with the rules of the paper."""
    return run_of(tasks=TASKS[:2], simulations=2, count=18)


@pytest.mark.parametrize(
    "name",
    [
        *("fig3", "fig4", "fig6", "fig19", "table1", "table4", "table5", "table6", "table7", "table17b"),
        *("interconv-table1", "interconv-table3", "interconv-table4", "interconv-table5", "interconv-table6"),
        "upper-bounds",
    ],
)
def test_captions_of_published_numbers_name_their_version(name):
    text = get(name).caption + get(name).beside_papers
    assert any(version in text for version in VERSIONS)


def test_differences_of_table7_are_ours_minus_the_papers(papers_size):
    table = data_of("table7", papers_size).dropna(subset="paper")
    assert len(table) == 2 * 3 * 3
    assert (table.paper_difference == table["mean"] - table.paper).all()
    assert set(table.paper_version) == {"preprint"}


def test_published_numbers_are_in_the_data_and_drawn_hollow(papers_size):
    run, data = papers_size, data_of("fig4", papers_size)
    shown = (data.baseline == "scribbleprompt") & (data.measure == "change_percent")
    of_protocol = data[shown].groupby("protocol").paper.unique().map(list).to_dict()
    assert of_protocol == {"center-clicks": [-36], "centerline-scribbles": [-25]}
    assert set(data[shown].paper_version) == {"ICCV 2025"}
    assert data[~shown].paper.isna().all()
    assert legend(figure_of("fig4", run))[0] == "Paper (ICCV 2025)"
    assert legend(figure_of("fig3", run))[-1] == "Paper (ICCV 2025), mean of a set"
    means = data_of("fig3", run).drop_duplicates(["protocol", "model"]).set_index(["protocol", "model"])
    assert means.paper_set_mean.notna().groupby("model").all().to_dict() == {
        "multiverseg": True,
        "random-walker": False,
        "scribbleprompt": True,
        "sp-uvs": True,
    }
    axes = figure_of("fig3", run).axes[0]
    hollow = [line.get_ydata() for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert sorted(value for values in hollow for value in values) == sorted(
        means.loc["center-clicks"].paper_set_mean.dropna()
    )


def test_a_saved_figure_is_the_same_file_each_time_and_a_picture_keeps_its_colours(run, tmp_path):
    from matplotlib.figure import Figure

    for name in ("one", "two"):
        files = style.save(figure_of("fig4", run), tmp_path / name)
        assert [file.suffix for file in files] == [".png", ".pdf", ".svg"]
    for kind in ("png", "pdf", "svg"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()
    picture = Figure()
    picture.subplots().imshow([[0.0, 1.0]])
    style.save(picture, tmp_path / "picture")
    assert Image.open(tmp_path / "one.png").mode == "P"
    assert Image.open(tmp_path / "picture.png").mode == "RGBA"


def test_styles_are_fixed_for_built_in_models_and_repeatable_for_others():
    looks = style.line_styles
    alone, together = looks(["multiverseg"]), looks(["zeta", "multiverseg", "alpha"])
    assert alone["multiverseg"] == together["multiverseg"]
    assert list(together) == ["multiverseg", "alpha", "zeta"]
    assert together == looks(["alpha", "zeta", "multiverseg"])
    assert len({look.color for look in together.values()}) == 3


def with_settings(results: Results, **settings) -> Results:
    manifest = results.manifests[0]
    changed = manifest | {"settings": manifest["settings"] | settings}
    return Results(results.images, [changed], results.read)


@pytest.mark.parametrize(
    ("settings", "clicks", "scribbles"),
    [
        ({}, True, True),
        ({"max_steps": 20}, True, False),
        ({"max_steps": 10}, False, True),
        ({"max_steps": 4}, False, False),
        ({"target_dice": 0.8}, False, False),
    ],
)
def test_the_papers_numbers_need_its_target_and_maximum(papers_size, settings, clicks, scribbles):
    data = data_of("fig4", with_settings(papers_size, **settings))
    known = set(data.protocol[data.paper.notna()])
    expected = {"center-clicks": clicks, "centerline-scribbles": scribbles}
    assert known == {name for name, comparable in expected.items() if comparable}


@pytest.mark.parametrize("count", [3, 17, 20])
def test_the_papers_numbers_need_sets_of_its_size(run_of, count):
    results = run_of(tasks=TASKS[:1], models=("scribbleprompt", "multiverseg"), simulations=2, count=count)
    results = Results(results.images, [results.manifests[0] | {"images": None}], results.read)
    assert data_of("fig3", results).paper_set_mean.isna().all()
    assert data_of("fig4", results).paper.isna().all()
    for name in ("fig3", "fig4"):
        assert not any("Paper" in label for label in legend(figure_of(name, results)))


@pytest.mark.parametrize(("count", "comparable"), [(18, True), (3, False)])
def test_table7_has_the_papers_numbers_only_for_sets_of_its_size(run_of, count, comparable):
    results = run_of(models=("multiverseg",), protocols=("center-clicks",), simulations=1, count=count)
    table = data_of("table7", results)
    of = table.set_index("metric")
    assert (of.paper["total_steps"] == 84.39) == (of.paper["dice_percent"] == 91.35) == comparable
    assert of.paper_difference.notna()["total_steps"] == comparable
    columns = get("table7").reading_grid(results, table).columns
    assert ("Paper (preprint)" in columns) == ("Difference" in columns) == comparable
    assert set(of.weights) == {"bundled"}
    assert set(of.tasks) == {6} and set(of.set_size) == {count}
