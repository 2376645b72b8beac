"""Sentences about the images of a run: their split and number, missed seed images, empty scribbles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from segbench.datasets.all_test import is_all_test
from segbench.reports import catalogue, estimates, protocols, selection
from segbench.text import count_of, join_names

if TYPE_CHECKING:
    from segbench.results import Results

SEED = ["protocol", "task", "simulation"]  # identify a seed image, which all methods share (section 6.1)


def all_test(results: Results) -> str:
    """State that all images count as test, if they do; empty otherwise."""
    tasks = catalogue.tasks(results)
    tasks = tasks[tasks.evaluated & tasks.dataset.map(is_all_test)]
    if tasks.empty:
        return ""
    train, names = int(tasks.train.sum()), join_names(sorted(tasks.dataset.unique()), most=3)
    kept = f", except those of one subject of each task ({train}), with which contexts begin" if train else ""
    return (
        f"All images of {names} count as test ({tasks.test.sum():.0f}), whatever the data set's own split"
        f"{kept}. A model that was trained on some of them is not measured on unseen images."
    )


def small_tasks(results: Results) -> str:
    """Name the tasks with fewer images than the run's sets; empty if all tasks have equally many."""
    size, images = selection.standard_size(results) or 0, results.images
    ordered = [name for name in images.protocol.unique() if protocols.labels(results, str(name)).ordered]
    counts = images[images.protocol.isin(ordered)].groupby("task", observed=True).position.max()
    small = counts[counts < size].sort_values() if counts.nunique() > 1 else counts[:0]
    names = join_names([f"{task} ({count})" for task, count in small.items()], most=6)
    return names and (
        f"{names}: fewer images than the {size} of a set, so all of them are segmented. Totals per set count "
        "these smaller sets as they are; methods are compared on the same images. Curves by image average "
        "over fewer tasks beyond the last image of such a task."
    )


def seed_images(results: Results) -> pd.DataFrame:
    """Return the records of the seed images, one row for each, whatever the number of methods."""
    return results.seeds.drop_duplicates(SEED)


def missed_seeds(results: Results) -> str:
    """Count the seed images below the target Dice in sentences; empty if there are none.

    Seed images that nobody corrects, as after one box, are not counted.
    """
    texts = []
    seeds = seed_images(results)
    seeds = seeds[~seeds.protocol.isin(protocols.of_families(results, "boxes"))]
    for name in protocols.in_order(seeds.protocol):
        rows = seeds[seeds.protocol == name]
        if not rows.reached.all():
            texts.append(
                f"{(~rows.reached).sum()} of {len(rows)} missed {estimates.target(results)} Dice with "
                f"{protocols.labels(results, name).title.lower()} (lowest: {rows.dice.min():.1%})"
            )
    settings = results.manifests[0].get("settings") or {} if results.manifests else {}
    advice = (
        "No other train image that was drawn in their place reached it."
        if settings.get("seed_image") == "redraw"
        else "Run with --seed-image redraw to replace those that missed."
    )
    return "; ".join(texts) and (
        f"{'; '.join(texts)}. The seed image is entry 1 of the context of every method. {advice}"
    )


def empty_scribbles(results: Results) -> str:
    """Count the scribbles without a pixel in sentences; empty if there are none."""
    texts = []
    for name in protocols.in_order(results.images.protocol):
        images = results.images[(results.images.protocol == name) & (results.images.empty_scribbles > 0)]
        if len(images):
            scribbles = count_of(int(images.empty_scribbles.sum()), "scribble")
            texts.append(
                f"{protocols.labels(results, name).title}: {scribbles} on {count_of(len(images), 'image')} "
                "(counted for each method)"
            )
    return "; ".join(texts) and (
        f"{'; '.join(texts)} had no pixel, although the region to correct had some. The model got no "
        "interaction, and the image counts as its failure."
    )
