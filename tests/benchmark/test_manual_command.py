"""Scribbles that people drew: which data take part, the records of a run, and its report."""

from __future__ import annotations

import pandas as pd
import pytest
from click.testing import CliRunner

from segbench.benchmark.cli import cli
from segbench.benchmark.dataset_choice import choose_datasets
from segbench.benchmark.selection import data_kinds, plan_experiments, select
from segbench.benchmark.study import Experiment, experiments
from segbench.errors import Failure
from segbench.protocols.config import Config
from segbench.results import load

DRAWN = ["--protocol", "manual-scribbles", "--datasets", "scribbled_toys:Drawn"]
CPU = ["--device", "cpu", "--precision", "float32"]
ARTEFACTS = {
    "manual-scribbles": "figures",
    "manual-scribbles-examples": "figures",
    "manual-scribbles-dice": "tables",
    "manual-scribbles-marks": "tables",
}


def tool(*words):
    return CliRunner().invoke(cli, list(map(str, words)))


def run(output, *words, workers=1):
    result = tool("run", *DRAWN, *words, *CPU, "--workers", workers, "--output", output)
    assert result.exit_code == 0, result.output
    return output


@pytest.fixture(scope="module")
def literal(tmp_path_factory):
    folder = tmp_path_factory.mktemp("manual")
    return run(folder / "run", "--models", "scribbled_toys:Literal,toys:SetBrush")


@pytest.fixture(scope="module")
def report(literal, tmp_path_factory):
    output = tmp_path_factory.mktemp("report")
    result = tool("report", literal, "--only", ",".join(ARTEFACTS), "--output", output)
    assert result.exit_code == 0, result.output
    return output


def table(report, name, **keys):
    found = pd.read_csv(report / "tables" / f"{name}.csv")
    for key, value in keys.items():
        found = found[found[key] == value]
    return found


def parts(protocols, datasets, root, model="toys:Brush"):
    asked = [Experiment(name, Config(images=3)) for name in protocols]
    return select(plan_experiments(asked), [model], datasets, root)


def test_without_any_such_data_one_line_says_how_to_get_them(tmp_path):
    result = tool(
        "run", "--protocol", "manual-scribbles", "--data-root", tmp_path, "--output", tmp_path / "o"
    )
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert f"no data set with people's scribbles is installed in {tmp_path}" in line
    assert line.endswith("python -m benchmark data fetch medscribble")


def test_the_whole_study_goes_on_without_such_data_and_says_so(tmp_path):
    kinds = data_kinds(plan_experiments(experiments(["all"], Config(), None)))
    assert "scribbles" in kinds
    chosen, line = choose_datasets(None, tmp_path, kinds)
    assert chosen == ["phantoms", "brain-phantom"]
    assert "no data set with people's scribbles" in line and "data fetch medscribble" in line
    selection = parts(["center-clicks", "manual-scribbles"], ["toys:Toys"], tmp_path)
    assert [part.experiment.protocol for part in selection.experiments] == ["center-clicks"]
    (left,) = selection.excluded
    assert (left.kind, left.name) == ("protocol", "manual-scribbles")
    assert left.reason == "it needs a data set with people's scribbles, and no such data set takes part"


def test_such_data_are_for_this_protocol_only(tmp_path):
    assert data_kinds(plan_experiments([Experiment("center-clicks", Config())])) == ["tasks"]
    both = ["toys:Toys", "scribbled_toys:Drawn"]
    selection = parts(["center-clicks", "manual-scribbles"], both, tmp_path)
    found = {p.experiment.protocol: {c.source for c in p.tasks} for p in selection.experiments}
    assert found == {"center-clicks": {"toys:Toys"}, "manual-scribbles": {"scribbled_toys:Drawn"}}
    with pytest.raises(Failure, match="no train image"):
        parts(["center-clicks"], ["scribbled_toys:Drawn"], tmp_path, "toys:Wide")
    with pytest.raises(Failure, match="it has no scribbles that people drew"):
        parts(["manual-scribbles"], ["toys:Toys"], tmp_path)


@pytest.mark.slow
def test_records_do_not_depend_on_workers_or_simulations(literal, tmp_path):
    words = ["--models", "scribbled_toys:Literal,toys:SetBrush", "--simulations", "3"]
    other = run(tmp_path / "run", *words, workers=2)
    tables = [
        (load(folder).images.drop(columns="seconds"), load(folder).steps) for folder in (literal, other)
    ]
    for one, two in zip(*tables, strict=True):
        pd.testing.assert_frame_equal(one, two)
    images = tables[0][0]
    counts = images.groupby(["model", "annotator", "simulation", "person"], observed=True).size()
    assert set(counts) == {6} and len(counts) == 2 * 3 * 2


