"""The command line: names, options, errors and exit statuses."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from segbench.benchmark.cli import COMMANDS, cli
from segbench.errors import describe

ROOT = Path(__file__).resolve().parents[2]
TOYS = ("--datasets", "toys:Toys", "--images", "2", "--simulations", "1", "--device", "cpu")
HEAVY = ("torch", "pandas", "numpy", "scipy", "joblib", "models")


def tool(*words):
    return CliRunner().invoke(cli, [str(word) for word in words])


def python(*words, cwd):
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'benchmark'}"}
    return subprocess.run([sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True)


def failed(result, status):
    """Return the one line of an error."""
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    lines = result.stderr.splitlines()
    assert lines[-1].startswith("Error: ")
    return lines[-1]


def test_help_imports_nothing_heavy(tmp_path):
    code = (
        "import sys\nfrom segbench.benchmark.cli import cli\ncli(['--help'], standalone_mode=False)\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = python("-c", code, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)


def test_importing_the_package_is_light(tmp_path):
    done = python("-c", "import benchmark, sys; print('click' in sys.modules)", cwd=tmp_path)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command):
    result = tool(command, "--help")
    assert result.exit_code == 0
    assert "--debug" in result.output
    assert f"Example:\n    python -m benchmark {command}" in result.output


def test_the_help_is_fast(tmp_path):
    def processor_time() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = processor_time()
    assert python("-m", "benchmark", "--help", cwd=tmp_path).returncode == 0
    assert processor_time() - before < 0.5  # seconds


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--models", "scribbleprmpt"), "unknown model 'scribbleprmpt'; did you mean scribbleprompt?"),
        (("--models", "toys:Nothing"), "unknown model 'toys:Nothing'"),
        (("--protocol", "centre-clicks"), "unknown protocol 'centre-clicks'; did you mean center-clicks?"),
        (("--datasets", "wcb"), "unknown dataset 'wcb'; did you mean wbc?"),
        (("--models", " , "), "a list of names is empty"),
        (("--target-dice", "1.5"), "1.5"),
        (("--simulations", "0"), "0"),
        (("--images", "0"), "0"),
        (("--images", "some"), "some"),
        (("--split", "train"), "train"),
        (("--preset", "slow"), "slow"),
        (("--bogus",), "--bogus"),
    ],
)
def test_wrong_usage_exits_2(tmp_path, words, sentence):
    result = tool("run", *TOYS, "--models", "toys:Brush", "--output", tmp_path / "run", *words)
    assert sentence in failed(result, 2)
    assert not (tmp_path / "run").exists()


def test_unknown_names_of_other_commands():
    assert "did you mean universeg?" in failed(tool("weights", "verify", "univrseg"), 2)
    assert "did you mean multiverseg?" in failed(tool("train", "multiversg"), 2)
    assert "did you mean phantoms?" in failed(tool("data", "fetch", "phantom"), 2)
    assert "cannot be downloaded" in failed(tool("data", "fetch", "phantoms"), 1)


def test_report_without_a_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "there is no run in results/runs" in failed(tool("report"), 1)
    assert "holds no run" in failed(tool("report", "elsewhere"), 1)


@pytest.mark.parametrize("kind", ["models", "protocols", "datasets", "tasks", "figures"])
def test_list_for_people_and_for_programs(kind, tmp_path):
    rows = json.loads(tool("list", kind, "--format", "json", "--data-root", tmp_path).output)
    names = [row["name"] for row in rows]
    lines = tool("list", kind, "--data-root", tmp_path).output.splitlines()
    if kind == "models":  # each is followed by its facts
        lines = [line for line in lines[:-1] if not line.startswith("    ")]
    assert names
    assert [line.startswith(name) for line, name in zip(lines, names, strict=True)] == [True] * len(names)
    if kind in ("models", "protocols"):
        assert max(map(len, lines)) <= 100  # a terminal shows each in one line
        assert all(line.endswith(f"  {row['description']}") for line, row in zip(lines, rows, strict=True))
    if kind in ("models", "protocols", "datasets"):
        assert all(row["title"] and row["description"] for row in rows)


TRAIN = ("train", "universeg", "--preset", "smoke", "--device", "cpu")


def test_train_writes_weights_and_continues(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = tool(*TRAIN, "--output", "out")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines() == [str(Path("out", "universeg.safetensors"))]
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"checkpoint.pt", "log.csv", "universeg.safetensors"}
    weights = (tmp_path / "out" / "universeg.safetensors").read_bytes()
    again = tool(*TRAIN, "--output", tmp_path / "out")
    assert again.exit_code == 0, again.output
    assert (tmp_path / "out" / "universeg.safetensors").read_bytes() == weights
    assert len((tmp_path / "out" / "log.csv").read_text().splitlines()) == 1 + 5
    other = tool(*TRAIN, "--output", tmp_path / "out", "--seed", "1")
    assert "another configuration" in failed(other, 1)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--start", "bundled"), "more than 4"),
        (("--start", "nowhere.pt"), "no weights for universeg in nowhere.pt"),
        (("--preset", "large"), "no training of 'universeg' by preset 'large'"),
    ],
)
def test_train_says_why_it_cannot_begin(tmp_path, words, sentence):
    assert sentence in failed(tool(*TRAIN, *words, "--output", tmp_path / "out"), 1)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_train_begins_with_weights_that_are_given(tmp_path):
    import torch

    from segbench.models.networks import UniverSeg

    torch.save(UniverSeg(2).state_dict(), tmp_path / "narrow.pt")
    done = tool(*TRAIN, "--start", tmp_path / "narrow.pt", "--output", tmp_path / "out")
    assert done.exit_code == 0, done.output
    plain = tool(*TRAIN, "--output", tmp_path / "out")
    assert "another configuration" in failed(plain, 1)


FOREIGN = "raise RuntimeError('a foreign module was imported')\n"


def test_foreign_packages_of_the_same_names_do_no_harm(tmp_path):
    """Such as Hugging Face's ``datasets``, here in the working folder, which Python searches first."""
    for name in ("datasets", "models", "protocols", "reports", "results"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(FOREIGN)
    words = ("run", *TOYS, "--models", "toys:Brush", "--workers", "2", "--output", "run")
    done = python("-m", "benchmark", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "manifest.json").is_file()


@pytest.mark.parametrize("place", ["segbench.py", "segbench/__init__.py", "segbench/notes.txt"])
def test_a_foreign_module_called_segbench_ends_in_one_sentence(tmp_path, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(FOREIGN)
    done = python("-m", "benchmark", "list", "models", cwd=tmp_path)
    hidden = (tmp_path / place).suffix == ".py"  # a folder without __init__.py hides no package
    assert done.returncode == (1 if hidden else 0), done.stderr
    if hidden:
        assert done.stderr == (
            "Error: another module called segbench hides this program; start in another folder, or rename "
            "that module\n"
        )


def test_the_command_works_beside_a_foreign_package_called_benchmark(tmp_path):
    """``python -m benchmark`` would run that package; the command ``segbench`` calls this function."""
    (tmp_path / "benchmark").mkdir()
    (tmp_path / "benchmark" / "__init__.py").write_text(FOREIGN)
    call = (
        "import sys; from segbench.benchmark.__main__ import main; sys.argv[1:] = ['list', 'models']; main()"
    )
    done = python("-c", call, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MemoryError(), 1),
        (OSError(28, "No space left on device", "here"), 1),
        (ZeroDivisionError("division"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_every_error_has_a_sentence(error, status):
    message, code = describe(error)
    assert code == status
    assert message
    assert "\n" not in message
