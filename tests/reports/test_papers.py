"""Pages on own data speak of the results alone; the papers stand beside their data, or on request."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from artefact_helpers import data_of, figure_of, grid_of, legend, text_of

from segbench.reports import papers
from segbench.reports.build import build
from segbench.reports.papers import shown, wording
from segbench.reports.registry import PAPER_FACTS, PAPERS, get, names
from segbench.results import Results
from segbench.results.progress import Progress

KNEES = [("knees", "clinic", "mri", "0", label, effort) for label, effort in (("bone", 0.7), ("fluid", 1.3))]
MODELS = ("scribbleprompt", "multiverseg", "random-walker")
PARTS = [
    {"protocol": "center-clicks", "models": [*MODELS, "sp-uvs"], "split": "test", "context": "binary"},
    {"protocol": "set-clicks", "models": ["scribbleprompt-matched"], "split": "test", "context": "binary"},
]
FEW = ("table7", "table3")


@pytest.fixture(scope="module")
def own(run_of) -> Results:
    """Center clicks of three models on a researcher's own data, in sets of the papers' size."""
    run = run_of(tasks=KNEES, models=MODELS, protocols=("center-clicks",), simulations=2, count=18)
    run.manifests = [
        {
            "arguments": {"datasets": "knees", "preset": "quick"},
            "settings": {"target_dice": 0.9},
            "images": 18,
            "parts": PARTS[:1],
            "models": {name: {"weights": "bundled"} for name in MODELS},
            "tasks": {"/".join(task[:5]): {"train": 40, "val": 9, "test": 31} for task in KNEES},
        }
    ]
    return run


def with_papers(results: Results) -> Results:
    other = Results(results.images, results.manifests, results.read)
    other.papers = True
    return other


@pytest.fixture(scope="module")
def page(own, tmp_path_factory):
    return build(own, tmp_path_factory.mktemp("own"), formats=["png"]).parent


@pytest.fixture
def few(monkeypatch):
    """Let a report have these artefacts only."""
    monkeypatch.setattr("segbench.reports.build.names", lambda: list(FEW))


def test_a_page_on_own_data_does_not_mention_the_papers(page):
    text = text_of(page)
    assert not re.search("paper|ICCV|CVPR|preprint|Fig\\.|Table \\d|this run:", text, re.IGNORECASE)
    assert "Interactions to the target Dice by example number" in text
    assert "Segmentation quality and total interactions per task" in text


def test_numbers_on_own_data_have_no_columns_of_the_papers(page):
    files = list(page.glob("tables/*.csv"))
    assert {"fig3", "fig4", "table7", "comparisons"} <= {file.stem for file in files}
    assert not {file.stem for file in files} & {*PAPER_FACTS, "fig11", "fig16"}  # there is one cohort
    for file in files:
        assert not [name for name in pd.read_csv(file) if name.startswith("paper")], file


def test_a_page_on_own_data_lists_the_models_that_its_own_protocols_lack(page):
    missing = text_of(page).rpartition("Missing records")[2].partition("Provenance")[0]
    command = "--protocol center-clicks --models sp-uvs --datasets knees --preset quick"
    assert missing.strip() == (
        "The run has no records of SP+UVS in the protocol Center clicks. This command adds them: "
        f"python -m benchmark run {command}"
    )


def test_what_an_unfinished_run_will_still_compute_is_not_missing(own, tmp_path, few):
    manifest = own.manifests[0] | {"parts": PARTS}
    unfinished = Results(own.images, [manifest], own.read, None, ["run"], [Progress(3, 4, ("go on",))])
    build(unfinished, tmp_path / "own", formats=["png"])
    assert "Missing records" not in text_of(tmp_path / "own")
    unfinished.papers = True
    build(unfinished, tmp_path / "papers", formats=["png"])
    missing = text_of(tmp_path / "papers").rpartition("Missing records")[2].partition("Provenance")[0]
    assert "centerline-scribbles" in missing and "models sp-uvs" not in missing
    assert "InterConv" not in missing


def test_captions_and_titles_speak_of_the_content_unless_the_papers_are_shown(own):
    beside = with_papers(own)
    for name in names():
        title, caption = wording(own, name, get(name))
        if name not in PAPER_FACTS:
            assert not re.search("paper|ICCV|Fig\\.|Table \\d", f"{title} {caption}", re.IGNORECASE), name
        assert wording(beside, name, get(name))[0] == get(name).title
        assert wording(beside, name, get(name))[1].startswith(caption)


def test_the_papers_own_artefacts_are_those_without_records():
    of_papers = {name for paper in PAPERS.values() for name in paper}
    assert {name for name in of_papers if not get(name).requires} == set(PAPER_FACTS)


def test_papers_are_shown_on_request(own, tmp_path, few):
    beside = with_papers(own)
    build(beside, tmp_path, formats=["png"])
    text = text_of(tmp_path)
    assert "Segmentation quality and total interactions per task (Table 7)" in text
    assert "The papers' figures and tables Training data sets (Table 3)" in text
    assert text.rindex("(Table 3)") > text.rindex("(Table 7)")
    assert "paper" in pd.read_csv(tmp_path / "tables" / "table7.csv")
    assert "Paper (preprint)" in grid_of("table7", beside).columns
    assert "Paper (ICCV 2025), mean of a set" in legend(figure_of("fig3", beside))


def test_artefacts_on_own_data_have_no_markers_of_the_papers(own):
    assert data_of("fig3", own).paper_set_mean.isna().all()  # dropped from the file
    assert not any("Paper" in label for label in legend(figure_of("fig3", own)))
    assert not any("Paper" in label for label in legend(figure_of("fig4", own)))
    assert grid_of("table7", own).columns[-1] == "Weights"


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [("wbc", True), ("wbc@universeg", True), ("ADNI_FLAIR", True), ("knees", False), ("phantoms", False)],
)
def test_the_evaluation_data_of_the_papers_decide(run_of, dataset, expected):
    run = run_of(tasks=[(dataset, *KNEES[0][1:])], models=MODELS[:1], simulations=1, count=1)
    assert shown(run) == expected
    assert papers.published(run, "fig3").empty != expected


def test_the_papers_stand_beside_their_data(run_of, tmp_path, few):
    run = run_of(models=("scribbleprompt", "multiverseg"), simulations=1, count=2)  # wbc and buid
    build(run, tmp_path, formats=["png"])
    text = text_of(tmp_path)
    assert "(Table 7)" in text and "(Table 3)" in text
    assert "Paper" not in grid_of("table7", run).columns  # sets of two images are not compared


def test_a_named_artefact_of_the_papers_is_drawn_for_own_data_too(own, tmp_path):
    build(own, tmp_path, only=["table3", "interconv-fig4"], formats=["png"])
    text = text_of(tmp_path)
    assert "Training data sets (Table 3)" in text
    assert "InterConv, Fig. 4: not drawn" in text
