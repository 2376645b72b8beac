"""What manifests and records say about data sets, tasks and weights, for the tables that list them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from segbench.datasets.scans import ALL
from segbench.reports.artefact import AUTOMATIC_SETS, SUPERVISED
from segbench.results.resampling import plain
from segbench.results.schema import TASK

if TYPE_CHECKING:
    from segbench.results import Results

SPLITS = ("train", "val", "test")
TRAINED = "trained on each task"  # in place of weights that are the same for all
Training = Literal["paper", "synthetic", "nothing", "unknown"]


def tasks(results: Results) -> pd.DataFrame:
    """All binary tasks that a run has looked at, also those that it left out; for the others see `scans`.

    Returns
    -------
    DataFrame
        A row per task: ``task``, its five parts, the number of images of each split (NaN where no manifest
        says it), and ``evaluated``, whether there are records of it.
    """
    rows: dict[str, dict[str, Any]] = {}
    binary = results.images[results.images.protocol != AUTOMATIC_SETS]
    for name, *parts in binary[["task", *TASK]].drop_duplicates().to_numpy(object):
        rows[name] = {"task": name, **dict(zip(TASK, parts, strict=True)), "evaluated": True}
    for manifest in results.manifests:
        for name, entry in (manifest.get("tasks_found") or manifest.get("tasks") or {}).items():
            named = dict(zip(TASK, name.split("/", len(TASK) - 1), strict=False))
            if named.get("label") == ALL:
                continue
            row = rows.setdefault(name, {"task": name, **named, "evaluated": False})
            row |= {split: entry[split] for split in SPLITS if split in entry}
    columns = ["task", *TASK, *SPLITS, "evaluated"]
    table = pd.DataFrame(list(rows.values()), columns=columns).astype(dict.fromkeys(SPLITS, "float64"))
    return table.sort_values("task", ignore_index=True)


def scans(results: Results, split: str = "test") -> pd.DataFrame:
    """The scans that `set-automatic` has segmented, with the mean Dice over the structures of each.

    Returns
    -------
    DataFrame
        A row per model and scan: the columns that identify it, ``dice``, and ``group``, how its data set is
        called: by its name, or where several tasks have it, by all parts of the task's. ``label`` and
        ``task`` are those of the manifest. No rows where there are no such records.
    """
    images = results.images[(results.images.protocol == AUTOMATIC_SETS) & (results.images.split == split)]
    keys = ["protocol", "model", *TASK[:-1], "simulation", "position", "image", "subject"]
    keys += ["context_size", "context", "split"]
    table = plain(images[[*keys, "dice"]]).groupby(keys, sort=True).dice.mean().reset_index()
    whole = table[list(TASK[:-1])].agg("/".join, axis=1) if len(table) else table.dataset
    shared = whole.groupby(table.dataset).transform("nunique") > 1
    return table.assign(label=ALL, task=whole + f"/{ALL}", group=table.dataset.where(~shared, whole))


def task_names(results: Results) -> list[str]:
    """Tasks with records, as manifests call them: the structures of a scan are one task."""
    images = results.images[["protocol", "task"]].drop_duplicates().astype(str)
    structure = images.protocol == AUTOMATIC_SETS
    whole = images.task.str.rsplit("/", n=1).str[0] + f"/{ALL}"
    return sorted(images.task.where(~structure, whole).unique())


def models(results: Results) -> dict[str, str | None]:
    """The models of the manifests with their weights: bundled, official, a path, `TRAINED` or None."""
    entries = [entry for m in results.manifests for entry in (m.get("models") or {}).items()]
    supervised = trainings(results)
    return {name: TRAINED if name in supervised else entry.get("weights") for name, entry in entries}


def trainings(results: Results) -> dict[str, dict[str, dict[str, Any]]]:
    """How the networks of protocol `supervised` were trained, by model and task, as far as manifests say."""
    images = results.images
    models = sorted(images.model[images.protocol == SUPERVISED].unique())
    known: dict[str, dict[str, dict[str, Any]]] = {str(name): {} for name in models}
    for manifest in results.manifests:
        for name, entry in (manifest.get("models") or {}).items():
            if entry.get("training"):
                known.setdefault(name, {}).update(entry["training"])
    return known


def trained_on(results: Results) -> Training:
    """What the networks of a run have learnt from.

    Returns
    -------
    str
        ``paper``: the data sets of Table 3 (the official weights of MultiverSeg); ``synthetic``: no real
        image (the bundled weights, ``models/bundled/README.md``); ``nothing``: no model has weights;
        ``unknown``: anything else, also the official weights of the other networks, whose collections differ.
    """
    named = models(results)
    kinds = set(named.values()) - {None, TRAINED}
    if not named:
        return "unknown"
    if kinds == {"official"} and "multiverseg" in named:
        return "paper"
    return "nothing" if not kinds else "synthetic" if kinds == {"bundled"} else "unknown"


def same_name(name: str) -> str:
    """A data set's name without case and punctuation, which papers and files write differently."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
