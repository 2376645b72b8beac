"""The whole study: what it plans, what runs, and what is never averaged together."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from segbench.benchmark.cli import cli
from segbench.benchmark.study import experiments
from segbench.protocols.config import Config
from segbench.results import StoreError, load

TOYS = ["--datasets", "toys:Toys", "--device", "cpu", "--precision", "float32", "--workers", "1"]


def tool(*words):
    return CliRunner().invoke(cli, list(map(str, words)))


@pytest.fixture(scope="module")
def study(tmp_path_factory, weights) -> Path:
    """The whole study on the toys, with untrained networks; the val split has but two images."""
    folder = tmp_path_factory.mktemp("study")
    options = ["--preset", "smoke", "--protocol", "all", "--images", "2", "--weights", weights]
    result = tool("run", *options, *TOYS, "--output", folder / "run")
    assert result.exit_code == 0, result.output
    return folder / "run"


def kinds(images, *columns):
    return set(images[list(columns)].astype(str).drop_duplicates().itertuples(index=False, name=None))


def test_the_study_has_every_protocol_and_every_variant(study):
    images = load(study).images
    found = kinds(images, "protocol", "split", "context")
    for protocol in ("center-clicks", "centerline-scribbles"):
        for context in ("binary", "soft", "ground-truth"):
            assert (protocol, "val", context) in found  # Fig. 14
        assert (protocol, "test", "binary") in found
    assert ("bootstrapped-in-context", "test", "soft") in found  # Fig. 17
    assert kinds(images[images.protocol == "in-context"], "model") == {("universeg",), ("multiverseg",)}
    assert kinds(images[images.protocol == "in-context"], "context_size") == {("1",), ("2",), ("4",)}
    assert ("interactive-in-context-scribbles", "test", "ground-truth") in found
    assert kinds(images[images.model == "universeg-oracle"], "context") == {("ground-truth",)}
    validation = images[images.split == "val"]
    assert kinds(validation, "model") == {
        (name,) for name in ("scribbleprompt", "multiverseg", "sp-uvs", "sp-uvs-1", "sp-uvs-2", "sp-uvs-10")
    }
    test = images[(images.split == "test") & (images.protocol == "center-clicks")]
    assert {"sp-uvs-1", "sp-uvs-2"} & set(test.model) == set()  # `all` does not take them
    assert "random-walker" in set(test.model)


def test_longer_sets_go_on_where_the_standard_ones_end(study):
    results = load(study)
    images = results.images[results.images.split == "test"]
    of_clicks = images[images.protocol == "center-clicks"]
    assert results.manifests[0]["images"] == 2
    assert of_clicks[of_clicks.model == "multiverseg"].position.max() == 4
    assert of_clicks[of_clicks.model == "random-walker"].position.max() == 2


def test_the_manifest_says_what_the_study_consists_of(study):
    manifest = json.loads((study / "manifest.json").read_text())
    assert manifest["tasks"]["toys/drawn/synthetic/0/one"]["source"] == "toys:Toys"
    soft = [part for part in manifest["parts"] if part["context"] == "soft"]
    assert {part["protocol"] for part in soft} == {
        "center-clicks",
        "centerline-scribbles",
        "bootstrapped-in-context",
    }
    assert manifest["arguments"]["protocol"] == "all"


def test_pictures_are_of_the_first_simulation(study):
    pictures = load(study).pictures
    assert set(pictures.simulation) == {0}
    assert {0, 1, 2} <= set(pictures.position)
    row = pictures.iloc[0]
    assert len(row.prediction) == row.height * row.width / 8


def test_the_paper_preset_plans_the_whole_study(tmp_path):
    result = tool("run", "--preset", "paper", "--dry-run", *TOYS, "--images", "3", "--output", tmp_path / "x")
    assert result.exit_code == 0, result.output
    assert "7 protocols" in result.output
    assert "200 simulations of 3 images" in result.output
    assert "centerline-scribbles (images all): scribbleprompt, sp-uvs, multiverseg" in result.output
    assert not (tmp_path / "x").exists()


def test_variants_take_of_their_models_those_that_were_chosen(tmp_path):
    options = ["--protocol", "all", "--preset", "smoke", "--models", "sp-uvs-2,scribbleprompt", "--dry-run"]
    lines = tool("run", *options, *TOYS, "--images", "2", "--output", tmp_path).output.splitlines()
    assert "  center-clicks (split val): scribbleprompt, sp-uvs-2" in lines
    assert not any("soft" in line for line in lines)


def test_named_protocols_have_no_variants():
    config = Config(images=5)
    found = experiments(["center-clicks", "in-context"], config, longer_images=None)
    assert [(part.protocol, part.config, part.models) for part in found] == [
        ("center-clicks", config, None),
        ("in-context", config, None),
    ]


@pytest.mark.parametrize(("images", "longer", "expected"), [(5, 8, 8), (5, None, None), (8, 8, 0), (9, 8, 0)])
def test_longer_sets_are_longer_than_the_usual_ones(images, longer, expected):
    sizes = [part.config.images for part in experiments(["all"], Config(images=images), longer)]
    assert [size for size in sizes if size != images] == ([] if expected == 0 else [expected] * 2)


def run_of_brush(output, *words):
    options = ["--models", "toys:Brush", "--images", "2", "--protocol", "center-clicks", *TOYS]
    result = tool("run", *options, *words, "--output", output)
    assert result.exit_code == 0, result.output
    return output


def test_records_of_another_protocol_version_are_not_averaged(tmp_path, monkeypatch):
    run_of_brush(tmp_path / "old")
    from segbench.protocols.sequential import CENTER_CLICKS

    monkeypatch.setattr("segbench.benchmark.study.PROTOCOLS.get", lambda name: newer)
    newer = replace(CENTER_CLICKS, version=2)
    run_of_brush(tmp_path / "new")
    with pytest.raises(StoreError, match=r"version of protocol center-clicks differs .*[(](1, 2|2, 1)[)]"):
        load([tmp_path / "old", tmp_path / "new"])
    result = tool("report", tmp_path / "old", tmp_path / "new", "--output", tmp_path / "report")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "report").exists()


def test_records_of_other_data_are_not_averaged(study, tmp_path):
    shutil.copytree(study, tmp_path / "one")
    unit = next((tmp_path / "one" / "units").iterdir())
    description = json.loads((unit / "unit.json").read_text())
    name = next(key for key in description["description"]["identity"] if key.startswith("data of"))
    description["description"]["identity"][name] = "f" * 64
    (unit / "unit.json").write_text(json.dumps(description))
    with pytest.raises(StoreError, match=f"the {name} differs between units of .*read one run at a time"):
        load(tmp_path / "one")


def test_a_run_of_another_format_is_named(tmp_path):
    run = run_of_brush(tmp_path / "run")
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps(manifest | {"format": 1}))
    result = tool("report", run, "--output", tmp_path / "report")
    assert result.exit_code == 1
    assert "holds a run of format 1, and this program reads format" in result.stderr


@pytest.mark.parametrize("damage", ["cut", "gone", "garbled"])
def test_a_report_does_not_average_around_a_damaged_unit(tmp_path, damage):
    run = run_of_brush(tmp_path / "run")
    file = next((run / "units").iterdir()) / "images.parquet"
    content = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(content[:-20] if damage == "cut" else content.replace(b"c", b"d", 1))
    result = tool("report", run, "--output", tmp_path / "report")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert f"unit {file.parent} is damaged; repeat the command" in result.stderr
    assert not (tmp_path / "report").exists()


def test_a_unit_that_is_still_being_written_is_not_read(tmp_path):
    run = run_of_brush(tmp_path / "run")
    before = len(load(run).images)
    (run / "units" / ".tmp-1-2@elsewhere").mkdir()
    assert len(load(run).images) == before


def test_the_manifest_keeps_every_command_of_a_run(tmp_path):
    run = run_of_brush(tmp_path / "run")
    run_of_brush(run, "--split", "val", "--simulations", "2")
    manifest = json.loads((run / "manifest.json").read_text())
    assert [arguments.get("split") for arguments in manifest["all_arguments"]] == [None, "val"]
    assert [(part["split"], part["simulations"]) for part in manifest["parts"]] == [("test", 5), ("val", 2)]
    assert {split for (split,) in kinds(load(run).images, "split")} == {"test", "val"}
