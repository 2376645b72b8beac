"""Runs with models in other environments: equal records, lost units, interruptions, checks."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

import segbench
from segbench.benchmark.cli import cli
from segbench.models.remote import RemoteModel
from segbench.results import Run, load

HERE = Path(__file__).resolve().parent
SMALL = ["--protocol", "center-clicks", "--datasets", "phantoms", "--tasks", "nucleus"]
SMALL += ["--images", "2", "--max-steps", "2", "--device", "cpu", "--precision", "float32"]


def run(models: str, output: Path, *words: str) -> tuple[int, str]:
    given = ["run", "--models", models, *SMALL, "--workers", "1", "--output", str(output), *words]
    result = CliRunner().invoke(cli, given)
    error = f"Error: {result.exception}" if isinstance(result.exception, Exception) else ""
    return result.exit_code, result.output + error


def records(output: Path, model: str) -> list:
    """Return the tables of a model without its name and the times."""
    tables = load(output)
    found = [table[table.model == model] for table in (tables.steps, tables.images)]
    drop = ["model", "seconds"]
    return [t.drop(columns=[c for c in drop if c in t]).reset_index(drop=True) for t in found]


def test_records_are_the_same_bytes_in_process_and_out(numpy_python, tmp_path):
    inside, outside = "numpy_models:Numpy", f"numpy_models:Numpy@{numpy_python}"
    code, text = run(f"{inside},{outside}", tmp_path / "run", "--simulations", "2")
    assert code == 0, text
    for one, other in zip(records(tmp_path / "run", inside), records(tmp_path / "run", outside), strict=True):
        assert len(one) and one.equals(other)
    entry = Run(tmp_path / "run").manifest()["models"][outside]
    assert entry["licence"] == "MIT" and entry["environment"]["packages"].keys() == {"numpy"}
    assert "Nothing to compute" in run(f"{inside},{outside}", tmp_path / "run", "--simulations", "2")[1]


@pytest.mark.parametrize("kind", ["Ends", "Hangs", "NotANumber", "Flat"])
def test_a_model_loses_its_units_and_the_others_go_on(numpy_python, tmp_path, kind):
    output, name = tmp_path / "run", f"numpy_models:{kind}@{numpy_python}"
    code, text = run(f"{name},numpy_models:Numpy", output, "--simulations", "1")
    assert code == 1 and "Traceback" not in text
    assert re.search(rf"Lost: {re.escape(name)} failed on .*nucleus \(center-clicks\): ", text), text
    assert "1 of 2 units were lost, as stated above" in text
    assert [Run(output).description(key)["model"] for key in Run(output).units()] == ["numpy_models:Numpy"]


def test_notebooks_take_the_same_names_and_check_tests_them(numpy_python, tmp_path):
    name = f"numpy_models:Numpy@cmd:env 'A=1,2' {numpy_python} {worker()}"
    options = {"protocol": "center-clicks", "datasets": "phantoms", "tasks": "nucleus", "images": 1}
    output = segbench.run(models=[name], **options, max_steps=1, workers=1, output=tmp_path / "run")
    arguments = Run(output).manifest()["arguments"]
    assert arguments["models"] == name and set(load(output).images.model) == {name}
    result = CliRunner().invoke(cli, ["check", "--model", name])
    assert result.exit_code == 0 and "no check failed" in result.output, result.output
    result = CliRunner().invoke(cli, ["check", "--model", f"numpy_models:NotANumber@{numpy_python}"])
    assert result.exit_code == 1 and "NaN or infinite" in result.output


def worker() -> Path:
    from segbench.models.remote import segbench_worker

    return Path(segbench_worker.__file__)


def begin(name: str, output: Path, simulations: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "segbench.benchmark", "run", "--models", name, *SMALL, "--workers", "2"]
    words += ["--simulations", str(simulations), "--output", str(output)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(words, cwd=HERE, text=True, **streams)


def tables(output: Path) -> dict[str, bytes]:
    files = [file for file in (output / "units").rglob("*") if file.is_file()]
    return {f"{f.parent.name}/{f.name}": f.read_bytes() for f in files if f.name != "timings.parquet"}


def campaign(name: str, folder: Path, faults: int, simulations: int, seed: int) -> list[str]:
    """Kill and stop workers at random moments, repeat the command, and compare with an undisturbed run."""
    rng, injected, messages = random.Random(seed), 0, []
    whole = begin(name, folder / "whole", simulations)
    whole.communicate()
    assert whole.returncode == 0
    number = 0
    while injected < faults:
        number += 1
        output = folder / f"run{number}"
        while True:
            kept = tables(output)
            process = begin(name, output, simulations)
            children: list[psutil.Process] = []
            while process.poll() is None:
                time.sleep(rng.uniform(0, 0.5))
                children = psutil.Process(process.pid).children(recursive=True) or children
                targets = [child for child in children if is_worker(child)]
                if targets and injected < faults:
                    kind = rng.choice([signal.SIGKILL, signal.SIGSTOP])
                    rng.choice(targets).send_signal(kind)
                    injected += 1
            text, _ = process.communicate()
            messages.append(text)
            _, alive = psutil.wait_procs(children, timeout=30)
            assert not [child for child in alive if is_worker(child)]
            now = tables(output)
            assert {file: now.get(file) for file in kept} == kept, "a finished unit was lost"
            if process.returncode == 0:
                break
            assert process.returncode == 1 and name in text and "Traceback" not in text, text
        assert tables(output) == tables(folder / "whole")
    return messages


def is_worker(process: psutil.Process) -> bool:
    try:
        return any("segbench_worker" in word for word in process.cmdline())
    except psutil.Error:  # it has just ended
        return False


def test_killed_and_stopped_workers_lose_nothing(numpy_python, tmp_path, monkeypatch):
    name, words = f"numpy_models:Slow@{numpy_python}", ("--simulations", "40", "--images", "1")
    assert run(name, tmp_path / "whole", *words)[0] == 0
    rng, number, predict = random.Random(4), 0, RemoteModel.predict
    moments = {5: signal.SIGKILL, 12: signal.SIGSTOP, 19: signal.SIGKILL}

    def disturbed(model, query):
        nonlocal number
        number += 1
        if number in moments:
            threading.Timer(rng.uniform(0, 0.01), signal_workers, (moments[number],)).start()
        return predict(model, query)

    monkeypatch.setattr(RemoteModel, "predict", disturbed)
    code, text = run(name, tmp_path / "run", *words)
    assert code == 1 and "Traceback" not in text
    assert text.count("was killed (SIGKILL)") == 2 and text.count("did not answer in 1 s") == 1
    kept = tables(tmp_path / "run")
    assert "3 of 4 units were lost" in text and len({key.partition("/")[0] for key in kept}) == 1
    code, text = run(name, tmp_path / "run", *words)
    assert code == 0 and "1 of 4 units are finished already" in text
    assert tables(tmp_path / "run") == tables(tmp_path / "whole")


def signal_workers(kind: signal.Signals) -> None:
    for child in filter(is_worker, psutil.Process().children()):
        child.send_signal(kind)


@pytest.mark.slow
def test_thirty_killed_and_stopped_workers_lose_nothing(numpy_python, tmp_path):
    text = "".join(campaign(f"numpy_models:Slow@{numpy_python}", tmp_path, 30, 200, seed=2))
    assert "was killed (SIGKILL)" in text and "did not answer in 1 s" in text
    print(f"{text.count('Lost: ')} units lost, {text.count('Error: ')} commands ended early")
