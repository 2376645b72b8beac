"""Tables for reading: rounded numbers, intervals in one cell, titles instead of names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from segbench.reports import style
from segbench.reports.protocols import labels
from segbench.text import significant

if TYPE_CHECKING:
    from segbench.results import Results

HEADINGS = {
    "model": "Method",
    "baseline": "Compared with",
    "context_size": "Context size",
    "set_size": "Images of a set",
    "prompts": "Prompts of a kind",
}

# Changes in percent from one model to another; negative is less work.
CHANGE, TASK_CHANGE = "change_percent", "task_change_percent"
CHANGES = {CHANGE: "Change of mean totals", TASK_CHANGE: "Mean of the tasks' changes"}

# Characters that are commands in LaTeX.
SIGNS = {
    "−": "$-$",
    "–": "--",
    "±": r"$\pm$",
    "×": r"$\times$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
}


@dataclass(frozen=True)
class Grid:
    """A table as text; the first ``heads`` columns name the row.

    ``links`` are addresses on the page, by the row and column of a cell.
    """

    columns: list[str]
    rows: list[list[str]]
    heads: int = 1
    links: Mapping[tuple[int, int], str] = field(default_factory=dict)

    def markdown(self) -> str:
        """Return the table in Markdown."""
        columns = [_escaped(name) for name in self.columns]
        frame = pd.DataFrame([[_escaped(cell) for cell in row] for row in self.rows], columns=columns)
        return frame.to_markdown(index=False, disable_numparse=True) + "\n"

    def latex(self) -> str:
        """Return the table in LaTeX for booktabs, with every name escaped."""
        frame = pd.DataFrame(self.rows, columns=self.columns, dtype=object)
        text: str = frame.to_latex(index=False, escape=True)
        for sign, command in SIGNS.items():
            text = text.replace(sign, command)
        return text


def number(value: float, digits: int = 2) -> str:
    """Format a number with a true minus sign; a dash for a missing one."""
    return "–" if pd.isna(value) else f"{value:.{digits}f}".replace("-", "−")


def joined(first: float, between: str, second: float, digits: int = 2) -> str:
    """Format two numbers, such as a mean ± its spread; without the second one if it is missing."""
    return number(first, digits) + ("" if pd.isna(second) else f" {between} {number(second, digits)}")


def text(value: Any) -> str:
    """Format a fact: text unchanged, numbers without trailing zeros, a dash for a missing one."""
    if value is None or value == "" or (isinstance(value, float) and pd.isna(value)):
        return "–"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    value = float(value)
    return (f"{int(value):,}" if value.is_integer() else significant(value, 6)).replace("-", "−")


def change(percent: float) -> str:
    """Format a change with its sign, in the digits of all places of a report: "−25.0%"."""
    if pd.isna(percent):
        return "–"
    digits = number(abs(percent), 1)
    return f"{digits if float(digits) == 0 else ('+' if percent > 0 else '−') + digits}%"


def interval(row: pd.Series, digits: int = 2) -> str:
    """Format a mean with the ends of its interval, if it has one."""
    return _interval(row, partial(number, digits=digits))


def _interval(row: pd.Series, formatted: Callable[[float], str]) -> str:
    mean, low, high = (formatted(row[name]) for name in ("mean", "low", "high"))
    return mean if pd.isna(row["low"]) else f"{mean} [{low}, {high}]"


def probability(value: float) -> str:
    """Format a p value as in papers; a missing one is an empty text."""
    return "" if pd.isna(value) else "p < 0.0001" if value < 1e-4 else f"p = {value:.2g}"


def title_of(results: Results, column: str, value: object) -> str:
    """Return the title of a key of a row or column."""
    if column == "protocol":
        return labels(results, str(value)).title
    if column in ("model", "baseline"):
        return style.model_title(str(value))
    if column == "unit":
        return f"Over {value}s"
    if column == "measure":
        return CHANGES[str(value)]
    return str(value)


def plain(table: pd.DataFrame, columns: Mapping[str, str], heads: int = 1) -> Grid:
    """Lay out facts: the columns named, with their headings."""
    rows = [[text(value) for value in row] for row in table[list(columns)].to_numpy(object)]
    return Grid(list(columns.values()), rows, heads)


def wide(results: Results, data: pd.DataFrame, rows: Sequence[str], column: str) -> Grid:
    """Lay out means and intervals, one row per combination of ``rows``, one column per value of ``column``.

    Rows and columns are in the order of ``data``, models in that of the legends. Data without a column
    ``mean`` are counts, in the last column. The p values of data with a column ``p`` have a column of their
    own.
    """
    cells = data.assign(cell=data.apply(_cell, axis=1) if "mean" in data else data.iloc[:, -1].map(text))
    table = cells.pivot_table("cell", list(rows), column, aggfunc="first", sort=False, observed=True)
    if column == "model":  # one may begin in a later row than another
        table = table[list(style.line_styles(table.columns))]
    heads, titles = [_heading(name, data) for name in rows], [title_of(results, column, c) for c in table]
    if column == "context_size":
        titles = [f"Context of {size}" for size in titles]
    if "p" in data:
        titles.append("Paired t-test")
        table[titles[-1]] = data.dropna(subset="p").set_index(list(rows)).p.map(probability)
    body = [
        [title_of(results, name, key) for name, key in zip(rows, _keys(index), strict=True)]
        + ["–" if pd.isna(cell) else str(cell) for cell in values]
        for index, values in zip(table.index, table.to_numpy(), strict=True)
    ]
    return Grid(heads + titles, body, len(rows))


def _cell(row: pd.Series) -> str:
    return _interval(row, change) if row.get("measure") in CHANGES else interval(row)


def _keys(index: object) -> tuple:
    return index if isinstance(index, tuple) else (index,)


def _heading(column: str, data: pd.DataFrame) -> str:
    if column == "group":
        return {"dataset": "Data set", "cohort": "Cohort", "task": "Task"}[data.level.iloc[0]]
    return HEADINGS.get(column, column.capitalize())


def _escaped(cell: str) -> str:
    """Escape a cell; a bar or line break in the name of a task or model must not end it."""
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
