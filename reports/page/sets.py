"""What sets of images gain, in words (InterConv)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import catalogue, estimates, style
from segbench.reports.artefact import InsufficientRecords
from segbench.reports.figures.gains import AUTOMATIC_PAIRS
from segbench.reports.figures.interconv_fig4 import interconv_fig4_data
from segbench.reports.tables.layout import number
from segbench.results.statistics import StatisticsError

if TYPE_CHECKING:
    from segbench.results import Results


def sentences(results: Results) -> list[str]:
    """The improvement of every InterConv variant that stands beside its baseline; none without records."""
    found = []
    with suppress(InsufficientRecords, StatisticsError):
        found += _interactive(interconv_fig4_data(results))
    scans = catalogue.scans(results)
    for baseline, model in AUTOMATIC_PAIRS:
        with suppress(StatisticsError):  # one of the two has not run
            gains = estimates.improvements(scans, model, baseline, ["group"])
            found += [f"{group}. {_gain(part)}" for group, part in gains.groupby("group")]
    return found


def _interactive(data: pd.DataFrame) -> list[str]:
    """For each kind of prompt, the gain of the largest sets with the fewest and with the most prompts."""
    size = data.set_size.max()
    ends = [data.prompts.min(), data.prompts.max()]
    data = data[(data.set_size == size) & data.prompts.isin(ends)]
    where = f"of either kind on each of {size} images"
    return [
        f"{style.wording(str(protocol)).title}, {prompts} {where}. {_gain(part)}"
        for (protocol, prompts), part in data.groupby(["protocol", "prompts"], sort=False)
    ]


def _gain(part: pd.DataFrame) -> str:
    """The difference with both intervals."""
    first = part.iloc[0]
    model, baseline = (style.MODELS[name].title for name in (first.model, first.baseline))
    ends = [
        f"{number(row.low, 1)}, {number(row.high, 1)} over {row.unit}s"
        for _, row in part.dropna(subset="low").iterrows()
    ]
    within = f" [{'; '.join(ends)}]" if ends else ""
    return f"Dice (×100) of {model} minus that of {baseline}: {number(first['mean'], 1)}{within}."
