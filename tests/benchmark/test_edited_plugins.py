"""Plug-ins that are edited between two runs: their old numbers never come back silently."""

from __future__ import annotations

import importlib
import py_compile
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner

from segbench.benchmark.cli import cli
from segbench.benchmark.plugin_source import source_of
from segbench.models.registry import MODELS
from segbench.protocols.registry import PROTOCOLS
from segbench.registry import PluginError
from segbench.results import StoreError, load

MODEL = """
from segbench import Capabilities

class Threshold:
    capabilities = Capabilities(interactive=True)

    def predict(self, query):
        return query.image - {level}
"""
PROTOCOL = """
from segbench.protocols.annotators import CenterClicks
from segbench.protocols.sequential import Sequential

EDITED = Sequential("edited", CenterClicks(), max_steps={steps})
"""
WORDS = [
    *("--datasets", "toys:Toys", "--images", "1", "--simulations", "1", "--max-steps", "2"),
    *("--device", "cpu", "--precision", "float32", "--workers", "1"),
]


@pytest.fixture
def write(tmp_path, monkeypatch):
    """``write(file, text)``: write or edit a module of the current folder; the next run imports it anew."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def forget() -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == "edited"]:
            del sys.modules[name]
        importlib.invalidate_caches()

    def write(file: str, text: str) -> None:
        Path(file).parent.mkdir(exist_ok=True)
        Path(file).write_text(text)
        forget()

    yield write
    forget()


def run(*words: str):
    return CliRunner().invoke(cli, ["run", *words, *WORDS])


def output_of(result) -> str:
    assert result.exit_code == 0, result.output
    return next(line for line in result.output.splitlines() if line.startswith("Output: "))[8:]


def test_an_edited_model_is_measured_again_in_another_folder(write):
    words = ["--models", "edited:Threshold", "--protocol", "center-clicks"]
    write("edited.py", MODEL.format(level=0.45))
    first = output_of(run(*words))
    assert "Nothing to compute" in run(*words).output
    write("edited.py", MODEL.format(level=2))
    planned = run(*words, "--dry-run").stdout
    changed = (
        f"edited:Threshold changed since the last run (2 units in {first}); its units are computed again"
    )
    assert changed in planned.splitlines()
    again = run(*words)
    second = output_of(again)
    assert second != first and changed in again.stdout.splitlines()
    assert load(first).images.dice.min() > 0.9 and load(second).images.dice.max() == 0
    with pytest.raises(
        StoreError, match=r"the source of model edited:Threshold differs between units of .* read"
    ):
        load([first, second])
    write("edited.py", MODEL.format(level=0.45))
    result = run(*words)
    assert output_of(result) == first and "Nothing to compute" in result.output
    assert "changed since" not in result.output  # since the last run, but nothing is computed again


@pytest.mark.parametrize("kind", ["model", "protocol"])
def test_a_folder_with_units_of_another_source_is_refused_before_anything_is_computed(write, kind):
    files = {"model": [MODEL.format(level=0.45), MODEL.format(level=0.46)]}
    files["protocol"] = [PROTOCOL.format(steps=2), PROTOCOL.format(steps=3)]
    names = {"model": ("edited:Threshold", "center-clicks"), "protocol": ("toys:Brush", "edited:EDITED")}
    model, protocol = names[kind]
    words = ["--models", model, "--protocol", protocol, "--output", "mine"]
    before, after = files[kind]
    write("edited.py", before)
    output_of(run(*words))
    units = sorted(Path("mine/units").iterdir())
    write("edited.py", after)
    result = run(*words)
    name = model if kind == "model" else protocol
    assert result.exit_code == 1
    message = f"the output folder holds a run in which {name} had another source; choose another --output"
    assert message in result.stderr
    line = f"{name} changed since the last run (2 units in mine); another --output computes them again"
    assert line in result.stdout.splitlines()
    assert sorted(Path("mine/units").iterdir()) == units


def test_the_source_is_that_of_the_whole_package_and_does_not_depend_on_its_folder(write):
    def source() -> str:
        return source_of(MODELS, "edited.models:Threshold")["source of model edited.models:Threshold"]

    write("edited/__init__.py", "")
    write("edited/models.py", "from edited.level import LEVEL\n" + MODEL.format(level="LEVEL"))
    write("edited/level.py", "LEVEL = 1")
    first = source()
    write("edited/level.py", "LEVEL = 2")
    assert source() != first
    write("edited/notes.txt", "no source")
    write("edited/level.py", "LEVEL = 1")
    assert source() == first
    write("edited/more.py", "")
    assert source() != first


def test_a_name_of_an_entry_point_has_the_source_of_its_module(write, monkeypatch):
    entry = EntryPoint("short", "edited:Threshold", MODELS.group)
    monkeypatch.setattr(
        "segbench.registry.entry_points", lambda group: [entry] if group == MODELS.group else []
    )
    write("edited.py", MODEL.format(level=1))
    first = source_of(MODELS, "short")
    assert list(first) == ["source of model short"]
    write("edited.py", MODEL.format(level=2))
    assert source_of(MODELS, "short") != first


def test_a_compiled_module_counts_with_its_bytes(write):
    sources = []
    for level in (1, 2):
        write("edited.py", MODEL.format(level=level))
        py_compile.compile("edited.py", "edited.pyc", doraise=True)
        Path("edited.py").unlink()
        sources.append(source_of(MODELS, "edited:Threshold"))
    assert sources[0] != sources[1]


def test_a_module_that_changed_after_its_import_is_refused(write):
    """Python goes on with the old code: its numbers would be stored as those of the new one."""
    write("edited.py", MODEL.format(level=1))
    source_of(MODELS, "edited:Threshold")
    Path("edited.py").write_text(MODEL.format(level=2))
    with pytest.raises(PluginError, match=r"model edited:Threshold has changed since .* start Python again"):
        source_of(MODELS, "edited:Threshold")


def test_a_module_that_changes_while_it_is_measured_ends_the_run(write):
    changes = """
    @classmethod
    def create(cls, name, weights, device, precision):
        with open(__file__, "a") as file:
            file.write("#")
        return cls()
"""
    write("edited.py", MODEL.format(level=1) + changes)
    result = run("--models", "edited:Threshold", "--protocol", "center-clicks", "--output", "mine")
    assert result.exit_code == 1 and "has changed since this process imported it" in result.stderr
    assert len(list(Path("mine/units").iterdir())) == 1  # computed before the change


def test_a_module_without_a_file_is_refused(monkeypatch):
    module = type(sys)("edited")
    exec(MODEL.format(level=1), module.__dict__)
    monkeypatch.setitem(sys.modules, "edited", module)
    with pytest.raises(
        PluginError, match="source of the model edited:Threshold cannot be read; put it in a file"
    ):
        source_of(MODELS, "edited:Threshold")


def test_keys_do_not_depend_on_the_source_of_this_project():
    assert source_of(MODELS, "multiverseg") == source_of(PROTOCOLS, "center-clicks") == {}
    assert source_of(MODELS, "segbench.models.random_walker:RandomWalker") == {}
