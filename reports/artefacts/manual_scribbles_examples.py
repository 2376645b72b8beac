"""Images with what each person drew, and what simulated annotators drew."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import drawings, pictures, style
from segbench.reports.artefact import HUMAN, Artefact
from segbench.reports.curves import note

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from segbench.results import Results

ARTEFACT = Artefact(
    "figure",
    "Scribbles of people and simulated ones",
    "The first image of tasks that are evenly spaced over all: what each person drew, and the first draw of "
    "either simulated annotator, each with the prediction from it and nothing else.",
    requires=(drawings.NEED,),
)

ROWS = 6
CELL = 1.75  # inches


def manual_scribbles_examples(results: Results, data: None = None) -> Figure:
    """A row per image, a column per drawing.

    Raises
    ------
    InsufficientRecords
        If no such pictures are stored, or the images are not at hand.
    """
    from matplotlib.figure import Figure

    kept = drawings.frames(results)
    model, look = next(iter(style.looks(kept.model).items()))
    kept = kept[(kept.model == model) & (kept.position == 1)]
    kept = kept[(kept.who == HUMAN) | (kept.simulation == 0)]
    tasks = sorted(kept.task.unique())
    tasks = [tasks[place * len(tasks) // min(ROWS, len(tasks))] for place in range(min(ROWS, len(tasks)))]
    columns = [key for who in drawings.WHO for key in sorted(_drawn(kept, who))]
    size = (CELL * len(columns) + 0.9, (CELL + 0.3) * len(tasks) + 0.7)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(tasks), len(columns), squeeze=False)
    for cells, task in zip(grid, tasks, strict=True):
        own = kept[kept.task == task]
        image, label = pictures.scene(results, task, int(own.image.iloc[0]))
        cells[0].set_ylabel(f"{own.cohort.iloc[0]}\n{own.label.iloc[0]}", fontsize="x-small")
        for axes, (who, number) in zip(cells, columns, strict=True):
            frame = own[(own.who == who) & (own.simulation == number)]
            pictures.draw(axes, image, label, frame)
            if len(frame):
                axes.set_xlabel(f"Dice {100 * frame.dice.iloc[0]:.1f}%", fontsize="x-small")
    for axes, (who, number) in zip(grid[0], columns, strict=True):
        title = f"Person {number + 1}" if who == HUMAN else drawings.WHO[who]
        axes.set_title(title, fontsize="small")
    note(figure, f"Predictions of {look.title}. {pictures.LEGEND}")
    return figure


def _drawn(kept: pd.DataFrame, who: str) -> set[tuple[str, int]]:
    """The drawings of one kind."""
    return {(who, int(number)) for number in kept.simulation[kept.who == who]}


ARTEFACTS = {"manual-scribbles-examples": dataclasses.replace(ARTEFACT, draw=manual_scribbles_examples)}
