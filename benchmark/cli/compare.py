"""``compare``: differences between two runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from segbench.benchmark.cli.options import FORMAT, command_of
from segbench.text import printable

if TYPE_CHECKING:
    import pandas as pd

    from segbench.benchmark.regression import Comparison

FORMS = {"interactions": "{:.2f}", "dice": "{:.3f}", "failures": "{:.3f}", "hd95": "{:.2f}"}


def _compare(first: str, second: str, format: str) -> None:
    from segbench.benchmark.regression import compare

    comparison = compare(first, second)
    if format == "json":
        click.echo(json.dumps(asdict(comparison) | {"table": rows(comparison.table)}, indent=1))
    else:
        for line in _lines(comparison):
            click.echo(printable(line))


def rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table for JSON; an absent value is null."""
    records: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=15))
    return records


def table_lines(table: pd.DataFrame, first: str, second: str) -> list[str]:
    """Return paired differences as lines of text; the two strings head the columns of the means."""
    kinds = table.groupby("protocol")[["context", "annotator", "split"]].nunique().max()
    by = list(kinds.index[kinds > 1])
    shown = table[["protocol", "model", "dataset", *by, "measure"]].map(printable)
    lines = []
    for row in rows(table):
        form = FORMS[row["measure"]]
        signed = form.replace(":", ":+")
        values = form.format(row["baseline"]), form.format(row["now"]), signed.format(row["difference"])
        known = row["low"] is not None
        interval = f"[{signed}, {signed}]".format(row["low"], row["high"]) if known else "unknown"
        lines.append([*values, interval])
    shown[[first, second, "difference", "95% interval"]] = lines
    rest = [name for name in ("images", "subjects", "verdict") if name in table]
    return shown.join(table[rest]).to_string(index=False).splitlines()


def _lines(comparison: Comparison) -> Iterator[str]:
    for section, lines in comparison.differing.items():
        yield f"{section}: {'different' if lines else 'equal'}"
        yield from (f"    {line}" for line in lines)
    yield from (f"Note: {note}" for note in comparison.notes)
    yield ""
    if comparison.equal:
        yield "All records are equal."
        return
    yield from table_lines(comparison.table, "A", "B")
    yield ""
    yield (
        "Differences are B - A over the images of both runs. Intervals are over subjects and not corrected "
        "for the number of comparisons."
    )


command = command_of(
    "compare",
    _compare,
    "Show how two runs differ.\n\nCompares environment, configuration, data, weights and the records of the "
    "images that both runs have.",
    "python -m benchmark compare results/runs/before results/runs/after",
    click.Argument(["first"], metavar="RUN_A"),
    click.Argument(["second"], metavar="RUN_B"),
    FORMAT,
)
