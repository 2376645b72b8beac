"""The commands of a page that add missing records: each can be pasted, and trains models first."""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from segbench.benchmark.cli import cli
from segbench.datasets.phantoms import BrainPhantom, Phantoms
from segbench.datasets.registry import open_dataset
from segbench.models.registry import capabilities
from segbench.reports.missing import Coverage, Gap, whole_study
from segbench.reports.registry import PAPERS, get, names

LABELS = ("lungs", "nucleus")
SIZES = {"fingerprint": "f" * 64, "source": "phantoms", "train": 60, "val": 20, "test": 20}
BUNDLED = "simpleunet,simpleunet-interconv"  # trained on the brain phantom
ARGUMENTS = {"datasets": "phantoms", "preset": "quick", "device": "cpu", "precision": "float32"}


@pytest.fixture(scope="module")
def phantoms(run_of):
    """``phantoms(**arguments)``: records of one protocol and two models on two phantoms."""
    tasks = [task for task in open_dataset("phantoms", Path()).tasks() if task.label in LABELS]
    assert len(tasks) == len(LABELS)
    parts = [(t.dataset, t.cohort, t.modality, t.axis, t.label, 1.0) for t in tasks]
    models = ("scribbleprompt", "multiverseg")
    run = run_of(models=models, protocols=("center-clicks",), tasks=parts, simulations=2, count=2)
    known = dict.fromkeys([task.name for task in tasks], SIZES)

    def with_arguments(**arguments):
        run.manifests = [
            run.manifests[0] | {"arguments": ARGUMENTS | arguments, "tasks": known, "tasks_found": known}
        ]
        return run

    return with_arguments


def gaps(run) -> list[Gap]:
    """Return the gaps of all artefacts and of both papers, each once."""
    coverage = Coverage(run)
    found = [gap for name in names() for gap in coverage.gaps(get(name))]
    found += [coverage.whole_paper([get(name) for name in artefacts]) for artefacts in PAPERS.values()]
    return list(dict.fromkeys(found))


def words(command: str) -> list[str]:
    prefix, rest = shlex.split(command)[:3], shlex.split(command)[3:]
    assert prefix == ["python", "-m", "benchmark"]
    return rest


def parsed(command: str) -> click.Context:
    """Parse a command as the program would, without running it."""
    group, rest = cli, words(command)
    while isinstance(group, click.Group):
        name, group, rest = group.resolve_command(group.make_context("segbench", list(rest)), rest)
    return group.make_context(name, rest)


def test_every_command_is_understood(phantoms):
    found = gaps(phantoms())
    assert len(found) > 20
    for command in (*(command for gap in found for command in gap.commands), whole_study(phantoms())):
        parsed(command)


def test_models_that_need_training_are_trained_first_where_no_weights_are_bundled(phantoms):
    trained = {}
    for gap in gaps(phantoms()):
        models = parsed(gap.command).params["models"].split(",")
        contexts = [parsed(command) for command in gap.preparation if " train " in command]
        before = {context.params["model"]: context.params["datasets"] for context in contexts}
        needing = {name for name in models if name != "all" and capabilities(name).needs_training}
        assert set(before) == needing - {"simpleunet", "simpleunet-interconv"}, gap
        trained |= before
    pair = {
        f"{name}{end}": "brain-phantom" for name in ("nnunet2d", "swinunet") for end in ("", "-interconv")
    }
    assert trained == pair | {"nnunet": "phantoms"}


def test_the_trained_weights_lie_where_the_run_looks_for_them(phantoms):
    run = phantoms(weights="my weights", data_root="data")
    (gap,) = [gap for gap in gaps(run) if "supervised" in gap.command and "nnunet" in gap.command]
    train, measure = map(parsed, gap.commands)
    assert train.params["output"] == measure.params["weights"] == "my weights"
    assert train.params["data_root"] == measure.params["data_root"] == "data"
    # No weights are bundled there.
    scans = next(gap for gap in gaps(run) if f"--models {BUNDLED} " in gap.command)
    assert [parsed(command).params["model"] for command in scans.preparation] == BUNDLED.split(",")


