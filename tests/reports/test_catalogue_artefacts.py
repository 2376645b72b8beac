"""Artefacts on data, training and methods: Tables 1 to 6, Fig. 8 and Fig. 9."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from artefact_helpers import data_of, figure_of, grid_of

from segbench.models.training.augmentation import Augmentation
from segbench.reports.artefacts.augmentations import compared
from segbench.reports.artefacts.synthetic_task import example
from segbench.reports.catalogue import not_held_out
from segbench.reports.layout import text, wide
from segbench.reports.registry import get
from segbench.reports.requirement import InsufficientRecords

SIZES = {"train": 60, "val": 20, "test": 21}
LEFT_OUT = "drive/eye/camera/0/vessels"


def images(*rows: dict) -> pd.DataFrame:
    """Make image records with the columns that these artefacts read; text as categories, as in a real run."""
    plain = {"protocol": "center-clicks", "model": "multiverseg", "context": "binary", "split": "test"}
    task = {"dataset": "wbc", "cohort": "a", "modality": "m", "axis": "0", "label": "x", "subject": "s"}
    table = pd.DataFrame([plain | task | row for row in rows])
    table["task"] = table[["dataset", "cohort", "modality", "axis", "label"]].agg("/".join, axis=1)
    return table.astype("category")


def results(*rows: dict, models: dict | None = None, found: dict | None = None, size: int = 18):
    """Make a run of these records, by default with bundled weights."""
    models = {"multiverseg": "bundled", "random-walker": None} if models is None else models
    table = images(*rows)
    manifest = {
        "images": size,
        "settings": {},
        "models": {name: {"weights": weights} for name, weights in models.items()},
        "tasks": dict.fromkeys(table.task, SIZES),
        "tasks_found": found or dict.fromkeys((*table.task, LEFT_OUT), SIZES),
    }
    return SimpleNamespace(images=table, manifests=[manifest])


def uses(table: pd.DataFrame, group: str) -> dict[str, str]:
    return table[table.group == group].set_index("split").use.to_dict()


def test_table_1_lists_the_uses_of_each_split():
    run = results(
        {"dataset": "wbc"},
        {"dataset": "buid", "protocol": "in-context", "context": "ground-truth"},
        {"dataset": "buid", "protocol": "supervised", "model": "nnunet", "context": "none"},
        {"dataset": "scd", "model": "random-walker", "context": "none"},
    )
    table = data_of("table1", run)
    assert uses(table, "Training data sets")["train"] == "none: synthetic tasks only"
    # The validation split of WBC decided how the bundled weights were trained.
    assert uses(table, "Validation data sets") == {
        "train": "seed images",
        "val": "choice of what the bundled weights were trained on",
        "test": "final evaluation",
    }
    assert uses(table, "Test data sets") == {
        "train": "contexts of experiment 2, training of nnU-Net",
        "val": "training of nnU-Net",
        "test": "final evaluation",
    }
    assert set(uses(table, "Data sets left out").values()) == {"not used"}
    names = table.drop_duplicates("group").set_index("group").names.to_dict()
    assert names["Test data sets"] == "buid, scd"
    assert names["Data sets left out"] == "drive"
    run.manifests[0]["tasks"][LEFT_OUT] = SIZES  # planned: the run is not finished
    assert set(uses(data_of("table1", run), "Data sets not yet segmented").values()) == {"not used"}
    assert "Data sets left out" not in set(data_of("table1", run).group)
    counts = table[table.split == "val"].set_index("group")
    assert counts.datasets.tolist() == [0, 1, 2, 1]
    assert counts.paper_datasets.tolist()[:3] == [67, 9, 2]


def test_an_evaluated_validation_split_makes_a_validation_data_set():
    table = data_of(
        "table1", results({"dataset": "buid"}, {"dataset": "buid", "split": "val"}, models={"sp-uvs": "x.pt"})
    )
    assert uses(table, "Validation data sets")["val"] == "comparison of variants"
    assert table[table.group == "Test data sets"].datasets.tolist() == [0, 0, 0]
    assert set(uses(table, "Training data sets").values()) == {"unknown"}


def test_official_weights_saw_the_papers_training_data():
    run = results({}, models={"multiverseg": "official"})
    assert data_of("table1", run)[lambda t: t.group == "Training data sets"].datasets.tolist() == [67, 67, 67]
    assert uses(data_of("table1", run), "Validation data sets") == {}.fromkeys(("train", "val", "test"), "")
    assert set(data_of("table3", run).seen) == {"yes"}


def test_a_data_set_is_not_held_out_for_weights_that_its_authors_trained_on_it():
    """STARE is in MultiverSeg's Table 3 and InterConv's Table 8; UniverSeg held it out."""
    rows = {"dataset": "stare"}, {"dataset": "drive"}
    models = {"multiverseg": "official", "sp-uvs": "official", "universeg": "official"}
    run = results(*rows, models=models)
    table = data_of("table1", run)
    seen = table[table.group == "Data sets that a model was trained on"]
    assert set(seen.names) == {"stare"} and set(table[table.group == "Test data sets"].names) == {"drive"}
    training = "training of MultiverSeg by its authors, training of SP+UVS by its authors"
    assert uses(table, seen.group.iloc[0])["train"].endswith(training)
    trained = data_of("table2", run).set_index("dataset").trained
    assert (trained["stare"], trained["drive"]) == ("MultiverSeg, SP+UVS", "")
    sentence = "The official weights of MultiverSeg and SP+UVS were trained on stare."
    assert not_held_out(run) == f"{sentence} These images are not unseen."
    mixed = {"multiverseg": "multiverseg=official,scribbleprompt=bundled"}
    mixed |= {"seggpt": "hf://BAAI/seggpt-vit-large"}
    both = "of SegGPT were trained on drive. The official weights of MultiverSeg and SegGPT were trained"
    assert both in not_held_out(results(*rows, models=mixed))
    for others in ({"multiverseg": "bundled", "sp-uvs": "mine.pt"}, {"universeg": "official"}):
        run = results(*rows, models=others)
        assert set(data_of("table2", run).trained.dropna()) == {""} and not_held_out(run) == ""
        assert "Data sets that a model was trained on" not in set(data_of("table1", run).group)


def test_a_variant_of_a_data_set_is_beside_the_papers_numbers():
    """Its images are the same, so that the choice by our validation images may concern every split."""
    run = results({"dataset": "wbc@universeg"})
    table = data_of("table2", run).set_index("name")
    assert table.loc["WBC", ["dataset", "paper_labels", "tasks"]].tolist() == ["wbc@universeg", 2, 1]
    choice = "choice of what the bundled weights were trained on"
    assert all(choice in use for use in uses(data_of("table1", run), "Validation data sets").values())


def test_bundled_weights_that_learnt_from_real_images_are_not_called_synthetic():
    run = results({}, models={"multiverseg": "bundled"})
    run.manifests[0]["models"]["multiverseg"]["trained_on"] = "synthetic tasks and real images of hrf-av"
    assert set(data_of("table3", run).seen) == {"unknown"}


@pytest.mark.parametrize(
    ("models", "seen"),
    [
        ({"multiverseg": "bundled"}, "no: synthetic tasks only"),
        ({"random-walker": None}, "no: no weights"),
        ({"universeg": "official"}, "unknown"),  # another collection
        ({"multiverseg": "mine.pt"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_table_3_states_whether_the_weights_saw_the_training_data(models, seen):
    assert set(data_of("table3", results({}, models=models)).seen) == {seen}


def test_table_2_matches_data_sets_despite_other_spelling():
    run = results(
        {"dataset": "BTCV_cervix", "cohort": "a", "label": "bladder", "subject": "1"},
        {"dataset": "BTCV_cervix", "cohort": "a", "label": "uterus", "subject": "1"},
        {"dataset": "BTCV_cervix", "cohort": "b", "label": "uterus", "subject": "1"},
        {"dataset": "phantoms"},
    )
    table = data_of("table2", run).set_index("name")
    assert len(table) == 11 + 1
    ours = table.loc["BTCV Cervix"]
    assert (ours.paper_labels, ours.tasks, ours.tasks_evaluated, ours.labels) == (4, 3, 3, 2)
    assert ours.images == 2 * 101  # two cohorts; two labels of one cohort are of the same images
    assert ours.subjects_evaluated == 2
    assert table.loc["DRIVE", "tasks_evaluated"] == 0
    assert table.loc["ACDC", ["dataset", "tasks"]].isna().all()
    assert table.index[-1] == "phantoms"
    assert np.isnan(table.loc["phantoms", "paper_scans"])
    assert table.loc["WBC", ["licence", "link"]].tolist() == [
        "GPL-3.0",
        "https://github.com/zxaoyou/segmentation_WBC",
    ]
    columns = grid_of("table2", run).columns
    assert columns.index("Licence") < columns.index("This run: name")


def test_tables_of_data_sets_have_the_licences_of_the_catalogue():
    run = results({})
    three, grid = data_of("table3", run), grid_of("table3", run)
    assert list(three)[:5] == ["name", "datasets", "description", "scans", "modalities"]
    assert (len(three), three.datasets.sum()) == (55, 67)
    row = three.set_index("name").loc["CHAOS"]
    assert (row.scans, row.licence, row.link) == (40, "CC BY-NC-SA 4.0", "https://zenodo.org/records/3431873")
    cells = {cells[0]: dict(zip(grid.columns, cells, strict=True)) for cells in grid.rows}
    assert (cells["CHAOS"]["Licence"], cells["DDTI"]["Licence"]) == ("CC BY-NC-SA 4.0", "–")


def test_table_2_without_a_manifest_uses_the_records():
    run = results({"dataset": "wbc", "label": "nucleus"})
    run.manifests = []
    row = data_of("table2", run).set_index("name").loc["WBC"]
    assert (row.tasks, row.labels) == (1, 1)
    assert np.isnan(row.images)


def test_the_augmentations_are_the_papers_but_for_the_way_sharpness_is_given():
    four, five = data_of("table4", results({})), data_of("table5", results({}))
    assert len(four) == 8
    assert len(five) == 6 + 10
    assert set(four[~four.same].augmentation) == {"Sharpness"}
    assert set(five[~five.same].augmentation) == {"Sharpness"}
    assert five[~five.small].augmentation.tolist() == ["Sobel Edges Label"]
    assert grid_of("table4", results({})).rows[0][1:3] == [
        "0.8",
        "degrees −25 to 25; translation 0 to 0.2; scale 0.9 to 1.5",
    ]


def test_other_numbers_and_rows_on_one_side_are_differences():
    paper = pd.DataFrame(
        [("t", "Blur", "p", 0.5, None), ("t", "Blur", "sigma", 0.1, 1.0), ("t", "Flip", "p", 0.5, None)],
        columns=["part", "augmentation", "parameter", "low", "high"],
    )
    same = (Augmentation("Blur", 0.5, {"sigma": (0.1, 1.0)}), Augmentation("Flip", 0.5))
    assert compared(paper, {"t": same}).same.all()
    other = (Augmentation("Blur", 0.5, {"sigma": (0.1, 1.5)}), Augmentation("Noise", 0.5))
    table = compared(paper, {"t": other}).set_index("augmentation")
    assert not table.same.any()
    assert table.loc["Flip", ["paper_p", "p"]].fillna(-1).tolist() == [0.5, -1]
    assert table.loc["Noise", ["paper_p", "p"]].fillna(-1).tolist() == [-1, 0.5]


def test_the_models_declare_the_papers_capabilities():
    table = data_of("table6", results({})).set_index("model")
    both = table.dropna(subset=["paper_interactive", "interactive"])
    assert set(both.index) >= {"scribbleprompt", "universeg", "sp-uvs", "multiverseg"}
    for kind in ("interactive", "in_context", "interactive_in_context"):
        assert (both[kind] == both[f"paper_{kind}"]).all()
    absent = table.loc[["oneprompt", "labelanything"]]
    assert absent.note.str.contains("not compared").all()
    assert set(absent.paper_weights) == {"not public"}
    assert absent.weights.str.contains("(November 2026)", regex=False).all()  # a statement has its date
    assert "December 2024" in get("table6").caption
    assert table.loc["sp-uvs", "note"] == "uses a context from 5 images on"
    assert "sp-uvs-2" not in table.index


def test_plug_ins_of_the_run_are_listed_with_their_declarations(tmp_path, monkeypatch):
    (tmp_path / "toy_plugin.py").write_text(
        "from benchmark import Capabilities\n\n\n"
        "class Mine:\n    capabilities = Capabilities(interactive=True)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    named = {
        "toy_plugin:Mine": None,
        "toy_plugin:Gone": None,
        "no_such_module:Mine": None,
        "sp-uvs-2": "bundled",
    }
    table = data_of("table6", results({}, models=named)).set_index("model")
    assert table.loc["toy_plugin:Mine", ["interactive", "in_context"]].tolist() == ["yes", "no"]
    assert (table.loc[["toy_plugin:Gone", "no_such_module:Mine"], "interactive"] == "unknown").all()
    assert "sp-uvs-2" in table.index


@pytest.mark.parametrize("name", ["table1", "table2", "table3", "table4", "table5", "table6"])
def test_every_table_is_laid_out_for_reading(name):
    run = results({})
    grid = grid_of(name, run)
    assert len(grid.rows) == len(data_of(name, run))
    cells = [cell for row in grid.rows for cell in row]
    assert all(isinstance(cell, str) and cell not in ("", "nan", "None") for cell in cells)
    assert all(len(row) == len(grid.columns) for row in grid.rows)


def test_facts_are_formatted_for_reading():
    values = (None, float("nan"), "", True, np.False_, 1543.0, 7, -0.25)
    assert [text(value) for value in values] == ["–", "–", "–", "yes", "no", "1,543", "7", "−0.25"]


def test_fig_8_shows_a_superpixel_and_its_augmented_copies():
    task = example()
    inside = np.unique(task.regions[task.label])
    assert len(inside) == 1
    assert np.array_equal(task.label, task.regions == inside[0])
    assert task.images.shape == task.labels.shape == (6, 128, 128)
    assert (task.labels.sum((1, 2)) >= 10).all()
    assert all(not np.array_equal(image, task.image) for image in task.images)
    assert all(np.array_equal(one, other) for one, other in zip(task, example(), strict=True))


def test_fig_8_marks_the_target():
    panels = [axes for axes in figure_of("fig8", results({})).axes if axes.images]
    assert [axes.get_title() for axes in panels[3:]] == ["Target", *(f"Context {n}" for n in range(1, 6))]
    widths = [axes.spines["left"].get_linewidth() for axes in panels]
    assert widths.index(max(widths)) == 3
    assert len(set(widths)) == 2


def test_fig_9_counts_the_validation_images_of_all_tasks_including_excluded_ones():
    found = {"wbc/a/m/0/x": SIZES, LEFT_OUT: {"train": 12, "val": 4, "test": 4}}
    data = data_of("fig9", results({}, found=found))
    assert data.set_index("task").images.to_dict() == {"wbc/a/m/0/x": 20, LEFT_OUT: 4}
    assert set(data.split) == {"val"}
    assert sorted(wide(results({}), data, ("task",), "split").rows) == [
        [LEFT_OUT, "4"],
        ["wbc/a/m/0/x", "20"],
    ]


def test_fig_9_falls_back_on_the_tasks_of_the_run():
    run = results({})
    del run.manifests[0]["tasks_found"]
    assert data_of("fig9", run).images.tolist() == [20]
    run.manifests = []
    with pytest.raises(InsufficientRecords, match="No manifest"):
        data_of("fig9", run)


@pytest.mark.parametrize("sizes", [[0], [7], [18, 17], list(range(50)), [3, 5000]])
@pytest.mark.parametrize("size", [1, 5, 18])
def test_fig_9_shows_every_task_on_its_side_of_the_cut_off(sizes, size):
    found = {f"d/c/m/0/l{index}": SIZES | {"val": images} for index, images in enumerate(sizes)}
    run = results({"dataset": "d", "cohort": "c", "label": "l0"}, found=found, size=size)
    (axes,) = figure_of("fig9", run).axes
    bars = [(bar.get_x(), bar.get_width(), bar.get_height()) for bar in axes.patches]
    (line,) = axes.lines
    assert set(line.get_xdata()) == {size}
    below = sum(height for left, width, height in bars if left + width <= size)
    above = sum(height for left, _, height in bars if left >= size)
    assert (below, above) == (sum(n < size for n in sizes), sum(n >= size for n in sizes))
    assert len(bars) <= 25
