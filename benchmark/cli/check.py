"""``check``: whether a run is worse than a baseline, or whether an adapter is correct."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from segbench.benchmark.cli.compare import FORMAT, FORMS, rows, told
from segbench.errors import UsageError
from segbench.text import count_of, printable

if TYPE_CHECKING:
    from segbench.benchmark.regression.checking import Checked


def _check(
    run: str | None,
    baseline: str | None,
    update: bool,
    model: str | None,
    weights: str | None,
    device: str | None,
    format: str,
) -> None:
    if model is not None:
        if run is not None or baseline is not None or update:
            raise UsageError("--model tries an adapter; it goes without RUN, --baseline and --update")
        _examine(model, weights or "bundled", device or "cpu", format)
        return
    if weights is not None or device is not None:
        raise UsageError("--weights and --device are for an adapter; name it by --model")
    from segbench.benchmark.regression.checking import check

    found = check(run, baseline=baseline, update=update)
    if format == "json":
        click.echo(json.dumps(_as_json(found), indent=1))
    else:
        for line in _lines(found):
            click.echo(printable(line))
    sys.exit(0 if found.passed or found.updated else 1)


def _as_json(found: Checked) -> dict[str, Any]:
    from segbench.results.regression import CONFIDENCE, MEASURES

    said = {name: getattr(found, name) for name in ("passed", "updated", "run", "baseline")}
    said["confidence"] = CONFIDENCE
    said["measures"] = [asdict(measure) for measure in MEASURES]
    return said | {"comparisons": rows(found.table), "missing": found.missing, "notes": found.notes}


def _lines(found: Checked) -> Iterator[str]:
    """What is told to people; the last line is the answer."""
    from segbench.results.regression import CONFIDENCE, MEASURES

    yield f"{found.run} against {found.baseline}"
    yield from (f"Note: {note}" for note in found.notes)
    if len(found.table):
        yield from ("", *told(found.table, "baseline", "now"), "")
    yield from (f"Missing: {what}" for what in found.missing)
    margins = ", ".join(
        f"{m.name} {m.margin:.0%} of the baseline" if m.relative else f"{m.name} {m.margin:g}"
        for m in MEASURES
    )
    yield (
        f"A regression is worse by more than the margin ({margins}) "
        f"with a confidence of {CONFIDENCE:.0%} for all comparisons together."
    )
    yield _answer(found)


def _answer(found: Checked) -> str:
    if found.updated:
        return f"The baseline {found.baseline} now holds the records of {found.run}."
    if found.passed:
        unsure = [_change(row) for row in rows(found.table[found.table.verdict == "cannot tell"])]
        if not unsure:
            return f"Passed: no regression in {count_of(len(found.table), 'comparison')}."
        verdict = "Passed, but" if (found.table.verdict == "passed").any() else "Cannot tell:"
        return f"{verdict} worse than tolerated, maybe by chance: {'; '.join(unsure)}."
    said = [f"{what} is missing" for what in found.missing]
    return f"Regression: {'; '.join([*said, *map(_change, rows(found.regressions))])}."


def _change(row: dict[str, Any]) -> str:
    """What has become worse, by how much as far as is known, and how much is tolerated."""
    form = FORMS[row["measure"]]
    now, before, change, margin = (
        form.format(row[name]) for name in ("now", "baseline", "difference", "margin")
    )
    known = row["verdict"] == "regression"
    by = f"at least {form.format(row['bound'])}" if known else change.removeprefix("-")
    return (
        f"{row['model']} in {row['protocol']} on {row['dataset']}: {row['measure']} {now} instead of "
        f"{before}, worse by {by} where {margin} is tolerated"
    )


def _examine(model: str, weights: str, device: str, format: str) -> None:
    """Try an adapter on mock tasks and tell what was found; exit status 1 if anything failed."""
    from segbench.benchmark.conformance import examine

    found = examine(model, weights, device)
    failed = sum(finding.verdict == "failed" for finding in found)
    if format == "json":
        said = {"model": model, "passed": not failed, "findings": [asdict(finding) for finding in found]}
        click.echo(json.dumps(said, indent=1))
    else:
        width = max((len(finding.check) for finding in found), default=0)
        for finding in found:
            click.echo(printable(f"{finding.check:{width}}  {finding.verdict:7}  {finding.detail}"))
        click.echo(f"{printable(model)}: {count_of(failed, 'check') if failed else 'no check'} failed")
    sys.exit(1 if failed else 0)


command = click.Command(
    "check",
    callback=_check,
    short_help="Whether a run is worse than a baseline.",
    help="Whether a run is worse than a baseline; exit status 1 if it is. Without RUN the embedded smoke set "
    "is run. With --model: whether an adapter does what the protocols expect.",
    params=[
        click.Argument(["run"], required=False),
        click.Option(
            ["--baseline"], metavar="FILE|RUN", help="What to compare with.  [default: the bundled]"
        ),
        click.Option(["--update"], is_flag=True, help="Make the run's records that of --baseline."),
        click.Option(["--model"], metavar="NAME", help="Try this adapter on mock tasks instead."),
        click.Option(
            ["--weights"], metavar="bundled|official|PATH", help="Weights of the adapter.  [default: bundled]"
        ),
        click.Option(
            ["--device"],
            type=click.Choice(["cpu", "cuda"]),
            help="Where the adapter computes.  [default: cpu]",
        ),
        FORMAT,
    ],
)