def test_models_without_public_weights_get_a_run_of_their_own(phantoms):
    found = gaps(phantoms(weights="official", output="official run"))
    own = [gap for gap in found if gap.separate]
    assert own and all("--weights" not in gap.command and "official run" not in gap.command for gap in own)
    assert any("scribbleprompt-matched" in gap.command for gap in own)
    (clicks,) = [gap for gap in found if gap.what == "models sp-uvs"]
    assert not clicks.separate
    assert "--weights official" in clicks.command and "--output 'official run'" in clicks.command


def test_scribbles_of_people_are_fetched_first(phantoms):
    (gap,) = {gap for gap in gaps(phantoms()) if "manual-scribbles" in gap.command}
    assert gap.preparation == ("python -m benchmark data fetch medscribble",)
    assert "--datasets" not in gap.command


def test_scans_are_added_to_data_sets_with_another_split(phantoms):
    run = phantoms(datasets="wbc", split_from="universeg")
    automatic = [gap.command for gap in gaps(run) if "set-automatic" in gap.command]
    assert automatic and all("--datasets phantoms,brain-phantom" in command for command in automatic)
    assert all("--split-from" not in command for command in automatic)


def test_commands_of_a_run_on_all_images_segment_the_same_images_or_start_a_run(phantoms):
    run = phantoms(split="all", output="run of all", tasks="nucleus")
    for source, same in [("phantoms@all-but-one", True), ("phantoms@all", False)]:
        run.manifests[0]["tasks"] = {name: SIZES | {"source": source} for name in run.manifests[0]["tasks"]}
        (clicks,) = (gap.command for gap in gaps(run) if gap.what == "models sp-uvs")
        assert "--split all" in clicks and "--tasks nucleus" in clicks
        assert ("--output 'run of all'" in clicks, "--models sp-uvs " in clicks) == (same, same)
        assert same or {"scribbleprompt", "multiverseg", "sp-uvs"} <= {
            *parsed(clicks).params["models"].split(",")
        }
    for name in ("supervised", "in-context", "set-automatic"):
        (command, *_) = (gap.command for gap in gaps(run) if f"--protocol {name} " in gap.command)
        assert "--split test" in command and "--output" not in command
    (people, *_) = (gap.command for gap in gaps(run) if "manual-scribbles" in gap.command)
    assert "--tasks" not in people


CHECKED = "--split val --context soft"


def accepted(gap: Gap, folder: Path, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SEGBENCH_DATA", str(folder))
    result = CliRunner().invoke(cli, [*words(gap.command), "--dry-run"])
    assert result.exit_code == 0, f"{gap.command}\n{result.output}"
    assert "0 of" in result.output


def test_a_command_would_run(phantoms, tmp_path, monkeypatch):
    gap = next(gap for gap in gaps(phantoms()) if CHECKED in gap.command)
    assert not gap.preparation
    accepted(gap, tmp_path, monkeypatch)


def draw_once(source: type, monkeypatch) -> None:
    """Keep the images of an embedded data set from one command to the next."""
    load = cache(source().load)
    monkeypatch.setattr(source, "load", lambda self, task, root: load(task, root))


@pytest.mark.slow
def test_every_command_without_preparation_would_run(phantoms, tmp_path, monkeypatch):
    for source in (Phantoms, BrainPhantom):
        draw_once(source, monkeypatch)
    for gap in gaps(phantoms()):
        if not gap.preparation:
            accepted(gap, tmp_path, monkeypatch)


@pytest.mark.slow
def test_a_command_would_run_after_the_trainings_before_it(phantoms, tmp_path, monkeypatch):
    gap = next(gap for gap in gaps(phantoms()) if "--models nnunet2d,nnunet2d-interconv " in gap.command)
    monkeypatch.chdir(tmp_path)
    assert len(gap.preparation) == 2
    for command in gap.preparation:
        result = CliRunner().invoke(cli, [*words(command), "--preset", "smoke", "--device", "cpu"])
        assert result.exit_code == 0, result.output
    accepted(gap, tmp_path, monkeypatch)


def test_a_model_of_a_notebook_has_its_full_name_in_commands(phantoms):
    run = phantoms(models="__main__:multiverseg,scribbleprompt")
    named = {name for gap in gaps(run) for name in parsed(gap.command).params["models"].split(",")}
    assert "__main__:multiverseg" in named and "multiverseg" not in named
