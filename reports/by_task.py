"""The image records by which tasks and single images are compared: one result of every image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from segbench.reports import protocols, selection
from segbench.reports.estimates import task_titles
from segbench.reports.requirement import InsufficientRecords
from segbench.results.resampling import group_codes
from segbench.results.schema import IMAGE_KEY

if TYPE_CHECKING:
    from segbench.results import Results

VARIANTS = {"split": "Split", "context": "Context", "annotator": "Annotator"}
SIZES = ("context_size", "set_size")
ALL_TASKS = "all tasks"  # instead of a task, in means over several
SAME_IMAGE = [name for name in IMAGE_KEY if name not in (*SIZES, "position")]


def in_several_sizes(images: pd.DataFrame) -> pd.Series:
    """Return which records are of protocols that segment an image in contexts or sets of several sizes."""
    if images.empty:
        return pd.Series(False, index=images.index)
    code = group_codes(images[name] for name in SAME_IMAGE)
    repeated = np.bincount(code)[code] > 1
    return images.protocol.isin(images.protocol[repeated].unique())


def largest(images: pd.DataFrame) -> pd.DataFrame:
    """Return the records of the largest context and set of each model, where an image has several results."""
    several = in_several_sizes(images)
    for size in SIZES if several.any() else ():
        most = images.groupby(["protocol", "model"], observed=True)[size].transform("max")
        images = images[~several[images.index] | (images[size] == most)]
    return images


def one_result_each(results: Results) -> pd.DataFrame:
    """Return the image records of all protocols, those of the largest contexts and of standard sets.

    Raises
    ------
    InsufficientRecords
        If there are none.
    """
    images = results.images[selection.in_standard_sets(results, results.images)]
    if images.empty:
        raise InsufficientRecords("The run has no records of images.")
    return largest(images)


def short_names(images: pd.DataFrame) -> dict[str, str]:
    """Return a short name of each task: the parts that differ between the tasks of its data set."""
    parts = images.drop_duplicates("task").groupby("dataset", observed=True)
    return {task: name for _, tasks in parts for task, name in task_titles(tasks).items()}


def protocol_titles(results: Results, images: pd.DataFrame) -> dict[str, str]:
    """Return the title of each protocol, with the size of the context or set where an image has several."""
    titles = {str(name): protocols.labels(results, str(name)).title for name in images.protocol.unique()}
    several = results.images[in_several_sizes(results.images)]
    for name in several.protocol.unique():
        rows = images[images.protocol == name]
        sizes = {"context": rows.context_size.max(), "set": rows.set_size.max()}
        largest_ones = [f"{noun} of {size}" for noun, size in sizes.items() if size > 1]
        titles[str(name)] += f", {' and '.join(largest_ones)}" if largest_ones else ""
    return titles
