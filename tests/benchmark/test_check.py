"""``check`` from end to end: unchanged runs pass, worse runs fail, and messages are clear."""

from __future__ import annotations

import functools
import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from segbench import benchmark
from segbench.benchmark import api
from segbench.benchmark.cli import cli
from segbench.benchmark.cli.check import result_lines
from segbench.benchmark.cli.compare import table_lines
from segbench.benchmark.cli.run import command as run_command
from segbench.benchmark.provenance import source_digest
from segbench.benchmark.regression import baseline, checking
from segbench.errors import Failure, UsageError
from segbench.models.weights import BUNDLED
from segbench.protocols.adapter import Click
from segbench.text import render_command

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


def test_another_seed_passes_and_is_noted(base, tmp_path):
    result = tool("check", run(tmp_path / "run", *BRUSH, "--seed", "7"), "--baseline", base)
    assert result.exit_code == 0, result.output
    assert "Note: settings seed: 0 and 7" in result.stdout


def test_a_run_can_be_the_baseline(first, base):
    found = benchmark.check(first, baseline=first)
    assert found.passed and len(found.table) == 3


def test_another_click_rule_is_caught(base, tmp_path, monkeypatch):
    def first_wrong_pixels(labels, predictions):
        places = [np.argwhere(wrong)[0] for wrong in np.asarray(labels ^ predictions)]
        return [
            Click(int(r), int(c), bool(label[r, c])) for (r, c), label in zip(places, labels, strict=True)
        ]

    monkeypatch.setattr("segbench.protocols.annotators.center_clicks", first_wrong_pixels)
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


def test_a_protocol_that_is_missing_fails_and_a_further_one_does_not(base, first, tmp_path):
    both = run(tmp_path / "both", *BRUSH[:2], "--protocol", "center-clicks,centerline-scribbles")
    assert benchmark.check(both, baseline=base).passed
    result = tool("check", first, "--baseline", both)
    assert result.exit_code == 1
    name = (
        "toys:Brush in centerline-scribbles on plenty "
        "(context none, annotator centerline-scribbles, split test)"
    )
    assert f"Missing: {name}" in result.stdout.splitlines()
    assert result.stdout.splitlines()[-1] == f"Regression: missing {name}."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda manifest: manifest["settings"].update(target_dice=0.8),
            "target_dice is 0.8 and was 0.9 in the baseline; this makes a run that can be compared: ",
        ),
        (
            lambda manifest: manifest["settings"].update(max_steps=5),
            "max_steps is 5 and was 6 in the baseline; this makes a run that can be compared: ",
        ),
        (
            lambda manifest: manifest["parts"][0].update(images=6),
            "center-clicks (test, binary) has simulations of 6 images and had 20 in the baseline; ",
        ),
    ],
)
def test_other_settings_are_refused(base, first, tmp_path, change, message):
    other = with_manifest(first, tmp_path / "run", change)
    sentence = refused(tool("check", other, "--baseline", base))
    assert message in sentence
    # The sentence ends with the command: the run that it makes can be checked.
    command = shlex.split(sentence.partition("compared: ")[2])
    assert command[:4] == ["python", "-m", "benchmark", "run"]
    comparable = tmp_path / "comparable"
    assert tool(*command[3:], "--workers", "1", "--output", comparable).exit_code == 0
    assert tool("check", comparable, "--baseline", base).exit_code == 0


def test_the_command_of_the_bundled_baseline_is_one_that_the_tool_takes():
    (arguments,) = baseline.read(checking.BUNDLED).manifest["all_arguments"]
    words = shlex.split(render_command("run", arguments))
    assert run_command.make_context("run", words[4:]).params["preset"] == "check"


def test_other_data_are_refused(base, first, tmp_path):
    changed = baseline.read(base)
    name = "plenty/drawn/synthetic/0/one"
    changed.manifest["tasks"][name]["fingerprint"] = "0" * 64
    baseline.write(changed, tmp_path / "other.csv")
    assert f"the data of {name} have changed" in refused(
        tool("check", first, "--baseline", tmp_path / "other.csv")
    )
    result = tool("check", first, "--baseline", tmp_path / "other.csv", "--update")
    assert result.exit_code == 0 and f"the data of {name} have changed" in result.stdout
    assert tool("check", first, "--baseline", tmp_path / "other.csv").exit_code == 0


