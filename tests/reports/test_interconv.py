"""InterConv's figures and tables, from records whose improvement is known: see `set_runs`."""

from __future__ import annotations

import re
from copy import copy, deepcopy

import numpy as np
import pandas as pd
import pytest
import set_runs
from artefact_helpers import data_of, figure_of, grid_of, text_of
from set_runs import AUTOMATIC, CLICKS, INTERCONV, MATCHED, SCRIBBLES, as_run, automatic, gain, interactive

from segbench.reports import catalogue, selection
from segbench.reports.artefacts import set_gains
from segbench.reports.build import build
from segbench.reports.missing import Coverage
from segbench.reports.page import provenance
from segbench.reports.papers import display_name
from segbench.reports.registry import PAPERS, get
from segbench.reports.replay import replay
from segbench.reports.requirement import InsufficientRecords, Requirement

SIMPLE = ("simpleunet", "simpleunet-interconv")
NNUNET = ("nnunet2d", "nnunet2d-interconv")


@pytest.fixture(scope="module")
def of_sets():
    """Both interactive protocols on two tasks of twelve images, two simulations."""
    return as_run(interactive())


@pytest.fixture(scope="module")
def of_scans():
    """SimpleUNet and nnU-Net on the toy scans: test subjects with 1, 2, 4, 2 and 1 scans."""
    return as_run(automatic([SIMPLE, NNUNET]))


@pytest.fixture(scope="module")
def of_simple():
    """SimpleUNet alone on the toy scans, without pictures of another pair."""
    return as_run(automatic([SIMPLE]))


@pytest.fixture(scope="module")
def of_both():
    """Sets of one task and scans in one run."""
    return as_run(interactive(most=1, simulations=1), automatic([SIMPLE]))


def panel_titles(figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def test_fig_4_is_the_gain_of_every_size_and_number_of_prompts(of_sets):
    data = data_of("interconv-fig4", of_sets)
    assert len(data) == 2 * 4 * 4 * 2
    for row in data.itertuples():
        assert row.mean == pytest.approx(100 * row.set_size / 100 / row.prompts)
        assert row.low < row.mean < row.high
        assert row.n == 24  # two tasks of twelve images; seeds are no samples
    assert set(data.protocol) == {SCRIBBLES, CLICKS}
    assert list(data.unit.unique()) == ["image", "subject"]
    assert set(data.baseline) == {MATCHED}
    spread = 100 * np.std([gain(1, 1, image) for image in range(12)] * 2, ddof=1)
    assert data["t"].iloc[0] == pytest.approx(1 / (spread / np.sqrt(24)))


@pytest.mark.parametrize("name", ["interconv-fig4", "interconv-fig9"])
def test_p_values_have_a_column_of_their_own_as_the_test_is_over_images(name, of_sets, of_scans):
    results = of_sets if name == "interconv-fig4" else of_scans
    data, grid = data_of(name, results), grid_of(name, results)
    assert data.p[data.unit == "subject"].isna().all() and data.p[data.unit == "image"].notna().any()
    assert grid.columns[grid.heads :] == ["Over images", "Over subjects", "Paired t-test"]
    for over_images, over_subjects, test in (row[grid.heads :] for row in grid.rows):
        assert "p" not in over_images + over_subjects
        assert test == "–" or test.startswith("p ")


def test_fig_4_draws_a_line_per_size_and_the_line_of_no_gain(of_sets):
    figure = figure_of("interconv-fig4", of_sets)
    assert panel_titles(figure) == ["Line scribbles on sets", "Random clicks on sets"]
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 4]
    assert [line.get_ydata().tolist() for line in lines][-1] == pytest.approx([8, 4, 2, 1])
    assert figure.axes[0].get_ylim()[0] < 0
    assert figure.get_supxlabel().startswith("Shading: 95% bootstrap interval over 24 images.")


@pytest.mark.parametrize("name", ["interconv-fig6", "interconv-fig9"])
def test_automatic_gains_grow_with_the_scans_of_the_subject(of_scans, name):
    table = data_of(name, of_scans)
    table = table[table.unit == "image"]
    assert table.scans.tolist() == [1, 2, 4]
    assert table["mean"].tolist() == pytest.approx([1, 2, 4])
    assert table.n.tolist() == [2, 4, 4]
    assert set(table.group) == {"toy-scans"}


def test_an_architecture_that_did_not_run_has_no_figure(of_scans, of_sets):
    with pytest.raises(InsufficientRecords, match="swinunet and swinunet-interconv"):
        data_of("interconv-fig10", of_scans)
    with pytest.raises(InsufficientRecords, match="no automatic segmentations"):
        data_of("interconv-fig8", of_sets)
    assert panel_titles(figure_of("interconv-fig6", of_scans)) == ["toy-scans"]


