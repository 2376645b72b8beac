"""The table of results that ``run`` prints."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from segbench.reports.by_task import ALL_TASKS, SIZES, VARIANTS, largest, short_names
from segbench.results.overview import mean_table
from segbench.text import printable

MOST_ROWS = {"task": 30, "dataset": 60}  # parts that are listed: the first ones that have so few rows
ALL = {"task": ALL_TASKS, "dataset": "all data sets"}
WIDEST = 36  # letters of the name of a part
NUMBERS = ("interactions", "failed", "Dice")


def result_table(images: pd.DataFrame) -> str:
    """Return the mean interactions, failures and Dice of each model by task, or by data set, and over all.

    Parameters
    ----------
    images : DataFrame
        The records, one row per image. Rows of single tasks or data sets are of the largest contexts and
        sets; the means over all have a row for each size.
    """
    table = mean_table(images).assign(part="")
    level = _level(images)
    if level:
        parts = mean_table(largest(images), [level])
        names = _names(images) if level == "task" else {}
        parts["part"] = [names.get(name, name) for name in parts.pop(level)]
        for size in set(SIZES) & set(table):
            parts[size] = parts.protocol.map(table.groupby("protocol")[size].max()).map(
                lambda n: n and "largest"
            )
        parts = parts.sort_values(["protocol", "part"], kind="stable")
        table = pd.concat([parts, table.assign(part=ALL[level])]).fillna("")
    return "\n".join(_lines(table.rename(columns={"failures": "failed"})))


def _level(images: pd.DataFrame) -> str:
    """Return what is listed besides the means over all: task, dataset, or nothing."""
    for level, most in MOST_ROWS.items():
        rows = images[["protocol", level, "model", *VARIANTS]].drop_duplicates()
        if images[level].nunique() > 1 and len(rows) <= most:
            return level
    return ""


def _names(images: pd.DataFrame) -> dict[str, str]:
    """Return the names of tasks without the parts that their data set's other tasks share."""
    names = short_names(images)
    if images.dataset.nunique() == 1:
        return names
    return {task: f"{task.split('/')[0]}, {name}" for task, name in names.items()}


def _lines(table: pd.DataFrame) -> Iterator[str]:
    """Yield a line of headings, then those of each protocol; repeated names are left out."""
    columns = [str(name) for name in table if name not in ("protocol", "part", *NUMBERS)]
    rows: list[list[str]] = [["", *columns, *NUMBERS]]
    for protocol, of_protocol in table.groupby("protocol", sort=False):
        rows.append([str(protocol)])
        for part, of_part in of_protocol.groupby("part", sort=False):
            names = [f"  {_cut(printable(str(part)))}", *("" for _ in range(len(of_part) - 1))]
            values = of_part[[*columns, *NUMBERS]].astype(str).to_numpy().tolist()
            rows += [[name, *row] for name, row in zip(names, values, strict=True)]
    widths = [max(len(row[column]) for row in rows if len(row) > 1) for column in range(len(rows[0]))]
    for row in rows:
        cells = zip(row, widths, strict=False)
        text = (f"{c:>{w}}" if i > len(columns) else f"{c:<{w}}" for i, (c, w) in enumerate(cells))
        yield "  ".join(text).rstrip()


def _cut(name: str) -> str:
    return name if len(name) <= WIDEST else f"{name[: WIDEST - 1]}…"
