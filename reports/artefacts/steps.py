"""Dice by step of interaction for contexts of several sizes (MultiverSeg, Fig. 7, 20 and 21)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import bounds, estimates, protocols, selection, style
from segbench.reports.artefact import Artefact
from segbench.reports.artefacts.context_size import INTERVAL, REPS
from segbench.reports.curves import dice_axis, draw_bounds, draw_curves, note
from segbench.reports.panels import by_group, by_protocol, share_y_range
from segbench.reports.requirement import Requirement

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

MODEL = "multiverseg"
IN_CONTEXT = Requirement(("interactive-in-context",), (MODEL,), required=(MODEL,), context="ground-truth")


def _data(results: Results, requirement: Requirement, grouped: bool) -> pd.DataFrame:
    """Estimate mean Dice times 100 by context size and step, with the interval over subjects first."""
    images = selection.select_models(results, requirement)
    level = estimates.grouping(images) if grouped else ""
    by = ["model", "context_size", "step"]
    tables = []
    for protocol in images.protocol.unique():  # one at a time, because there may be millions of steps
        steps = selection.select_steps(results, replace(requirement, protocols=(protocol,)))
        steps = steps[steps.model == MODEL]
        tables.append(
            estimates.estimates(steps, "dice", by, level, units=estimates.SUBJECTS_FIRST, reps=REPS)
        )
    return estimates.in_percent(pd.concat(tables, ignore_index=True))


def _draw(results: Results, data: pd.DataFrame, requirement: Requirement, grouped: bool) -> Figure:
    """Draw a line per context size, in one panel per protocol or per data set (or cohort)."""
    data = estimates.first_unit(data)
    supervised = bounds.bounds_of(results, selection.select_models(results, requirement), grouped)
    styles = style.size_styles(data.context_size)

    def draw(axes: Axes, part: pd.DataFrame) -> None:
        draw_curves(axes, part, styles, "step", "context_size")
        dice_axis(axes, part[estimates.SHOWN])
        draw_bounds(axes, supervised, part)

    def labels(protocol: str) -> tuple[str, str]:
        return protocols.labels(results, protocol).unit.capitalize(), "Dice (×100)"

    if grouped:
        figure, _ = by_group(data, draw, labels, estimates.group_titles(data), "Context size")
    else:
        figure, panels = by_protocol(results, data, draw, labels, "Context size")
        share_y_range(panels)
    note(figure, bounds.describe(supervised))
    return figure


def _artefact(title: str, caption: str, requirement: Requirement, rows: tuple[str, ...]) -> Artefact:
    grouped = "group" in rows
    return Artefact(
        "figure",
        title,
        caption,
        INTERVAL,
        requires=(requirement,),
        rows=rows,
        column="context_size",
        data=partial(_data, requirement=requirement, grouped=grouped),
        draw=partial(_draw, requirement=requirement, grouped=grouped),
    )


def _by_data_set(number: int, interactions: str, protocol: str) -> Artefact:
    return _artefact(
        f"Dice by step of {interactions} in context, by data set (Fig. {number})",
        "Dice of MultiverSeg after each interaction, for each data set separately; for each cohort if the "
        "run has only one data set.",
        replace(IN_CONTEXT, protocols=(protocol,)),
        ("group", "step"),
    )


ARTEFACTS = {
    "fig7": _artefact(
        "Dice by step of interaction in context (Fig. 7)",
        "Dice of MultiverSeg after each interaction, for contexts of several sizes. Step 0 is the prediction "
        "from the context alone. Contexts hold true labels of random training images; each simulation draws "
        "a context of every size for each test image. Interactions go on after the target is reached.",
        IN_CONTEXT,
        ("protocol", "step"),
    ),
    "fig20": _by_data_set(20, "center clicks", "interactive-in-context-clicks"),
    "fig21": _by_data_set(21, "centerline scribbles", "interactive-in-context-scribbles"),
}
