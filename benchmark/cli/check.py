"""``check``: whether a run is worse than a baseline, or whether an adapter is correct."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from benchmark.cli.compare import FORMAT, FORMS, rows, told
from benchmark.cli.telling import some
from benchmark.errors import Usage

if TYPE_CHECKING:
    from benchmark.checking import Checked


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
            raise Usage("--model tries an adapter; it goes without RUN, --baseline and --update")
        _examine(model, weights or "bundled", device or "cpu", format)
        return
    if weights is not None or device is not None:
        raise Usage("--weights and --device are for an adapter; name it by --model")
    from benchmark.checking import SMOKE, check

    found = check(run, baseline=baseline or SMOKE, update=update)
    if format == "json":
        click.echo(json.dumps(_as_json(found), indent=1, ensure_ascii=False))
    else:
        for line in _lines(found):
            click.echo(line)
    sys.exit(0 if found.passed or found.updated else 1)


def _as_json(found: Checked) -> dict[str, Any]:
    from results.regression import CONFIDENCE, MEASURES

    said = {name: getattr(found, name) for name in ("passed", "updated", "run", "baseline")}
    said["confidence"] = CONFIDENCE
    said["measures"] = [asdict(measure) for measure in MEASURES]
    return said | {"comparisons": rows(found.table), "missing": found.missing, "notes": found.notes}


def _lines(found: Checked) -> Iterator[str]:
    """What is told to people; the last line is the answer."""
    from results.regression import CONFIDENCE, MEASURES

    yield f"{found.run} against {found.baseline}"
    yield from (f"Note: {note}" for note in found.notes)
    if len(found.table):
        yield f"\n{told(found.table, 'baseline', 'now')}\n"
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
        unsure = int((found.table.verdict == "cannot tell").sum())
        told = f"; {unsure} seem worse, but may be so by chance" if unsure else ""
        return f"Passed: no regression in {some(len(found.table), 'comparison')}{told}."
    said = [f"{what} is missing" for what in found.missing]
    for row in rows(found.regressions):
        form = FORMS[row["measure"]]
        now, before, bound, margin = (
            form.format(row[name]) for name in ("now", "baseline", "bound", "margin")
        )
        said.append(
            f"{row['model']} in {row['protocol']} on {row['dataset']}: {row['measure']} {now} instead of "
            f"{before}, worse by at least {bound} where {margin} is tolerated"
        )
    return f"Regression: {'; '.join(said)}."


def _examine(model: str, weights: str, device: str, format: str) -> None:
    """Try an adapter on mock tasks and tell what was found; exit status 1 if anything failed."""
    from benchmark.conformance import examine

    found = examine(model, weights, device)
    failed = sum(finding.verdict == "failed" for finding in found)
    if format == "json":
        said = {"model": model, "passed": not failed, "findings": [asdict(finding) for finding in found]}
        click.echo(json.dumps(said, indent=1, ensure_ascii=False))
    else:
        width = max((len(finding.check) for finding in found), default=0)
        for finding in found:
            click.echo(f"{finding.check:{width}}  {finding.verdict:7}  {finding.detail}")
        click.echo(f"{model}: {some(failed, 'check')} failed" if failed else f"{model}: no check failed")
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
        click.Option(["--update"], is_flag=True, help="Make the run's records the baseline."),
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
