"""Words drawn from the command line's own grammar: it works, or it fails with one sentence."""

from __future__ import annotations

import shutil
from pathlib import Path

import good_inputs
import pytest
from click.testing import CliRunner
from hypothesis import strategies as st
from mutants import attempt, campaigns

from segbench.benchmark.cli import cli

RUN_FAST = good_inputs.RUN.split()
STATUSES = {0, 1, 2, 130}
NUMBERS = ["0", "1", "2", "3", "-1", "1e9", "99999999999999999999", "nan", "", "one", "0.5"]
PLACES = ["root", "mine", "table", "scans", "old", "nowhere", "pack.zip", "", "/dev/null", "../..", "n\n"]
ODD = [
    "",
    ",",
    "a,b",
    "..",
    ":",
    "a:b",
    "é\u202e",
    "'\"",
    "<script>",
    "-",
    "--",
    "all",
    "\x1b[31m",
    "x" * 300,
]
MODELS = ["toys:Brush", "toys:Wide", "toys:Broken", "bad_plugins:NoPredict", "bad_plugins:RaisesInInit"]
DATASETS = ["toys:Toys", "toys:Many", "toys:Empty", "known", "folder:mine", "folder:nowhere", "wbc", "scd"]
PROTOCOLS = ["center-clicks", "in-context", "set-clicks", "set-automatic", "manual-scribbles", "supervised"]
WEIGHTS = ["bundled", "universeg.pt", "universeg.safetensors", "none.pt", "mine"]
FIGURES = ["table7", "fig3", "fig6", "interconv-fig4", "comparisons"]


def listed(names: list[str]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from([*names, *ODD]), min_size=1, max_size=2).map(",".join)


def one_of(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from([*values, *ODD])


number, place = st.sampled_from(NUMBERS), st.sampled_from(PLACES)
RUN = {
    "--protocol": listed(PROTOCOLS),
    "--models": listed(MODELS),
    "--datasets": listed(DATASETS),
    "--data-root": place,
    "--preset": one_of("smoke", "quick"),
    **dict.fromkeys(
        ("--simulations", "--images", "--max-steps", "--workers", "--seed", "--target-dice"), number
    ),
    "--context": one_of("binary", "soft", "ground-truth"),
    "--split": one_of("test", "val", "train"),
    "--weights": one_of(*WEIGHTS),
    "--device": one_of("cpu", "tpu"),
    "--precision": one_of("float32", "auto"),
    "--output": place,
}
OWN = {
    "--format": one_of("folder", "nifti", "table", "nnunet"),
    "--labels": one_of("1=a", "1=a,2=b", "0=a", "1=", "mine", "split.csv"),
    "--modality": one_of("CT", " "),
    "--subject-pattern": one_of("(p.)", "(", "p", "(?P<a>.)(.)", "(.*)"),
    "--axes": one_of("axial", "stored", "axial,up", "all"),
    "--rule": one_of("maxslice", "midslice"),
    "--split": place,
    "--workers": number,
    "--data-root": place,
}


def words(begin: list[str], options: dict[str, st.SearchStrategy[str]], *flags: str) -> st.SearchStrategy:
    """A command, some of its options with values, good ones and others, and some flags."""
    some = st.dictionaries(st.sampled_from(sorted(options)), st.none(), max_size=4)
    given = some.flatmap(lambda keys: st.tuples(*(st.tuples(st.just(key), options[key]) for key in keys)))
    extra = st.lists(st.sampled_from([*flags, "--bogus", "more"]), max_size=1) if flags else st.just([])
    return st.tuples(given, extra).map(lambda p: [*begin, *(word for pair in p[0] for word in pair), *p[1]])


FAST = ["--models", "toys:Brush", "--datasets", "toys:Toys", "--images", "2", "--simulations", "1"]
FAST += [
    "--device",
    "cpu",
    "--precision",
    "float32",
    "--workers",
    "1",
    "--data-root",
    "root",
    "--output",
    "new",
]
ROOT = {"--data-root": place}
COMMANDS = st.one_of(
    words([*RUN_FAST, "--dry-run"], RUN, "--help"),
    words([*RUN_FAST, "--output", "old"], {"--seed": number, "--weights": place}, "--dry-run"),
    st.tuples(listed(["own", "known", "wbc", "toys:Toys"]), place).flatmap(
        lambda named: words(["data", "import", "--data-root", "root", *named], OWN, "--replace")
    ),
    one_of("known", *DATASETS).flatmap(
        lambda name: words(["data", "verify", name], ROOT | {"--format": one_of("json")}, "--help")
    ),
    one_of("known", "toys:Toys").flatmap(
        lambda name: words(["data", "preview", name, "--task", "none"], ROOT | {"--output": place}, "--help")
    ),
    one_of("scd", "phantoms", "acdc").flatmap(
        lambda name: words(["data", "fetch", name, "--url", "file:pack.zip"], ROOT, "--help")
    ),
    place.flatmap(
        lambda run: words(
            ["report", run, "--output", "new", "--only", "table7"],
            ROOT | {"--only": listed(FIGURES), "--format": one_of("csv")},
            "--help",
        )
    ),
    one_of("models", "protocols", "datasets", "tasks", "figures").flatmap(
        lambda kind: words(["list", kind], ROOT | {"--format": one_of("text", "json")}, "--help")
    ),
    one_of("list", "verify", "fetch").flatmap(
        lambda verb: words(["weights", verb], {"--bogus": number}, "nothing", "--help")
    ),
    words(["train", "universeg", "--preset", "none"], {"--epochs": number, "--seed": number}, "--help"),
    st.lists(st.sampled_from([*ODD, "data", "--help", "list"]), max_size=3),
)


@campaigns(120)
def test_commands(examples: int, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    shutil.copytree(good, here)
    monkeypatch.chdir(here)
    monkeypatch.delenv("SEGBENCH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def give(words: list[str]) -> None:
        result = CliRunner().invoke(cli, words)
        raised = result.exception
        assert raised is None or isinstance(raised, SystemExit), (words, raised)
        assert result.exit_code in STATUSES, words
        assert "Traceback" not in result.output
        errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        assert len(errors) <= 1 and "unexpected " not in "".join(errors).replace("unexpected extra", ""), (
            words
        )
        if result.exit_code == 1 and not errors:
            assert words[:2] == ["data", "verify"], words

    attempt(COMMANDS, examples, give)
    assert {path.name for path in tmp_path.iterdir()} <= {"here", "cache"}
