"""The paper artefacts this project draws, as data."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from datasets.lookup import UnknownName

SEQUENTIAL = ("center-clicks", "centerline-scribbles")
METHODS = ("scribbleprompt", "sp-uvs", "multiverseg")


@dataclass(frozen=True)
class Artefact:
    """A figure or table of a paper and what it takes to draw it.

    Attributes
    ----------
    name : str
        As on the command line, such as ``fig3``.
    target : str
        ``module:function``. Beside it, ``function_data`` gives a figure's numbers, and ``function_grid`` lays
        out a table for reading.
    kind : {"figure", "table"}
    title, caption : str
        Heading and explanation on the page.
    interval : str
        What its intervals are; ``{simulation}`` and ``{subject}`` stand for the number of units resampled.
    protocols, models : tuple of str
        What the paper shows; it is drawn from any part of them, and the rest is named as missing.
    required : tuple of str
        Models without which there is nothing to draw.
    least : int
        Number of models it takes at least.
    rows, column : tuple of str, str
        Which columns of a figure's numbers name rows and columns where they are laid out for reading.
    """

    name: str
    target: str
    kind: Literal["figure", "table"]
    title: str
    caption: str
    interval: str
    rows: tuple[str, ...] = ()
    column: str = ""
    protocols: tuple[str, ...] = SEQUENTIAL
    models: tuple[str, ...] = METHODS
    required: tuple[str, ...] = ()
    least: int = 1

    def function(self, suffix: str = "") -> Any:
        """The artefact's function, or the one beside it with that suffix."""
        module, _, attribute = self.target.partition(":")
        return getattr(import_module(module), attribute + suffix)


_SHADING = "Shading: 95% bootstrap interval over {simulation}."
_WHISKERS = "Whiskers: 95% bootstrap intervals, thick over {simulation}, thin over {subject}."
_TABLE = (
    "± standard deviation of the bootstrap over simulations; 95% bootstrap intervals over the units named."
)

_ALL = (
    Artefact(
        "fig3",
        "reports.figures.fig3:fig3",
        "figure",
        "Interactions to the target Dice by example number (Fig. 3)",
        "Interactions that an image needs to reach the target Dice against its place in the sequence, "
        "averaged over all tasks. Before the n-th image the context holds n images: the seed image and "
        "n − 1 of the others. An image that never reaches the target counts with the maximum number of "
        "interactions.",
        interval=_SHADING,
        rows=("protocol", "example"),
        column="model",
    ),
    Artefact(
        "fig4",
        "reports.figures.fig4:fig4",
        "figure",
        "Change in total interactions per task (Fig. 4)",
        "Change in the interactions that a whole set of images takes with MultiverSeg instead of each other"
        " method, per task and then averaged. Negative is less work. The comparison is paired: both methods"
        " saw the same images in the same order.",
        interval=_WHISKERS,
        rows=("protocol", "baseline"),
        column="unit",
        required=("multiverseg",),
        least=2,
    ),
    Artefact(
        "fig11",
        "reports.figures.fig11:fig11",
        "figure",
        "Interactions to the target Dice by data set (Fig. 11)",
        "As Fig. 3, for each data set on its own; where the run has only one data set, for each of its "
        "cohorts.",
        interval=_SHADING,
        rows=("protocol", "group", "example"),
        column="model",
    ),
    Artefact(
        "fig16",
        "reports.figures.fig16:fig16",
        "figure",
        "Total interactions per task by data set (Fig. 16)",
        "Interactions that a whole set of images takes, averaged over the tasks of each data set; where the"
        " run has only one data set, of each of its cohorts.",
        interval=_WHISKERS,
        rows=("protocol", "group"),
        column="model",
    ),
    Artefact(
        "table7",
        "reports.tables.table7:table7",
        "table",
        "Segmentation quality and total interactions per task (Table 7)",
        "Mean over tasks ± standard deviation of the bootstrap. Dice and 95th-percentile Hausdorff distance"
        " (HD95) are those of the last prediction of every image. Total steps are the interactions that a "
        "whole set of images takes; failures are its images that never reached the target Dice, which count"
        " with the maximum number of interactions.",
        interval=_TABLE,
    ),
)
ARTEFACTS: dict[str, Artefact] = {artefact.name: artefact for artefact in _ALL}


def names() -> list[str]:
    """Names of all artefacts."""
    return list(ARTEFACTS)


def get(name: str) -> Artefact:
    """The artefact of that name.

    Raises
    ------
    UnknownName
        If there is none; the message gives the nearest name.
    """
    if name not in ARTEFACTS:
        raise UnknownName("figure or table", name, names())
    return ARTEFACTS[name]
