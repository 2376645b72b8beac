"""Figures and tables as objects: title, caption, required records, and functions of the results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from segbench.errors import SegbenchError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from segbench.reports.layout import Grid
    from segbench.results import Results

METHODS = ("scribbleprompt", "sp-uvs", "multiverseg")  # compared in the figures of MultiverSeg
SUPERVISED = "supervised"  # family of networks that are trained on each task
NO_CONTEXT = "none"  # in the column ``context``, of predictions without a context


class InsufficientRecords(SegbenchError, ValueError):
    """The results do not suffice for an artefact; the message is one sentence that gives the reason."""


@dataclass(frozen=True)
class Requirement:
    """Records that an artefact shows. A report draws it from any part of them and lists the rest as missing.

    Attributes
    ----------
    families : tuple of str
        Families of protocols (`segbench.protocols.protocol.Protocol`). Every protocol of these families is
        shown; the built-in ones are listed as missing where they have no records.
    models : tuple of str
        Models of the paper's figure; each one without records is listed as missing. Others are shown too.
    protocols : tuple of str
        Single protocols instead of families.
    required : tuple of str
        Models without which there is nothing to draw.
    least : int
        Smallest number of models.
    split : {"test", "val"}
    context : {"binary", "soft", "ground-truth"}
        Content of the context entries. Predictions without a context are always shown.
    longer : bool
        Whether images count whose position is beyond the run's standard number of images.
    optional : bool
        Whether absent protocols are not listed as missing.
    """

    families: tuple[str, ...] = ("sequential",)
    models: tuple[str, ...] = METHODS
    protocols: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    least: int = 1
    split: str = "test"
    context: str = "binary"
    longer: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Artefact:
    """A figure or a table.

    Its functions raise `InsufficientRecords` or ``StatisticsError`` where the results do not suffice.

    Attributes
    ----------
    kind : {"figure", "table"}
    title, caption : str
        Heading and explanation on the page.
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

    def figure(self, results: Results, data: pd.DataFrame | None = None) -> Figure:
        """Draw under the theme of all figures, with the description of the intervals below the panels.

        Parameters
        ----------
        results : Results
        data : DataFrame, optional
            The numbers, if they are already computed.
        """
        from segbench.reports import estimates, style
        from segbench.reports.curves import note

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
        from segbench.reports.estimates import first_unit
        from segbench.reports.layout import wide

        if self.grid is not None:
            return self.grid(results, data)
        if not self.column:
            return None
        shown = data if self.column == "unit" or "unit" not in data else first_unit(data)
        return wide(results, shown, self.rows, self.column)