def test_dice_of_a_scan_is_the_mean_over_its_rows(of_scans):
    scans = catalogue.scans(of_scans)
    row = scans[(scans.model == "nnunet2d-interconv") & (scans.set_size == 4)].iloc[0]
    assert row.dice == pytest.approx(0.75 + 0.001 * (row.image % 3) + 0.04)
    assert len(scans) == 4 * 10


def test_a_structure_that_is_only_predicted_counts_with_dice_0(of_simple):
    run = copy(of_simple)
    before = catalogue.scans(run).iloc[0]
    of_scan = (run.images.model == before.model) & (run.images.image == before.image)
    extra = run.images[of_scan].iloc[:1].astype({"label": str}).assign(label="middle", dice=0.0)
    run.images = pd.concat([run.images.astype({"label": str}), extra], ignore_index=True)
    after = catalogue.scans(run).iloc[0]
    assert (after.model, after.image) == (before.model, before.image)
    assert after.dice == pytest.approx(2 / 3 * before.dice)


def test_fig_8_counts_the_subjects_of_all_splits_or_without_the_data_those_of_the_records(of_scans):
    def counts(data):
        data = data[data.subjects > 0]
        return data.set_index(["split", "scans"]).subjects.to_dict()

    test = {("test", 1): 2, ("test", 2): 2, ("test", 4): 1}
    others = {("train", 1): 1, ("train", 3): 1, ("stopping-val", 2): 1, ("val", 1): 1}
    assert counts(data_of("interconv-fig8", of_scans)) == test | others
    gone = as_run(automatic([SIMPLE]))
    next(iter(gone.manifests[0]["tasks"].values()))["fingerprint"] = "0" * 64
    assert counts(data_of("interconv-fig8", gone)) == test
    bars = figure_of("interconv-fig8", of_scans).axes[0].patches
    assert sum(bar.get_height() for bar in bars) == pytest.approx(4 * 100)


def test_table_1_has_the_dice_of_each_pair_beside_the_papers(of_scans):
    table = data_of("interconv-table1", of_scans)
    assert (
        table.name.tolist()
        == ["OASIS-3 T2*"] * 3 + ["OASIS-3 T2-TSE"] * 3 + ["ADNI FLAIR"] * 3 + ["toy-scans"] * 2
    )
    ours = table.set_index(["name", "architecture"]).loc[("toy-scans", "simpleunet")]
    gains = [1, 1, 2, 2, 2, 2, 4, 4, 4, 4]
    assert ours.gain == pytest.approx(np.mean(gains))
    assert ours.interconv - ours.baseline == pytest.approx(ours.gain)
    dice = [75 + 0.1 * (image % 3) for image in range(7, 17)]  # after the seven scans of the other splits
    assert (ours.baseline, ours.baseline_std) == pytest.approx((np.mean(dice), np.std(dice, ddof=1)))
    assert ours.gain_low < ours.gain < ours.gain_high
    assert ours.subject_high - ours.subject_low > ours.gain_high - ours.gain_low
    paper = table.set_index(["name", "architecture"]).loc[("ADNI FLAIR", "nnunet2d")]
    assert (paper.paper_baseline, paper.paper_interconv, paper.paper_interconv_std) == (87.23, 88.48, 2.18)
    assert grid_of("interconv-table1", of_scans).rows[-1][1] == "SimpleUNet"


def test_half_a_pair_is_shown_without_a_gain(of_simple, of_sets):
    run = copy(of_simple)
    run.images = run.images[run.images.model == "simpleunet"]
    row = data_of("interconv-table1", run).iloc[-1]
    assert row.baseline == pytest.approx(75.1)
    assert np.isnan([row.interconv, row.gain, row.p]).all()
    with pytest.raises(InsufficientRecords):
        data_of("interconv-table1", of_sets)


def test_tables_of_facts_list_the_paper_and_the_run(of_scans, of_sets):
    two = data_of("interconv-table2", of_scans)
    assert two.label.dropna().tolist() == list(range(1, 21))
    assert two.structure[7] == "3rd ventricle"
    assert two[two.label.isna()].structure.tolist() == ["left", "right"]
    assert two[two.label.isna()].scans.tolist() == [10, 10]
    three = data_of("interconv-table3", of_scans).set_index(["name", "split"])
    assert three.loc[("ADNI FLAIR", "train"), "paper_images"] == 3075
    assert three.loc[("toy-scans", "train"), ["subjects", "scans"]].tolist() == [2, 4]
    seven, eight = data_of("interconv-table7", of_sets), data_of("interconv-table8", of_sets)
    assert (len(seven), seven.dataset.dropna().tolist()) == (10, ["discs"])
    assert (len(eight), eight.datasets.sum(), set(eight.seen)) == (53, 65, {"no: synthetic sets only"})
    assert set(data_of("interconv-table8", of_scans).seen) == {"not in this run"}
    assert {*seven.name[:9]} >= {"ACDC", "WBC"} and not {"COBRE", "SCR"} & {*seven.name}
    assert eight.set_index("name").loc["WORD", ["scans", "modalities"]].tolist() == [120, "CT"]
    assert "508" in eight.set_index("name").note["ToothSeg"]
    for number, run in ((2, of_scans), (3, of_scans), (7, of_sets), (8, of_sets)):
        cells = [cell for row in grid_of(f"interconv-table{number}", run).rows for cell in row]
        assert all(isinstance(cell, str) and cell not in ("", "nan", "None") for cell in cells)


