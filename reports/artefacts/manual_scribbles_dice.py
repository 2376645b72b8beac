"""Dice from scribbles that people drew, and from simulated ones on the same images."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import drawings, estimates
from segbench.reports.artefact import HUMAN, Artefact
from segbench.reports.layout import Grid, interval, number, shown

if TYPE_CHECKING:
    from segbench.results import Results

ARTEFACT = Artefact(
    "table",
    "Dice from people's and from simulated scribbles",
    "One prediction of every image from all scribbles of one person, without a context; beside it, one from "
    "what a simulated annotator begins with: a centerline scribble on the structure and one on the "
    "background, or a straight line on either, bent. Dice (×100) is averaged over people (or as many draws) "
    "and images, then over tasks. The difference is that of the same image. Agreement is the Dice (×100) "
    "between the predictions from two people's scribbles, or from two draws. Models that learn from a "
    "context have none here: SP+UVS and MultiverSeg then segment as ScribblePrompt does.",
    interval="95% bootstrap intervals over images, each of which is a subject; tasks and people are fixed.",
    requires=(drawings.NEED,),
)


def manual_scribbles_dice(results: Results) -> pd.DataFrame:
    """Dice by task, model and who drew.

    Returns
    -------
    DataFrame
        A row per ``group`` (a task, or all tasks), ``model`` and ``who`` (human, centerline, line):
        ``mean``, ``low``, ``high`` of Dice times 100 and ``images``; ``difference``, ``difference_low``,
        ``difference_high``, simulated minus human; ``agreement`` times 100. NaN where there is none.

    Raises
    ------
    InsufficientRecords
        If there are no such records.
    """
    rows, keys = drawings.images(results), ["group", "model", "who"]
    table = estimates.in_percent(drawings.over_images(rows, "dice", keys[1:]))
    paired = estimates.in_percent(drawings.over_images(drawings.differences(rows), "difference", keys[1:]))
    alike = estimates.in_percent(drawings.over_images(drawings.agreement(results), "agreement", keys[1:]))
    ends = {"mean": "difference", "low": "difference_low", "high": "difference_high"}
    return (
        table.rename(columns={"n_units": "images"})[[*keys, "mean", "low", "high", "images"]]
        .merge(paired.rename(columns=ends)[[*keys, *ends.values()]], "left", keys)
        .merge(alike.rename(columns={"mean": "agreement"})[[*keys, "agreement"]], "left", keys)
    )


def manual_scribbles_dice_grid(table: pd.DataFrame) -> Grid:
    """The table for reading: a row per task and model, people and simulated annotators side by side."""
    drawn = [who for who in drawings.WHO if (table.who == who).any()]
    simulated = [who for who in drawn if who != HUMAN]
    columns = ["Task", "Method", "Images", *(drawings.WHO[who] for who in drawn)]
    columns += [f"{drawings.WHO[who]} minus people" for who in simulated]
    columns += [f"Agreement: {drawings.WHO[who].lower()}" for who in drawn]
    rows = []
    for (group, model), part in table.groupby(["group", "model"], sort=False):
        found = {who: row for (_, row), who in zip(part.iterrows(), part.who, strict=True)}
        row = [str(group), shown("model", model), number(part.images.max(), 0)]
        row += [interval(found[who], 1) for who in drawn]
        row += [interval(_difference(found[who]), 1) for who in simulated]
        rows.append(row + [number(found[who].agreement, 1) for who in drawn])
    return Grid(columns, rows, heads=2)


def _difference(row: pd.Series) -> pd.Series:
    """The difference of a row as an estimate of its own."""
    ends = ("difference", "difference_low", "difference_high")
    return pd.Series(dict(zip(estimates.SHOWN, row[list(ends)], strict=True)))


ARTEFACTS = {
    "manual-scribbles-dice": dataclasses.replace(
        ARTEFACT, data=manual_scribbles_dice, grid=lambda _, table: manual_scribbles_dice_grid(table)
    )
}
