"""Tables of people's scribbles and simulated ones on the same images: Dice, length and area."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from segbench.reports import estimates
from segbench.reports.artefact import Artefact
from segbench.reports.artefacts.manual_scribbles import (
    ANNOTATORS,
    HUMAN,
    IMAGE,
    MANUAL,
    SIDES,
    frames,
    image_records,
    scribble_sizes,
)
from segbench.reports.layout import Grid, interval, number
from segbench.reports.style import model_title
from segbench.results import statistics

if TYPE_CHECKING:
    from segbench.results import Results

ALL_TASKS = "all tasks"
SIZES = {
    f"{side}_{size}": f"{heading}: {size}"
    for size in ("length", "area")
    for side, heading in zip(SIDES, ("Structure", "Background"), strict=True)
}


def agreement(results: Results) -> pd.DataFrame:
    """Average the Dice between the predictions from two drawings of an image over all pairs of drawings.

    Returns
    -------
    DataFrame
        A row per ``model``, ``annotator`` and image with several drawings, with ``agreement``.
    """
    keys = ["model", "annotator", *IMAGE]
    rows = []
    for key, drawings in frames(results).groupby(keys, sort=True):
        masks = [np.unpackbits(np.frombuffer(mask, np.uint8)).astype(bool) for mask in drawings.prediction]
        pairs = [_dice(*pair) for pair in combinations(masks, 2)]
        if pairs:
            rows.append(dict(zip(keys, key, strict=True)) | {"agreement": float(np.mean(pairs))})
    return pd.DataFrame(rows, columns=[*keys, "agreement"])


def _dice(one: np.ndarray, other: np.ndarray) -> float:
    total = int(one.sum() + other.sum())
    return 2 * int((one & other).sum()) / total if total else 1.0


def differences(records: pd.DataFrame) -> pd.DataFrame:
    """Subtract the Dice of people's scribbles from that of simulated ones, image by image.

    Returns
    -------
    DataFrame
        A row per ``model``, simulated ``annotator`` and image, with ``difference``; people and random draws
        are averaged within the image first.
    """
    keys = ["model", *IMAGE]
    table = records.groupby([*keys, "annotator"], sort=True).dice.mean().unstack("annotator")
    simulated = [name for name in ANNOTATORS if name in table and name != HUMAN]
    if HUMAN not in table or not simulated:
        return pd.DataFrame(columns=[*keys, "annotator", "difference"])
    paired = table[simulated].sub(table[HUMAN], axis=0)
    return paired.melt(value_name="difference", ignore_index=False).reset_index()


def over_images(rows: pd.DataFrame, value: str, by: list[str]) -> pd.DataFrame:
    """Estimate means over all tasks and by task, with intervals over subjects, which are single images.

    Returns
    -------
    DataFrame
        Columns ``group`` (`ALL_TASKS`, or the task's cohort and label), ``by``, and those of
        `segbench.results.statistics.bootstrap`; all tasks first, people before simulated annotators.
    """
    if rows.empty:
        return pd.DataFrame(columns=["group", *by, "mean", "low", "high", "std", "unit", "n_units"])
    named = rows.assign(group=rows.cohort + ", " + rows.label)
    keys = ["group", *by]
    overall = statistics.bootstrap(rows, value, "subject", by).assign(group=ALL_TASKS)
    table = pd.concat([overall, statistics.bootstrap(named, value, "subject", keys)])
    groups = [ALL_TASKS, *sorted(named.group.unique())]
    table = estimates.in_reading_order(table, keys, group=groups, annotator=list(ANNOTATORS))
    return table[["group", *table.columns.drop("group")]]


def dice_table(results: Results) -> pd.DataFrame:
    """Estimate the Dice by task, model and annotator.

    Returns
    -------
    DataFrame
        A row per ``group`` (a task, or all tasks), ``model`` and ``annotator``: ``mean``, ``low``, ``high``
        of Dice times 100 and ``images``; ``difference``, ``difference_low``, ``difference_high``, simulated
        minus human; ``agreement`` times 100. NaN where there is none.

    Raises
    ------
    InsufficientRecords
        If there are no such records.
    """
    records, keys = image_records(results), ["group", "model", "annotator"]
    table, paired, agreeing = (
        estimates.in_percent(over_images(rows, value, keys[1:]))
        for rows, value in (
            (records, "dice"),
            (differences(records), "difference"),
            (agreement(results), "agreement"),
        )
    )
    ends = {"mean": "difference", "low": "difference_low", "high": "difference_high"}
    return (
        table.rename(columns={"n_units": "images"})[[*keys, "mean", "low", "high", "images"]]
        .merge(paired.rename(columns=ends)[[*keys, *ends.values()]], "left", keys)
        .merge(agreeing.rename(columns={"mean": "agreement"})[[*keys, "agreement"]], "left", keys)
    )


def dice_grid(results: Results, table: pd.DataFrame) -> Grid:
    """Lay out a row per task and model, with people and simulated annotators side by side."""
    present = [name for name in ANNOTATORS if (table.annotator == name).any()]
    simulated = [name for name in present if name != HUMAN]
    columns = ["Task", "Method", "Images", *(ANNOTATORS[name] for name in present)]
    columns += [f"{ANNOTATORS[name]} minus people" for name in simulated]
    columns += [f"Agreement: {ANNOTATORS[name].lower()}" for name in present]
    rows = []
    for (group, model), part in table.groupby(["group", "model"], sort=False):
        by_annotator = {name: row for (_, row), name in zip(part.iterrows(), part.annotator, strict=True)}
        cells = [str(group), model_title(str(model)), number(part.images.max(), 0)]
        cells += [interval(by_annotator[name], 1) for name in present]
        cells += [interval(_difference(by_annotator[name]), 1) for name in simulated]
        rows.append(cells + [number(by_annotator[name].agreement, 1) for name in present])
    return Grid(columns, rows, heads=2)


def _difference(row: pd.Series) -> pd.Series:
    """Return the difference of a row as an estimate."""
    ends = ("difference", "difference_low", "difference_high")
    return pd.Series(dict(zip(estimates.SHOWN, row[list(ends)], strict=True)))


def sizes_table(results: Results) -> pd.DataFrame:
    """Estimate the length and area of scribbles by task and annotator.

    Returns
    -------
    DataFrame
        A row per ``group`` (a task, or all tasks), ``annotator`` and ``size`` (``positive_length``,
        ``negative_length``, ``positive_area``, ``negative_area``), with ``mean``, ``low`` and ``high`` in
        pixels, and ``images``.

    Raises
    ------
    InsufficientRecords
        If there are no such records.
    """
    sizes = scribble_sizes(results)
    tables = [over_images(sizes, size, ["annotator"]).assign(size=size) for size in SIZES]
    table = pd.concat(tables, ignore_index=True).rename(columns={"n_units": "images"})
    return table[["group", "annotator", "size", "mean", "low", "high", "images"]]


def sizes_grid(results: Results, table: pd.DataFrame) -> Grid:
    """Lay out a row per task and annotator."""
    rows = []
    for group in table.group.unique():
        for annotator in table.annotator.unique():
            part = table[(table.group == group) & (table.annotator == annotator)].set_index("size")
            sizes = [interval(row, 0) for _, row in part.loc[list(SIZES)].iterrows()]
            rows.append([group, ANNOTATORS[annotator], number(part.images.max(), 0), *sizes])
    return Grid(["Task", "Drawn by", "Images", *SIZES.values()], rows, heads=2)


ARTEFACTS = {
    "manual-scribbles-dice": Artefact(
        "table",
        "Dice from people's and from simulated scribbles",
        "One prediction of every image from all scribbles of one person, without a context; and one from "
        "the first scribbles of a simulated annotator: a centerline scribble on the structure and one on "
        "the background, or a bent line on either. Dice (×100) is averaged over people (or as many random "
        "draws) and images, then over tasks. The difference is paired by image. Agreement is the Dice "
        "(×100) between the predictions from two people's scribbles, or from two draws. Models that use a "
        "context have none here: SP+UVS and MultiverSeg then segment as ScribblePrompt does.",
        interval="95% bootstrap intervals over images, which are subjects; tasks and people are fixed.",
        requires=(MANUAL,),
        data=dice_table,
        grid=dice_grid,
    ),
    "manual-scribbles-marks": Artefact(
        "table",
        "Length and area of people's and of simulated scribbles",
        "All scribbles of one person on an image, and all that one simulated annotator drew before the "
        "first prediction, in pixels of the image that the models see. The length is the number of pixels "
        "of the thinned scribble, the area the number of all its pixels (of a simulated one, those above "
        "half of its peak). Means over people (or random draws) and images, then over tasks.",
        interval="95% bootstrap intervals over images, which are subjects.",
        requires=(MANUAL,),
        data=sizes_table,
        grid=sizes_grid,
    ),
}
