"""``check`` from end to end: what it lets pass, what it catches, and how it says so."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

import benchmark
import benchmark.checking
from benchmark import baseline
from benchmark.cli import cli
from models.weights import BUNDLED
from protocols.adapter import Click

RUN = (
    *("run", "--datasets", "checked_toys:Plenty", "--images", "20", "--simulations", "1"),
    *("--device", "cpu", "--precision", "float32", "--workers", "1", "--max-steps", "6"),
)
BRUSH = ("--models", "toys:Brush", "--protocol", "center-clicks")


def tool(*words):
    return CliRunner().invoke(cli, [str(word) for word in words])


def run(output: Path, *words) -> Path:
    result = tool(*RUN, *words, "--output", output)
    assert result.exit_code == 0, result.output
    return output


def refused(result, status=2) -> str:
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output and result.stdout == ""
    return result.stderr.splitlines()[-1]


def verdicts(result) -> dict[tuple[str, str], str]:
    rows = json.loads(result.stdout)["comparisons"]
    return {(row["model"], row["measure"]): row["verdict"] for row in rows}


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> Path:
    """A run of the toy model."""
    return run(tmp_path_factory.mktemp("first") / "run", *BRUSH)


@pytest.fixture(scope="module")
def base(first, tmp_path_factory) -> Path:
    """The baseline of that run."""
    file = tmp_path_factory.mktemp("base") / "base.csv"
    result = tool("check", first, "--baseline", file, "--update")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == f"The baseline {file} now holds the records of {first}."
    return file


def test_the_same_again_passes(base, tmp_path):
    again = run(tmp_path / "again", *BRUSH)
    result = tool("check", again, "--baseline", base)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "Passed: no regression in 3 comparisons."
    assert "interactions 5% of the baseline, dice 0.01, failures 0.05" in result.stdout
    assert "with a confidence of 95% for all comparisons together" in result.stdout
    said = json.loads(tool("check", again, "--baseline", base, "--format", "json").stdout)
    assert said["passed"] and said["missing"] == [] and said["confidence"] == 0.95
    assert all(row["difference"] == 0 and row["subjects"] == 20 for row in said["comparisons"])


def test_another_seed_passes_and_is_noted(base, tmp_path):
    result = tool("check", run(tmp_path / "run", *BRUSH, "--seed", "7"), "--baseline", base)
    assert result.exit_code == 0, result.output
    assert "Note: settings seed: 0 and 7" in result.stdout


def test_a_run_can_be_the_baseline(first, base):
    found = benchmark.check(first, baseline=first)
    assert found.passed and len(found.table) == 3


def test_an_off_by_one_in_the_step_count_is_caught(base, tmp_path, monkeypatch):
    module = importlib.import_module("protocols.sequential")
    honest = module.collect

    def counted_from_one_more(*given):
        records = honest(*given)
        for row in records.images:
            row["interactions"] += 1
        return records

    monkeypatch.setattr(module, "collect", counted_from_one_more)
    worse = run(tmp_path / "run", *BRUSH)
    result = tool("check", worse, "--baseline", base)
    assert result.exit_code == 1, result.output
    last = result.stdout.splitlines()[-1]
    assert last.startswith("Regression: toys:Brush in center-clicks on plenty: interactions ")
    assert "worse by at least 1.00 where" in last and "; " not in last
    assert [*benchmark.check(worse, baseline=base).regressions.measure] == ["interactions"]


def test_another_click_rule_is_caught(base, tmp_path, monkeypatch):
    def first_wrong_pixels(labels, predictions):
        places = [np.argwhere(wrong)[0] for wrong in np.asarray(labels ^ predictions)]
        return [
            Click(int(r), int(c), bool(label[r, c])) for (r, c), label in zip(places, labels, strict=True)
        ]

    monkeypatch.setattr("protocols.annotators.center_clicks", first_wrong_pixels)
    result = tool("check", run(tmp_path / "run", *BRUSH), "--baseline", base, "--format", "json")
    assert result.exit_code == 1, result.output
    assert verdicts(result)["toys:Brush", "interactions"] == "regression"


def test_a_degraded_checkpoint_is_caught(tmp_path):
    learnt = ("--models", "scribbleprompt", "--protocol", "center-clicks", "--max-steps", "4")
    good = run(tmp_path / "good", *learnt)
    state = load_file(BUNDLED / "scribbleprompt.safetensors")
    noise = torch.Generator().manual_seed(0)
    for name, value in state.items():
        if value.is_floating_point() and value.ndim > 1:
            state[name] = value + 0.5 * value.std() * torch.randn(value.shape, generator=noise)
    (tmp_path / "weights").mkdir()
    save_file(state, tmp_path / "weights" / "scribbleprompt.safetensors")
    bad = run(tmp_path / "bad", *learnt, "--weights", tmp_path / "weights")
    assert tool("check", good, "--baseline", good).exit_code == 0
    result = tool("check", bad, "--baseline", good, "--format", "json")
    assert result.exit_code == 1, result.output
    assert verdicts(result)["scribbleprompt", "dice"] == "regression"
    assert any(
        note.startswith("models scribbleprompt checksum:") for note in json.loads(result.stdout)["notes"]
    )


def test_what_is_missing_fails(base, tmp_path):
    fewer = run(tmp_path / "run", *BRUSH[:2], "--protocol", "centerline-scribbles")
    other = benchmark.check(run(fewer, *BRUSH), baseline=base)
    assert other.passed  # more than the baseline has is no fault
    scribbles = tmp_path / "scribbles.csv"
    assert tool("check", fewer, "--baseline", scribbles, "--update").exit_code == 0
    result = tool("check", run(tmp_path / "clicks", *BRUSH), "--baseline", scribbles)
    assert result.exit_code == 1
    what = "toys:Brush in centerline-scribbles on plenty (context none, split test)"
    assert f"Missing: {what}" in result.stdout.splitlines()
    assert result.stdout.splitlines()[-1] == f"Regression: {what} is missing."


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--target-dice", "0.8"), "target_dice is 0.8 and was 0.9; run it with the baseline's settings"),
        (("--max-steps", "5"), "max_steps is 5 and was 6; run it with the baseline's settings"),
        (("--images", "6"), "center-clicks (test, binary) has sets of 6 images and had 20"),
    ],
)
def test_other_settings_are_refused(base, tmp_path, words, said):
    other = run(tmp_path / "run", *BRUSH, *words)
    assert said in refused(tool("check", other, "--baseline", base))


def test_other_data_are_refused(base, first, tmp_path):
    changed = baseline.read(base)
    name = "plenty/drawn/synthetic/0/one"
    changed.manifest["tasks"][name]["fingerprint"] = "0" * 64
    baseline.write(changed, tmp_path / "other.csv")
    assert f"the data of {name} are others" in refused(
        tool("check", first, "--baseline", tmp_path / "other.csv")
    )
    result = tool("check", first, "--baseline", tmp_path / "other.csv", "--update")
    assert result.exit_code == 0 and f"the data of {name} are others" in result.stdout
    assert tool("check", first, "--baseline", tmp_path / "other.csv").exit_code == 0


def test_update_replaces_the_baseline_and_says_what_changed(base, first, tmp_path):
    file = tmp_path / "base.csv"
    old = baseline.read(base)
    old.images["interactions"] -= 1
    baseline.write(old, file)
    assert tool("check", first, "--baseline", file).exit_code == 1
    result = tool("check", first, "--baseline", file, "--update")
    assert result.exit_code == 0 and "regression" in result.stdout
    assert file.read_bytes() == base.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["base.csv"]


def test_a_baseline_names_no_folder_of_its_machine(base, first):
    text = base.read_text()
    assert str(first) not in text and "--workers" not in text
    assert "--images 20" in text
    assert text.endswith("\n") and "plenty,drawn,synthetic,0,one,none,test,0," in text


def test_bad_baselines_are_refused_in_a_sentence(base, first, tmp_path):
    assert "there is no baseline" in refused(tool("check", first, "--baseline", tmp_path / "none.csv"))
    text = base.read_text()
    for number, content in enumerate(
        [
            "",
            "a,b\n1,2\n",
            "# []\n",
            text[:300],
            text[: text.rindex("plenty")],
            text.replace(",True,", ",yes,"),
        ]
    ):
        file = tmp_path / f"{number}.csv"
        file.write_text(content)
        assert f"{file} is no baseline or a damaged one" in refused(
            tool("check", first, "--baseline", file), status=1
        )
    (tmp_path / "folder").mkdir()
    assert "is no file" in refused(tool("check", first, "--baseline", tmp_path / "folder", "--update"))
    assert "holds no run" in refused(tool("check", tmp_path / "folder", "--baseline", base), status=1)


def test_without_a_run_the_baseline_s_commands_are_run(base, tmp_path, monkeypatch):
    source = tmp_path / "source" / "protocols" / "some.py"
    source.parent.mkdir(parents=True)
    source.write_text("1")
    monkeypatch.setattr(benchmark.checking, "ROOT", tmp_path / "source")
    monkeypatch.chdir(tmp_path)
    for expected, code in ((1, "1"), (1, "1"), (2, "2")):  # other code never meets the units of this one
        source.write_text(code)
        result = tool("check", "--baseline", base, "--format", "json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["passed"]
        assert len([*(tmp_path / "results/runs/check").iterdir()]) == expected


def test_a_command_that_is_none_of_ours_is_not_run(base, tmp_path):
    strange = baseline.read(base)
    strange.manifest["commands"] = ["rm -rf somewhere"]
    baseline.write(strange, tmp_path / "base.csv")
    said = refused(tool("check", "--baseline", tmp_path / "base.csv"), status=1)
    assert "does not say how it was made; name the RUN to check" in said


def test_findings_about_a_model_are_told(monkeypatch):
    from benchmark.conformance import Finding

    found = [Finding("shape", "passed", "it is right"), Finding("range", "note", "it is wide")]
    monkeypatch.setattr("benchmark.conformance.examine", lambda name, weights, device: found)
    result = tool("check", "--model", "toys:Brush")
    assert result.exit_code == 0 and "shape  passed   it is right" in result.stdout
    assert result.stdout.splitlines()[-1] == "toys:Brush: no check failed"
    found.append(Finding("order", "failed", "it depends on it"))
    result = tool("check", "--model", "toys:Brush", "--format", "json")
    said = json.loads(result.stdout)
    assert result.exit_code == 1 and not said["passed"]
    assert said["findings"][2] == {"check": "order", "verdict": "failed", "detail": "it depends on it"}


def test_model_goes_alone(base):
    assert "goes without RUN" in refused(tool("check", "--model", "toys:Brush", "--baseline", base))


@pytest.mark.slow
def test_the_committed_baseline(tmp_path, monkeypatch):
    """The smoke set as it is passes; with noise in all weights it does not."""
    monkeypatch.chdir(tmp_path)
    result = tool("check")
    assert result.exit_code == 0, result.output
    folder = tmp_path / "weights"
    folder.mkdir()
    noise = torch.Generator().manual_seed(0)
    for file in BUNDLED.glob("*.safetensors"):
        state = load_file(file)
        for name, value in state.items():
            if value.is_floating_point() and value.ndim > 1:
                state[name] = value + 0.3 * value.std() * torch.randn(value.shape, generator=noise)
        save_file(state, folder / file.name)
    (line,) = baseline.read(benchmark.checking.SMOKE).manifest["commands"]
    bad = tool(*line.split()[3:], "--weights", folder, "--output", tmp_path / "bad")
    assert bad.exit_code == 0, bad.output
    found = benchmark.check(tmp_path / "bad")
    learnt = {"scribbleprompt", "multiverseg", "sp-uvs-1", "universeg"}
    assert learnt <= set(found.regressions.model)
    assert "random-walker" not in set(found.regressions.model)
