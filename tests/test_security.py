"""Input of strangers is data: never code, never markup, and never a path out of its folder."""

from __future__ import annotations

import ast
import os
from html.parser import HTMLParser
from pathlib import Path

import good_inputs
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from toys import Toys

from segbench.benchmark.cli import cli
from segbench.datasets.task import Task, TaskData
from segbench.errors import describe
from segbench.models.weights import WeightsError

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("benchmark", "datasets", "models", "protocols", "reports", "results")
EVIL = "<img src=x onerror=alert(1)><script>alert(1)</script>\"'|$\\frac{$=\u202e"
LABEL = EVIL.replace("/", "")  # slashes join the parts of a task's name

# Functions that no data may reach, by their full names.
NEVER = {
    *("eval", "exec", "os.system", "os.popen", "pickle.load", "pickle.loads", "pickle.Unpickler"),
    *("joblib.load", "dill.load", "yaml.load", "yaml.unsafe_load", "pandas.read_pickle", "marshal.loads"),
    *("shutil.unpack_archive", "urllib.request.urlopen", "urllib.request.urlretrieve"),
}
ONLY_IN = {  # module: the only files that may import it
    "zipfile": {"datasets/download/unpacking.py"},
    "tarfile": {"datasets/download/unpacking.py"},
    "requests": {"datasets/download/transfers.py"},
    # The last takes the name of an error.
    "pickle": {"models/nnunet/adapter.py", "models/nnunet/child.py", "models/nninteractive.py"},
}
# Between two processes of one run, and for a file that nnU-Net wrote in the same training.
EXCEPTIONS = {
    ("models/nnunet/adapter.py", "pickle.load"),
    ("models/nnunet/child.py", "pickle.load"),
    ("models/nnunet/child.py", "torch.load without weights_only=True"),
}


