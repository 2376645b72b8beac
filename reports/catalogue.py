"""Facts about data sets, tasks and weights from manifests and records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from segbench.datasets.catalogue import trained_on_by
from segbench.datasets.scans import ALL
from segbench.datasets.task import base_name
from segbench.reports import protocols
from segbench.results.resampling import as_text
from segbench.results.schema import IDENTITY, TASK
from segbench.text import join_names

if TYPE_CHECKING:
    from segbench.results import Results

SPLITS = ("train", "val", "test")
SCAN = TASK[:-1]  # columns that name a data set of scans; the label names a structure
SYNTHETIC = "synthetic tasks"  # as `segbench.models.hub.trained_on` states it
TRAINED = "trained on each task"  # instead of weights that are the same for all tasks
TrainingData = Literal["paper", "synthetic", "nothing", "unknown"]


def tasks(results: Results) -> pd.DataFrame:
    """List all binary tasks of a run, also the excluded ones; `scans` lists the others.

    Returns
    -------
    DataFrame
        A row per task: ``task``, its five parts, the number of images of each split (NaN where no manifest
        has it), and ``evaluated``, whether there are records of it.
    """
    rows: dict[str, dict[str, Any]] = {}
    binary = results.images[~results.images.protocol.isin(protocols.of_families(results, "scans"))]
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


def scan_records(results: Results, split: str = "test") -> pd.DataFrame:
    """Return the image records of automatically segmented scans, a row per structure of a scan."""
    images = results.images
    return images[images.protocol.isin(protocols.of_families(results, "scans")) & (images.split == split)]


def scans(results: Results, split: str = "test") -> pd.DataFrame:
    """List the automatically segmented scans with the mean Dice over the structures of each.

    Returns
    -------
    DataFrame
        A row per model and scan: the columns that identify it, ``dice``, and ``group``, the name of its data
        set, or all parts of the task's name where a data set has several tasks. ``label`` and ``task`` are
        those of the manifest. No rows without such records.
    """
    keys = [name for name in IDENTITY if name not in ("label", "task")]
    records = as_text(scan_records(results, split)[[*keys, "dice"]])
    table = records.groupby(keys, sort=True).dice.mean().reset_index()
    full_name = table[list(SCAN)].agg("/".join, axis=1) if len(table) else table.dataset
    shared = full_name.groupby(table.dataset).transform("nunique") > 1
    return table.assign(label=ALL, task=full_name + f"/{ALL}", group=table.dataset.where(~shared, full_name))


def task_names(results: Results) -> list[str]:
    """List the tasks with records; as in manifests, all structures of a scan are one task."""
    images = results.images[["protocol", "task"]].drop_duplicates().astype(str)
    structure = images.protocol.isin(protocols.of_families(results, "scans"))
    all_structures = images.task.str.rsplit("/", n=1).str[0] + f"/{ALL}"
    return sorted(images.task.where(~structure, all_structures).unique())


def models(results: Results) -> dict[str, str | None]:
    """Return the weights of each model of the manifests: bundled, official, a path, `TRAINED` or None."""
    entries = [entry for m in results.manifests for entry in (m.get("models") or {}).items()]
    supervised = trainings(results)
    return {name: TRAINED if name in supervised else entry.get("weights") for name, entry in entries}


def trainings(results: Results) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the manifest's facts about networks trained on single tasks, by model and task.

    A model with records but without an entry in a manifest has an empty dict.
    """
    images = results.images
    supervised = images.protocol.isin(protocols.of_families(results, "supervised"))
    facts: dict[str, dict[str, dict[str, Any]]] = {
        str(name): {} for name in sorted(images.model[supervised].unique())
    }
    for manifest in results.manifests:
        for name, entry in (manifest.get("models") or {}).items():
            if entry.get("training"):
                facts.setdefault(name, {}).update(entry["training"])
    return facts


def trained_on(results: Results) -> TrainingData:
    """Classify the training data of the networks of a run.

    Returns
    -------
    str
        ``paper``: the data sets of Table 3 (the official weights of MultiverSeg); ``synthetic``: no real
        image (bundled weights, unless the manifest states otherwise); ``nothing``: no model has weights;
        ``unknown``: anything else, also the official weights of other networks, whose collections differ.
    """
    weights = models(results)
    kinds = set(weights.values()) - {None, TRAINED}
    if not weights:
        return "unknown"
    if kinds == {"official"} and "multiverseg" in weights:
        return "paper"
    entries = [entry for manifest in results.manifests for entry in (manifest.get("models") or {}).values()]
    bundled = [entry for entry in entries if entry.get("weights") == "bundled"]
    synthetic = all(entry.get("trained_on", SYNTHETIC) == SYNTHETIC for entry in bundled)
    return "nothing" if not kinds else "synthetic" if kinds == {"bundled"} and synthetic else "unknown"


def trained_before(results: Results, dataset: str) -> list[str]:
    """List the models of a run whose published weights were trained on a data set, by their names.

    The data set is not held out for them.
    """
    from segbench.models.hub import has_official
    from segbench.models.registry import MODELS

    seen = trained_on_by(dataset)
    return [
        name
        for name, weights in models(results).items()
        if name in MODELS.builtin and weights is not None and has_official(name, weights, seen)
    ]


def not_held_out(results: Results) -> str:
    """Name the data sets of the records on which official weights were trained; empty if there is none."""
    from segbench.reports.style import model_title

    names = sorted({base_name(str(name)) for name in results.images.dataset.unique()})
    seen = {name: join_names(list(map(model_title, trained_before(results, name)))) for name in names}
    parts = [
        f"The official weights of {models} were trained on {name}." for name, models in seen.items() if models
    ]
    return " ".join([*parts, "These images are not unseen."]) if parts else ""
