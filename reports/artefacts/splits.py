"""Use of the splits and examples per task (MultiverSeg, Table 1 and Fig. 9)."""

from __future__ import annotations

from itertools import count
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from segbench.datasets.task import base_name
from segbench.reports import catalogue, protocols, selection, style
from segbench.reports.artefact import Artefact
from segbench.reports.curves import note, plain_axes, shared_legend
from segbench.reports.layout import Grid, plain
from segbench.reports.requirement import NO_CONTEXT, SUPERVISED, InsufficientRecords
from segbench.results import published
from segbench.results.reference import PREPRINT
from segbench.text import count_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from segbench.results import Results

TRAINING, VALIDATION, TEST = "Training data sets", "Validation data sets", "Test data sets"
SEEN = "Data sets that a model was trained on"
LEFT_OUT = "Data sets left out"
UNFINISHED = "Data sets not yet segmented"  # of an unfinished run
# Their validation splits decided how the bundled weights were trained (models/bundled/README.md).
DECIDING = ("phantoms", "wbc")
TRAINING_OF = "training of "
SPLIT = "val"  # whose images Fig. 9 counts
SET_SIZE = 18  # images of a set in the paper
BINS = 24  # at most


def _uses_data(results: Results) -> pd.DataFrame:
    """List the uses of the splits, in the paper and in this run.

    Returns
    -------
    DataFrame
        A row per ``group`` of data sets and ``split``: ``paper_datasets`` (their number) and ``paper_use``,
        ``datasets``, ``names`` and ``use``. Unknown numbers are NaN, also those of groups that the paper
        lacks.
    """
    paper = published("table1").rename(columns={"datasets": "paper_datasets", "use": "paper_use"})
    groups = _groups(results)
    ours = [_training(results, paper)]
    for group in (VALIDATION, TEST, *(group for group in (SEEN, UNFINISHED, LEFT_OUT) if group in groups)):
        ours.append(_used(group, groups.get(group, {})))
    table = pd.concat(ours, ignore_index=True).merge(paper, how="left", on=["group", "split"])
    return table[["group", "split", "paper_datasets", "paper_use", "datasets", "names", "use"]]


def _training(results: Results, paper: pd.DataFrame) -> pd.DataFrame:
    """Describe the data on which the weights of the run were trained."""
    known = catalogue.trained_on(results)
    table = pd.DataFrame({"group": TRAINING, "split": list(catalogue.SPLITS), "names": ""})
    if known == "paper":
        theirs = paper[paper.group == TRAINING].set_index("split").loc[table.split]
        return table.assign(datasets=theirs.paper_datasets.to_numpy(), use=theirs.paper_use.to_numpy())
    if known == "unknown":
        return table.assign(datasets=float("nan"), use="unknown")
    why = {"synthetic": "none: synthetic tasks only", "nothing": "none: no weights"}[known]
    return table.assign(datasets=0, use=[why, "", ""])


def _groups(results: Results) -> dict[str, dict[str, dict[str, list[str]]]]:
    """Return the uses of the run's data sets by group, data set and split."""
    bundled = "bundled" in catalogue.models(results).values()
    planned = {task.split("/")[0] for manifest in results.manifests for task in manifest.get("tasks") or ()}
    groups: dict[str, dict[str, dict[str, list[str]]]] = {}
    for name in sorted(catalogue.tasks(results).dataset.unique()):
        images = results.images[results.images.dataset == name]
        uses = _uses(results, images)
        if bundled and base_name(name) in DECIDING:
            # A variant may have our validation images in any split.
            for split in ["val"] if name in DECIDING else uses:
                uses[split].append("choice of what the bundled weights were trained on")
        deciding = [use for use in uses["val"] if not use.startswith(TRAINING_OF)]
        seen = [style.model_title(model) for model in catalogue.trained_before(results, name)]
        uses["train"] += [f"{TRAINING_OF}{title} by its authors" for title in seen]
        group = SEEN if seen else VALIDATION if deciding else TEST
        if images.empty:
            group = UNFINISHED if name in planned else LEFT_OUT
        groups.setdefault(group, {})[name] = uses
    return groups


