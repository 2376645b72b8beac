"""What manifests and records say about data sets, tasks and weights, for the tables that list them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from results.schema import TASK

if TYPE_CHECKING:
    from results import Results

SPLITS = ("train", "val", "test")
Training = Literal["paper", "synthetic", "nothing", "unknown"]


def tasks(results: Results) -> pd.DataFrame:
    """All tasks that a run has looked at, also those that it left out.

    Returns
    -------
    DataFrame
        A row per task: ``task``, its five parts, the number of images of each split (NaN where no manifest
        says it), and ``evaluated``, whether there are records of it.
    """
    rows: dict[str, dict[str, Any]] = {}
    for name, *parts in results.images[["task", *TASK]].drop_duplicates().to_numpy(object):
        rows[name] = {"task": name, **dict(zip(TASK, parts, strict=True)), "evaluated": True}
    for manifest in results.manifests:
        for name, entry in (manifest.get("tasks_found") or manifest.get("tasks") or {}).items():
            named = dict(zip(TASK, name.split("/", len(TASK) - 1), strict=False))
            row = rows.setdefault(name, {"task": name, **named, "evaluated": False})
            row |= {split: entry[split] for split in SPLITS if split in entry}
    columns = ["task", *TASK, *SPLITS, "evaluated"]
    table = pd.DataFrame(list(rows.values()), columns=columns).astype(dict.fromkeys(SPLITS, "float64"))
    return table.sort_values("task", ignore_index=True)


def models(results: Results) -> dict[str, str | None]:
    """The models of the manifests with their weights: bundled, official, a path, or None without any."""
    entries = [entry for m in results.manifests for entry in (m.get("models") or {}).items()]
    return {name: entry.get("weights") for name, entry in entries}


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
    kinds = set(named.values()) - {None}
    if not named:
        return "unknown"
    if kinds == {"official"} and "multiverseg" in named:
        return "paper"
    return "nothing" if not kinds else "synthetic" if kinds == {"bundled"} else "unknown"


def same_name(name: str) -> str:
    """A data set's name without case and punctuation, which papers and files write differently."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
