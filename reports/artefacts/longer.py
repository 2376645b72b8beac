"""Interactions on sets longer than the standard, task by task, as Fig. 12 and Fig. 13 show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates, style
from segbench.reports.artefact import Artefact, InsufficientRecords
from segbench.reports.curves import draw_curves, note, shared_legend
from segbench.reports.panels import by_group, effort_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from segbench.results import Results


def longer_data(results: Results, artefact: Artefact, preferred: str) -> pd.DataFrame:
    """Mean interactions by example number for the tasks of one data set that go on beyond the standard set.

    Parameters
    ----------
    results : Results
    artefact : Artefact
        Its needs say which records.
    preferred : str
        The paper's data set. Where it has no such task, the data set with the most of them is taken.

    Raises
    ------
    InsufficientRecords
        If no task goes on.
    """
    images = estimates.select(results, *artefact.requires)
    size = estimates.standard_size(results) or 0
    tasks = images[images.position > size].drop_duplicates("task")
    if tasks.empty:
        raise InsufficientRecords(f"No task has results of a set of more than {size} images.")
    counts = tasks.dataset.astype(str).value_counts().sort_index()
    dataset = preferred if preferred in counts else counts.idxmax()
    shown = images[images.task.isin(tasks.task[tasks.dataset == dataset])]
    return estimates.estimates(shown, "interactions", ["model", "position"], "task")


def draw_longer(results: Results, artefact: Artefact, data: pd.DataFrame) -> Figure:
    """A panel per task, a line per model."""
    data = estimates.first_unit(data)
    looks = style.looks(results.images.model)
    titles = estimates.task_titles(results.images[results.images.task.isin(data.group)])
    figure, panels = by_group(
        data, lambda axes, part: draw_curves(axes, part, looks), effort_labels(results), titles
    )
    shared_legend(figure, panels)
    note(figure, estimates.describe_interval(artefact.interval, data))
    return figure
