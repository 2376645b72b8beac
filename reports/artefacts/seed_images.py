"""Quality of the seed images (MultiverSeg, section 6.1)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import protocols
from segbench.reports.artefact import Artefact
from segbench.reports.cautions import seed_images
from segbench.reports.estimates import in_reading_order
from segbench.reports.layout import Grid, number, plain
from segbench.reports.requirement import InsufficientRecords, Requirement

if TYPE_CHECKING:
    from segbench.results import Results

COLUMNS = {
    "protocol": "Protocol",
    "dataset": "Data set",
    "seeds": "Seed images",
    "missed": "Missed",
    "interactions": "Mean interactions",
    "dice": "Mean Dice (×100)",
    "lowest_dice": "Lowest Dice (×100)",
}
DICE = ("dice", "lowest_dice")


def _data(results: Results) -> pd.DataFrame:
    """Summarise the seed images by ``protocol`` and ``dataset``: ``seeds``, ``missed`` and means."""
    seeds = seed_images(results).astype({"protocol": str, "dataset": str})
    if seeds.empty:
        raise InsufficientRecords("No method of the run takes a context, so there are no seed images.")
    table = seeds.groupby(["protocol", "dataset"]).agg(
        seeds=("reached", "size"),
        missed=("reached", lambda reached: (~reached).sum()),
        interactions=("interactions", "mean"),
        dice=("dice", "mean"),
        lowest_dice=("dice", "min"),
    )
    return in_reading_order(table.reset_index(), ["protocol", "dataset"])


def _grid(results: Results, table: pd.DataFrame) -> Grid:
    titles = [protocols.labels(results, name).title for name in table.protocol]
    shown = table.assign(protocol=titles, interactions=table.interactions.map(number))
    shown = shown.assign(**{name: (100 * table[name]).map(partial(number, digits=1)) for name in DICE})
    return plain(shown, COLUMNS, heads=2)


ARTEFACTS = {
    "seed-images": Artefact(
        "table",
        "Seed images",
        "The first context entry of every method is a train image that ScribblePrompt segments. Missed are "
        "the seed images whose segmentation did not reach the target Dice. A seed image is counted once for "
        "each protocol, task and simulation, as all methods share it.",
        requires=(Requirement(models=(), optional=True),),
        data=_data,
        grid=_grid,
    ),
}
