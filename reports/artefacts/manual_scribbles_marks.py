"""How long scribbles of people are, and simulated ones on the same images."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import drawings
from segbench.reports.artefact import Artefact
from segbench.reports.layout import Grid, interval, number

if TYPE_CHECKING:
    from segbench.results import Results

ARTEFACT = Artefact(
    "table",
    "Length and area of people's and of simulated scribbles",
    "All that one person drew on an image, and all that one simulated annotator drew before the first "
    "prediction, in pixels of the image that the models see. The length is the number of pixels of the "
    "thinned scribble, the area all of its pixels (of a simulated one, those above half of its peak). "
    "Means over people (or draws) and images, then over tasks.",
    interval="95% bootstrap intervals over images, each of which is a subject.",
    requires=(drawings.NEED,),
)

COLUMNS = {
    f"{side}_{what}": f"{heading}: {what}"
    for what in ("length", "area")
    for side, heading in zip(drawings.SIDES, ("Structure", "Background"), strict=True)
}


def manual_scribbles_marks(results: Results) -> pd.DataFrame:
    """Length and area by task and who drew.

    Returns
    -------
    DataFrame
        A row per ``group`` (a task, or all tasks), ``who`` (human, centerline, line) and ``mark``
        (``positive_length``, ``negative_length``, ``positive_area``, ``negative_area``), with ``mean``,
        ``low`` and ``high`` in pixels, and ``images``.

    Raises
    ------
    InsufficientRecords
        If there are no such records.
    """
    rows = drawings.marks(results)
    tables = [drawings.over_images(rows, mark, ["who"]).assign(mark=mark) for mark in COLUMNS]
    table = pd.concat(tables, ignore_index=True).rename(columns={"n_units": "images"})
    return table[["group", "who", "mark", "mean", "low", "high", "images"]]


def manual_scribbles_marks_grid(table: pd.DataFrame) -> Grid:
    """The table for reading: a row per task and who drew."""
    rows = []
    for group in table.group.unique():
        for who in table.who.unique():
            part = table[(table.group == group) & (table.who == who)].set_index("mark")
            lengths = [interval(row, 0) for _, row in part.loc[list(COLUMNS)].iterrows()]
            rows.append([group, drawings.WHO[who], number(part.images.max(), 0), *lengths])
    return Grid(["Task", "Drawn by", "Images", *COLUMNS.values()], rows, heads=2)


ARTEFACTS = {
    "manual-scribbles-marks": dataclasses.replace(
        ARTEFACT, data=manual_scribbles_marks, grid=lambda _, table: manual_scribbles_marks_grid(table)
    )
}
