"""Tables for people: numbers rounded, intervals in one cell, names spelled out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from segbench.reports import style
from segbench.reports.protocols import labels

if TYPE_CHECKING:
    from segbench.results import Results

HEADINGS = {
    "model": "Method",
    "baseline": "Compared with",
    "context_size": "Context size",
    "set_size": "Images of a set",
    "prompts": "Prompts of a kind",
}

# Characters that LaTeX wants spelled out.
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
    """A table as text; the first ``heads`` columns name the row."""

    columns: list[str]
    rows: list[list[str]]
    heads: int = 1

    def markdown(self) -> str:
        """As a Markdown table."""
        columns = [_escaped(name) for name in self.columns]
        frame = pd.DataFrame([[_escaped(cell) for cell in row] for row in self.rows], columns=columns)
        return frame.to_markdown(index=False, disable_numparse=True) + "\n"

    def latex(self) -> str:
        """As a LaTeX table for booktabs, every name escaped."""
        frame = pd.DataFrame(self.rows, columns=self.columns, dtype=object)
        text: str = frame.to_latex(index=False, escape=True)
        for sign, command in SIGNS.items():
            text = text.replace(sign, command)
        return text


def number(value: float, digits: int = 2) -> str:
    """A figure with a true minus sign, or a dash where there is none."""
    return "–" if pd.isna(value) else f"{value:.{digits}f}".replace("-", "−")


def text(value: Any) -> str:
    """A value of a table of facts: words as they are, figures without trailing zeros, a dash for nothing."""
    if value is None or value == "" or (isinstance(value, float) and pd.isna(value)):
        return "–"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    figure = float(value)
    return (f"{int(figure):,}" if figure.is_integer() else f"{figure:g}").replace("-", "−")


def interval(row: pd.Series, digits: int = 2) -> str:
    """Mean with the ends of its interval and, where a test was made, its p value."""
    ends = f"{number(row['mean'], digits)} [{number(row['low'], digits)}, {number(row['high'], digits)}]"
    return f"{ends}, {probability(row.p)}" if "p" in row and pd.notna(row.p) else ends


def probability(value: float) -> str:
    """A p value as papers print it; nothing where there is none."""
    return "" if pd.isna(value) else "p < 0.0001" if value < 1e-4 else f"p = {value:.2g}"


def shown(column: str, value: object, results: Results | None = None) -> str:
    """A key of a row or column as people read it."""
    if column == "protocol" and results is not None:
        return labels(results, str(value)).title
    if column in ("model", "baseline"):
        return style.looks([str(value)])[str(value)].title
    if column == "unit":
        return f"Over {value}s"
    return str(value)


def plain(table: pd.DataFrame, columns: Mapping[str, str], heads: int = 1) -> Grid:
    """A table of facts for reading: the columns named, under their headings."""
    rows = [[text(value) for value in row] for row in table[list(columns)].to_numpy(object)]
    return Grid(list(columns.values()), rows, heads)


def wide(results: Results, data: pd.DataFrame, rows: Sequence[str], column: str) -> Grid:
    """Means and intervals with one row per combination of ``rows`` and one column per value of ``column``.

    The order of rows and columns is the one in which they come in ``data``. Counts, that is data without a
    column ``mean``, stand in the last column and are shown as they are.
    """
    cells = data.assign(cell=data.apply(interval, axis=1) if "mean" in data else data.iloc[:, -1].map(text))
    table = cells.pivot_table("cell", list(rows), column, aggfunc="first", sort=False, observed=True)
    heads = [_heading(name, data) for name in rows]
    body = [
        [shown(name, key, results) for name, key in zip(rows, _keys(index), strict=True)]
        + ["–" if pd.isna(cell) else str(cell) for cell in values]
        for index, values in zip(table.index, table.to_numpy(), strict=True)
    ]
    return Grid(heads + [shown(column, value, results) for value in table.columns], body, len(rows))


def _keys(index: object) -> tuple:
    return index if isinstance(index, tuple) else (index,)


def _heading(column: str, data: pd.DataFrame) -> str:
    if column == "group":
        return {"dataset": "Data set", "cohort": "Cohort", "task": "Task"}[data.level.iloc[0]]
    return HEADINGS.get(column, column.capitalize())


def _escaped(cell: str) -> str:
    """Task and model names come from outside; a bar or a line break in one must not end a cell."""
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
