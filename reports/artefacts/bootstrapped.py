"""UniverSeg on its own predictions: Dice by example number (MultiverSeg, Fig. 17a and 18)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import bounds, estimates, selection, style
from segbench.reports.artefact import Artefact
from segbench.reports.curves import dice_axis, draw_bounds, draw_curves, note
from segbench.reports.panels import by_group, by_protocol, dice_labels
from segbench.reports.requirement import Requirement

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

FAMILY = ("bootstrapped",)
REQUIRES = (
    Requirement(FAMILY, ("universeg",)),
    Requirement(FAMILY, ("universeg",), context="soft"),
    Requirement(FAMILY, ("universeg-oracle",), context="ground-truth"),
)


def _data(results: Results, grouped: bool) -> pd.DataFrame:
    images = selection.select(results, *REQUIRES)
    level = estimates.grouping(images) if grouped else ""
    return estimates.in_percent(estimates.estimates(images, "dice", ["model", "context", "position"], level))


def _draw(results: Results, data: pd.DataFrame, grouped: bool) -> Figure:
    """Draw a line per model and kind of context, in one panel or in one per data set (or cohort)."""
    data = estimates.first_unit(data)
    supervised = bounds.bounds_of(results, selection.select(results, *REQUIRES), grouped)
    models = style.line_styles(data.model)
    styles = {
        f"{model}/{context}": _style(models[model], context)
        for model, context in data[["model", "context"]].drop_duplicates().itertuples(index=False)
    }

    def draw(axes: Axes, part: pd.DataFrame) -> None:
        draw_curves(axes, part.assign(line=part.model + "/" + part.context), styles, hue="line")
        dice_axis(axes, part[estimates.SHOWN])
        draw_bounds(axes, supervised, part)

    labels = dice_labels("Example number")
    if grouped:
        figure, _ = by_group(data, draw, labels, estimates.group_titles(data))
    else:
        figure, _ = by_protocol(results, data, draw, labels)
    note(figure, bounds.describe(supervised))
    return figure


def _style(look: style.LineStyle, context: str) -> style.LineStyle:
    """Return the style of a kind of context; the name of the oracle implies its context."""
    return look if context == "ground-truth" else style.context_style(look, context)


def _artefact(title: str, caption: str, rows: tuple[str, ...], grouped: bool) -> Artefact:
    return Artefact(
        "figure",
        title,
        caption,
        "Shading: 95% bootstrap interval over {simulation}.",
        requires=REQUIRES,
        rows=rows,
        column="context",
        data=partial(_data, grouped=grouped),
        draw=partial(_draw, grouped=grouped),
    )


ARTEFACTS = {
    "fig17a": _artefact(
        "Bootstrapping UniverSeg: Dice by example number (Fig. 17a)",
        "UniverSeg segments the images of a set one after another, from a single image with its true label. "
        "Each prediction joins the context of the next image, thresholded (binary) or as probabilities "
        "(soft); the context of the oracle holds true labels. Nobody corrects the predictions.",
        ("model", "example"),
        grouped=False,
    ),
    "fig18": _artefact(
        "Bootstrapping UniverSeg by data set (Fig. 18)",
        "Dice of UniverSeg on its own predictions by example number, for each data set separately; for each "
        "cohort if the run has only one data set.",
        ("group", "model", "example"),
        grouped=True,
    ),
}
