"""A run at a glance: the table that ``run`` prints, and what `Results` show in a notebook."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from segbench.results.statistics import hierarchical_mean
from segbench.text import count_of, printable


def mean_table(images: pd.DataFrame, levels: Sequence[str] = ()) -> pd.DataFrame:
    """Return mean interactions to the target Dice, Dice and failures by protocol and model, as text.

    Parameters
    ----------
    images : DataFrame
        The records, one row per image. Means are hierarchical: every data set has the same weight. Splits and
        contexts have separate rows if a model has several, and so do context and set sizes if the same image
        has several results.
    levels : sequence of str
        Further columns that a row is of, such as ``task``.
    """
    by = ["protocol", *levels, "model", *variants(images)]
    same_image = [*dict.fromkeys([*by, "task"]), "training", "simulation", "person", "image"]
    for size in ("context_size", "set_size"):
        counts = images.groupby(same_image, observed=True)[size].nunique().groupby("protocol").max()
        repeated = counts.index[counts > 1]
        if len(repeated):
            images = images.assign(**{size: images[size].where(images.protocol.isin(repeated), -1)})
            by.append(size)
    table = hierarchical_mean(images, "interactions", by)
    table["interactions"] = table.interactions.map("{:.2f}".format)
    table["Dice"] = hierarchical_mean(images, "dice", by).dice.map("{:.2f}".format)
    table["failures"] = (1 - hierarchical_mean(images, "reached", by).reached).map(_percent)
    for size in set(by) & {"context_size", "set_size"}:
        table[size] = table[size].map(lambda number: "" if number < 0 else str(number))
    return table


def variants(images: pd.DataFrame) -> list[str]:
    """Return which of split, context and annotator have several values for a model in one protocol."""
    names = ["split", "context", "annotator"]
    counts = images.groupby(["protocol", "model"], observed=True)[names].nunique()
    return [name for name in names if counts[name].max() > 1]


def _percent(share: float) -> str:
    """Return whole percent; 0% and 100% mean none and all."""
    if 1e-9 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 < share < 1 - 1e-9 else f"{share:.0%}"


def title(images: pd.DataFrame) -> str:
    """Return one line about the data, models, protocols and records of a run."""
    data, models, protocols = (
        ", ".join(sorted(images[column].unique())) for column in ("dataset", "model", "protocol")
    )
    tasks = count_of(images.task.nunique(), "task")
    return printable(f"{data} ({tasks}); {models}; {protocols}; {count_of(len(images), 'segmented image')}")


def standard_size(manifests: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the number of images of a standard set; None without a manifest or without a limit."""
    return min((int(manifest["images"]) for manifest in manifests if manifest.get("images")), default=None)


def in_standard_sets(images: pd.DataFrame, manifests: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the records of images without those by which longer simulations go on."""
    size = standard_size(manifests)
    if size is None:
        return images
    named = [manifest.get("protocols") or {} for manifest in manifests]
    ordered = {name for facts in named for name in facts if facts[name].get("ordered")}
    return images[~images.protocol.isin(ordered) | (images.position <= size)]


def as_text(images: pd.DataFrame, manifests: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> str:
    """Return title, means and notes for a terminal."""
    if images.empty:
        return "no records"
    table = mean_table(in_standard_sets(images, manifests)).to_string(index=False)
    return "\n".join([title(images), table, *notes])


def as_html(images: pd.DataFrame, manifests: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> str:
    """Return title, means and notes for a notebook."""
    if images.empty:
        return "<p>no records</p>"
    table = mean_table(in_standard_sets(images, manifests)).to_html(index=False, border=0)
    below = "".join(f"<p>{html.escape(note)}</p>" for note in notes)
    return f"<p><b>{html.escape(title(images))}</b></p>{table}{below}"
