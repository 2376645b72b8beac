"""Every kind of odd file is read rightly, or refused in one sentence that leaves nothing behind."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from odd import Odd
from odd_commands import COMMANDS
from odd_imports import IMPORTS
from odd_names import NAMING
from odd_pictures import PICTURES
from odd_subjects import SUBJECTS
from odd_volumes import VOLUMES

from segbench.benchmark.cli import cli

TABLE = [*PICTURES, *VOLUMES, *SUBJECTS, *NAMING, *IMPORTS, *COMMANDS]


@pytest.mark.parametrize("odd", TABLE, ids=lambda odd: f"{odd.kind}: {odd.what}")
def test_it_is_right_or_refused(odd: Odd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = shlex.split(odd.make(tmp_path))
    with odd.during():
        result = CliRunner().invoke(cli, words)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output and "unexpected" not in result.output, result.output
    if odd.refused:
        errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        assert result.exit_code in (1, 2) and len(errors) == 1, result.output
        assert odd.refused in errors[0]
        assert not [*(tmp_path / "root").glob("imported/*")]
    else:
        assert result.exit_code == 0, result.output
    for part in odd.tells:
        assert part in result.output
    if odd.check:
        odd.check(tmp_path / "root")


def test_the_table_names_each_input_once() -> None:
    assert len({(odd.kind, odd.what) for odd in TABLE}) == len(TABLE)
