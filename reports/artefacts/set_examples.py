"""Images of a set with their prompts and predictions (InterConv, Fig. 5 and 11)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from segbench.reports import pictures, protocols, style
from segbench.reports.artefact import Artefact
from segbench.reports.artefacts.set_gains import INTERACTIVE, INTERACTIVE_PAIR
from segbench.reports.curves import note
from segbench.reports.requirement import InsufficientRecords, Requirement

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

PROMPTS = "Green and orange: positive and negative prompts."
ROWS = 3  # prompts and label, InterConv, baseline
# Fig. 5: protocol, data set of the paper and prompts of a kind.
KINDS = (("set-scribbles", "pandental", 2), ("set-clicks", "acdc", 8))
CLICKS = (1, 8)  # Fig. 11


@dataclass(frozen=True)
class Example:
    """One set of images with one number of prompts: the frames of both models."""

    task: str
    protocol: str
    prompts: int
    frames: pd.DataFrame

    def title(self, results: Results) -> str:
        unit = protocols.labels(results, self.protocol).unit
        noun = unit if self.prompts > 1 else unit.removesuffix("s")
        return f"{self.task}\n{self.prompts} positive and {self.prompts} negative {noun}"


def draw_kinds(results: Results, data: None) -> Figure:
    """Draw the examples of both kinds of prompts below each other.

    Raises
    ------
    InsufficientRecords
        If no such pictures are stored, or the images are not available.
    """
    from matplotlib.figure import Figure

    size, cell = 8, 1.2  # images per set, inches
    examples: list[Example] = []
    for protocol, dataset, prompts in KINDS:
        with suppress(InsufficientRecords):  # there may be pictures of the other kind of prompt
            frames = _frames(results, protocol, size)
            examples.append(_example(frames, dataset, prompts, [one.task for one in examples]))
    if not examples:
        raise InsufficientRecords("The runs store no pictures of sets of eight images of both models.")
    figure = Figure(figsize=(cell * size + 0.6, 3.7 * cell * len(examples) + 0.4), layout="constrained")
    grid = figure.subplots(ROWS * len(examples), size, squeeze=False)
    images = []
    for cells, example in zip(np.split(grid, len(examples)), examples, strict=True):
        images += _draw_example(cells, results, example)
    note(figure, pictures.legend(images, PROMPTS))
    return figure


def draw_clicks(results: Results, data: None) -> Figure:
    """Draw the same images with each number of clicks side by side; raises as `draw_kinds` does."""
    from matplotlib.figure import Figure

    size, cell, gap = 4, 1.25, 0.12  # images per set, inches, width of the gap in cells
    frames = _frames(results, "set-clicks", size)
    examples = [_example(frames, "drive", prompts) for prompts in CLICKS]
    figure = Figure(figsize=(cell * size * len(examples) + 1.0, 3.6 * cell + 0.5), layout="constrained")
    widths = [*[1] * size, gap, *[1] * size]
    grid = figure.subplots(ROWS, len(widths), width_ratios=widths, squeeze=False)
    for axes in grid[:, size]:
        axes.set_axis_off()
    for cells, example in zip((grid[:, :size], grid[:, size + 1 :]), examples, strict=True):
        images = _draw_example(cells, results, example)
    note(figure, pictures.legend(images, PROMPTS))
    return figure


def _frames(results: Results, protocol: str, set_size: int) -> pd.DataFrame:
    """Return the stored frames of both models for the first set of that size."""
    stored = pictures.stored(results)
    baseline, model = INTERACTIVE_PAIR
    of_pair = ((stored.model == baseline) & (stored.set_size == 1)) | (
        (stored.model == model) & (stored.set_size == set_size)
    )
    in_set = (stored.protocol == protocol) & (stored.split == "test") & stored.position.between(1, set_size)
    return stored[in_set & of_pair]


def _example(frames: pd.DataFrame, dataset: str, prompts: int, used: Sequence[str] = ()) -> Example:
    """Choose a task with frames of both models: one of the data set, else the first one not yet used.

    Raises
    ------
    InsufficientRecords
        If there is none.
    """
    frames = frames[frames.step == prompts]
    models = frames.groupby("task", observed=True).model.nunique()
    tasks = sorted(map(str, models.index[models == len(INTERACTIVE_PAIR)]))
    if not tasks:
        pair = " and ".join(INTERACTIVE_PAIR)
        raise InsufficientRecords(f"The runs store no pictures of {pair} on the same sets.")
    task = min(tasks, key=lambda name: (name.split("/")[0] != dataset, name in used, name))
    frames = frames[frames.task == task]
    return Example(task, str(frames.protocol.iloc[0]), prompts, frames)


def _draw_example(cells: np.ndarray, results: Results, example: Example) -> list[np.ndarray]:
    """Fill three rows of axes, a column per image; return the images."""
    for axes in cells[0]:
        axes.set_title(" \n ", fontsize="small")  # room for the title, which is wider than its column
    heading = {"fontsize": "small", "fontweight": "bold", "in_layout": False}
    cells[0, 0].text(0, 1.05, example.title(results), transform=cells[0, 0].transAxes, **heading)
    titles = ["Prompts and label", *(style.model_title(name) for name in reversed(INTERACTIVE_PAIR))]
    for axes, title in zip(cells[:, 0], titles, strict=True):
        axes.set_ylabel(title.replace(" (", "\n(").replace("-Inter", "-\nInter"), fontsize="x-small")
    frames_of_images = [frames for _, frames in example.frames.groupby("position")]
    images = []
    for column, frames in zip(cells.T, frames_of_images, strict=False):
        image, label = pictures.scene(results, example.task, int(frames.image.iloc[0]))
        images.append(image)
        by_model = {str(frame["model"]): frame for frame in frames.to_dict("records")}
        pictures.draw(column[0], image, label)
        pictures.draw_prompts(column[0], next(iter(by_model.values())), image.shape)
        for axes, model in zip(column[1:], reversed(INTERACTIVE_PAIR), strict=True):
            _draw_prediction(axes, image, label, by_model.get(model))
    for axes in cells[:, len(images) :].ravel():
        axes.set_axis_off()
    return images


def _draw_prediction(axes: Axes, image: np.ndarray, label: np.ndarray, frame: dict | None) -> None:
    """Draw a prediction without the prompts, which the first row shows."""
    frames = None if frame is None else pd.DataFrame([frame | {"positive": b"", "negative": b""}])
    pictures.draw(axes, image, label, frames)
    axes.set_xlabel("not run" if frame is None else f"Dice {100 * frame['dice']:.1f}%", fontsize="x-small")


ARTEFACTS = {
    "interconv-fig5": Artefact(
        "figure",
        "Predictions for sets of eight images (InterConv, Fig. 5)",
        "Eight images of one task with two positive and two negative line scribbles each, and eight images "
        "of another task with eight random clicks of either kind. ScribblePrompt-InterConv segments the "
        "eight images together, the baseline each image alone. The tasks are the first by name, simulation "
        "0.",
        requires=(INTERACTIVE,),
        draw=draw_kinds,
        beside_papers="Tasks of PanDental and ACDC, which the paper shows, come before all others.",
    ),
    "interconv-fig11": Artefact(
        "figure",
        "Predictions with one and with eight clicks (InterConv, Fig. 11)",
        "Four images of one task with one positive and one negative random click each, and with eight of "
        "either kind. ScribblePrompt-InterConv segments the four images together, the baseline each image "
        "alone. The task is the first by name, simulation 0.",
        requires=(Requirement((), INTERACTIVE_PAIR, ("set-clicks",), required=INTERACTIVE_PAIR),),
        draw=draw_clicks,
        beside_papers="Tasks of DRIVE, which the paper shows, come before all others.",
    ),
}