def test_an_off_by_one_in_the_step_count_is_caught_and_update_accepts_it(base, first, tmp_path):
    file = tmp_path / "base.csv"
    old = baseline.read(base)
    old.images["interactions"] -= 1
    baseline.write(old, file)
    result = tool("check", first, "--baseline", file)
    assert result.exit_code == 1, result.output
    last = result.stdout.splitlines()[-1]
    assert last.startswith("Regression: toys:Brush in center-clicks on plenty: interactions ")
    assert "worse by at least 1.00 (margin " in last and "; " not in last
    assert [*benchmark.check(first, baseline=file).regressions.measure] == ["interactions"]
    result = tool("check", first, "--baseline", file, "--update")
    assert result.exit_code == 0 and "regression" in result.stdout
    assert file.read_bytes() == base.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["base.csv"]


def test_a_baseline_names_no_folder_of_its_machine(base, first):
    text = base.read_text()
    assert str(first) not in text and "workers" not in text
    assert '"images": 20' in text
    assert text.endswith("\n") and "plenty,drawn,synthetic,0,one,test,none,center-clicks,0,0,-1," in text


def test_a_baseline_that_an_editor_saved_is_the_same(base, first, tmp_path):
    """Editors put a byte order mark first, and end lines as Windows does."""
    file = tmp_path / "edited.csv"
    file.write_bytes(b"\xef\xbb\xbf" + base.read_bytes().replace(b"\n", b"\r\n"))
    result = tool("check", first, "--baseline", file)
    assert result.exit_code == 0, result.output


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
            re.sub(r",[01][.0-9]*\n", ",nan\n", text),
            text.replace('"seed": 0', '"sowed": 0'),
        ]
    ):
        file = tmp_path / f"{number}.csv"
        file.write_text(content)
        assert f"{file} is damaged or not a baseline" in refused(tool("check", first, "--baseline", file))
    (tmp_path / "folder").mkdir()
    assert "is not a file" in refused(tool("check", first, "--baseline", tmp_path / "folder", "--update"))
    for other in (tmp_path / "folder", "/dev/null"):
        message = refused(tool("check", first, "--baseline", other))
        assert f"{other} is neither a run nor a baseline file" in message and "--update" not in message
        assert "is not a file" in refused(tool("check", first, "--baseline", other, "--update"))
    assert "holds no run" in refused(tool("check", tmp_path / "folder", "--baseline", base), status=1)


