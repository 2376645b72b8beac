"""Runs with weights by the names of models: keys, manifests, what is left out, and messages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from fake_hub import serve
from safetensors.torch import save

import segbench
from segbench.benchmark.cli import cli
from segbench.benchmark.excluded import excluded_lines
from segbench.benchmark.selection import plan_experiments, select
from segbench.benchmark.study import Experiment
from segbench.errors import SegbenchError
from segbench.models.hub import model_folder
from segbench.models.registry import capabilities, facts
from segbench.models.weights import read_state
from segbench.protocols.adapter import Capabilities
from segbench.protocols.config import Config
from segbench.results.store import Run

CANDIDATE = "models/candidates/multiverseg.safetensors"
NAME = f"{__name__}:Hubbed"
COMMON = {
    "protocol": "center-clicks",
    "datasets": "toys:Toys",
    "tasks": "two",
    "images": 2,
    "simulations": 1,
    "max_steps": 1,
    "workers": 1,
    "device": "cpu",
    "precision": "float32",
}


class Hubbed:
    """A model of a hub: its logits are a constant."""

    capabilities = Capabilities(interactive=True)
    licence, trained_on, official = "CC0", "photographs", "hf://lab/hubbed"

    def __init__(self, scale):
        self.scale = scale

    @classmethod
    def create(cls, name, weights, device, precision):
        return cls(read_state(model_folder(name, weights) / "model.safetensors")["scale"])

    def predict(self, query):
        return torch.full_like(query.image, -1.0) * self.scale


def run(output, **options):
    segbench.run(**COMMON, output=output, **options)
    return json.loads((output / "manifest.json").read_text())


def refused(output, **options):
    """Return the sentence with which the command ends."""
    options = {name.replace("_", "-"): value for name, value in (COMMON | options).items()}
    flags = [f"--{name}={value}" for name, value in options.items()]
    result = CliRunner().invoke(cli, ["run", *flags, f"--output={output}"])
    assert result.exit_code != 0, result.output
    assert not output.exists()
    return result.stderr.splitlines()[-1]


def test_a_run_adds_models_with_weights_of_their_own(tmp_path):
    run(tmp_path, models="scribbleprompt")
    (key,) = Run(tmp_path).units()
    named = {"multiverseg-dummy": CANDIDATE}
    manifest = run(tmp_path, models="scribbleprompt,multiverseg-dummy", weights=named)
    assert key in Run(tmp_path).units()  # the weights of other models do not count
    assert len(Run(tmp_path).units()) == 2
    models = manifest["models"]
    assert models["scribbleprompt"]["weights"] == manifest["settings"]["weights"] == "bundled"
    assert models["scribbleprompt"]["trained_on"] == "synthetic tasks"
    assert models["scribbleprompt"]["licence"] == "MIT"
    assert models["multiverseg-dummy"]["weights"] == CANDIDATE
    assert "axon-sem" in models["multiverseg-dummy"]["trained_on"]
    assert manifest["all_arguments"][-1]["weights"] == f"multiverseg-dummy={CANDIDATE}"


def test_a_run_records_the_commit_of_weights_on_a_hub(tmp_path, monkeypatch):
    two, three = (save({"scale": torch.tensor([scale])}) for scale in (2.0, 3.0))
    named = {"models": Hubbed, "weights": {NAME: "official"}}
    with serve(monkeypatch, str(tmp_path / "cache")) as hub:
        commit = hub.push("lab/hubbed", {"config.json": b"{}", "model.safetensors": two})
        entry = run(tmp_path / "run", **named)["models"][NAME]
        assert (entry["weights"], entry["revision"]) == ("official", commit)
        assert (entry["licence"], entry["trained_on"]) == ("CC0", "photographs")
        hub.push("lab/hubbed", {"config.json": b"{}", "model.safetensors": three})
        with pytest.raises(SegbenchError, match="Hubbed had another checksum"):
            run(tmp_path / "run", **named)


def test_named_models_without_weights_end_the_run_before_it_begins(tmp_path, monkeypatch):
    fetches = "it has no bundled weights; --weights sam=official fetches facebook/sam-vit-base"
    assert refused(tmp_path / "a", models="sam").endswith(fetches)
    assert refused(tmp_path / "a", models="sam-points", weights="medsam=official").endswith(fetches)
    assert "no weights for sam in nowhere" in refused(tmp_path / "a", models="sam", weights="sam=nowhere")
    near = "unknown model 'medsm'; did you mean medsam?"
    assert near in refused(tmp_path / "a", models="scribbleprompt", weights="medsm=official")
    monkeypatch.setattr("segbench.benchmark.available.find_spec", lambda module: None)
    package = "pip install 'segbench[transformers]'"
    assert package in refused(tmp_path / "a", models="sam", weights="sam=official")


def test_all_models_leave_out_those_without_bundled_weights(tmp_path):
    plans = plan_experiments([Experiment("center-clicks", Config(images=2))])
    selection = select(plans, ["all"], ["toys:Toys"], tmp_path)
    assert "scribbleprompt" in selection.models()
    (line,) = [line for line in excluded_lines(selection.excluded, True) if "no bundled weights" in line]
    assert " sam, " in line
    assert line.endswith("; --weights NAME=official fetches them from a hub")


def test_lists_of_models_state_licences_and_training_data():
    rows = json.loads(CliRunner().invoke(cli, ["list", "models", "--format=json"]).output)
    assert all(row["licence"] and row["trained_on"] for row in rows)
    of = {row["name"]: row for row in rows}
    assert of["sam"]["official"] == "hf://facebook/sam-vit-base"
    assert "research only" in of["universeg"]["licence"]
    assert of["universeg"]["prompts"] == []
    lines = CliRunner().invoke(cli, ["list", "models"]).output.splitlines()
    assert max(len(line) for line in lines if line.startswith("  ")) <= 80
    assert "    context | licence: Apache-2.0; weights OpenRAIL++-M, for research only |" in lines


def test_the_table_of_the_docs_has_the_facts_of_the_classes():
    table = (Path(__file__).parents[2] / "docs" / "models-and-training.md").read_text("utf-8")
    rows = {line.split("`")[1]: line for line in table.splitlines() if line.startswith("| `")}
    for name in ("sam", "medsam", "sam-hq", "sam2", "seggpt", "nninteractive"):
        stated, declared = facts(name), capabilities(name)
        repository = stated["official"].removeprefix("hf://").partition("@")[0]
        prompts = ", ".join(declared.prompts) if declared.interactive else "context"
        for fact in (prompts, repository, stated["licence"], stated["trained_on"]):
            assert fact in rows[name]
