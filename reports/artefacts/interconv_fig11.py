"""Sets of four images with one and with eight random clicks (InterConv, Fig. 11)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segbench.models.registry import PAIR
from segbench.reports.artefact import Artefact, Requirement
from segbench.reports.artefacts.set_pictures import LEGEND, ROWS, draw_example, example, frames_of
from segbench.reports.curves import note

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from segbench.results import Results

PROTOCOL = "set-clicks"

ARTEFACT = Artefact(
    "figure",
    "Predictions with one and with eight clicks (InterConv, Fig. 11)",
    "Four images of one task with one positive and one negative random click each, and with eight of either "
    "kind. ScribblePrompt-InterConv segments the four together, the baseline each alone. The paper shows "
    "DRIVE; where the run has no pictures of it, the first task by name stands in. Simulation 0.",
    requires=(Requirement(protocols=(PROTOCOL,), models=PAIR, required=PAIR),),
)

SET_SIZE = 4
PROMPTS = (1, 8)
CELL, GAP = 1.25, 0.12  # inches; part of a cell between the two numbers of clicks


def interconv_fig11(results: Results, data: None = None) -> Figure:
    """Side by side for each number of clicks: prompts and label, InterConv, baseline.

    Raises
    ------
    InsufficientRecords
        If no such pictures are stored, or the images are not at hand.
    """
    from matplotlib.figure import Figure

    frames = frames_of(results, PROTOCOL, SET_SIZE)
    shown = [example(frames, "drive", prompts) for prompts in PROMPTS]
    size = (CELL * SET_SIZE * len(shown) + 1.0, 3.6 * CELL + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    widths = [*[1] * SET_SIZE, GAP, *[1] * SET_SIZE]
    grid = figure.subplots(ROWS, len(widths), width_ratios=widths, squeeze=False)
    for axes in grid[:, SET_SIZE]:
        axes.set_axis_off()
    for number, one in enumerate(shown):
        first = number * (SET_SIZE + 1)
        draw_example(grid[:, first : first + SET_SIZE], results, one)
    note(figure, LEGEND)
    return figure


ARTEFACTS = {"interconv-fig11": dataclasses.replace(ARTEFACT, draw=interconv_fig11)}
