"""``check``: test a run against a baseline, or a model's adapter against mock tasks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from segbench.benchmark.cli.compare import FORMS, rows, table_lines
from segbench.benchmark.cli.options import FORMAT, command_of
from segbench.errors import UsageError
from segbench.text import count_of, printable

if TYPE_CHECKING:
    from segbench.benchmark.regression import CheckResult


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
            raise UsageError("--model tests an adapter; leave out RUN, --baseline and --update")
        _check_model(model, weights or "bundled", device or "cpu", format)
        return
    if weights is not None or device is not None:
        raise UsageError("--weights and --device belong to an adapter; add --model NAME")
    from segbench.benchmark.regression import check

    result = check(run, baseline=baseline, update=update)
    if format == "json":
        click.echo(json.dumps(_as_json(result), indent=1))
    else:
        for line in result_lines(result):
            click.echo(printable(line))
    click.get_current_context().exit(0 if result.passed or result.updated else 1)


def _as_json(result: CheckResult) -> dict[str, Any]:
    from segbench.results.regression import CONFIDENCE, MEASURES

    return {
        **{name: getattr(result, name) for name in ("passed", "updated", "run", "baseline")},
        "confidence": CONFIDENCE,
        "measures": [asdict(measure) for measure in MEASURES],
        "comparisons": rows(result.table),
        "missing": result.missing,
        "notes": result.notes,
    }


def result_lines(result: CheckResult) -> Iterator[str]:
    """Describe a result for people; the last line is the verdict."""
    from segbench.results.regression import CONFIDENCE, MEASURES

    yield f"{result.run} compared with {result.baseline}"
    yield from (f"Note: {note}" for note in result.notes)
    if len(result.table):
        yield from ("", *table_lines(result.table, "baseline", "now"), "")
    yield from (f"Missing: {line}" for line in result.missing)
    margins = ", ".join(
        f"{m.name} {m.margin:.0%} of the baseline" if m.relative else f"{m.name} {m.margin:g}"
        for m in MEASURES
    )
    yield (
        f"A regression is a change for the worse beyond the margin ({margins}), "
        f"with a confidence of {CONFIDENCE:.0%} for all comparisons together."
    )
    yield _verdict(result)


def _verdict(result: CheckResult) -> str:
    if result.updated:
        return f"The baseline {result.baseline} now holds the records of {result.run}."
    if result.passed:
        unsure = [_change(row) for row in rows(result.table[result.table.verdict == "cannot tell"])]
        if not unsure:
            return f"Passed: no regression in {count_of(len(result.table), 'comparison')}."
        verdict = "Passed, but" if (result.table.verdict == "passed").any() else "Cannot tell:"
        return f"{verdict} beyond the margin, maybe by chance: {'; '.join(unsure)}."
    faults = [*(f"missing {line}" for line in result.missing), *map(_change, rows(result.regressions))]
    return f"Regression: {'; '.join(faults)}."


def _change(row: dict[str, Any]) -> str:
    """Describe a change for the worse, with its lower bound if it is known, and the margin."""
    form = FORMS[row["measure"]]
    now, before, difference, margin = (
        form.format(row[name]) for name in ("now", "baseline", "difference", "margin")
    )
    known = row["verdict"] == "regression"
    worsening = f"at least {form.format(row['bound'])}" if known else difference.removeprefix("-")
    return (
        f"{row['model']} in {row['protocol']} on {row['dataset']}: {row['measure']} {now} instead of "
        f"{before}, worse by {worsening} (margin {margin})"
    )


def _check_model(model: str, weights: str, device: str, format: str) -> None:
    """Test an adapter on mock tasks and print the findings; exit status 1 if a check failed."""
    from segbench.benchmark.conformance import examine

    findings = examine(model, weights, device)
    failed = sum(finding.verdict == "failed" for finding in findings)
    if format == "json":
        result = {"model": model, "passed": not failed, "findings": [asdict(f) for f in findings]}
        click.echo(json.dumps(result, indent=1))
    else:
        width = max((len(finding.check) for finding in findings), default=0)
        for finding in findings:
            click.echo(printable(f"{finding.check:{width}}  {finding.verdict:7}  {finding.detail}"))
        click.echo(f"{printable(model)}: {count_of(failed, 'check') if failed else 'no check'} failed")
    click.get_current_context().exit(1 if failed else 0)


command = command_of(
    "check",
    _check,
    "Test whether a run is worse than a baseline.\n\nThe exit status is 1 if it is. Without RUN, the "
    "commands of the baseline are run first, about a minute for the bundled one. With --model, tests whether "
    "an adapter does what the protocols expect.",
    "python -m benchmark check results/runs/after --baseline results/runs/before\n"
    "  python -m benchmark check --model my_package:MyModel",
    click.Argument(["run"], required=False),
    click.Option(
        ["--baseline"],
        metavar="FILE|RUN",
        help="Baseline file or run to compare with.  [default: the bundled baseline]",
    ),
    click.Option(["--update"], is_flag=True, help="Write the records of the run to the baseline file."),
    click.Option(["--model"], metavar="NAME", help="Test this adapter on mock tasks instead of a run."),
    click.Option(
        ["--weights"],
        metavar="WEIGHTS",
        help="Weights of the adapter, as `run` takes them.  [default: bundled]",
    ),
    click.Option(
        ["--device"], type=click.Choice(["cpu", "cuda"]), help="Device of the adapter.  [default: cpu]"
    ),
    FORMAT,
)
