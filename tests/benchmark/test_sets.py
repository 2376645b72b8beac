"""Runs of sets of images: which data and models they take, and weights that belong to a task."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from segbench.benchmark.cli import cli
from segbench.benchmark.dataset_choice import choose_datasets
from segbench.benchmark.selection import data_kinds, plan_experiments, select
from segbench.benchmark.study import Experiment
from segbench.errors import Failure
from segbench.models.weights import trained_folder
from segbench.protocols.config import Config
from segbench.results import load

FIRST, SECOND = (f"scans/{cohort}/MR/0/all-structures" for cohort in ("first", "second"))
CPU = ["--device", "cpu", "--precision", "float32", "--workers", "1"]


def run(output, *words):
    return CliRunner().invoke(cli, ["run", *map(str, words), *CPU, "--output", str(output)])


def train(weights: Path, task: str, number: str = "1") -> Path:
    folder = trained_folder(task, str(weights))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "toys:Trained-8-0.safetensors").write_text(number)
    return weights


def chosen(protocol, models=("all",), datasets=("toys:Many",), **options):
    experiments = [Experiment(name, Config(images=3)) for name in protocol.split(",")]
    return select(plan_experiments(experiments), list(models), list(datasets), Path(), **options)


AUTOMATIC = ["--protocol", "set-automatic", "--models", "toys:Trained", "--datasets", "toys:Scans"]


def test_sets_from_end_to_end(tmp_path):
    words = [
        "--protocol",
        "set-clicks,center-clicks",
        "--models",
        "toys:Brush,toys:SetBrush",
        "--simulations",
    ]
    result = run(
        tmp_path / "run", *words, "9", "--preset", "smoke", "--datasets", "toys:Many", "--images", "3"
    )
    assert result.exit_code == 0, result.output
    images = load(tmp_path / "run").images
    sets = images[images.protocol == "set-clicks"]
    assert sets.simulation.nunique() == 5  # the paper's
    sizes = sets.groupby(["model", "set_size"], observed=True).size().to_dict()
    assert sizes == {("toys:Brush", 1): 80} | {("toys:SetBrush", size): 80 for size in (1, 2, 4, 8)}
    of_sets = images[(images.protocol == "center-clicks") & (images.model == "toys:SetBrush")]
    assert set(of_sets.set_size) == {2, 3, 4} and set(of_sets.context) == {"none"}
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["seed_model"]["name"] == "scribbleprompt"  # begins the sets of experiment 1


def test_all_takes_the_matched_pair_in_sets_only():
    pair, cut_off = {"scribbleprompt-matched", "scribbleprompt-interconv"}, "sp-uvs-2"
    selection = chosen("set-clicks,set-scribbles,center-clicks")
    sets, scribbles, clicks = (set(part.models) for part in selection.experiments)
    assert sets == scribbles == pair | {"scribbleprompt", "random-walker"}
    assert not pair & clicks and "multiverseg" in clicks
    assert cut_off not in sets | clicks
    assert not {left.name for left in selection.excluded} & (pair | {cut_off})
    assert chosen("center-clicks", models=sorted(pair)).models() == sorted(pair)


def test_default_data_sets_are_those_of_the_protocols(tmp_path):
    def default(*protocols):
        plans = plan_experiments([Experiment(name, Config()) for name in protocols])
        return choose_datasets(None, tmp_path, data_kinds(plans))

    assert default("center-clicks")[0] == default("set-clicks", "in-context")[0] == ["phantoms"]
    names, line = default("set-automatic")
    assert names == ["brain-phantom"]
    assert line.startswith("Data sets: brain-phantom (embedded; no data set of scans is installed in")
    names, line = default("set-clicks", "set-automatic")
    assert names == ["phantoms", "brain-phantom"]
    assert "phantoms (embedded; no evaluation data set is installed" in line


def test_tasks_are_only_tried_with_protocols_of_their_kind(tmp_path):
    weights = train(tmp_path, FIRST)
    selection = chosen(
        "set-clicks,set-automatic",
        ["toys:Brush", "toys:Trained"],
        ["toys:Many", "toys:Scans"],
        weights=str(weights),
        max_tasks=1,
    )
    assert [[c.task.name for c in part.tasks] for part in selection.experiments] == [
        ["many/drawn/synthetic/0/one"],
        [FIRST],
    ]
    assert selection.excluded == []
    counts = {c.task.name: c.counts for c in selection.tasks()}
    assert counts[FIRST] == {"train": 1, "stopping-val": 0, "val": 1, "test": 4}
    assert counts["many/drawn/synthetic/0/one"] == {"train": 6, "val": 2, "test": 9}


@pytest.mark.parametrize(
    ("protocol", "dataset", "reason"),
    [
        ("set-automatic", "toys:Many", "it has one structure, not label maps of several"),
        ("set-clicks", "toys:Scans", "it has several structures in one label map"),
        ("set-clicks", "toys:Toys", "it has 6 test images, fewer than the 8 needed"),
    ],
)
def test_data_of_another_kind_or_too_few_are_refused(protocol, dataset, reason):
    with pytest.raises(Failure, match=f"no task can be used .*: {reason}"):
        chosen(protocol, datasets=[dataset])


def test_a_trained_model_runs_on_its_tasks_with_their_weights(tmp_path):
    weights = train(train(tmp_path / "weights", FIRST, "1"), SECOND, "2")
    result = run(tmp_path / "run", *AUTOMATIC, "--weights", weights, "--simulations", "7")
    assert result.exit_code == 0, result.output
    images = load(tmp_path / "run").images
    assert len(images) == 2 * 4 * 2 and set(images.dice) == {1.0} and set(images.simulation) == {0}
    entry = json.loads((tmp_path / "run" / "manifest.json").read_text())["models"]["toys:Trained"]
    assert entry["weights"] == str(weights) and set(entry["trained"]) == {FIRST, SECOND}
    assert len(set(entry["trained"].values())) == 2
    assert "Nothing to compute" in run(tmp_path / "run", *AUTOMATIC, "--weights", weights).output


def test_pairs_without_weights_are_left_out(tmp_path):
    weights = train(tmp_path / "weights", SECOND)
    result = run(tmp_path / "run", *AUTOMATIC, "--weights", weights)
    assert result.exit_code == 0, result.output
    assert (
        f"Left out: model toys:Trained on {FIRST}: it has no weights; "
        "train it: python -m benchmark train toys:Trained --datasets toys:Scans" in result.output
    )
    assert {task.rsplit("/", 1)[0] for task in load(tmp_path / "run").images.task} == {
        SECOND.rsplit("/", 1)[0]
    }


def test_a_run_is_continued_on_further_tasks_but_not_with_other_weights(tmp_path):
    weights = train(tmp_path / "weights", SECOND)
    assert run(tmp_path / "run", *AUTOMATIC, "--weights", weights).exit_code == 0
    result = run(tmp_path / "run", *AUTOMATIC, "--weights", train(weights, FIRST))
    assert result.exit_code == 0, result.output
    assert "1 of 2 units are finished already" in result.output
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert set(manifest["models"]["toys:Trained"]["trained"]) == {FIRST, SECOND}
    result = run(tmp_path / "run", *AUTOMATIC, "--weights", train(weights, FIRST, "3"))
    assert "toys:Trained had another checksum; choose another --output" in result.stderr


def test_a_named_model_without_any_weights_fails_with_what_to_do(tmp_path):
    result = run(tmp_path / "run", *AUTOMATIC, "--weights", tmp_path)
    assert result.exit_code == 1
    assert "train it: python -m benchmark train toys:Trained" in result.stderr.splitlines()[-1]
    assert not (tmp_path / "run").exists()


def test_models_and_tasks_of_different_protocols_do_not_meet():
    with pytest.raises(Failure, match=r"none of the models can be run .* name data sets that suit"):
        chosen("center-clicks,set-automatic", ["toys:Brush"], ["toys:Scans"])


def test_all_says_of_every_model_without_weights_how_to_train_it(tmp_path):
    with pytest.raises(Failure, match=r"none of the models can be run .* it has no weights; train it"):
        chosen("set-automatic", datasets=["toys:Scans"], weights=str(tmp_path))
    selection = chosen(
        "set-automatic,set-clicks", ["all"], ["toys:Scans", "toys:Many"], weights=str(tmp_path)
    )
    excluded = [entry for entry in selection.excluded if "train it" in entry.reason]
    assert [entry.name for entry in excluded] == [
        f"{name}{ending}" for name in ("simpleunet", "nnunet2d", "swinunet") for ending in ("", "-interconv")
    ]
    assert [part.experiment.protocol for part in selection.experiments] == ["set-clicks"]


def test_lists_show_what_is_for_what():
    def listed(kind):
        result = CliRunner().invoke(cli, ["list", kind, "--format", "json"])
        assert result.exit_code == 0, result.output
        return {row["name"]: row for row in json.loads(result.output)}

    protocols, models, datasets = map(listed, ("protocols", "models", "datasets"))
    assert (protocols["set-automatic"]["data"], protocols["set-clicks"]["data"]) == ("scans", "tasks")
    assert models["simpleunet-interconv"]["automatic"] and models["scribbleprompt-interconv"]["setwise"]
    assert (datasets["brain-phantom"]["kind"], datasets["phantoms"]["kind"]) == ("scans", "tasks")


def test_a_study_with_official_weights_leaves_out_models_that_have_none():
    study = "center-clicks,set-clicks"
    selection = chosen(study, datasets=("phantoms",), max_tasks=1, weights="official")
    sequential, sets = selection.experiments
    assert {"scribbleprompt", "multiverseg"} <= set(sequential.models)
    assert "scribbleprompt" in sets.models and "scribbleprompt-interconv" not in sets.models
    reasons = {left.name: left.reason for left in selection.excluded}
    assert "no public weights" in reasons["scribbleprompt-interconv"]
    _, bundled = chosen(study, datasets=("phantoms",), max_tasks=1).experiments
    assert "scribbleprompt-interconv" in bundled.models


def test_sizes_of_networks_need_no_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["report", "--only", "interconv-table4,interconv-table6", "--format", "csv"]
    done = CliRunner().invoke(cli, [*command, "--output", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "15855221" in (tmp_path / "out" / "tables" / "interconv-table4.csv").read_text()
    refused = CliRunner().invoke(cli, ["report", "--only", "interconv-table4,interconv-fig4"])
    assert refused.exit_code != 0


def test_the_path_of_a_folder_may_contain_commas(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("left", "left, right,both"):
        Path(folder).mkdir()
    for text in ("folder:left, right,both", "phantoms,folder:left, right,both,folder:left,wbc"):
        chosen, _ = choose_datasets(text, tmp_path)
        assert ",".join(chosen) == text
        assert "folder:left, right,both" in chosen
    assert choose_datasets("folder:nowhere,phantoms", tmp_path)[0] == ["folder:nowhere", "phantoms"]
    assert choose_datasets(f"folder:{'x' * 300},phantoms", tmp_path)[0][1] == "phantoms"
