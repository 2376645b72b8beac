"""The report on disk: files, page, gaps and repeatability."""

from __future__ import annotations

import html
import re

import pandas as pd
import pytest

from segbench import reports
from segbench.registry import UnknownName
from segbench.reports.registry import BEYOND, PAPERS, get, module, names
from segbench.results import Results
from segbench.results.schema import IMAGES


@pytest.fixture(scope="module")
def built(run, tmp_path_factory):
    """Folder of a whole report on experiment 1."""
    return reports.build(run, tmp_path_factory.mktemp("report")).parent


@pytest.fixture(scope="module")
def whole(whole_run, tmp_path_factory):
    """Folder of a whole report on the whole study, but for pictures, of which the made-up run has none."""
    return reports.build(whole_run, tmp_path_factory.mktemp("whole")).parent


def text_of(folder) -> str:
    """The page as a reader sees it."""
    page = (folder / "index.html").read_text(encoding="utf-8")
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page.split("</style>")[1])))


def changed(results: Results, images: pd.DataFrame | None = None, **manifest) -> Results:
    """The same run with other records or another entry in its manifest."""
    images = results.images if images is None else images.astype(IMAGES)
    return Results(images, [results.manifests[0] | manifest], results.read)


PICTURES = ("fig5", "fig10")  # need masks of every step
OF_PEOPLE = {name for name in BEYOND if name.startswith("manual-scribbles")}  # of data of their own


def test_every_artefact_has_its_files_and_the_page_links_them(whole):
    page = (whole / "index.html").read_text(encoding="utf-8")
    for name in {*PAPERS["MultiverSeg"], *BEYOND} - set(PICTURES) - OF_PEOPLE:
        artefact = get(name)
        files = [f"figures/{name}.{kind}" for kind in ("png", "pdf", "svg") if artefact.kind == "figure"]
        if artefact.kind == "table" or artefact.column:
            files += [f"tables/{name}.{kind}" for kind in ("csv", "md", "tex")]
        for file in files:
            assert (whole / file).stat().st_size > 0
            assert f'href="{file}"' in page
    assert not re.search(r'(src|href)="(https?:)?//', page)


def test_what_is_not_drawn_has_a_reason(whole):
    text = text_of(whole)
    assert "Fig. 5 and Fig. 10: not drawn" in text or "Fig. 5: not drawn" in text
    assert not [file for name in PICTURES for file in whole.glob(f"*/{name}.*")]


def test_csv_holds_the_numbers_that_are_drawn(built, run):
    table = pd.read_csv(built / "tables" / "fig3.csv")
    pd.testing.assert_frame_equal(
        table, module("fig3").fig3_data(run), check_dtype=False, rtol=1e-5, check_exact=False
    )
    row = table.query("protocol == 'center-clicks' and model == 'multiverseg' and example == 1").iloc[0]
    images = run.images.query("protocol == 'center-clicks' and model == 'multiverseg' and position == 1")
    by_task = images.groupby(["dataset", "cohort", "label"]).interactions.mean()
    assert row["mean"] == pytest.approx(
        by_task.groupby(["dataset", "cohort"]).mean().groupby("dataset").mean().mean(), rel=1e-5
    )


def test_the_page_says_what_ran_on_what_with_which_weights(built):
    text = text_of(built)
    for fact in ("0123456789ab (with uncommitted changes)", "bfloat16", "quick", "2026-03-14", "none needed"):
        assert fact in text
    assert "wbc/jtsc/microscopy/0/nucleus 60 60 180 ffffffffffffffff" in text
    assert "universeg: it takes no interactions" in text
    assert "Bundled weights. ScribblePrompt, SP+UVS and MultiverSeg ran with the small weights" in text


def test_every_interval_names_its_unit(built):
    text = text_of(built)
    drawn = [name for name in names() if get(name).interval and (built / "tables" / f"{name}.csv").is_file()]
    assert text.count("Interval:") == len(drawn) == 7
    assert text.count("Shading: 95% bootstrap interval over 3 simulations.") == 3
    assert text.count("thick over 3 simulations, thin over") == 2
    assert "95% over simulations 95% over subjects" in text


def test_official_weights_need_no_warning_and_other_ones_do(run, tmp_path):
    official = {name: {"weights": "official"} for name in ("scribbleprompt", "sp-uvs", "multiverseg")}
    models = official | {"random-walker": {"weights": None}}
    reports.build(changed(run, models=models), tmp_path, only=["table7"])
    assert "not the papers' result" not in text_of(tmp_path)
    reports.build(changed(run, models=models | {"sp-uvs": {"weights": "mine.pt"}}), tmp_path, only=["table7"])
    assert "Other weights. SP+UVS ran with" in text_of(tmp_path)