def test_structures_of_the_paper_are_found_in_any_spelling(of_simple):
    run = copy(of_simple)
    run.images = run.images.assign(label=run.images.label.cat.rename_categories({"left": "left-ventral-dc"}))
    table = data_of("interconv-table2", run).set_index("structure")
    assert table.loc["Left ventral DC", ["datasets", "scans"]].tolist() == ["toy-scans", 10]


def test_fig_5_shows_two_tasks_with_prompts_interconv_and_baseline(of_sets):
    figure = figure_of("interconv-fig5", of_sets)
    grid = np.array(figure.axes).reshape(6, 8)
    assert [row[0].get_ylabel().split("\n")[0] for row in grid[:3]] == [
        "Prompts and label",
        "ScribblePrompt-",
        "ScribblePrompt",
    ]
    headings = [grid[row][0].texts[0].get_text() for row in (0, 3)]
    assert headings[0].endswith("2 positive and 2 negative scribbles")
    assert headings[1].endswith("8 positive and 8 negative clicks")
    assert headings[0].split(": ")[0] != headings[1].split(": ")[0]
    clicks = grid[3][0].lines
    assert [len(line.get_xdata()) for line in clicks] == [8, 8]
    shown = of_sets.pictures
    first = shown[(shown.protocol == CLICKS) & (shown.set_size == 8) & (shown.step == 8)].iloc[0]
    assert grid[4][0].get_xlabel() == f"Dice {100 * first.dice:.1f}%"


def test_fig_11_shows_four_images_with_one_and_with_eight_clicks(of_sets, of_simple):
    grid = np.array(figure_of("interconv-fig11", of_sets).axes).reshape(3, 9)
    assert [len(line.get_xdata()) for line in grid[0][0].lines] == [1, 1]
    assert [len(line.get_xdata()) for line in grid[0][5].lines] == [8, 8]
    one = 100 * (0.5 + gain(4, 1, int(of_sets.pictures.image.min())))
    assert grid[1][0].get_xlabel() == f"Dice {one:.1f}%"
    with pytest.raises(InsufficientRecords, match="store no pictures"):
        figure_of("interconv-fig11", of_simple)


def test_fig_7_takes_the_subject_with_most_scans_and_the_papers_pair_first(of_scans, of_simple):
    figure = figure_of("interconv-fig7", of_scans)
    assert panel_titles(figure) == [f"Scan {number}" for number in (1, 2, 3, 4)]
    assert "subject test-2" in figure.get_suptitle()
    grid = np.array(figure.axes).reshape(4, 8)
    assert [row[0].get_ylabel().replace("\n", "") for row in grid[2:]] == [
        "nnU-Net 2D-InterConv",
        "nnU-Net 2D",
    ]
    label = grid[1][0].images[0].get_array()
    assert len(np.unique(label.reshape(-1, 3), axis=0)) == 3
    assert grid[2][0].get_xlabel() == "Dice 79.1%"  # image 10
    other = figure_of("interconv-fig7", of_simple)
    assert np.array(other.axes).reshape(4, 8)[3][0].get_ylabel() == "SimpleUNet"


@pytest.mark.parametrize("name", ["interconv-fig5", "interconv-fig7", "interconv-fig11"])
def test_pictures_of_changed_images_are_refused_in_a_sentence(of_both, name):
    run = copy(of_both)
    run.manifests = deepcopy(run.manifests)
    for entry in run.manifests[0]["tasks"].values():
        entry["fingerprint"] = "0" * 64
    with pytest.raises(InsufficientRecords, match="another fingerprint"):
        figure_of(name, run)


