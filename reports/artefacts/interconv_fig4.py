"""What sets of images gain in interactive segmentation (InterConv, Fig. 4)."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import TYPE_CHECKING

from segbench.models.registry import PAIR
from segbench.reports import estimates, style
from segbench.reports.artefact import Artefact, Requirement
from segbench.reports.artefacts.gains import INTERVAL, LABEL, draw_gains
from segbench.reports.curves import doubling_axis, note, shared_legend
from segbench.reports.panels import by_protocol

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

NEED = Requirement(("sets",), PAIR, required=PAIR)

ARTEFACT = Artefact(
    "figure",
    "Improvement by size of the set and number of prompts (InterConv, Fig. 4)",
    "What ScribblePrompt-InterConv gains over the ScribblePrompt of equal size on the same image and "
    "prompts: mean difference of the Dice of an image, averaged over the seeds of its prompts. The baseline "
    "sees each image alone. Every image of every task counts the same; p values are those of the paired "
    "t-test over images. The CSV file also has the mean in which data sets count the same (hierarchical).",
    interval=INTERVAL,
    requires=(NEED,),
    rows=("protocol", "set_size", "prompts"),
    column="unit",
)


def interconv_fig4_data(results: Results) -> pd.DataFrame:
    """Improvement of Dice times 100.

    Returns
    -------
    DataFrame
        A row per protocol, images of a set (``set_size``), positive and as many negative ``prompts`` of an
        image, and interval unit, with the columns of `segbench.results.statistics.improvement`; ``n`` counts images.
    """
    estimates.select_models(results, NEED)
    steps = estimates.select_steps(results, NEED)
    data = estimates.improvements(steps, PAIR[1], PAIR[0], ["context_size", "step"])
    data["context_size"] += 1
    return data.rename(columns={"context_size": "set_size", "step": "prompts"})


def interconv_fig4(results: Results, data: pd.DataFrame | None = None) -> Figure:
    """A panel per kind of prompt, a line per size of the set.

    Parameters
    ----------
    results : Results
    data : DataFrame, optional
        The numbers of `interconv_fig4_data`, where they are at hand.
    """
    data = estimates.first_unit(interconv_fig4_data(results) if data is None else data)
    looks = {
        size: replace(look, title=f"{size} image{'' if size == 1 else 's'}")
        for size, look in style.size_looks(data.set_size).items()
    }

    def draw(axes: Axes, part: pd.DataFrame) -> None:
        draw_gains(axes, part, looks, "prompts", "set_size")
        doubling_axis(axes, part.prompts)

    figure, panels = by_protocol(results, data, draw, _labels)
    shared_legend(figure, panels, "Images of a set")
    note(figure, estimates.describe_interval(ARTEFACT.interval, data))
    return figure


def _labels(protocol: str) -> tuple[str, str]:
    return f"Positive and as many negative {style.wording(protocol).unit}", LABEL


ARTEFACTS = {"interconv-fig4": dataclasses.replace(ARTEFACT, data=interconv_fig4_data, draw=interconv_fig4)}