def test_what_is_missing_is_listed_with_the_command_that_adds_it(run_of, tmp_path):
    partial = run_of(
        models=("scribbleprompt", "random-walker"), protocols=("center-clicks",), simulations=2, count=2
    )
    reports.build(partial, tmp_path)
    text = text_of(tmp_path)
    assert "Fig. 4: not drawn" in text
    incomplete = "Fig. 3, Fig. 11, Fig. 16, Table 7, Comparisons, Profiles and Convergence: incomplete"
    assert incomplete in text
    rest = "--datasets wbc,buid --simulations 12"
    command = "python -m benchmark run"
    assert f"{command} --protocol center-clicks --models sp-uvs,multiverseg {rest}" in text
    everyone = "scribbleprompt,sp-uvs,multiverseg,random-walker"
    assert f"{command} --protocol centerline-scribbles --models {everyone} {rest}" in text
    variant = "--protocol center-clicks,centerline-scribbles --models sp-uvs,multiverseg --split val"
    assert f"{command} {variant} --context soft {rest}" in text  # Fig. 14
    longer = "--protocol center-clicks --models scribbleprompt,sp-uvs,multiverseg --images all"
    assert f"{command} {longer} {rest}" in text  # Fig. 13
    assert not list(tmp_path.glob("*/fig4.*"))
    assert (tmp_path / "figures" / "fig3.png").is_file()
    assert "InterConv: not drawn" in text  # there is nothing of that paper
    assert "InterConv, Fig." not in text
    sets = "--protocol set-scribbles,set-clicks,set-automatic --models all"
    assert f"{command} {sets} --datasets wbc,buid,brain-phantom --simulations 12" in text


def test_without_a_manifest_the_page_says_so_and_commands_name_the_data_sets(run_of, tmp_path):
    bare = run_of(models=("multiverseg",), protocols=("center-clicks",), simulations=2, count=2)
    bare.manifests = []
    reports.build(bare, tmp_path, only=["fig4"])
    text = text_of(tmp_path)
    assert "No manifest came with these results" in text
    assert "--models scribbleprompt,sp-uvs --datasets buid,wbc" in text


def test_an_unfinished_run_is_told(run, tmp_path):
    images = run.images[~((run.images.model == "multiverseg") & (run.images.simulation == 2))]
    reports.build(changed(run, images), tmp_path, only=["fig4"])
    assert "MultiverSeg, center clicks: 48 of 72 images" in text_of(tmp_path)


def test_methods_without_common_images_are_a_reason_not_an_error(run_of, tmp_path):
    both = run_of(models=("scribbleprompt", "multiverseg"), simulations=2, count=2)
    wbc = both.images.dataset == "wbc"
    apart = both.images[(both.images.model == "multiverseg") == wbc]
    reports.build(changed(both, apart), tmp_path, only=["fig4"])
    assert "Fig. 4: not drawn" in text_of(tmp_path)
    assert "share no image" in text_of(tmp_path)


def test_names_from_outside_are_escaped(run, tmp_path):
    evil = '<script>alert("x")</script>|a'
    images = run.images.assign(task=run.images.task.replace("buid/benign/ultrasound/0/lesion", evil))
    images = images.assign(cohort=images.cohort.replace("benign", evil))
    images = images[images.dataset == "buid"]
    reports.build(
        changed(run, images, tasks={evil: {"test": 7}}, left_out=[{"name": evil}]), tmp_path, only=["fig16"]
    )
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    lines = (tmp_path / "tables" / "fig16.md").read_text(encoding="utf-8").splitlines()
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


def test_an_unknown_artefact_is_refused_before_anything_is_written(run, tmp_path):
    with pytest.raises(UnknownName, match="did you mean fig3"):
        reports.build(run, tmp_path / "new", only=["fig03"])
    assert not (tmp_path / "new").exists()


def test_the_same_results_give_the_same_bytes(run, tmp_path):
    for folder in ("one", "two"):
        reports.build(run, tmp_path / folder, only=["fig4", "table7"])
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(files) == 10
    differing = [
        f for f in files if (tmp_path / "one" / f).read_bytes() != (tmp_path / "two" / f).read_bytes()
    ]
    assert differing == []


def test_a_folder_holds_only_the_last_report(run, tmp_path):
    reports.build(run, tmp_path, only=["fig4"])
    reports.build(run, tmp_path, only=["table7"])
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    tables = [f"tables/table7.{kind}" for kind in ("csv", "md", "tex")]
    assert files == ["index.html", *tables]