def called(source: str) -> set[str]:
    """Forbidden calls of a module, and ``import NAME`` for each module of `ONLY_IN`."""
    tree, names, found = ast.parse(source), {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {a.asname or a.name.partition(".")[0]: a.name if a.asname else a.name.partition(".")[0]
                      for a in node.names}  # fmt: skip
            found |= {f"import {a.name}" for a in node.names if a.name in ONLY_IN}
        elif isinstance(node, ast.ImportFrom):
            names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
            if node.module in ONLY_IN and not _only_types(tree, node):
                found.add(f"import {node.module}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            head, dot, rest = ast.unparse(node.func).partition(".")
            name = names.get(head, head) + dot + rest
            given = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
            found |= {name} & NEVER
            if name == "torch.load" and given.get("weights_only") is not True:
                found.add("torch.load without weights_only=True")
            if name == "numpy.load" and given.get("allow_pickle", False) is not False:
                found.add("numpy.load with pickle")
            if given.get("shell", False) is not False:
                found.add("a shell")
            if name.endswith(".extractall"):
                found.add("extractall")
    return found


def _only_types(tree: ast.Module, node: ast.ImportFrom) -> bool:
    """Whether an import only serves annotations."""
    blocks = [b for b in ast.walk(tree) if isinstance(b, ast.If) and "TYPE_CHECKING" in ast.unparse(b.test)]
    return any(node in block.body for block in blocks)


@pytest.mark.parametrize(
    ("source", "call"),
    [
        ("import torch\ntorch.load(p)", "torch.load without weights_only=True"),
        ("from torch import load as f\nf(p, weights_only=False)", "torch.load without weights_only=True"),
        ("import numpy as np\nnp.load(p, allow_pickle=True)", "numpy.load with pickle"),
        ("from pickle import loads\nloads(b)", "pickle.loads"),
        ("import subprocess\nsubprocess.run(c, shell=True)", "a shell"),
        ("import os\nos.system(c)", "os.system"),
        ("eval(c)", "eval"),
        ("import tarfile\ntarfile.open(p).extractall()", "extractall"),
        ("def f():\n    import zipfile", "import zipfile"),
    ],
)
def test_the_audit_finds(source: str, call: str) -> None:
    assert call in called(source)


def test_no_data_is_run_as_code() -> None:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    found = {
        (path.relative_to(ROOT).as_posix(), what)
        for path in files
        for what in called(path.read_text(encoding="utf-8"))
    }
    allowed = {(file, f"import {module}") for module, places in ONLY_IN.items() for file in places}
    assert len(files) > 100
    assert found - allowed == EXCEPTIONS


def test_every_archive_has_a_limit_and_a_safe_link() -> None:
    from segbench.datasets.registry import DATASETS, find_source

    archives = [a for name in DATASETS.names() for a in getattr(find_source(name), "archives", ())]
    assert archives
    for archive in archives:
        assert archive.url.startswith(("https://", "http://"))
        assert 0 < archive.limit < 10**11
        assert archive.file and "/" not in archive.file


class Evil(Toys):
    """A data set whose label and subjects are markup, a LaTeX formula and a spreadsheet formula."""

    name = "evil"

    def tasks(self, root):
        return [Task("evil", "all", "CT", "0", LABEL)]

    def load(self, task, root):
        data = super().load(Task("toys", "drawn", "synthetic", "0", "one"), root)
        subjects = np.array([f"{EVIL} {i}" for i in range(len(data))])
        return TaskData(task, data.images, data.labels, subjects, data.split)


class Page(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    words = f"{good_inputs.RUN} --datasets test_security:Evil --output run"
    result = CliRunner().invoke(cli, words.split())
    assert result.exit_code == 0, result.output
    return tmp_path / "run"


def test_names_are_escaped_in_pages_tables_and_paths(run: Path) -> None:
    from segbench.reports.page.render import page
    from segbench.results import load

    words = ["report", str(run), "--output", "out", "--data-root", "root", "--only", "table7,fig3,fig4,fig5"]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    whole = page(load(run, Path("root")), [], [])  # with the replay
    for text in (Path("out", "index.html").read_text(encoding="utf-8"), whole):
        elements = Page(text).elements
        assert all(not name.startswith("on") for _, given in elements for name in given)
        assert all(str(given.get("src", "data:")).startswith("data:") for _, given in elements)
        assert "<img src=x" not in text and "<script>alert" not in text
        assert "Content-Security-Policy" in text
    assert [tag for tag, _ in Page(whole).elements].count("script") == 2  # data and code of the replay
    assert "onerror" in whole  # present, as text
    for path in Path("out").rglob("*"):
        assert not set("<>\"'|$\\\u202e") & set(path.name)
        if path.suffix == ".md":
            assert "<img" not in path.read_text(encoding="utf-8")
        if path.suffix == ".tex":
            assert "\\frac" not in path.read_text(encoding="utf-8")


def test_a_table_escapes_its_headers_and_cells() -> None:
    from segbench.reports.layout import Grid

    grid = Grid(["Name", EVIL], [[EVIL, "1"]])
    head, _, row = grid.markdown().splitlines()
    assert head.count("&lt;img") == row.count("&lt;img") == 1
    assert head.replace("\\|", "").count("|") == row.replace("\\|", "").count("|") == 3
    assert "\\frac" not in grid.latex() and grid.latex().count("\\textbackslash frac") == 2


def test_a_preview_has_a_plain_file_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["data", "preview", "test_security:Evil", "--output", "out"])
    assert result.exit_code == 0, result.output
    (sheet,) = Path("out").iterdir()
    assert sheet.name.startswith("preview-evil-all-CT-0-") and sheet.suffix == ".png"
    assert not set(sheet.name) & set("<>\"'|$\\ \u202e")


def test_odd_file_names_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spaces, quotes, line breaks, markup and letters of all kinds in the names of images and a folder."""
    monkeypatch.chdir(tmp_path)
    odd = ["a b", "c'd\"", "e\nf", "g..", "<script>", "ü漢\u202e", "=1+1", "$x$", "-n", "h;rm *"]
    good_inputs.make_images(Path("it's; $(touch x) <b>"), "masks")
    for kind in ("images", "masks"):
        for i, name in enumerate(odd):
            file = Path("it's; $(touch x) <b>", kind, f"p{i}.png")
            file.rename(file.with_name(f"{name}.png"))
    given = ["data", "import", "own", "it's; $(touch x) <b>", "--data-root", "root"]
    for words in (given, ["data", "preview", "own", "--data-root", "root", "--output", "out"]):
        result = CliRunner().invoke(cli, words)
        assert result.exit_code == 0, result.output
    stored = pd.read_parquet("root/imported/own/examples.parquet")
    assert set(stored.subject) == set(odd)
    assert {path.name for path in tmp_path.iterdir()} == {"it's; $(touch x) <b>", "root", "out"}


def test_a_run_and_a_report_write_into_their_folders_only(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = run.parent
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    before = sorted(run.rglob("*"))
    result = CliRunner().invoke(cli, ["report", "run", "--output", "out", "--only", "table7"])
    assert result.exit_code == 0, result.output
    assert {path.name for path in here.iterdir()} == {"run", "out"}
    assert sorted(run.rglob("*")) == before


def test_errors_hold_no_control_characters(tmp_path: Path) -> None:
    message, _ = describe(FileNotFoundError(2, "No such file", f"{tmp_path}/\x1b[2J\u202egnp.\udcff"))
    assert message.isprintable()
    assert "\\x1b[2J\\u202egnp.\\udcff" in message


def test_foreign_nnunet_plans_may_only_name_layers(tmp_path: Path) -> None:
    """nnU-Net imports and calls every name in the plans of a weights file."""
    import json

    import torch
    from safetensors.torch import save_file

    from segbench.models import create_model

    file = tmp_path / "nnunet-32-0.safetensors"
    for name in ("os.system", "torch.nn.functional.os.system", "torch.nn.modules.module.torch.hub.load"):
        for network, layer in ((name, "torch.nn.LeakyReLU"), ("dynamic_network_architectures.architectures"
                               ".unet.PlainConvUNet", name)):  # fmt: skip
            kind = {"network_class_name": network, "arch_kwargs": {"nonlin": layer}}
            plans = {"configurations": {"2d": {"architecture": kind | {"_kw_requires_import": ["nonlin"]}}}}
            save_file({"x": torch.zeros(1)}, file, {"training": json.dumps({"plans": plans})})
            with pytest.raises(WeightsError, match="not part of a network"):
                create_model("nnunet", weights=os.fspath(file))