def test_records_of_sets_change_nothing_else(of_both, run):
    both = of_both
    with pytest.raises(InsufficientRecords, match="pictures of sets only"):
        replay(both)
    with pytest.raises(InsufficientRecords, match="no pictures of test images"):
        figure_of("fig5", both)
    assert selection.in_standard_sets(both, both.images).all()  # though a standard set has 4 images
    assert [task.split("/")[0] for task in catalogue.tasks(both).task] == ["discs"]
    names = [row[0] for row in provenance.tasks(both).rows]
    assert names == catalogue.task_names(both)
    assert [name for name in names if name.startswith("toy")] == ["toy-scans/all/MR/coronal/all-structures"]
    assert provenance.warnings(both)[0]["title"] == "Bundled weights."
    assert len(provenance.warnings(both)) == 1
    uses = data_of("table1", both)
    assert "seed images" not in set(uses.use)
    assert Coverage(run).gaps(get("fig3")) == []


def test_the_page_warns_of_a_model_that_lacks_images():
    run = as_run(interactive(most=1, simulations=1))
    run.images = run.images[(run.images.model == MATCHED) | (run.images.position > 2)]
    (warning,) = [one for one in provenance.warnings(run) if one["title"] == "Different images."]
    assert "ScribblePrompt-InterConv, random clicks on sets: 10 of 12 images" in warning["text"]


def test_a_model_of_sets_is_shown_in_sequential_protocols(records):
    rows = [{"model": model, "position": position, "context": context, "context_size": size}
            for model, context, size in (("multiverseg", "binary", 1), (INTERCONV, "none", 0))
            for position in (1, 2)]  # fmt: skip
    run = records(rows)
    assert set(selection.select(run, Requirement()).model) == {"multiverseg", INTERCONV}
    assert Coverage(run).drawable(get("fig3"))


def test_the_main_results_state_the_gain_of_sets(of_sets, of_scans):
    scribbles, *others = set_gains.sentences(of_sets)
    assert [text.split(" of either")[0] for text in others] == [
        "Line scribbles on sets, 8",
        "Random clicks on sets, 1",
        "Random clicks on sets, 8",
    ]
    assert scribbles.startswith(
        "Line scribbles on sets, 1 of either kind on each of 8 images: Dice (×100) of"
    )
    assert "minus that of ScribblePrompt (matched) is 8.0 [7.8, 8.2 over images; " in scribbles
    assert [sentence.split(" is ")[1][:3] for sentence in set_gains.sentences(of_scans)] == ["2.6", "2.6"]


def test_a_page_of_sets_names_the_figures_of_the_paper(of_sets, tmp_path):
    build(of_sets, tmp_path, only=["interconv-fig4", "interconv-fig6", "interconv-table8"])
    text = text_of(tmp_path)
    assert "Interactive segmentation of sets" in text
    assert "(InterConv, Fig. 4)" in text
    assert "InterConv, Fig. 6: not drawn" in text
    command = "--protocol set-automatic --models nnunet2d,nnunet2d-interconv --datasets discs,brain-phantom"
    assert f"python -m benchmark run {command} --simulations 2" in " ".join(text.split())
    table = pd.read_csv(tmp_path / "tables" / "interconv-fig4.csv")
    assert table["mean"].max() == pytest.approx(8)
    assert (tmp_path / "figures" / "interconv-fig4.svg").is_file()


def test_a_paper_of_which_the_run_has_nothing_is_one_line(run_of, of_sets, tmp_path, monkeypatch):
    small = {"MultiverSeg": ("fig4", "table7"), "InterConv": ("interconv-fig4", "interconv-table8")}
    monkeypatch.setattr("segbench.reports.build.PAPERS", small)
    monkeypatch.setattr("segbench.reports.build.names", lambda: [*small["MultiverSeg"], *small["InterConv"]])
    build(run_of(simulations=2, count=2), tmp_path / "one", formats=["png"])
    build(of_sets, tmp_path / "other", formats=["png"])
    for folder, paper in (("one", "InterConv"), ("other", "MultiverSeg")):
        assert re.findall(r"(\w+): not drawn", text_of(tmp_path / folder)) == [paper]
    assert "--protocol set-scribbles,set-clicks --models all --datasets wbc,buid" in text_of(tmp_path / "one")
    assert not list((tmp_path / "one").glob("*/interconv*"))


def test_the_titles_of_interconvs_artefacts_name_the_paper():
    for name in PAPERS["InterConv"]:
        assert get(name).title.endswith(f"({display_name(name)})")


def test_artefacts_have_the_names_of_the_papers_for_people():
    shown = [display_name(name) for name in ("fig17a", "table7", "interconv-fig10", "upper-bounds")]
    assert shown == ["Fig. 17a", "Table 7", "InterConv, Fig. 10", "Upper bounds"]


def test_toy_scans_are_the_test_subjects_of_the_records(of_scans):
    data = set_runs.ToyScans().load(set_runs.ToyScans().tasks(None)[0], None)
    assert of_scans.images[of_scans.images.protocol == AUTOMATIC].image.nunique() == len(data.indices("test"))
