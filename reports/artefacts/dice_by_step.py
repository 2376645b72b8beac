"""Dice by number of interactions, where one image follows another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from segbench.reports import estimates, protocols, selection, style
from segbench.reports.artefact import Artefact
from segbench.reports.by_task import ALL_TASKS, short_names
from segbench.reports.curves import dice_axis, draw_curves
from segbench.reports.panels import by_group, by_protocol, share_y_range
from segbench.reports.requirement import Requirement
from segbench.results.effort import dice_by_step
from segbench.results.resampling import as_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

SEQUENTIAL = Requirement(models=(), optional=True)
FEW = 7  # data sets or tasks that have panels of their own, at most


def _data(results: Results) -> pd.DataFrame:
    """Estimate mean Dice times 100 by number of interactions, for all tasks and for each data set or task.

    Returns
    -------
    DataFrame
        As of `segbench.reports.estimates.estimates`, by ``protocol``, ``group`` (`ALL_TASKS` first), ``step``
        and ``model``.
    """
    images = selection.select(results, SEQUENTIAL)
    level = "dataset" if images.dataset.nunique() > 1 else "task"
    names = {str(name): str(name) for name in images.dataset.unique()}
    groups = names if level == "dataset" else short_names(images)
    tables = []
    for protocol in protocols.in_order(images.protocol):  # one at a time, because there are many steps
        rows, steps = _by_step(results, protocol)
        tables.append(_estimated(rows.assign(group=ALL_TASKS), steps))
        if 1 < len(groups) <= FEW:
            tables.append(_estimated(rows.assign(group=rows[level].astype(str).map(groups)), steps))
    table = pd.concat(tables).assign(level=level)
    first = ["protocol", "level", "group", "step", "model"]
    table = table[[*first, *table.columns.drop(first)]]
    return estimates.in_reading_order(table, [*first, "unit"], group=[ALL_TASKS, *sorted(groups.values())])


def _by_step(results: Results, protocol: str) -> tuple[pd.DataFrame, list[str]]:
    """Return a row per image of a protocol, and the columns with its Dice after 0, 1, ... interactions.

    ``start`` is the step of the first prediction; Dice is 0 before.
    """
    steps = selection.select_steps(results, Requirement(protocols=(protocol,)))
    most = max(1, protocols.step_limit(results, protocol), int(steps.step.max()))
    rows, dice = dice_by_step(steps, most)
    names = [str(step) for step in range(most + 1)]
    columns = pd.DataFrame(np.nan_to_num(dice), columns=names)
    return rows.assign(start=np.isnan(dice).sum(axis=1)).join(columns), names


def _estimated(rows: pd.DataFrame, steps: list[str]) -> pd.DataFrame:
    """Estimate the means of each group, from the first step on at which a model has a prediction."""
    keys = ["protocol", "group", "model"]
    table = estimates.estimates(rows, steps, ["group", "model"])
    starts = as_text(rows.groupby(keys, observed=True).start.min().reset_index())
    table = table.merge(starts, on=keys).assign(step=table.metric.astype(int))
    return estimates.in_percent(table[table.step >= table.start]).drop(columns=["metric", "start"])


def _draw(results: Results, data: pd.DataFrame) -> Figure:
    """Draw a line per model, in one panel per protocol, or per protocol and data set or task."""
    data = estimates.first_unit(data)
    styles = style.line_styles(data.model)

    def draw(axes: Axes, part: pd.DataFrame) -> None:
        draw_curves(axes, part, styles, "step")
        dice_axis(axes, part[estimates.SHOWN])

    def labels(protocol: str) -> tuple[str, str]:
        return protocols.labels(results, protocol).unit.capitalize(), "Dice (×100)"

    if data.group.nunique() == 1:
        figure, panels = by_protocol(results, data, draw, labels)
        share_y_range(panels)
        return figure
    titles = {str(name): str(name) for name in data.group.unique()}
    return by_group(data, draw, labels, titles | {ALL_TASKS: "All tasks"})[0]


ARTEFACTS = {
    "dice-by-step": Artefact(
        "figure",
        "Dice by number of interactions",
        "Mean Dice of all images after 0, 1, 2, ... interactions; a box is one. The prediction at 0, before "
        "the first interaction, needs a context. An image that has finished keeps its last Dice: all points "
        "of a line are means over the same images. A line begins where its model has a prediction of any "
        "image; images without one count with 0.",
        "Shading: 95% bootstrap interval over {simulation}.",
        requires=(SEQUENTIAL,),
        rows=("protocol", "group", "step"),
        column="model",
        data=_data,
        draw=_draw,
    ),
}