def test_the_report_has_every_artefact(report):
    page = (report / "index.html").read_text(encoding="utf-8")
    for name, folder in ARTEFACTS.items():
        suffix = "png" if folder == "figures" else "csv"
        assert (report / folder / f"{name}.{suffix}").stat().st_size > 0
        assert f"{folder}/{name}.{suffix}" in page
    assert "not drawn" not in page


def test_dice_differences_and_agreement_by_hand(literal, report):
    found = table(report, "manual-scribbles-dice", model="scribbled_toys:Literal")
    assert set(found.group) == {"all tasks", "first, square", "second, square"}
    half = 2 * 128 / (128 + 256)
    people = found[found.annotator == "human"]
    assert people["mean"].tolist() == pytest.approx([100 * (1 + half) / 2] * 3, rel=1e-5)
    assert people.agreement.tolist() == pytest.approx([100 * half] * 3, rel=1e-5)
    assert people.images.tolist() == [6, 3, 3]
    assert people.difference.isna().all()
    images = load(literal).images
    images = images[(images.model == "scribbled_toys:Literal") & (images.cohort == "first")]
    for annotator in ("centerline-scribbles", "line-scribbles"):
        row = found[(found.annotator == annotator) & (found.group == "first, square")].iloc[0]
        mean = 100 * images[images.annotator == annotator].dice.mean()
        assert row["mean"] == pytest.approx(mean, rel=1e-5)
        assert row.difference == pytest.approx(mean - 100 * (1 + half) / 2, rel=1e-5)
        assert row.difference_low <= row.difference <= row.difference_high


def test_every_person_is_told_apart(report):
    found = table(report, "manual-scribbles", model="scribbled_toys:Literal").set_index("annotator")["mean"]
    half = 200 * 128 / (128 + 256)
    assert found[["person 1", "person 2"]].tolist() == pytest.approx([100, half], rel=1e-5)
    assert found["human"] == pytest.approx((100 + half) / 2, rel=1e-5)


def test_lengths_and_areas_by_hand(report):
    found = table(report, "manual-scribbles-marks", group="all tasks", annotator="human").set_index("size")[
        "mean"
    ]
    assert found["positive_area"] == (256 + 128) / 2
    assert found["negative_area"] == found["negative_length"] == 24
    assert 0 < found["positive_length"] < 40  # thinned to a line
    simulated = table(
        report, "manual-scribbles-marks", group="all tasks", annotator="line-scribbles"
    ).set_index("size")
    assert 0 < simulated.loc["positive_length", "mean"] <= simulated.loc["positive_area", "mean"] < 128


def test_a_run_without_these_records_says_how_to_add_them(tmp_path):
    words = ["--protocol", "set-clicks", "--models", "toys:Brush", "--datasets", "toys:Many"]
    result = tool("run", *words, *CPU, "--workers", 1, "--images", 8, "--output", tmp_path / "run")
    assert result.exit_code == 0, result.output
    result = tool("report", tmp_path / "run", "--only", ",".join(ARTEFACTS), "--output", tmp_path / "report")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "--protocol manual-scribbles --models scribbleprompt,sp-uvs" in page
    command = page.split("--protocol manual-scribbles")[1].split("<")[0]
    assert "--datasets" not in command and "--images 8" in command


def test_what_a_data_set_leaves_out_is_noted_once_and_plainly(tmp_path):
    (tmp_path / "MedScribble" / "AbdominalUS" / "Real" / "h27_axis0_midslice").mkdir(parents=True)
    words = ("run", "--protocol", "manual-scribbles", "--models", "random-walker", "--dry-run")
    message = tool(*words, "--data-root", tmp_path, "--output", tmp_path / "run").stderr.splitlines()
    notes = [line for line in message if "left out" in line]
    assert notes == ["Note: medscribble: left out for lack of images: AbdominalUS/Real"]


def test_every_reason_is_told_where_no_task_can_be_used(tmp_path):
    words = ("run", *DRAWN, "--split", "val", "--models", "random-walker", "--dry-run")
    message = tool(*words, "--datasets", "scribbled_toys:Drawn,toys:Toys", "--output", tmp_path).stderr
    assert "it has no scribbles that people drew" in message and "no val image" in message
