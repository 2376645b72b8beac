"""Figures and tables as objects: title, caption, required records, and functions of the results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from segbench.reports import estimates, style
from segbench.reports.curves import note
from segbench.reports.layout import Grid, wide
from segbench.reports.requirement import Requirement

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from segbench.results import Results


@dataclass(frozen=True)
class Artefact:
    """A figure or a table.

    Its functions raise `InsufficientRecords` or ``StatisticsError`` where the results do not suffice.

    Attributes
    ----------
    kind : {"figure", "table"}
    title, caption : str
        Heading and explanation on the page. The title ends with the name that a paper gives it, if any.
    interval : str
        Description of the intervals. ``{simulation}``, ``{subject}``, ``{image}`` and ``{training}`` become
        the numbers of resampled units. Empty without intervals.
    requires : tuple of Requirement
        Empty for an artefact that uses no records.
    rows, column : tuple of str, str
        Columns of a figure's data that name the rows and the columns of its table; empty for pictures.
    data : callable, optional
        ``data(results) -> DataFrame``: the numbers; None for pictures.
    draw : callable, optional
        ``draw(results, data) -> Figure``, of a figure; ``data`` is None for pictures. Call it through
        `figure`, which applies the theme and adds the description of the intervals.
    grid : callable, optional
        ``grid(results, data) -> Grid``, of a table: the rows for reading.
    beside_papers : str
        Further sentences of the caption, about the papers (see `segbench.reports.papers.shown`).
    """

    kind: Literal["figure", "table"]
    title: str
    caption: str
    interval: str = ""
    requires: tuple[Requirement, ...] = (Requirement(),)
    rows: tuple[str, ...] = ()
    column: str = ""
    data: Callable[[Results], pd.DataFrame] | None = None
    draw: Callable[[Results, Any], Figure] | None = None
    grid: Callable[[Results, pd.DataFrame], Grid] | None = None
    beside_papers: str = ""

    def figure(self, results: Results, data: pd.DataFrame | None = None) -> Figure:
        """Draw under the theme of all figures, with the description of the intervals below the panels.

        Parameters
        ----------
        results : Results
        data : DataFrame, optional
            The numbers, if they are already computed.
        """
        assert self.draw is not None, "only a figure can be drawn"
        if data is None and self.data is not None:
            data = self.data(results)
        with style.themed():
            figure = self.draw(results, data)
            note(figure, estimates.describe_interval(self.interval, data))
            figure.draw_without_rendering()
        return figure

    def reading_grid(self, results: Results, data: pd.DataFrame) -> Grid | None:
        """Lay the numbers out for reading; None for a picture."""
        if self.grid is not None:
            return self.grid(results, data)
        if not self.column:
            return None
        shown = data if self.column == "unit" or "unit" not in data else estimates.first_unit(data)
        return wide(results, shown, self.rows, self.column)
