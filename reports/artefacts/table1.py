"""What each split of each data set is used for (MultiverSeg, Table 1)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pandas as pd

from segbench.reports import catalogue, style
from segbench.reports.artefact import SETS, SUPERVISED, Artefact
from segbench.reports.estimates import IN_CONTEXT
from segbench.reports.layout import Grid, plain
from segbench.results import published

if TYPE_CHECKING:
    from segbench.results import Results

ARTEFACT = Artefact(
    "table",
    "Use of the splits (Table 1)",
    "What each split was used for, in the paper and in this run. Every data set is split by subject: 60% "
    "training, 20% validation, 20% test. Validation data sets are those whose validation split decided "
    "something: here a comparison of variants, or which synthetic tasks the bundled weights were trained "
    "on.",
    requires=(),
)

TRAINING, VALIDATION, TEST = "Training data sets", "Validation data sets", "Test data sets"
LEFT_OUT = "Data sets left out"
# Their validation splits were looked at while the bundled weights were made (models/bundled/README.md).
LOOKED_AT = ("phantoms", "wbc")
TRAINING_OF = "training of "


def table1(results: Results) -> pd.DataFrame:
    """Uses of the splits, the paper's beside ours.

    Returns
    -------
    DataFrame
        A row per ``group`` of data sets and ``split``: ``paper_datasets`` (their number) and ``paper_use``,
        ``datasets``, ``names`` and ``use``. Numbers are NaN where they are unknown or, in the paper, where it
        has no such group.
    """
    paper = published("table1").rename(columns={"datasets": "paper_datasets", "use": "paper_use"})
    groups = _groups(results)
    ours = [_training(results, paper)]
    for group in (VALIDATION, TEST, *([LEFT_OUT] if LEFT_OUT in groups else [])):
        ours.append(_used(group, groups.get(group, {})))
    table = pd.concat(ours, ignore_index=True).merge(paper, how="left", on=["group", "split"])
    return table[["group", "split", "paper_datasets", "paper_use", "datasets", "names", "use"]]


def _training(results: Results, paper: pd.DataFrame) -> pd.DataFrame:
    """What the weights of the run have learnt from."""
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
    """Uses of the run's data sets by group, data set and split."""
    bundled = "bundled" in catalogue.models(results).values()
    groups: dict[str, dict[str, dict[str, list[str]]]] = {}
    for name in sorted(catalogue.tasks(results).dataset.unique()):
        images = results.images[results.images.dataset == name]
        uses = _uses(images)
        if bundled and name in LOOKED_AT:
            uses["val"].append("choice of what the bundled weights were trained on")
        deciding = [use for use in uses["val"] if not use.startswith(TRAINING_OF)]
        group = LEFT_OUT if images.empty else VALIDATION if deciding else TEST
        groups.setdefault(group, {})[name] = uses
    return groups


def _uses(images: pd.DataFrame) -> dict[str, list[str]]:
    """What the records of a data set say that its splits were used for."""
    context = images[(images.context != "none") & ~images.protocol.isin(SETS)]
    randomly = context.protocol.isin(IN_CONTEXT)
    supervised = style.looks(images.model[images.protocol == SUPERVISED].unique()).values()
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
    return {split: [use for use, true in found.items() if true] for split, found in uses.items()}


def _used(group: str, datasets: dict[str, dict[str, list[str]]]) -> pd.DataFrame:
    """The rows of a group: each use once, in the order in which it is met."""
    rows = []
    for split in catalogue.SPLITS:
        found = dict.fromkeys(use for uses in datasets.values() for use in uses[split])
        use = ", ".join(found) or ("not used" if datasets else "")
        rows.append({"group": group, "split": split, "names": ", ".join(datasets), "use": use})
    return pd.DataFrame(rows).assign(datasets=len(datasets))


def table1_grid(table: pd.DataFrame) -> Grid:
    """The table for reading."""
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


ARTEFACTS = {"table1": dataclasses.replace(ARTEFACT, data=table1, grid=lambda _, table: table1_grid(table))}
