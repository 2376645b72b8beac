"""How many examples the tasks have (MultiverSeg, Fig. 9)."""

from __future__ import annotations

import dataclasses
from itertools import count
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from segbench.reports import catalogue, estimates, style
from segbench.reports.artefact import Artefact, InsufficientRecords
from segbench.reports.curves import note, shared_legend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from segbench.results import Results

ARTEFACT = Artefact(
    "figure",
    "Examples per task (Fig. 9)",
    "Number of images that the tasks have in their validation split, over all tasks that this run looked "
    "at, also those it left out. A task takes part in experiment 1 when the split that is segmented has "
    "as many images as a set (dashed line).",
    requires=(),
    rows=("task",),
    column="split",
)

SPLIT = "val"
CUT_OFF = 18  # images of a set in the paper
BINS = 24  # at most


def fig9_data(results: Results) -> pd.DataFrame:
    """Images in the validation split of every task that the run looked at.

    Returns
    -------
    DataFrame
        Columns ``task``, ``dataset``, ``split`` and ``images``.

    Raises
    ------
    InsufficientRecords
        If no manifest says how many images a task has.
    """
    tasks = catalogue.tasks(results).dropna(subset=SPLIT)
    if tasks.empty:
        raise InsufficientRecords("No manifest says how many images the tasks have.")
    table = tasks[["task", "dataset"]].assign(split=SPLIT, images=tasks[SPLIT].astype(int))
    return table.reset_index(drop=True)


def fig9(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """A histogram of the tasks by their number of images, with the size of a set as a line.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `fig9_data`, where they are at hand.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    images = (fig9_data(results) if data is None else data).images
    cut = estimates.standard_size(results) or CUT_OFF
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    edges = _edges(images, cut)
    axes.hist(images, edges, color=style.BLUE, alpha=0.85, edgecolor="white", linewidth=0.8)
    axes.axvline(cut, color=style.VERMILION, linestyle="--", label=f"Size of a set: {cut} images")
    axes.set_xlabel("Images per task (validation split)")
    axes.set_ylabel("Tasks")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.08 * int(np.histogram(images, edges)[0].max()))
    axes.grid(axis="x", visible=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    shared_legend(figure, [axes])
    enough = int((images >= cut).sum())
    note(figure, f"{len(images)} task{'' if len(images) == 1 else 's'}, {enough} with at least {cut} images.")
    return figure


def _edges(images: pd.Series, cut: int) -> list[int]:
    """Edges of bins that hold all tasks, one of them at the size of a set.

    Bins are equally wide; where they are wider than a set, the tasks below it share one narrower bin.
    """
    last = max(int(images.max()), cut)
    width = next(w for w in count(ceil((last + 1) / BINS)) if cut % w == 0 or w > cut)
    return [*range(0, cut, width), *range(cut, last + width + 1, width)]


ARTEFACTS = {"fig9": dataclasses.replace(ARTEFACT, data=fig9_data, draw=fig9)}
