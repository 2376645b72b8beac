"""The images on which each model does worst, with their files."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from segbench.reports import pictures
from segbench.reports.artefact import Artefact
from segbench.reports.by_task import VARIANTS, one_result_each, protocol_titles, short_names
from segbench.reports.estimates import in_reading_order
from segbench.reports.layout import Grid, number, plain
from segbench.reports.replay import link, links
from segbench.reports.requirement import InsufficientRecords
from segbench.reports.style import model_title
from segbench.results.overview import variants
from segbench.results.resampling import as_text, group_codes

if TYPE_CHECKING:
    from segbench.results import Results

WORST = 5  # images of a model
RECORD = ["dataset", "task", "image", "subject", "simulation", "training", "dice", "interactions", "reached"]


def worst_images(results: Results) -> pd.DataFrame:
    """List the worst images of each model in each protocol, each in its worst simulation.

    Images that never reached the target come first, the lowest Dice first; then those with the most
    interactions.

    Returns
    -------
    DataFrame
        A row per protocol, model and image, and per split, context and annotator where a model has several:
        its ``rank`` from 1, columns of its record, and ``file``, empty where no name is known.
    """
    images = one_result_each(results)
    by = ["protocol", *variants(images), "model"]
    group = group_codes(images[name] for name in by)
    reached, dice = images.reached.to_numpy(bool), images.dice.to_numpy()
    effort = np.where(reached, -images.interactions.to_numpy(), 0)
    order = np.lexsort((dice, effort, reached, group))  # equals stay in the order of their keys
    same_image = group_codes([group, images.split, images.task, images.image])
    _, first = np.unique(same_image[order], return_index=True)
    order = order[np.sort(first)]
    rank = 1 + np.arange(len(order)) - np.searchsorted(group[order], group[order])
    columns = list(dict.fromkeys([*by, "split", "context", *RECORD]))
    table = as_text(images.iloc[order[rank <= WORST]][columns])
    table.insert(len(by), "rank", rank[rank <= WORST])
    names = _file_names(results, table.task.unique())
    pairs = zip(table.task, table.image, strict=True)
    table["file"] = [str(names[task][image]) if task in names else "" for task, image in pairs]
    return in_reading_order(table, [*by, "rank"])


def _file_names(results: Results, tasks: Iterable[str]) -> dict[str, np.ndarray]:
    """Return the names of the images of each task whose data are available and have names."""
    found = {}
    for task in tasks:
        with suppress(InsufficientRecords):
            found[task] = pictures.file_names(results, task)
    return {task: names for task, names in found.items() if len(names)}


def _grid(results: Results, table: pd.DataFrame) -> Grid:
    """Lay out a row per image; its file opens the replay if the run stored the steps of the image."""
    images = one_result_each(results)
    titles = {"protocol": protocol_titles(results, images), "task": short_names(images)}
    heads = {"protocol": "Protocol", **{name: VARIANTS[name] for name in variants(images)}, "model": "Method"}
    heads |= {"file": "File"}
    columns = {"dataset": "Data set"} if table.dataset.nunique() > 1 else {}
    columns |= {"task": "Task", "dice": "Dice (×100)", "interactions": "Interactions"}
    columns |= {"reached": "Target reached", "subject": "Subject", "simulation": "Simulation"}
    shown = table.assign(
        protocol=table.protocol.map(titles["protocol"]),
        model=table.model.map(model_title),
        file=table.file.where(table.file != "", [f"image {image}" for image in table.image]),
        task=table.task.map(titles["task"]),
        dice=[number(100 * dice, 1) for dice in table.dice],
    )
    stored, addresses = links(results), {}
    for row, (_, image) in enumerate(table.iterrows()):
        place = image.protocol, image.split, image.task, image.image
        if link(*place) in stored:
            addresses[row, len(heads) - 1] = link(*place, image.model, image.context)
    grid = plain(shown, heads | columns, len(heads))
    return replace(grid, links=addresses)


ARTEFACTS = {
    "worst-images": Artefact(
        "table",
        "Worst images",
        f"The {WORST} images on which each model does worst in each protocol: first those that never reached "
        "the target Dice, the lowest Dice first, then those with the most interactions. An image is listed "
        "once, in its worst simulation. A link opens the image in the replay, which shows simulation 0. "
        "Without a known file, the number is the index of the image in the data of its task.",
        requires=(),
        data=worst_images,
        grid=_grid,
    ),
}
