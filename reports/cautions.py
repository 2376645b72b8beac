"""Sentences about seed images that miss the target Dice, and about scribbles without a pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates, protocols
from segbench.text import count_of

if TYPE_CHECKING:
    from segbench.results import Results

SEED = ["protocol", "task", "simulation"]  # identify a seed image, which all methods share (section 6.1)


def seed_images(results: Results) -> pd.DataFrame:
    """Return the records of the seed images, one row for each, whatever the number of methods."""
    return results.seeds.drop_duplicates(SEED)


def missed_seeds(results: Results) -> str:
    """Count the seed images below the target Dice in sentences; empty if there are none."""
    texts = []
    seeds = seed_images(results)
    for name in protocols.in_order(seeds.protocol):
        rows = seeds[seeds.protocol == name]
        if not rows.reached.all():
            texts.append(
                f"{(~rows.reached).sum()} of {len(rows)} missed {estimates.target(results)} Dice with "
                f"{protocols.labels(results, name).title.lower()} (lowest Dice {rows.dice.min():.2f})"
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
