"""Runs with models in other environments: equal records, lost units, interruptions, checks."""

from __future__ import annotations

import itertools
import random
import re
import signal
import threading
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

import segbench
from segbench.benchmark.cli import cli
from segbench.benchmark.execution.batches import BATCH_SIZE
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


def test_the_example_of_the_docs_runs_with_numpy_only(numpy_python, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (HERE.parents[1] / "docs" / "extending.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"(?ms)^```python\n(# brightness\.py\n.*?)^```$", page)
    Path("brightness.py").write_text(code)
    examined = CliRunner().invoke(cli, ["check", "--model", f"brightness:Brightness@{numpy_python}"])
    assert examined.exit_code == 0, examined.output
    assert "clicks and scribbles change the answers" in examined.output


def worker() -> Path:
    from segbench.models.remote import segbench_worker

    return Path(segbench_worker.__file__)


def tables(output: Path) -> dict[str, bytes]:
    files = [file for file in (output / "units").rglob("*") if file.is_file()]
    return {f"{f.parent.name}/{f.name}": f.read_bytes() for f in files if f.name != "timings.parquet"}


def is_worker(process: psutil.Process) -> bool:
    try:
        return any("segbench_worker" in word for word in process.cmdline())
    except psutil.Error:  # it has just ended
        return False


@pytest.fixture
def disturb(monkeypatch):
    """Send a signal to the worker some milliseconds after the prediction of each number has begun."""
    moments: dict[int, signal.Signals] = {}
    rng, predict, count = random.Random(4), RemoteModel.predict, itertools.count(1)

    def signal_worker(kind: signal.Signals) -> None:
        for child in filter(is_worker, psutil.Process().children()):
            child.send_signal(kind)

    def disturbed(model, query):
        if kind := moments.pop(next(count), None):
            threading.Timer(rng.uniform(0, 0.012), signal_worker, (kind,)).start()
        return predict(model, query)

    monkeypatch.setattr(RemoteModel, "predict", disturbed)
    return moments


def test_killed_and_stopped_workers_lose_nothing(numpy_python, tmp_path, disturb):
    name, words = f"numpy_models:Slow@{numpy_python}", ("--simulations", "40", "--images", "1")
    disturb |= {5: signal.SIGKILL, 12: signal.SIGSTOP, 19: signal.SIGKILL}
    code, text = run(name, tmp_path / "run", *words)
    assert code == 1 and "Traceback" not in text
    assert text.count("was killed (SIGKILL)") == 2 and text.count("did not answer in 1 s") == 1
    kept = tables(tmp_path / "run")
    assert "3 of 4 units were lost" in text and len({key.partition("/")[0] for key in kept}) == 1
    code, text = run(name, tmp_path / "run", *words)
    assert code == 0 and "1 of 4 units are finished already" in text
    assert run("numpy_models:Slow", tmp_path / "whole", *words)[0] == 0
    outside, inside = records(tmp_path / "run", name), records(tmp_path / "whole", "numpy_models:Slow")
    assert all(one.equals(other) for one, other in zip(outside, inside, strict=True))


def test_units_of_a_batch_are_computed_one_by_one_after_a_fault(numpy_python, tmp_path, disturb, monkeypatch):
    monkeypatch.setitem(BATCH_SIZE, "cpu", 128)  # as on a GPU
    disturb |= {30: signal.SIGKILL, 45: signal.SIGKILL}  # the second one in a unit that is alone by then
    name, words = f"numpy_models:Slow@{numpy_python}", ("--simulations", "40", "--images", "1")
    code, text = run(name, tmp_path / "run", *words)
    assert code == 1 and "1 of 4 units were lost" in text, text


@pytest.mark.slow
def test_thirty_killed_and_stopped_workers_lose_nothing(numpy_python, tmp_path, disturb):
    name, words = f"numpy_models:Slow@{numpy_python}", ("--simulations", "200")
    assert run("numpy_models:Slow", tmp_path / "whole", *words)[0] == 0
    rng = random.Random(2)
    moments = itertools.accumulate(rng.randrange(3, 40) for _ in range(30))
    disturb |= {moment: rng.choice([signal.SIGKILL, signal.SIGSTOP]) for moment in moments}
    kept: dict[str, bytes] = {}
    code, lost = 1, ""
    while code:
        code, text = run(name, tmp_path / "run", *words)
        now, lost = tables(tmp_path / "run"), lost + text
        assert {file: now[file] for file in kept} == kept and "Traceback" not in text
        kept = now
    assert not disturb and lost.count("Lost: ") == 30
    assert lost.count("was killed (SIGKILL)") + lost.count("did not answer in 1 s") == 30
    outside, inside = records(tmp_path / "run", name), records(tmp_path / "whole", "numpy_models:Slow")
    assert all(one.equals(other) for one, other in zip(outside, inside, strict=True))
