"""``compare``: what differs between two runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from segbench.text import printable

if TYPE_CHECKING:
    import pandas as pd

    from segbench.benchmark.regression.comparison import Compared

FORMAT = click.Option(["--format"], type=click.Choice(["text", "json"]), default="text", help="For whom.")
FORMS = {"interactions": "{:.2f}", "dice": "{:.3f}", "failures": "{:.3f}", "hd95": "{:.2f}"}


def _compare(first: str, second: str, format: str) -> None:
    from segbench.benchmark.regression.comparison import compare

    found = compare(first, second)
    if format == "json":
        click.echo(json.dumps(asdict(found) | {"table": rows(found.table)}, indent=1))
    else:
        for line in _lines(found):
            click.echo(printable(line))


def rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A table for JSON: no value is null."""
    found: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=15))
    return found


def told(table: pd.DataFrame, first: str, second: str) -> list[str]:
    """Paired differences as lines of text, with contexts and splits where these are several."""
    by = [name for name in ("context", "split") if table[name].nunique() > 1]
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


def _lines(found: Compared) -> Iterator[str]:
    for section, lines in found.differing.items():
        yield f"{section}: {'differs' if lines else 'nothing differs'}"
        yield from (f"    {line}" for line in lines)
    yield from (f"Note: {note}" for note in found.notes)
    yield ""
    if found.equal:
        yield "All records are equal."
        return
    yield from told(found.table, "A", "B")
    yield ""
    yield (
        "Differences are B - A over the images of both; the intervals are over subjects, "
        "each on its own: they are not corrected for their number."
    )


command = click.Command(
    "compare",
    callback=_compare,
    short_help="What differs between two runs.",
    help="What differs between two runs, A and B: environment, configuration, data, weights, and records.",
    params=[click.Argument(["first"], metavar="RUN_A"), click.Argument(["second"], metavar="RUN_B"), FORMAT],
)
