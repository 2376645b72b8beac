"""Images of a set, their prompts and predictions, as Fig. 5 and Fig. 11 of InterConv show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from segbench.models.registry import PAIR
from segbench.reports import pictures, style
from segbench.reports.artefact import InsufficientRecords

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from segbench.results import Results

LEGEND = "Yellow: outline of the label. Blue: prediction. Green and orange: positive and negative prompts."


ROWS = 3


@dataclass(frozen=True)
class Example:
    """One set of images under one number of prompts: frames of both models, and where they come from."""

    task: str
    protocol: str
    prompts: int
    frames: pd.DataFrame

    @property
    def title(self) -> str:
        kind = style.wording(self.protocol).unit
        name = kind if self.prompts > 1 else kind.removesuffix("s")
        return f"{self.task}\n{self.prompts} positive and {self.prompts} negative {name}"


def frames_of(results: Results, protocol: str, set_size: int) -> pd.DataFrame:
    """Stored frames of both models of one protocol: the first set of so many images."""
    stored = pictures.stored(results)
    theirs = (stored.model == PAIR[0]) & (stored.context_size == 0)
    ours = (stored.model == PAIR[1]) & (stored.context_size == set_size - 1)
    kept = (stored.protocol == protocol) & (stored.split == "test") & stored.position.between(1, set_size)
    return stored[kept & (theirs | ours)]


def example(frames: pd.DataFrame, preferred: str, prompts: int, without: Sequence[str] = ()) -> Example:
    """The frames of a task of both models: of the preferred data set, else the first one not yet shown.

    Raises
    ------
    InsufficientRecords
        If there is none.
    """
    frames = frames[frames.step == prompts]
    both = frames.groupby("task", observed=True).model.nunique()
    tasks = sorted(map(str, both.index[both == len(PAIR)]))
    if not tasks:
        raise InsufficientRecords(f"The runs keep no pictures of {' and '.join(PAIR)} on the same sets.")
    chosen = min(tasks, key=lambda name: (name.split("/")[0] != preferred, name in without, name))
    part = frames[frames.task == chosen]
    return Example(chosen, str(part.protocol.iloc[0]), prompts, part)


def draw_example(cells: np.ndarray, results: Results, shown: Example) -> None:
    """Three rows of axes: prompts and label, InterConv, baseline; a column per image.

    Raises
    ------
    InsufficientRecords
        If the images are not at hand.
    """
    for axes in cells[0]:
        axes.set_title(" \n ", fontsize="small")  # room for the title, which is wider than its column
    heading = {"fontsize": "small", "fontweight": "bold", "in_layout": False}
    cells[0, 0].text(0, 1.05, shown.title, transform=cells[0, 0].transAxes, **heading)
    titles = ["Prompts and label", *(style.MODELS[name].title for name in reversed(PAIR))]
    for axes, title in zip(cells[:, 0], titles, strict=True):
        axes.set_ylabel(title.replace(" (", "\n(").replace("-Inter", "-\nInter"), fontsize="x-small")
    columns = [part for _, part in shown.frames.groupby("position")]
    for column, part in zip(cells.T, columns, strict=False):
        image, label = pictures.scene(results, shown.task, int(part.image.iloc[0]))
        frames = {str(frame["model"]): frame for frame in part.to_dict("records")}
        pictures.draw(column[0], image, label)
        pictures.draw_prompts(column[0], next(iter(frames.values())), image.shape)
        for axes, model in zip(column[1:], reversed(PAIR), strict=True):
            _predicted(axes, image, label, frames.get(model))
    for axes in cells[:, len(columns) :].ravel():
        axes.set_axis_off()


def _predicted(axes: Axes, image: np.ndarray, label: np.ndarray, frame: dict | None) -> None:
    """A prediction without the prompts, which are above it."""
    bare = None if frame is None else pd.DataFrame([frame | {"positive": b"", "negative": b""}])
    pictures.draw(axes, image, label, bare)
    axes.set_xlabel("not run" if frame is None else f"Dice {100 * frame['dice']:.1f}%", fontsize="x-small")
