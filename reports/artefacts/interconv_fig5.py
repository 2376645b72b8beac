"""Sets of eight images with few prompts (InterConv, Fig. 5)."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from typing import TYPE_CHECKING

from segbench.reports.artefact import Artefact, InsufficientRecords
from segbench.reports.artefacts.interconv_fig4 import NEED
from segbench.reports.artefacts.set_pictures import LEGEND, ROWS, Example, draw_example, example, frames_of
from segbench.reports.curves import note

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from segbench.results import Results

ARTEFACT = Artefact(
    "figure",
    "Predictions for sets of eight images (InterConv, Fig. 5)",
    "Eight images of one task, each with two positive and two negative line scribbles, and eight of another "
    "with eight random clicks of either kind. ScribblePrompt-InterConv segments the eight together, the "
    "baseline each alone. The paper shows PanDental and ACDC; where the run has no pictures of them, the "
    "first tasks by name stand in. Simulation 0.",
    requires=(NEED,),
)

SET_SIZE = 8
EXAMPLES = (("set-scribbles", "pandental", 2), ("set-clicks", "acdc", 8))
CELL = 1.2  # inches


def interconv_fig5(results: Results, data: None = None) -> Figure:
    """For each kind of prompt three rows: prompts and label, InterConv, baseline.

    Raises
    ------
    InsufficientRecords
        If no such pictures are stored, or the images are not at hand.
    """
    from matplotlib.figure import Figure

    shown: list[Example] = []
    for protocol, preferred, prompts in EXAMPLES:
        with suppress(InsufficientRecords):  # of the other kind of prompt there may be pictures
            frames = frames_of(results, protocol, SET_SIZE)
            shown.append(example(frames, preferred, prompts, [one.task for one in shown]))
    if not shown:
        raise InsufficientRecords("The runs keep no pictures of sets of eight images of both models.")
    figure = Figure(figsize=(CELL * SET_SIZE + 0.6, 3.7 * CELL * len(shown) + 0.4), layout="constrained")
    grid = figure.subplots(ROWS * len(shown), SET_SIZE, squeeze=False)
    for number, one in enumerate(shown):
        draw_example(grid[ROWS * number : ROWS * (number + 1)], results, one)
    note(figure, LEGEND)
    return figure


ARTEFACTS = {"interconv-fig5": dataclasses.replace(ARTEFACT, draw=interconv_fig5)}
