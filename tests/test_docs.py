"""Code blocks of README, CONTRIBUTING and docs: Python runs, commands parse, README's example runs whole."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from segbench.benchmark.cli import cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAMS = (["python", "-m", "benchmark"], ["segbench"])
SIDE, IMAGES = 64, 20


class Block(NamedTuple):
    """A fenced block: page, language ("" for commands) and text."""

    page: Path
    language: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    for language, text in re.findall(r"(?ms)^```(\S*)\n(.*?)^```$", page.read_text(encoding="utf-8")):
        yield Block(page, language, text)


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command line of a block, without its comment."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words:
            yield words


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def arguments(words: list[str]) -> list[str] | None:
    """The arguments of our program on a command line, or None where it runs another program."""
    while words and "=" in words[0]:  # variables of the environment
        words = words[1:]
    for program in PROGRAMS:
        if words[: len(program)] == program:
            return words[len(program) :]
    return None


def parse(group: click.Command, words: list[str]) -> None:
    """Parse a command line as the program would, without running it."""
    context = group.make_context("segbench", list(words))
    if isinstance(group, click.Group):
        rest = words[next(i for i, word in enumerate(words) if not word.startswith("-")) :]
        _, command, rest = group.resolve_command(context, rest)
        assert command is not None
        parse(command, rest)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_are_understood(page: Path) -> None:
    targets = re.findall(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"))
    for block in blocks(page):
        if block.language not in ("", "sh", "bash"):
            continue
        for words in commands(block.text):
            if words[0] == "make":
                assert {w for w in words[1:] if re.fullmatch(r"[a-z][\w-]*", w)} <= {*targets}, words
            elif (ours := arguments(words)) is not None:
                try:
                    parse(cli, ours)
                except click.ClickException as error:
                    pytest.fail(f"{' '.join(words)}: {error.format_message()}")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_other_blocks_are_valid(page: Path) -> None:
    readers = {"toml": tomllib.loads, "json": json.loads}
    for block in blocks(page):
        assert block.language in ("", "sh", "bash", "python", "text", *readers), block.language
        if block.language in readers:
            readers[block.language](block.text)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(block.language == "python" for block in blocks(page))], ids=name
)
def test_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a page share one namespace; a block that begins with a file name is that module, too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    make_knees(tmp_path / "scans" / "knees")
    namespace: dict[str, object] = {}
    written = []
    for block in blocks(page):
        if block.language == "python":
            if found := re.match(r"# (\w+)\.py\n", block.text):
                written.append(found[1])
                (tmp_path / f"{found[1]}.py").write_text(block.text)
                sys.modules.pop(found[1], None)
            exec(compile(block.text, f"{name(page)}", "exec"), namespace)
    for module in written:
        sys.modules.pop(module, None)


def make_knees(folder: Path) -> None:
    """Pictures and masks of bright discs."""
    rows, columns = np.indices((SIDE, SIDE))
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number in range(IMAGES):
        disc = (rows - 24 - number % 9) ** 2 + (columns - 30) ** 2 < (10 + number % 5) ** 2
        Image.fromarray((disc * 150 + columns).astype(np.uint8)).save(folder / "images" / f"p{number:02}.png")
        Image.fromarray(disc.astype(np.uint8)).save(folder / "masks" / f"p{number:02}.png")


def test_a_stranger_gets_from_readme_to_figures_of_own_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """README's sections on a model and on images, as they stand, but of the smallest size."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SEGBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.syspath_prepend(tmp_path)
    make_knees(tmp_path / "scans" / "knees")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## Your model") : text.index("## The papers' experiments")]
    (code, *shells) = re.findall(r"(?ms)^```(?:\S*)\n(.*?)^```$", section)
    (tmp_path / "mine.py").write_text(code)
    for words in (words for shell in shells for words in commands(shell)):
        ours = arguments(words)
        assert ours is not None, words
        ours = [word.replace("~", str(tmp_path)) for word in ours]
        small = (
            ["--preset", "smoke", "--images", "2", "--max-steps", "2", "--workers", "1"]
            if ours[0] == "run"
            else []
        )
        result = CliRunner().invoke(cli, [*ours, *small])
        assert result.exit_code == 0, f"{' '.join(words)}\n{result.output}"
    (page,) = (tmp_path / "reports" / "build").glob("*/index.html")
    assert "knees" in page.read_text(encoding="utf-8") and (page.parent / "figures" / "fig3.png").is_file()
    sys.modules.pop("mine", None)
    shutil.rmtree(tmp_path)


def test_readme_is_short_and_links_lead_somewhere() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 600
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{name(page)} links to {target}"
