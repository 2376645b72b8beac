"""Example predictions after one interaction step (MultiverSeg, Fig. 5)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import pictures, style
from segbench.reports.artefact import SEQUENTIAL, Artefact, InsufficientRecords
from segbench.reports.curves import note
from segbench.reports.estimates import grouping

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

ARTEFACT = Artefact(
    "figure",
    "Example predictions after one interaction step (Fig. 5)",
    "What each method makes of one click or one scribble step on an image before which it has seen ten "
    "others, each segmented to the target Dice or as far as it came. One task of each data set, or of each "
    "cohort where there is one data set; simulation 0. A method that met the target without any interaction "
    "is shown as it was then.",
)

EXAMPLE = 10  # the image before which the context holds ten
CELL = 1.55  # inches


def _examples(results: Results) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """The frames to choose from, and which protocol and task each row shows.

    The first task of every group is shown, under each protocol in turn.
    """
    stored = pictures.stored(results)
    frames = stored[
        stored.protocol.isin(SEQUENTIAL)
        & stored.context.isin(["binary", "none"])
        & (stored.split == "test")
        & stored.position.between(1, EXAMPLE)
        & ~stored.model.astype(str).str.fullmatch(r"sp-uvs-\d+")  # variants, which Fig. 15 compares
    ]
    if frames.empty:
        raise InsufficientRecords("The runs keep no pictures of test images with a binary context.")
    tasks = frames.astype({"task": str}).groupby(grouping(frames), observed=True).task.min()
    protocols = style.protocols_in_order(frames.protocol)[::-1]
    rows = []
    for number in range(max(len(tasks), len(protocols))):
        task = tasks.iloc[number % len(tasks)]
        there = set(frames.protocol[frames.task == task])
        possible = [protocol for protocol in protocols if protocol in there]
        rows.append((possible[number % len(possible)], task))
    return frames, sorted(dict.fromkeys(rows), key=lambda row: (protocols.index(row[0]), row[1]))


def fig5(results: Results, data: None = None) -> Figure:
    """A row per task, and a column for the image and each method.

    Raises
    ------
    InsufficientRecords
        If no pictures are stored, or the images of no task are at hand.
    """
    from matplotlib.figure import Figure

    frames, chosen = _examples(results)
    rows, refusals = [], []
    for protocol, task in chosen:
        part = frames[(frames.protocol == protocol) & (frames.task == task)]
        part = part[part.position == part.position.max()]
        try:
            rows.append((part, *pictures.scene(results, task, int(part.image.iloc[0]))))
        except InsufficientRecords as error:
            refusals.append(str(error))
    if not rows:
        raise InsufficientRecords(refusals[0])
    looks = style.looks(pd.concat([part.model.astype(str) for part, *_ in rows]))
    figure = Figure(
        figsize=(CELL * (1 + len(looks)) + 0.6, (CELL + 0.3) * len(rows) + 0.6), layout="constrained"
    )
    grid = figure.subplots(len(rows), 1 + len(looks), squeeze=False)
    for cells, (part, image, label) in zip(grid, rows, strict=True):
        pictures.draw(cells[0], image, label)
        cells[0].set_ylabel(_row_title(part.iloc[0]), fontsize="x-small")
        for axes, model in zip(cells[1:], looks, strict=True):
            _panel(axes, image, label, part[part.model == model].sort_values("step"))
    for axes, heading in zip(grid[0], ["Image", *(look.title for look in looks.values())], strict=True):
        axes.set_title(heading, fontsize="small")
    note(figure, " ".join([pictures.LEGEND, *dict.fromkeys(refusals)]))
    return figure


def _row_title(frame: pd.Series) -> str:
    """Task, protocol and number of earlier images, in lines that fit beside a picture."""
    earlier = f"{frame.position} earlier image{'' if frame.position == 1 else 's'}"
    return f"{frame.dataset} {frame.cohort}\n{frame.label}\n{style.wording(frame.protocol).title}\n{earlier}"


def _panel(axes: Axes, image, label, frames: pd.DataFrame) -> None:
    """One method after one step, or before any where it needed none."""
    first = frames[frames.step <= 1]
    pictures.draw(axes, image, label, None if first.empty else first)
    if first.empty:
        axes.set_xlabel("not run", fontsize="x-small")
        return
    last = first.iloc[-1]
    needed = "" if last.step else "\nwithout interaction"
    axes.set_xlabel(f"Dice {100 * last.dice:.1f}%{needed}", fontsize="x-small")


ARTEFACTS = {"fig5": dataclasses.replace(ARTEFACT, draw=fig5)}
