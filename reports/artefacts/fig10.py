"""Example of a whole process with MultiverSeg and center clicks (MultiverSeg, Fig. 10)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import pictures
from segbench.reports.artefact import Artefact, InsufficientRecords, Requirement
from segbench.reports.curves import note

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

PROTOCOL, MODEL = "center-clicks", "multiverseg"

ARTEFACT = Artefact(
    "figure",
    "Example of a process with MultiverSeg and center clicks (Fig. 10)",
    "One simulated user works through a set. Example 0, the seed image, is segmented with clicks alone. "
    "Every later example begins with a prediction from the context, which holds the earlier images and the "
    "user's final masks of them; then clicks correct it until the target Dice or the maximum is reached. "
    "Longer rows leave out steps before the last. The task is the one whose number of clicks on these "
    "examples is nearest to the median of all tasks; simulation 0.",
    requires=(Requirement(protocols=(PROTOCOL,), models=(MODEL,), required=(MODEL,)),),
)

EXAMPLES = (0, 1, 2, 3, 10)
STEPS = 6  # predictions per row at most, so that they are legible
CELL = 1.45  # inches


def _process(results: Results) -> pd.DataFrame:
    """The frames to show, all of one task."""
    stored = pictures.stored(results)
    frames = stored[
        (stored.protocol == PROTOCOL)
        & (stored.model == MODEL)
        & (stored.context == "binary")
        & (stored.split == "test")
        & stored.position.isin(EXAMPLES)
    ]
    later = frames[frames.position > 0]
    if later.empty:
        raise InsufficientRecords("The runs keep no pictures of MultiverSeg with center clicks.")
    clicks = (
        later.groupby(["task", "position"], observed=True).step.max().groupby("task", observed=True).mean()
    )
    task = (clicks - clicks.median()).abs().sort_index().idxmin()
    return frames[frames.task == task]


def fig10(results: Results, data: None = None) -> Figure:
    """A row per example, from the image over the predictions in turn to the final one.

    Raises
    ------
    InsufficientRecords
        If no such pictures are stored, or the images are not at hand.
    """
    from matplotlib.figure import Figure

    frames = _process(results)
    task = str(frames.task.iloc[0])
    rows = [
        part.sort_values("step") for position in EXAMPLES if len(part := frames[frames.position == position])
    ]
    shown = [_shown(part.step.tolist()) for part in rows]
    columns = 1 + max(map(len, shown))
    figure = Figure(figsize=(CELL * columns + 0.5, (CELL + 0.42) * len(rows) + 0.7), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for cells, part, steps in zip(grid, rows, shown, strict=True):
        image, label = pictures.scene(results, task, int(part.image.iloc[0]))
        pictures.draw(cells[0], image, label)
        cells[0].set_ylabel(f"Example {part.position.iloc[0]}", fontsize="small", fontweight="bold")
        for axes, step in zip(cells[1:], steps, strict=False):
            pictures.draw(axes, image, label, part[part.step <= step])
            _describe(axes, part, step)
        for axes in cells[1 + len(steps) :]:
            axes.set_axis_off()
    grid[0][0].set_title("Image", fontsize="x-small")
    figure.suptitle(f"{task}, simulation 0", fontsize="small")
    note(figure, pictures.LEGEND)
    return figure


def _shown(steps: list[int]) -> list[int]:
    """The steps that a row has room for: the first ones and the last."""
    return steps if len(steps) <= STEPS else [*steps[: STEPS - 1], steps[-1]]


def _describe(axes: Axes, part: pd.DataFrame, step: int) -> None:
    """What a prediction rests on, above it, and how good it is, below."""
    frame = part[part.step == step].iloc[-1]
    clicks = f"{step} click{'' if step == 1 else 's'}"
    if step == 0:
        size = int(frame.context_size)
        heading = f"In context of {size} image{'' if size == 1 else 's'}"
    else:
        heading = clicks
    axes.set_title(heading, fontsize="x-small")
    final = f", final: {clicks}" if step == part.step.max() else ""
    axes.set_xlabel(f"Dice {100 * frame.dice:.1f}%{final}", fontsize="x-small")


ARTEFACTS = {"fig10": dataclasses.replace(ARTEFACT, draw=fig10)}
