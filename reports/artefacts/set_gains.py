"""Gain in Dice from segmenting images together (InterConv, Fig. 4, 6, 9 and 10)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import catalogue, estimates, protocols, selection, style
from segbench.reports.artefact import Artefact
from segbench.reports.curves import doubling_axis, draw_curves
from segbench.reports.layout import number
from segbench.reports.panels import by_group, by_protocol
from segbench.reports.requirement import InsufficientRecords, Requirement
from segbench.results.statistics import StatisticsError
from segbench.text import count_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

# Pairs of a baseline, which predicts each image alone, and its InterConv variant of equal size.
INTERACTIVE_PAIR = ("scribbleprompt-matched", "scribbleprompt-interconv")
AUTOMATIC_PAIRS = tuple((name, f"{name}-interconv") for name in ("nnunet2d", "simpleunet", "swinunet"))
INTERACTIVE = Requirement(("sets",), INTERACTIVE_PAIR, required=INTERACTIVE_PAIR)
AUTOMATIC = Requirement(("scans",), tuple(name for pair in AUTOMATIC_PAIRS for name in pair))

INTERVAL = "Shading: 95% bootstrap interval over {image}. The numbers also contain the one over {subject}."
LABEL = "Dice improvement (×100)"


def interactive_gains(results: Results) -> pd.DataFrame:
    """Estimate the improvement of Dice times 100 by size of the set and number of prompts.

    Returns
    -------
    DataFrame
        A row per protocol, ``set_size``, ``prompts`` (positive ones of an image, and as many negative ones)
        and interval unit, with the columns of `segbench.results.statistics.improvement`; ``n`` counts images.
    """
    selection.select_models(results, INTERACTIVE)
    steps = selection.select_steps(results, INTERACTIVE)
    baseline, model = INTERACTIVE_PAIR
    data = estimates.improvements(steps, model, baseline, ["set_size", "step"])
    return data.rename(columns={"step": "prompts"})


def draw_interactive(results: Results, data: pd.DataFrame) -> Figure:
    """Draw a panel per kind of prompt, a line per size of the set."""
    data = estimates.first_unit(data)
    styles = {
        size: replace(look, title=count_of(size, "image"))
        for size, look in style.size_styles(data.set_size).items()
    }

    def draw(axes: Axes, rows: pd.DataFrame) -> None:
        _draw_gains(axes, rows, styles, "prompts", "set_size")
        doubling_axis(axes, rows.prompts)

    def labels(protocol: str) -> tuple[str, str]:
        return f"Positive and as many negative {protocols.labels(results, protocol).unit}", LABEL

    return by_protocol(results, data, draw, labels, "Images per set")[0]


def automatic_gains(results: Results, pair: tuple[str, str]) -> pd.DataFrame:
    """Estimate the improvement of Dice times 100 by data set and number of scans of the subject.

    Returns
    -------
    DataFrame
        A row per data set (``group``), number of ``scans`` and interval unit, with the columns of
        `segbench.results.statistics.improvement`; ``n`` counts scans.
    """
    scans = catalogue.scans(results)
    if not set(pair) <= set(scans.model):
        raise InsufficientRecords(f"There are no automatic segmentations of both {' and '.join(pair)}.")
    scans = scans.rename(columns={"set_size": "scans"}).assign(level="dataset")
    baseline, model = pair
    return estimates.improvements(scans, model, baseline, ["level", "group", "scans"])


def draw_automatic(results: Results, data: pd.DataFrame) -> Figure:
    """Draw a panel per data set."""
    data = estimates.first_unit(data)
    styles = style.line_styles(data.model)
    return by_group(
        data,
        lambda axes, rows: _draw_gains(axes, rows, styles, "scans", "model"),
        lambda protocol: ("Scans of the subject", LABEL),
        {name: name for name in sorted(data.group.unique())},
    )[0]


def _draw_gains(axes: Axes, rows: pd.DataFrame, styles: Mapping, x: str, hue: str) -> None:
    """Draw improvements over ``x``, and a dashed line at zero."""
    axes.axhline(0, color="#444444", linewidth=0.9, linestyle=(0, (4, 2)))
    draw_curves(axes, rows, styles, x, hue)
    low, high = rows[estimates.SHOWN].min().min(), rows[estimates.SHOWN].max().max()
    margin = 0.08 * max(high - min(low, 0), 0.5)
    axes.set_ylim(min(low, 0) - margin, max(high, 0) + margin)


def sentences(results: Results) -> list[str]:
    """State the improvement of every InterConv variant that has records together with its baseline."""
    texts = []
    with suppress(InsufficientRecords, StatisticsError):
        texts += _interactive_sentences(results, interactive_gains(results))
    scans = catalogue.scans(results)
    for baseline, model in AUTOMATIC_PAIRS:
        with suppress(StatisticsError):  # one of the two has no records
            gains = estimates.improvements(scans, model, baseline, ["group"])
            texts += [f"{group}: {_difference(rows)}" for group, rows in gains.groupby("group")]
    return texts


def _interactive_sentences(results: Results, data: pd.DataFrame) -> list[str]:
    """State, for each kind of prompt, the gain of the largest sets with the fewest and the most prompts."""
    size = data.set_size.max()
    ends = [data.prompts.min(), data.prompts.max()]
    data = data[(data.set_size == size) & data.prompts.isin(ends)]
    titles = {name: protocols.labels(results, name).title for name in data.protocol.unique()}
    return [
        f"{titles[protocol]}, {prompts} of either kind on each of {size} images: {_difference(rows)}"
        for (protocol, prompts), rows in data.groupby(["protocol", "prompts"], sort=False)
    ]


def _difference(rows: pd.DataFrame) -> str:
    """State the difference with both intervals."""
    first = rows.iloc[0]
    model, baseline = style.model_title(first.model), style.model_title(first.baseline)
    intervals = [
        f"{number(row.low, 1)}, {number(row.high, 1)} over {row.unit}s"
        for _, row in rows.dropna(subset="low").iterrows()
    ]
    within = f" [{'; '.join(intervals)}]" if intervals else ""
    return f"Dice (×100) of {model} minus that of {baseline} is {number(first['mean'], 1)}{within}."


def _automatic(figure: int, pair: tuple[str, str], baseline: str) -> Artefact:
    """Describe the figure of one architecture; ``baseline`` is the title of its baseline."""
    model = f"{baseline}-InterConv"
    return Artefact(
        "figure",
        f"{model}: improvement by scans of the subject (InterConv, Fig. {figure})",
        f"Difference in Dice between {model}, which segments all scans of a subject together, and "
        f"{baseline}, by the number of these scans. The Dice of a scan is averaged over its structures. "
        "Every scan has the same weight; the paired t-test is over scans.",
        interval=INTERVAL,
        requires=(Requirement(("scans",), pair, required=pair),),
        rows=("group", "scans"),
        column="unit",
        data=partial(automatic_gains, pair=pair),
        draw=draw_automatic,
    )


ARTEFACTS = {
    "interconv-fig4": Artefact(
        "figure",
        "Improvement by size of the set and number of prompts (InterConv, Fig. 4)",
        "Difference in Dice between ScribblePrompt-InterConv, which segments all images of a set together, "
        "and a ScribblePrompt of equal size, which segments each image alone, with the same prompts. The "
        "Dice of an image is averaged over the random draws of its prompts. Every image of every task has "
        "the same weight; the paired t-test is over images. In the CSV file, the column hierarchical is the "
        "mean in which every data set has the same weight.",
        interval=INTERVAL,
        requires=(INTERACTIVE,),
        rows=("protocol", "set_size", "prompts"),
        column="unit",
        data=interactive_gains,
        draw=draw_interactive,
    ),
    "interconv-fig6": _automatic(6, AUTOMATIC_PAIRS[0], "nnU-Net 2D"),
    "interconv-fig9": _automatic(9, AUTOMATIC_PAIRS[1], "SimpleUNet"),
    "interconv-fig10": _automatic(10, AUTOMATIC_PAIRS[2], "SwinUNet"),
}
