"""Dice of the single prediction from a box by example number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates, selection, style
from segbench.reports.artefact import Artefact
from segbench.reports.curves import dice_axis, draw_curves
from segbench.reports.panels import by_protocol, dice_labels
from segbench.reports.requirement import Requirement

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

BOXES = Requirement(("boxes",), models=(), optional=True)


def _data(results: Results) -> pd.DataFrame:
    """Estimate mean Dice times 100 by model and position."""
    images = selection.select(results, BOXES)
    return estimates.in_percent(estimates.estimates(images, "dice", ["model", "position"]))


def _draw(results: Results, data: pd.DataFrame) -> Figure:
    """Draw a line per model, in one panel per protocol."""
    data = estimates.first_unit(data)
    styles = style.line_styles(data.model)

    def draw(axes: Axes, part: pd.DataFrame) -> None:
        draw_curves(axes, part, styles)
        dice_axis(axes, part[estimates.SHOWN])

    return by_protocol(results, data, draw, dice_labels("Example number"))[0]


ARTEFACTS = {
    "boxes": Artefact(
        "figure",
        "Dice from one box by example number",
        "Mean Dice of the single prediction from a box, for the first, second, ... image of a set. Models "
        "with a context get the earlier images and their own predictions, which nobody corrects; the first "
        "entry is a seed image, segmented from a box too. Lines of models without a context vary with the "
        "images alone.",
        "Shading: 95% bootstrap interval over {simulation}.",
        requires=(BOXES,),
        rows=("protocol", "example"),
        column="model",
        data=_data,
        draw=_draw,
    ),
}
