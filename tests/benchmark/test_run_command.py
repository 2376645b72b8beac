"""``run`` and ``report`` from end to end, with a toy data set and toy models."""

from __future__ import annotations

import json
import platform
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import save_file

import segbench.benchmark.execution.batches
from segbench import benchmark
from segbench.benchmark.cli import cli
from segbench.models.networks import ScribblePromptUNet
from segbench.results import load

TOYS = {
    "models": "toys:Brush",
    "datasets": "toys:Toys",
    "images": 3,
    "simulations": 2,
    "device": "cpu",
    "precision": "float32",
    "workers": 1,
}


def tool(*words, **options):
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in (TOYS | options).items()]
    return CliRunner().invoke(cli, ["run", *flags, *map(str, words)])


def failed(result, status=1):
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result.stderr.splitlines()[-1]


def table(run) -> bytes:
    """All records of a run but the clock's, as bytes."""
    results = load(run)
    frames = results.steps, results.images.drop(columns="seconds")
    return b"".join(frame.to_csv(index=False, float_format="%.17g").encode() for frame in frames)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A finished run of the toys."""
    output = tmp_path_factory.mktemp("finished") / "run"
    result = tool(output=output)
    assert result.exit_code == 0, result.output
    return output


def test_run_leaves_records_and_a_manifest(finished):
    images = load(finished).images
    assert len(images) == 2 * 2 * 2 * 3  # protocols, tasks, simulations, images
    assert images.groupby("protocol").reached.mean()["center-clicks"] == 1
    manifest = json.loads((finished / "manifest.json").read_text())
    assert manifest["settings"]["precision"] == "float32"
    source = manifest["models"]["toys:Brush"]["source"]
    unknown = dict.fromkeys(("licence", "trained_on"), "not stated")
    facts = {"weights": None, "checksum": None, "source": source} | unknown
    assert manifest["models"] == {"toys:Brush": facts}
    assert len(source) == 64 and "source" not in manifest["protocols"]["center-clicks"]
    assert len(manifest["processors"]) == 1 and platform.node() not in json.dumps(manifest["processors"])
    assert manifest["settings"]["seed_image"] == "keep"
    assert set(manifest["packages"]) >= {"torch", "numpy"}
    assert manifest["tasks"]["toys/drawn/synthetic/0/one"]["test"] == 6
    assert manifest["arguments"] == {name: value for name, value in TOYS.items() if name != "workers"} | {
        "workers": 1,
        "output": str(finished),
    }
    assert manifest["all_arguments"] == [manifest["arguments"]]
    assert manifest["protocols"]["center-clicks"] == {
        "version": 1,
        "title": "Center clicks",
        "unit": "clicks",
        "family": "sequential",
        "ordered": True,
        "max_steps": 20,
    }


def test_run_says_what_it_takes_and_how_it_ended(finished):
    lines = tool(output=finished).output.splitlines()
    assert lines[0] == "Data sets: toys:Toys"
    assert "Nothing to compute: all units are finished" in lines
    results = lines[lines.index("center-clicks") :]
    summary = next(line for line in results if "toys:Brush" in line)
    assert summary.split()[-2] == "0%"  # failed
    assert lines[-1] == f"Report: python -m benchmark report {finished}"


def test_report_of_a_run(finished, tmp_path):
    result = CliRunner().invoke(cli, ["report", str(finished), "--output", str(tmp_path), "--only", "table7"])
    assert result.output == f"{tmp_path / 'index.html'}\n"
    assert (tmp_path / "tables" / "table7.csv").is_file()
    assert "(Table 7)" not in (tmp_path / "index.html").read_text(encoding="utf-8")
    command = ["report", str(finished), "--output", str(tmp_path), "--only", "table7", "--papers"]
    result = CliRunner().invoke(cli, [*command, "--format", "csv"])
    assert result.output == f"{tmp_path / 'tables' / 'table7.csv'}\n"
    assert "(Table 7)" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_report_knows_its_figures(finished, tmp_path):
    result = CliRunner().invoke(
        cli, ["report", str(finished), "--only", "table8", "--output", str(tmp_path / "r")]
    )
    assert "did you mean table7?" in failed(result, 2)
    assert not (tmp_path / "r").exists()


def test_commands_as_functions_with_their_default_folders(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = TOYS | {"models": ["toys:Brush"], "protocol": "center-clicks", "preset": "smoke"}
    run = benchmark.run(**options)
    assert run.parent == Path("results/runs")
    assert run.name.startswith("smoke-")
    assert benchmark.run(**options) == run
    assert benchmark.run(**options | {"seed": 1}) != run
    assert benchmark.run(**options | {"seed": 1, "dry_run": True}) != run
    page = benchmark.report(only=["table7"])
    assert page.parent.parent == Path("reports/build")
    assert page.parent.name != run.name  # the newest
    assert "Nothing to compute" in capsys.readouterr().out


def test_records_do_not_depend_on_workers_or_units(weights, tmp_path, monkeypatch):
    options = {
        "models": "scribbleprompt,multiverseg,sp-uvs,scribbleprompt-interconv",
        "weights": weights,
        "simulations": 3,
        "images": 6,
        "max_steps": 2,
    }
    assert tool(output=tmp_path / "one", **options).exit_code == 0
    monkeypatch.setattr("segbench.protocols.protocol.Protocol.block", 2)
    result = tool(output=tmp_path / "two", **options | {"workers": 2})
    assert result.exit_code == 0, result.output
    units = [len(list((tmp_path / name / "units").iterdir())) for name in ("one", "two")]
    assert units == [16, 32]
    assert table(tmp_path / "one") == table(tmp_path / "two")
    assert load(tmp_path / "one").images.context_size.max() == 6


def test_units_computed_together_have_the_records_of_each_alone(tmp_path, monkeypatch):
    options = {"models": "toys:Brush,toys:Wide,toys:SetBrush", "simulations": 3, "images": 5}
    monkeypatch.setattr("segbench.protocols.protocol.Protocol.block", 1)
    runs = []
    for together in (1, 5):  # as many as on a CPU; on a GPU there are more
        monkeypatch.setitem(segbench.benchmark.execution.batches.BATCH_SIZE, "cpu", together)
        runs.append(tmp_path / f"by {together}")
        result = tool(output=runs[-1], protocol="center-clicks,bootstrapped-in-context", **options)
        assert result.exit_code == 0, result.output
        assert "24 of 24 units" in result.stderr
    assert table(runs[0]) == table(runs[1])


def test_a_protocol_that_derives_from_another_is_run_in_its_own_way(tmp_path):
    assert tool(output=tmp_path / "run", protocol="toys:OWN").exit_code == 0
    assert set(load(tmp_path / "run").steps.kind) == {"own"}


def test_what_is_finished_of_units_computed_together_is_kept(tmp_path, monkeypatch):
    options = {"models": "toys:Forgetful", "simulations": 6, "output": tmp_path / "run"}
    monkeypatch.setattr("segbench.protocols.protocol.Protocol.block", 1)
    monkeypatch.setitem(segbench.benchmark.execution.batches.BATCH_SIZE, "cpu", 32)
    message = failed(tool(protocol="center-clicks", **options))
    assert "toys/drawn/synthetic/0/one or another of 12 units (center-clicks)" in message
    assert "out of memory" in message
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "units").rglob("*.parquet")}
    assert 0 < len(list((tmp_path / "run" / "units").iterdir())) < 12
    monkeypatch.setattr("toys.Forgetful.left", 10**6)
    assert tool(protocol="center-clicks", **options).exit_code == 0
    assert len(list((tmp_path / "run" / "units").iterdir())) == 12
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_another_seed_gives_other_records(finished, tmp_path):
    assert tool(output=tmp_path / "run", seed=1).exit_code == 0
    assert table(tmp_path / "run") != table(finished)


def test_a_run_grows_by_simulations_and_models(finished, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    result = tool(output=run, models="toys:Brush,toys:Slow", max_steps=2, simulations=1)
    assert "other settings" in failed(result)
    assert tool(output=run, models="toys:Slow", simulations=1).exit_code == 0
    assert load(run).images.groupby("model").size().to_dict() == {"toys:Brush": 24, "toys:Slow": 12}
    assert set(json.loads((run / "manifest.json").read_text())["models"]) == {"toys:Brush", "toys:Slow"}


def test_dry_run_writes_nothing(tmp_path):
    result = tool("--dry-run", output=tmp_path / "run")
    assert result.exit_code == 0
    assert "4 units" in result.output and "1 task" not in result.output
    assert not (tmp_path / "run").exists()


def test_all_models_but_those_that_cannot(weights, tmp_path):
    result = tool("--dry-run", models="all", weights=weights, output=tmp_path / "run")
    assert "Left out: models universeg, " in result.output
    assert ", each because it takes no interactions" in result.output
    assert "center-clicks: scribbleprompt, multiverseg, sp-uvs, random-walker" in result.output


def test_a_named_model_that_cannot_take_part(tmp_path):
    result = tool(models="toys:Automatic", output=tmp_path / "run")
    assert failed(result).endswith(
        "toys:Automatic cannot take part in center-clicks, centerline-scribbles: it takes no interactions"
    )


def test_too_few_test_images(tmp_path):
    result = tool(images=7, output=tmp_path / "run")
    assert "no task can be used (toys/drawn/synthetic/0/one: it has 6 test images" in failed(result)
    assert not (tmp_path / "run").exists()


def test_a_data_set_without_tasks(tmp_path):
    assert "no task can be used (the data sets have none" in failed(
        tool(datasets="toys:Empty", output=tmp_path / "run")
    )


@pytest.mark.parametrize(
    ("model", "reason", "workers"),
    [
        ("toys:Broken", "NaN", 1),
        ("toys:Faulty", "ZeroDivisionError", 1),
        ("bad_plugins:Exits", "SystemExit: 0", 2),
    ],
)
def test_a_failing_model_is_named(model, reason, workers, tmp_path):
    message = failed(tool(models=model, workers=workers, output=tmp_path / "run"))
    assert f"{model} failed on toys/drawn/synthetic/0/" in message
    assert reason in message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("toys:Killed", "was killed, most likely for lack of memory"),
        ("bad_plugins:EndsProcess", "ended itself; correct the model or data set that calls os._exit"),
    ],
)
def test_a_killed_worker_is_reported(model, reason, tmp_path):
    """`test_kills` kills a worker, too."""
    result = tool(models=model, workers=2, output=tmp_path / "run")
    assert f"a worker process {reason}" in failed(result)


def test_debug_shows_the_traceback(tmp_path):
    result = tool("--debug", models="toys:Faulty", output=tmp_path / "run")
    assert "Traceback" in result.stderr and "in predict" in result.stderr
    assert result.exit_code == 1 and "Error: toys:Faulty failed on" in result.stderr


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    assert "cannot write" in failed(tool(output=tmp_path / "file" / "run"))


def test_a_folder_that_is_something_else(tmp_path):
    (tmp_path / "notes.txt").touch()
    assert "holds files that do not belong to a run" in failed(tool(output=tmp_path))


def test_wrong_weights_end_a_run_before_it_begins(weights, tmp_path):
    wrong = tmp_path / "wrong.safetensors"
    save_file({"weight": torch.zeros(3)}, wrong)
    for path in (wrong, tmp_path / "absent.pt", weights / "universeg.safetensors"):
        result = tool(models="scribbleprompt", weights=path, output=tmp_path / "run")
        assert path.stem in failed(result)
    assert not (tmp_path / "run").exists()


def test_other_weights_do_not_mix_with_a_run(weights, tmp_path):
    own = shutil.copytree(weights, tmp_path / "weights")
    options = {"models": "scribbleprompt", "weights": own, "output": tmp_path / "run", "max_steps": 1}
    assert tool(**options).exit_code == 0
    save_file(ScribblePromptUNet(2).state_dict(), own / "scribbleprompt.safetensors")
    assert "scribbleprompt had another checksum; choose another --output" in failed(tool(**options))


def test_no_gpu(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert "run with --device cpu" in failed(tool(device="cuda", output=tmp_path / "run"))


def test_phantoms_are_the_default_where_nothing_is_installed(tmp_path, monkeypatch):
    from segbench.benchmark.dataset_choice import choose_datasets
    from segbench.benchmark.settings import resolve_root

    monkeypatch.setenv("SEGBENCH_DATA", str(tmp_path))
    assert resolve_root(None) == tmp_path
    names, line = choose_datasets(None, tmp_path)
    assert names == ["phantoms"]
    assert line.startswith("Data sets: phantoms (embedded; no evaluation data set is installed")


def test_splits_of_public_code(tmp_path):
    """Of ten images, ScribblePrompt's release tests 2 and UniverSeg's example 3, without a val split."""
    for cohort in ("Dataset 1", "Dataset 2"):
        folder = tmp_path / "segmentation_WBC" / cohort
        folder.mkdir(parents=True)
        for number in range(10):
            cell = np.zeros((16, 16), np.uint8)
            cell[4:12, 3 : 6 + number] = 128
            cell[6:10, 3:5] = 255
            Image.fromarray(np.stack([cell] * 3, axis=2)).save(folder / f"{number:03}.bmp")
            Image.fromarray(cell).save(folder / f"{number:03}.png")
    options = {"models": "random-walker", "protocol": "center-clicks", "data_root": tmp_path}

    def dry(datasets="wbc", **more):
        return tool("--dry-run", **options, datasets=datasets, output=tmp_path / "run", **more)

    done = dry(split_from="scribbleprompt", images=2)
    assert done.exit_code == 0 and "Data sets: wbc@scribbleprompt\n" in done.output
    assert "of 4 units are finished" in done.output
    assert "2 test images, fewer than the 3" in failed(dry(split_from="scribbleprompt", images=3))
    assert dry(split_from="universeg", images=3).exit_code == 0
    assert "has no val image" in failed(dry(split_from="universeg", images=1, split="val"))
    message = failed(dry("wbc,phantoms", split_from="universeg"), status=2)
    assert "phantoms has no split from universeg" in message and "--datasets wbc" in message


def test_installed_data_sets_come_first(shared_data):
    from segbench.benchmark.dataset_choice import choose_datasets

    names, line = choose_datasets(None, shared_data)
    assert names == ["wbc"]
    assert "installed in" in line


def test_columns_of_the_two_tables_join(finished):
    results = load(finished)
    key = ["protocol", "model", "task", "simulation", "position"]
    steps = results.steps.groupby(key).step.max().reset_index()
    merged = pd.merge(results.images, steps, on=key, validate="one_to_one")
    assert (merged.step == merged.interactions).all()


def test_two_data_sets_cannot_have_a_task_of_one_name(tmp_path):
    """Two folders of the same name would have the same tasks in the records."""
    for place in ("a", "b"):
        for kind, value in (("images", 9), ("masks", 1)):
            folder = tmp_path / place / "knees" / kind
            folder.mkdir(parents=True)
            np.save(folder / "1.npy", np.full((4, 4), value, np.uint8))
    both = ",".join(f"folder:{tmp_path / place / 'knees'}" for place in ("a", "b"))
    message = failed(tool(datasets=both, models="random-walker", output=tmp_path / "run"))
    assert "both have the task knees/all/unknown/0/foreground" in message