def test_without_a_run_the_commands_of_the_baseline_are_run(base, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = tool("check", "--baseline", base)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "Passed: no regression in 3 comparisons."
    assert "interactions 5% of the baseline, dice 0.01, failures 0.05" in result.stdout
    assert "with a confidence of 95% for all comparisons together" in result.stdout
    (again,) = (tmp_path / "results/runs/check").iterdir()
    answer = json.loads(tool("check", again, "--baseline", base, "--format", "json").stdout)
    assert answer["passed"] and answer["missing"] == [] and answer["confidence"] == 0.95
    assert all(row["difference"] == 0 and row["subjects"] == 20 for row in answer["comparisons"])


def test_other_code_or_weights_have_another_folder(base, first, tmp_path, monkeypatch):
    """Units of one version of the program are never taken for units of another one."""
    folders = []

    @functools.wraps(benchmark.run)
    def stub(*, output, **_):
        folders.append(output)
        return first

    monkeypatch.setattr(api, "run", stub)
    monkeypatch.setattr(checking, "PACKAGE", tmp_path)
    files = [tmp_path / "protocols/some.py", tmp_path / "models/bundled/some/net.safetensors"]
    for contents in ("11", "11", "21", "22"):
        for file, content in zip(files, contents, strict=True):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        assert benchmark.check(baseline=base).passed
    assert folders[0] == folders[1] and len({*folders}) == 3


def test_the_digest_of_a_program_is_of_its_code_weights_and_tables(tmp_path):
    files = ("models/a.py", "models/bundled/of/net.safetensors", "datasets/catalogue.csv")
    found = []
    for changed in (None, *files):
        for file in files:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text("new" if file == changed else "old")
        found.append(source_digest(tmp_path, ["models", "datasets"]))
    assert len({*found}) == 4
    (tmp_path / "models" / "notes.txt").write_text("not part of the program")
    assert source_digest(tmp_path, ["models", "datasets"]) == found[-1]


def test_a_program_without_source_is_known_by_its_compiled_code_or_not_at_all(tmp_path):
    with pytest.raises(Failure, match="holds no source files"):
        source_digest(tmp_path, ["models"])
    (tmp_path / "models").mkdir()
    found = []
    for content in ("1", "2"):
        (tmp_path / "models" / "a.pyc").write_text(content)
        found.append(source_digest(tmp_path, ["models"]))
    assert found[0] != found[1]


@pytest.mark.parametrize("arguments", [[], [{"shell": "rm"}], [{"dry_run": True}]])
def test_unknown_options_are_not_run(base, tmp_path, arguments):
    other = baseline.read(base)
    other.manifest["all_arguments"] = arguments
    baseline.write(other, tmp_path / "base.csv")
    message = refused(tool("check", "--baseline", tmp_path / "base.csv"))
    assert f"{tmp_path / 'base.csv'} does not hold the options of a run; give the RUN to check" in message


def test_options_of_a_machine_are_dropped(base, tmp_path):
    changed = baseline.read(base)
    (arguments,) = changed.manifest["all_arguments"]
    own = {"output": "elsewhere", "workers": 7, "backend": "dask", "scheduler": "tcp://other:1"}
    changed.manifest["all_arguments"] = [arguments | own | {"data_root": "data"}]
    baseline.write(changed, tmp_path / "base.csv")
    assert "tcp://other:1" in (tmp_path / "base.csv").read_text()
    assert baseline.read(tmp_path / "base.csv").manifest["all_arguments"] == [arguments]


@pytest.mark.parametrize("option", [{"weights": "/home/me/w"}, {"datasets": "phantoms,folder:/data"}])
def test_a_baseline_names_no_path_of_this_machine(base, tmp_path, option):
    changed = baseline.read(base)
    changed.manifest["all_arguments"][0] |= option
    with pytest.raises(UsageError, match=r"names /.*, which only this machine has"):
        baseline.write(changed, tmp_path / "base.csv")
    assert not (tmp_path / "base.csv").exists()


def test_a_baseline_has_finite_dice(base, tmp_path):
    changed = baseline.read(base)
    changed.images.loc[3, "dice"] = np.inf
    with pytest.raises(UsageError, match="not finite numbers"):
        baseline.write(changed, tmp_path / "base.csv")


def test_the_bundled_baseline_is_not_overwritten_with_a_run(first, tmp_path, monkeypatch):
    monkeypatch.setattr(checking, "BUNDLED", tmp_path / "bundled.csv")
    assert "needs --baseline FILE" in refused(tool("check", first, "--update"))
    assert [*tmp_path.iterdir()] == []


def with_manifest(run: Path, to: Path, change) -> Path:
    """A copy of a run with another manifest."""
    shutil.copytree(run, to)
    manifest = json.loads((to / "manifest.json").read_text())
    change(manifest)
    (to / "manifest.json").write_text(json.dumps(manifest))
    return to


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda manifest: manifest["settings"].pop("seed"), "lacks 'seed'"),
        (lambda manifest: manifest["parts"][0].pop("protocol"), "lacks 'protocol'"),
        (lambda manifest: manifest.update(tasks=[1]), "has values of the wrong type"),
        (lambda manifest: manifest.update(all_arguments=["'"]), "has values of the wrong type"),
    ],
)
def test_a_manifest_that_lacks_an_entry_is_refused(base, first, tmp_path, change, what):
    run = with_manifest(first, tmp_path / "run", change)
    for words in (
        ("check", run, "--baseline", base),
        ("check", first, "--baseline", run),
        ("compare", first, run),
    ):
        assert f"the manifest of {run} {what} and cannot be compared" in refused(tool(*words))


