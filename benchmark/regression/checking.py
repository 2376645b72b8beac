"""Whether a run is worse than a baseline (docs/checking-regressions.md)."""

from __future__ import annotations

import contextlib
import hashlib
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.benchmark.regression.baseline import Baseline, of_run, read, write
from segbench.benchmark.regression.comparison import GOALS, differing, other_data, parts
from segbench.errors import UsageError
from segbench.paths import PACKAGE, RUNS

if TYPE_CHECKING:
    import pandas as pd

SMOKE = PACKAGE / "results" / "baselines" / "smoke.csv"
CODE = ("benchmark", "datasets", "models", "protocols", "results")  # packages that decide about the records
START = ["python", "-m", "benchmark", "run"]
NO_RUN = {"--help", "--dry-run", "--debug"}  # with these, a command measures nothing, or not only


@dataclass(frozen=True, eq=False)
class Checked:
    """What `check` finds.

    Attributes
    ----------
    run, baseline : str
        Where both are.
    table : DataFrame
        As of `segbench.results.regression.judged`, a row per comparison.
    missing : what of the baseline the run lacks, in words
    notes : what differs behind them, in words
    updated : whether the run has become the baseline
    """

    run: str
    baseline: str
    table: pd.DataFrame
    missing: list[str]
    notes: list[str]
    updated: bool = False

    @property
    def regressions(self) -> pd.DataFrame:
        """The rows of the table that are regressions."""
        return self.table[self.table.verdict == "regression"]

    @property
    def passed(self) -> bool:
        return not self.missing and self.regressions.empty


def check(
    run: str | Path | None = None, *, baseline: str | Path | None = None, update: bool = False
) -> Checked:
    """Compare a run with a baseline, and make it the new one if asked to.

    Parameters
    ----------
    run : path or address, optional
        Without it the commands that the baseline names are run first.
    baseline : path, optional
        A file that ``update`` has written, or a run. Without it the bundled one.
    update : bool
        Write the run's records to the baseline's file, whatever the comparison says. With a run of its own,
        it needs the name of that file.

    Raises
    ------
    UsageError
        If there is no baseline or it cannot be read, or it and the run do not compare.
    StoreError
        If the run cannot be read.
    """
    if update and run is not None and baseline is None:
        raise UsageError(
            "--update with a RUN needs --baseline FILE; the bundled one is renewed without a RUN"
        )
    baseline = SMOKE if baseline is None else baseline
    file = Path(baseline)
    if update and ("://" in str(baseline) or (file.exists() and not file.is_file())):
        raise UsageError(f"{baseline} is no file; name a file for the baseline")
    if update and run is not None and not file.exists():
        new = of_run(run)
        write(new, file)
        return Checked(str(run), str(file), _nothing(), [], ["there was no baseline yet"], True)
    old = _known(baseline)
    new = of_run(run if run is not None else rerun(old))
    try:
        found = judge(old, new)
    except UsageError as error:
        if not update:
            raise
        found = Checked(new.name, old.name, _nothing(), [], [str(error)])
    if update:
        write(new, file)
    return Checked(found.run, found.baseline, found.table, found.missing, found.notes, update)


def _known(baseline: str | Path) -> Baseline:
    """A baseline from its file, or from a run."""
    from segbench.results.store import StoreError, exists

    try:
        if "://" in str(baseline) or exists(baseline):
            return of_run(baseline)
        return read(Path(baseline))
    except StoreError as error:  # a fault of the baseline is no regression of the run
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(f"the baseline {baseline} cannot be read: {error.strerror or error}") from error


def judge(old: Baseline, new: Baseline) -> Checked:
    """The comparison itself.

    Raises
    ------
    UsageError
        If the settings or data do not compare.
    """
    from segbench.results.regression import MEASURES, differences, judged, missing

    reason = _incomparable(old.manifest, new.manifest)
    if reason:
        raise UsageError(f"{new.name} cannot be compared with the baseline {old.name}: {reason}")
    same_draws = old.manifest["settings"]["seed"] == new.manifest["settings"]["seed"]
    absent = missing(old.images, new.images, same_draws)
    table = judged(differences(old.images, new.images, [measure.name for measure in MEASURES]))
    notes = [line for lines in differing(old.manifest, new.manifest).values() for line in lines]
    return Checked(new.name, old.name, table, absent, notes)


def _incomparable(old: dict[str, Any], new: dict[str, Any]) -> str | None:
    """Why two runs do not measure the same, or None."""
    for name in GOALS:
        ours, theirs = (manifest["settings"][name] for manifest in (old, new))
        if ours != theirs:
            return f"{name} is {theirs} and was {ours}; run it with the baseline's settings"
    before, now = parts(old), parts(new)
    for name in before.keys() & now.keys():
        if before[name]["images"] != now[name]["images"]:
            return (
                f"{name} has sets of {now[name]['images']} images and had {before[name]['images']}; "
                "run it with the baseline's settings"
            )
    changed = other_data(old, new)
    if changed:
        return f"the data of {', '.join(changed)} are others; write a new baseline with --update"
    return None


def _nothing() -> pd.DataFrame:
    """The table of no comparison."""
    import pandas as pd

    from segbench.results.regression import BY, NUMBERS, judged

    return judged(pd.DataFrame(columns=[*BY, "measure", *NUMBERS]))


def rerun(baseline: Baseline) -> str | Path:
    """Run what a baseline's records come from, in a folder that belongs to it and to this program.

    A unit's key does not know the code, and a stale unit would hide what the code now does. The folder
    therefore belongs to the source files, the bundled weights and the versions of what they compute with.

    Raises
    ------
    UsageError
        If the baseline names no command, or one that is none.
    """
    from click import ClickException

    from segbench.benchmark.cli.run import command, run

    commands = [shlex.split(line) for line in baseline.manifest["commands"]]
    if not commands or any(words[:4] != START or NO_RUN & {*words} for words in commands):
        raise UsageError(f"{baseline.name} does not say how it was made; name the RUN to check")
    try:
        given = [command.make_context("run", words[4:]).params for words in commands]
    except ClickException as error:
        raise UsageError(f"{baseline.name} has a wrong command: {error.format_message()}") from error
    where: str | Path = RUNS / "check" / _belonging(baseline.manifest["commands"])
    with contextlib.redirect_stdout(sys.stderr):
        for options in given:
            where = run(**options | {"output": where})
    return where


def _belonging(commands: Sequence[str]) -> str:
    """A name that is another one for other commands, code, bundled weights or libraries."""
    from segbench.benchmark.provenance import packages, source_digest

    total = hashlib.sha256(repr([*commands, sys.version]).encode())
    total.update(repr(packages()).encode() + source_digest(PACKAGE, CODE).encode())
    return total.hexdigest()[:12]