def _uses(results: Results, images: pd.DataFrame) -> dict[str, list[str]]:
    """Derive from the records of a data set for what its splits were used."""
    context = images[images.context != NO_CONTEXT]
    randomly = context.protocol.isin(protocols.of_families(results, "in-context", "interactive-in-context"))
    trained_on_task = protocols.of_families(results, SUPERVISED)
    supervised = style.line_styles(images.model[images.protocol.isin(trained_on_task)].unique()).values()
    trained = {f"{TRAINING_OF}{look.title}": True for look in supervised}
    uses: dict[str, dict[str, Any]] = {
        "train": {
            "seed images": (~randomly).any(),
            "contexts of experiment 2": randomly.any(),
            **trained,
        },
        "val": {"comparison of variants": (images.split == "val").any(), **trained},
        "test": {"final evaluation": (images.split == "test").any()},
    }
    return {split: [use for use, applies in all_uses.items() if applies] for split, all_uses in uses.items()}


def _used(group: str, datasets: dict[str, dict[str, list[str]]]) -> pd.DataFrame:
    """Make the rows of a group, with each use once."""
    rows = []
    for split in catalogue.SPLITS:
        distinct = dict.fromkeys(use for uses in datasets.values() for use in uses[split])
        use = ", ".join(distinct) or ("not used" if datasets else "")
        rows.append({"group": group, "split": split, "names": ", ".join(datasets), "use": use})
    return pd.DataFrame(rows).assign(datasets=len(datasets))


def _uses_grid(results: Results, table: pd.DataFrame) -> Grid:
    splits = table.split.map({"train": "Training", "val": "Validation", "test": "Test"})
    columns = {
        "group": "Group",
        "split": "Split",
        "paper_datasets": "Paper: data sets",
        "paper_use": "Paper: use",
        "datasets": "This run: data sets",
        "names": "Names",
        "use": "This run: use",
    }
    return plain(table.assign(split=splits), columns, heads=2)


def _images_data(results: Results) -> pd.DataFrame:
    """Count the validation images of every task of the run: ``task``, ``dataset``, ``split``, ``images``."""
    tasks = catalogue.tasks(results).dropna(subset=SPLIT)
    if tasks.empty:
        raise InsufficientRecords("No manifest has the number of images of the tasks.")
    table = tasks[["task", "dataset"]].assign(split=SPLIT, images=tasks[SPLIT].astype(int))
    return table.reset_index(drop=True)


def _draw_images(results: Results, data: pd.DataFrame) -> Figure:
    """Draw a histogram of the tasks by their number of images, with the size of a set as a line."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    images = data.images
    size = selection.standard_size(results) or SET_SIZE
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    edges = _edges(images, size)
    axes.hist(images, edges, color=style.BLUE, alpha=0.85, edgecolor="white", linewidth=0.8)
    axes.axvline(size, color=style.VERMILION, linestyle="--", label=f"Size of a set: {size} images")
    axes.set_xlabel("Images per task (validation split)")
    axes.set_ylabel("Tasks")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.08 * int(np.histogram(images, edges)[0].max()))
    plain_axes(axes)
    shared_legend(figure, [axes])
    enough = int((images >= size).sum())
    note(figure, f"{count_of(len(images), 'task')}, {enough} with at least {size} images.")
    return figure


def _edges(images: pd.Series, size: int) -> list[int]:
    """Return the edges of bins that hold all tasks, one edge at the size of a set.

    The bins have equal widths. If a bin is wider than a set, one narrower bin holds all smaller tasks.
    """
    last = max(int(images.max()), size)
    width = next(w for w in count(ceil((last + 1) / BINS)) if size % w == 0 or w > size)
    return [*range(0, size, width), *range(size, last + width + 1, width)]


ARTEFACTS = {
    "fig9": Artefact(
        "figure",
        "Examples per task (Fig. 9)",
        "Number of images in the validation split of each task that this run found, including tasks that it "
        "left out. The dashed line is the number of images of a set. If --images gave it, a task takes part "
        "in experiment 1 only if the split that is segmented has as many images.",
        requires=(),
        rows=("task",),
        column="split",
        data=_images_data,
        draw=_draw_images,
    ),
    "table1": Artefact(
        "table",
        "Use of the splits (Table 1)",
        f"For what each split was used, in the paper ({PREPRINT}) and in this run. The paper splits by "
        "subject: 60% training, 20% validation, 20% test; the provenance lists the images of this run's own "
        "splits, task by task. Validation data sets are those whose validation split decided something: here "
        "a comparison of variants, or the choice of synthetic tasks on which the bundled weights were "
        "trained. A data set on which the authors of a model trained the weights used here is not held out "
        "for it.",
        requires=(),
        data=_uses_data,
        grid=_uses_grid,
    ),
}