def test_a_terminal_obeys_nothing_in_a_manifest(first, base, tmp_path):
    def change(manifest):
        manifest["python"] = "3\x1b[2J\nPassed\x9b"

    run = with_manifest(first, tmp_path / "run", change)
    for words in (("check", run, "--baseline", base), ("compare", first, run)):
        for form in ("text", "json"):
            result = tool(*words, "--format", form)
            assert result.exit_code == 0, result.output
            assert "[2J" in result.stdout and not {"\x1b", "\x9b"} & {*result.stdout}
        assert "3\\x1b[2J\\nPassed\\x9b" in tool(*words).stdout


def test_a_terminal_obeys_no_name_in_a_table(first):
    table = benchmark.check(first, baseline=first).table.assign(dataset="d\x1b[2J\nPassed", model="\x9b")
    lines = table_lines(table, "baseline", "now")
    assert len(lines) == 1 + len(table)
    assert all(line.isprintable() and r"d\x1b[2J\nPassed" in line for line in lines[1:])


@pytest.mark.parametrize(
    ("before", "now", "unequal", "start"),
    [
        (0.9, 0.1, False, "Cannot tell: beyond the margin, maybe by chance: "),
        (0.9, 0.1, True, "Passed, but beyond the margin, maybe by chance: "),
        (0.9, 0.895, True, "Passed: no regression in 3 comparisons."),
        (0.1, 0.9, False, "Passed: no regression in 1 comparison."),
    ],
)
def test_changes_that_may_be_chance_are_named(base, before, now, unequal, start):
    """Three subjects say too little about a change that is the same for all."""
    whole = baseline.read(base)
    few = whole.images[whole.images.subject.isin([*whole.images.subject.unique()[:3]])]
    few = few.assign(interactions=1 + unequal * few.image % 2, reached=True)
    sides = [
        baseline.Baseline(name, whole.manifest, few.assign(dice=dice))
        for name, dice in (("old", before), ("new", now))
    ]
    found = checking.check_records(*sides)
    *_, last = result_lines(found)
    assert last.startswith(start)
    named = (
        "toys:Brush in center-clicks on plenty: dice 0.100 instead of 0.900, worse by 0.800 (margin 0.010)"
    )
    assert (named in last) == (now < 0.5)
    assert found.passed


def test_findings_about_a_model_are_printed(monkeypatch):
    from segbench.benchmark.conformance import Finding

    found = [Finding("shape", "passed", "correct"), Finding("range", "note", "wide")]
    monkeypatch.setattr("segbench.benchmark.conformance.examine", lambda name, weights, device: found)
    result = tool("check", "--model", "toys:Brush")
    assert result.exit_code == 0 and "shape  passed   correct" in result.stdout
    assert result.stdout.splitlines()[-1] == "toys:Brush: no check failed"
    found.append(Finding("order", "failed", "depends on it"))
    result = tool("check", "--model", "toys:Brush", "--format", "json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 1 and not answer["passed"]
    assert answer["findings"][2] == {"check": "order", "verdict": "failed", "detail": "depends on it"}


def test_a_model_without_its_weights_does_not_pass():
    message = refused(tool("check", "--model", "simpleunet-interconv"))
    assert "cannot be tested without weights" in message and "by --weights" in message


def test_model_takes_no_run_and_no_baseline(base):
    assert "leave out RUN" in refused(tool("check", "--model", "toys:Brush", "--baseline", base))


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
    (arguments,) = baseline.read(checking.BUNDLED).manifest["all_arguments"]
    found = benchmark.check(benchmark.run(**arguments, weights=folder, output=tmp_path / "bad"))
    learnt = {"scribbleprompt", "multiverseg", "sp-uvs-1", "universeg"}
    assert learnt <= set(found.regressions.model)
    assert "random-walker" not in set(found.regressions.model)
