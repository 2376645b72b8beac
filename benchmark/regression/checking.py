"""Check whether a run is worse than a baseline (docs/regression-checks.md)."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import itertools
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.benchmark.regression.baseline import MACHINE_ARGUMENTS, Baseline, from_run, read, write
from segbench.benchmark.regression.comparison import (
    GOALS,
    changed_tasks,
    experiments,
    manifest_differences,
)
from segbench.errors import UsageError, reason_of
from segbench.paths import PACKAGE, RUNS
from segbench.text import render_command

if TYPE_CHECKING:
    import pandas as pd

BUNDLED = PACKAGE / "results" / "baselines" / "phantoms.csv"
CODE = ("benchmark", "datasets", "models", "protocols", "results")  # packages that decide the records


def _no_comparisons() -> pd.DataFrame:
    import pandas as pd

    from segbench.results.regression import BY, NUMBERS, with_verdicts

    return with_verdicts(pd.DataFrame(columns=[*BY, "measure", *NUMBERS]))


@dataclass(frozen=True, eq=False)
class CheckResult:
    """Result of `check`.

    Attributes
    ----------
    run, baseline : str
        Addresses of both.
    table : DataFrame
        As of `segbench.results.regression.with_verdicts`, a row per comparison.
    missing : parts of the baseline that the run lacks, as lines
    notes : differences of the manifests, as lines
    updated : whether the baseline now holds the records of the run
    """

    run: str
    baseline: str
    table: pd.DataFrame = field(default_factory=_no_comparisons)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
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
) -> CheckResult:
    """Compare a run with a baseline and, on request, replace the baseline.

    Parameters
    ----------
    run : path or address, optional
        Without it, the commands of the baseline are run first.
    baseline : path, optional
        A file that ``update`` has written, or a run; the bundled baseline by default.
    update : bool
        Write the records of the run to the baseline's file, whatever the comparison finds. With `run`, the
        file must be named by `baseline`.

    Raises
    ------
    UsageError
        If there is no baseline, it cannot be read, or it measures something else than the run.
    StoreError
        If the run cannot be read.

    Examples
    --------
    >>> check("results/runs/after", baseline="results/runs/before").passed  # doctest: +SKIP
    True
    """
    if update and run is not None and baseline is None:
        raise UsageError("--update with a RUN needs --baseline FILE; without RUN it updates the bundled one")
    baseline = BUNDLED if baseline is None else baseline
    file = Path(baseline)
    if update and ("://" in str(baseline) or (file.exists() and not file.is_file())):
        raise UsageError(f"{baseline} is not a file; give a file to --baseline")
    if update and run is not None and not file.exists():
        new = from_run(run)
        result = CheckResult(new.name, str(file), notes=["there was no baseline yet"])
    else:
        old = _load(baseline)
        new = from_run(rerun(old) if run is None else run)
        try:
            result = check_records(old, new)
        except UsageError as error:
            if not update:
                raise
            result = CheckResult(new.name, old.name, notes=[str(error)])
    if update:
        write(new, file)
    return replace(result, updated=update)


def _load(baseline: str | Path) -> Baseline:
    """Read a baseline from its file or from a run."""
    from segbench.results.store import StoreError, exists

    try:
        if "://" in str(baseline) or exists(baseline):
            return from_run(baseline)
        return read(Path(baseline))
    except StoreError as error:  # wrong usage: a fault of the baseline is not a regression of the run
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(f"the baseline {baseline} cannot be read: {reason_of(error)}") from error


def check_records(old: Baseline, new: Baseline) -> CheckResult:
    """Compare the records of a run with those of a baseline.

    Raises
    ------
    UsageError
        If their settings or data differ.
    """
    from segbench.results.regression import MEASURES, differences, missing_records, with_verdicts

    reason = _incomparable(old.manifest, new.manifest)
    if reason:
        raise UsageError(f"{new.name} cannot be compared with {old.name}: {reason}")
    same_draws = old.manifest["settings"]["seed"] == new.manifest["settings"]["seed"]
    missing = missing_records(old.images, new.images, same_draws)
    table = with_verdicts(differences(old.images, new.images, [measure.name for measure in MEASURES]))
    notes = [*itertools.chain(*manifest_differences(old.manifest, new.manifest).values())]
    return CheckResult(new.name, old.name, table, missing, notes)


def _incomparable(old: dict[str, Any], new: dict[str, Any]) -> str | None:
    """Return why two runs do not measure the same, and what to do, or None."""
    advice = f"this makes a run that can be compared: {' && '.join(_commands(old['all_arguments']))}"
    for name in GOALS:
        before, now = (manifest["settings"][name] for manifest in (old, new))
        if before != now:
            return f"{name} is {now} and was {before} in the baseline; {advice}"
    parts, new_parts = experiments(old), experiments(new)
    for name in parts.keys() & new_parts.keys():
        before, now = parts[name]["images"], new_parts[name]["images"]
        if before != now:
            return f"{name} has simulations of {now} images and had {before} in the baseline; {advice}"
    changed = changed_tasks(old, new)
    if changed:
        return f"the data of {', '.join(changed)} have changed; replace the baseline with --update"
    return None


def _commands(all_arguments: list[dict[str, Any]]) -> list[str]:
    """Return the commands of a baseline; several write into one folder."""
    output = {"output": "comparable"} if len(all_arguments) > 1 else {}
    return [render_command("run", arguments | output) for arguments in all_arguments]


def rerun(baseline: Baseline) -> str | Path:
    """Repeat the commands of a baseline in a folder that belongs to it and to this version of the program.

    The key of a unit does not depend on the code, and an old unit would hide what the code now does. The name
    of the folder therefore depends on the source, the bundled weights and the versions of the libraries.

    Raises
    ------
    UsageError
        If the baseline holds no arguments, or unknown ones.
    """
    from segbench.benchmark.api import run
    from segbench.benchmark.provenance import packages, source_digest

    commands = baseline.manifest["all_arguments"]
    known = inspect.signature(run).parameters.keys() - {"dry_run", *MACHINE_ARGUMENTS}
    if not commands or any(arguments.keys() - known for arguments in commands):
        raise UsageError(f"{baseline.name} does not hold the options of a run; give the RUN to check")
    identity = [commands, sys.version, packages(), source_digest(PACKAGE, CODE)]
    output: str | Path = RUNS / "check" / hashlib.sha256(repr(identity).encode()).hexdigest()[:12]
    with contextlib.redirect_stdout(sys.stderr):
        for arguments in commands:
            output = run(**arguments, output=output)
    return output
