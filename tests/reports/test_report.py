"""The report on disk: files, page, gaps and repeatability."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from artefact_helpers import data_of, figure_of, text_of, titles

from segbench.protocols.annotators import CenterClicks
from segbench.protocols.config import Config
from segbench.protocols.registry import PROTOCOLS
from segbench.protocols.sequential import Sequential
from segbench.registry import UnknownName
from segbench.reports.build import build
from segbench.reports.registry import PAPERS, get, names
from segbench.results import Results
from segbench.results.schema import IMAGES, STEPS, typed


def changed(results: Results, images: pd.DataFrame | None = None, **manifest) -> Results:
    """Return the run with other records or another entry in its manifest."""
    images = results.images if images is None else images.astype(IMAGES)
    return Results(images, [results.manifests[0] | manifest], results.read)


# The made-up runs keep no pictures of single images and have no seed images and no scribbles of people.
NOT_DRAWN = ("fig5", "fig10", "seed-images", "manual-scribbles")


def expected_files(name: str, formats=("png", "pdf", "svg")) -> list[str]:
    """Return the files of an artefact, relative to the report."""
    artefact = get(name)
    files = [f"figures/{name}.{kind}" for kind in formats if artefact.draw is not None]
    if artefact.data is not None:
        files += [f"tables/{name}.{kind}" for kind in ("csv", "md", "tex")]
    return files


def test_every_name_of_the_papers_is_an_artefact():
    figures, tables = [*range(3, 17), "17a", *range(18, 22)], [*range(1, 8), "17b"]
    assert PAPERS["MultiverSeg"] == (*(f"fig{n}" for n in figures), *(f"table{n}" for n in tables))
    interconv = [*(f"fig{n}" for n in range(4, 12)), *(f"table{n}" for n in range(1, 9))]
    assert PAPERS["InterConv"] == tuple(f"interconv-{name}" for name in interconv)
    for name in names():
        artefact = get(name)
        assert (artefact.draw is None, artefact.grid is None) == (
            artefact.kind == "table",
            artefact.kind == "figure",
        )
    assert {name for paper in PAPERS.values() for name in paper} <= set(names())


def test_every_artefact_has_its_files_and_the_page_links_them(whole_report):
    page = (whole_report / "index.html").read_text(encoding="utf-8")
    for name in names():
        if name.startswith((*NOT_DRAWN, "interconv-")):
            continue
        for file in expected_files(name, ("png",)):
            assert (whole_report / file).stat().st_size > 0
            assert f'href="{file}"' in page
    assert not re.search(r'(src|href)="(https?:)?//', page)
    places = re.findall(r'\sid="([^"]+)"', page)
    assert len(places) == len(set(places))
    assert set(re.findall(r'href="#([^":]+)"', page)) <= set(places)


def test_an_artefact_without_records_has_a_reason(whole_report):
    text = text_of(whole_report)
    assert "Fig. 5 and Fig. 10: not drawn" in text or "Fig. 5: not drawn" in text
    assert not [file for name in ("fig5", "fig10") for file in whole_report.glob(f"*/{name}.*")]


def test_csv_contains_the_numbers_of_the_figure(report, run):
    table = pd.read_csv(report / "tables" / "fig3.csv")
    numbers = data_of("fig3", run)
    pd.testing.assert_frame_equal(table, numbers, check_dtype=False, rtol=1e-5, check_exact=False)
    row = table.query("protocol == 'center-clicks' and model == 'multiverseg' and example == 1").iloc[0]
    images = run.images.query("protocol == 'center-clicks' and model == 'multiverseg' and position == 1")
    by_task = images.groupby(["dataset", "cohort", "label"]).interactions.mean()
    assert row["mean"] == pytest.approx(
        by_task.groupby(["dataset", "cohort"]).mean().groupby("dataset").mean().mean(), rel=1e-5
    )


def test_the_page_names_settings_tasks_and_weights(report):
    text = text_of(report)
    for fact in ("0123456789ab (with uncommitted changes)", "bfloat16", "quick", "2026-03-14", "none needed"):
        assert fact in text
    assert "wbc/jtsc/microscopy/0/nucleus 60 60 180 ffffffffffffffff" in text
    assert "universeg: it takes no interactions" in text
    assert "Bundled weights. ScribblePrompt, SP+UVS and MultiverSeg used the small networks" in text


def test_every_interval_names_its_unit(report):
    text = text_of(report)
    assert "Interval: Shading: 95% bootstrap interval over 3 simulations." in text
    assert "Interval: Whiskers: 95% bootstrap intervals, thick over 3 simulations, thin over" in text
    assert "95% over simulations 95% over subjects" in text
    drawn = {path.stem for path in report.glob("tables/*.csv")}
    assert text.count("Interval:") == sum(bool(get(name).interval) for name in drawn)


def test_official_weights_need_no_warning_and_other_ones_do(run, tmp_path):
    official = {name: {"weights": "official"} for name in ("scribbleprompt", "sp-uvs", "multiverseg")}
    models = official | {"random-walker": {"weights": None}}
    build(changed(run, models=models), tmp_path, only=["table7"])
    assert "not the papers' result" not in text_of(tmp_path)
    build(changed(run, models=models | {"sp-uvs": {"weights": "mine.pt"}}), tmp_path, only=["table7"])
    assert "Other weights. SP+UVS used weights" in text_of(tmp_path)


def test_what_is_missing_is_listed_with_the_command_that_adds_it(run_of, tmp_path):
    partial = run_of(
        models=("scribbleprompt", "random-walker"), protocols=("center-clicks",), simulations=2, count=2
    )
    build(partial, tmp_path, formats=["png"])
    text = text_of(tmp_path)
    assert "Fig. 4: not drawn" in text
    drawn = "Fig. 3, Fig. 11, Fig. 16, Table 7, Metrics, Comparisons, Profiles and Convergence"
    assert f"{drawn}: incomplete" in text
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
    build(bare, tmp_path, only=["fig4"], formats=["png"])
    text = text_of(tmp_path)
    assert "These results have no manifest" in text
    assert "--models scribbleprompt,sp-uvs --datasets buid,wbc" in text


def test_an_unfinished_run_has_a_warning(run, tmp_path):
    images = run.images[~((run.images.model == "multiverseg") & (run.images.simulation == 2))]
    build(changed(run, images), tmp_path, only=["fig4"], formats=["png"])
    assert "MultiverSeg, center clicks: 48 of 72 images" in text_of(tmp_path)


def test_methods_without_common_images_are_a_reason_not_an_error(run_of, tmp_path):
    both = run_of(models=("scribbleprompt", "multiverseg"), simulations=2, count=2)
    wbc = both.images.dataset == "wbc"
    apart = both.images[(both.images.model == "multiverseg") == wbc]
    build(changed(both, apart), tmp_path, only=["fig4"], formats=["png"])
    assert "Fig. 4: not drawn" in text_of(tmp_path)
    assert "share no image" in text_of(tmp_path)


def test_names_from_outside_are_escaped(run, tmp_path):
    evil = '<script>alert("x")</script>|a'
    images = run.images.assign(task=run.images.task.replace("buid/benign/ultrasound/0/lesion", evil))
    images = images.assign(cohort=images.cohort.replace("benign", evil))
    images = images[images.dataset == "buid"]
    build(
        changed(run, images, tasks={evil: {"test": 7}}, left_out=[{"name": evil}]), tmp_path, only=["fig16"]
    )
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    lines = (tmp_path / "tables" / "fig16.md").read_text(encoding="utf-8").splitlines()
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


def test_an_unknown_artefact_is_refused_before_anything_is_written(run, tmp_path):
    with pytest.raises(UnknownName, match="did you mean fig3"):
        build(run, tmp_path / "new", only=["fig03"])
    assert not (tmp_path / "new").exists()


@pytest.fixture(scope="module")
def small(run_of) -> Results:
    """Two methods, one protocol, two simulations of two images."""
    models, protocols = ("scribbleprompt", "multiverseg"), ("center-clicks",)
    return run_of(models=models, protocols=protocols, simulations=2, count=2)


def files_of(folder) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_same_results_give_the_same_bytes_in_all_formats(small, tmp_path):
    for folder in ("one", "two"):
        build(small, tmp_path / folder, only=["fig4", "table7"])
    files = files_of(tmp_path / "one")
    assert files == {"index.html", *expected_files("fig4"), *expected_files("table7")}
    differing = [
        f for f in files if (tmp_path / "one" / f).read_bytes() != (tmp_path / "two" / f).read_bytes()
    ]
    assert differing == []


def test_a_folder_holds_only_the_last_report(small, tmp_path):
    build(small, tmp_path, only=["fig4"], formats=["png"])
    build(small, tmp_path, only=["table7"])
    assert files_of(tmp_path) == {"index.html", *expected_files("table7")}


def test_a_new_protocol_of_clicks_is_in_the_figures_and_on_the_page(
    make_task, obedient, tmp_path, monkeypatch
):
    protocol = Sequential("corner-clicks", CenterClicks(), max_steps=3, title="Corner clicks", unit="clicks")
    monkeypatch.setattr(PROTOCOLS, "builtin", PROTOCOLS.builtin | {"corner-clicks": f"{__name__}:CORNERS"})
    monkeypatch.setitem(globals(), "CORNERS", protocol)
    config = Config(seed=0, images=4)
    records = PROTOCOLS.get("corner-clicks").run(make_task(), obedient, [0, 1], config, obedient, "mine")
    results = Results(typed(records.images, IMAGES), [], lambda *_: typed([], STEPS))
    data = data_of("fig3", results)
    assert set(data.protocol) == {"corner-clicks"}
    assert set(data.example) == {1, 2, 3, 4}
    figure = figure_of("fig3", results)
    assert (titles(figure), figure.axes[0].get_ylabel()) == (["Corner clicks"], "Clicks to 90% Dice")
    build(results, tmp_path, only=["fig3"], formats=["png"])
    assert "Corner clicks" in text_of(tmp_path)
    # Elsewhere the plug-in may be absent; the manifest then describes its protocol.
    monkeypatch.undo()
    facts = {"version": 1, "title": "Corners", "unit": "corners", "family": "sequential", "ordered": True}
    elsewhere = Results(results.images, [{"protocols": {"corner-clicks": facts}}], results.read)
    assert figure_of("fig3", elsewhere).axes[0].get_ylabel() == "Corners to 90% Dice"
