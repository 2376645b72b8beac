"""Models of a notebook or script: classes and objects that no process can import by name."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from toys import Brush

import segbench
from segbench.errors import UsageError
from segbench.registry import PluginError

SCRIPT = """
import segbench

LEVEL = 0.45


def above(image, level):
    return image - level


class Mine:
    capabilities = segbench.Capabilities(interactive=True)

    def predict(self, query):
        return above(query.image, LEVEL)


class Level(Mine):
    def __init__(self, level, name):
        self.level, self.name = level, name

    def predict(self, query):
        return super().predict(query) + LEVEL - self.level


run = segbench.run(
    models=[Mine, Level(2, "high"), "toys:Brush"],
    datasets="toys:Toys",
    protocol="center-clicks",
    images=1,
    simulations=1,
    max_steps=2,
    device="cpu",
    precision="float32",
    workers=2,
)
print("RUN", run)
"""
SETTINGS = {
    **{"datasets": "toys:Toys", "protocol": "center-clicks", "images": 1, "simulations": 1, "max_steps": 2},
    **{"device": "cpu", "precision": "float32", "workers": 1},
}


def script(folder: Path, text: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a folder: as a script, or, with the word ``-``, from standard input."""
    paths = f"{Path(__file__).parent}"
    return subprocess.run(
        [sys.executable, *words],
        input=text if words == ("-",) else None,
        cwd=folder,
        env={"PYTHONPATH": paths, "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def planned(models) -> Path:
    """Return the folder of a run, whose name depends on the keys of all units."""
    return segbench.run(models=models, **SETTINGS, dry_run=True)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def scripted(tmp_path_factory) -> Path:
    """The run of `SCRIPT`."""
    folder = tmp_path_factory.mktemp("scripted")
    (folder / "script.py").write_text(SCRIPT)
    done = script(folder, SCRIPT, "script.py")
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.splitlines()[-1].removeprefix("RUN ")


def test_workers_compute_the_classes_and_objects_of_a_script(scripted, folder):
    results = segbench.load(scripted)
    dice = results.images.groupby("model", observed=True).dice.mean()
    assert dice["Mine"] == 1 and dice["high"] == 0 and 0 < dice["toys:Brush"] < 1
    (arguments,) = results.manifests[0]["all_arguments"]
    assert arguments["models"] == "__main__:Mine,__main__:high,toys:Brush"
    assert segbench.check(scripted, baseline=scripted).passed
    assert segbench.compare(scripted, scripted).equal
    assert "high" in segbench.report(scripted, only="table7").read_text()
    with pytest.raises(
        PluginError, match=r"__main__:Mine is defined in a notebook or script; call segbench.run"
    ):
        segbench.run(**arguments)


@pytest.mark.slow
def test_another_session_finds_the_units_of_the_same_classes(scripted):
    folder = scripted.parents[2]
    done = script(folder, "# A line above the classes, and no file.\n" + SCRIPT, "-")
    assert done.returncode == 0, done.stderr
    assert "Nothing to compute" in done.stdout
    assert folder / done.stdout.splitlines()[-1].removeprefix("RUN ") == scripted


def mine(level=0.45, helper=lambda image: image, doc=""):
    """Return a class as a notebook defines it."""

    class Mine:
        capabilities = segbench.Capabilities(interactive=True)

        def predict(self, query):
            return helper(query.image) - level

    return Mine


class Level:
    """An importable class with a state."""

    capabilities = segbench.Capabilities(interactive=True)

    def __init__(self, **state):
        vars(self).update(state)

    def predict(self, query):
        return query.image - self.level


def test_a_class_counts_with_its_code_and_what_its_code_reads(folder):
    assert planned(mine()) == planned([mine()])
    edited = [mine(), mine(level=0.5), mine(helper=lambda image: image + 1)]
    assert len({planned(model) for model in edited}) == 3


def test_an_object_counts_with_its_state_or_its_fingerprint(folder):
    def network(value):
        layer = torch.nn.Linear(2, 2)
        torch.nn.init.constant_(layer.weight, value)
        torch.nn.init.zeros_(layer.bias)
        return layer

    assert planned(Level(level=0.5, net=network(1))) == planned(Level(level=0.5, net=network(1)))
    states = [{"level": 0.5}, {"level": 0.6}, {"level": torch.full((1,), 0.5)}]
    states += [{"level": 0.5, "mask": np.full(2, value)} for value in (1, 2)]
    states += [{"level": 0.5, "net": network(1)}, {"level": 0.5, "net": network(2)}]
    assert len({planned(Level(**state)) for state in states}) == len(states)
    assert planned(Level(fingerprint="a", level=1)) == planned(Level(fingerprint="a", level=2))
    assert planned(Level(fingerprint="a", level=1)) != planned(Level(fingerprint="b", level=1))


def test_a_class_that_can_be_imported_has_its_usual_name(folder, capsys):
    assert planned([Brush]) == planned("toys:Brush")
    from segbench.models.random_walker import RandomWalker

    assert planned(RandomWalker) == planned("random-walker")


def test_an_object_is_measured_in_this_process(folder):
    run = segbench.run(models=Level(level=0.45, name="halfway"), **SETTINGS)
    images = segbench.load(run).images
    assert set(images.model) == {"halfway"} and images.dice.min() == 1


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ([Level(level=1), Level(level=2)], "two models are called Level; give each another attribute `name`"),
        ([mine(), mine(level=2)], "two models are called Mine"),
        (Level(level=1, name="scribbleprompt"), "cannot be called 'scribbleprompt'"),
        (Level(level=1, name="a,b"), "cannot be called 'a,b'"),
        ([3], "3 is not a model; give a name, or a class or object with `capabilities` and `predict`"),
        (
            Level(level=(n for n in [1])),
            "content of the model Level cannot be read .* with a `fingerprint`",
        ),
    ],
)
def test_what_cannot_be_told_from_others_is_refused(folder, models, message):
    with pytest.raises(UsageError, match=message):
        planned(models)


def test_what_cannot_be_sent_is_refused_before_anything_is_computed(folder):
    model = Level(level=(n for n in [1]), fingerprint="a")
    with pytest.raises(UsageError, match=r"Level cannot be sent to worker processes .* workers=1"):
        segbench.run(models=model, **SETTINGS | {"workers": 2}, output="mine")
    assert not list(Path("mine/units").iterdir())


@pytest.mark.parametrize(
    "name", ["run", "report", "check", "compare", "load", "load_dataset", "create_model"]
)
def test_tab_completes_a_function_and_its_help_explains_every_argument(name):
    assert name in dir(segbench)
    function = getattr(segbench, name)
    section = inspect.getdoc(function).partition("Parameters\n----------\n")[2].partition("\n\nReturns\n")[0]
    explained = re.findall(r"^(\w+(?:, \w+)*) : ", section, flags=re.MULTILINE)
    assert [*inspect.signature(function).parameters] == [n for names in explained for n in names.split(", ")]


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("workers", 0, "the number of workers must be at least 1, not 0"),
        ("split", "tst", "the split must be test, val or all, not 'tst'"),
        ("models", 3, "3 is not a model"),
    ],
)
def test_a_wrong_argument_is_answered_by_a_sentence(option, value, sentence):
    with pytest.raises(UsageError, match=sentence):
        segbench.run(**{option: value})
