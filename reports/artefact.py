"""An artefact of a paper: how it is called, explained and drawn, and which records it is drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segbench.errors import SegbenchError

SEQUENTIAL = ("center-clicks", "centerline-scribbles")
METHODS = ("scribbleprompt", "sp-uvs", "multiverseg")
INTERACTIVE_SETS = ("set-scribbles", "set-clicks")
AUTOMATIC_SETS = "set-automatic"
MANUAL = "manual-scribbles"
SETS = (*INTERACTIVE_SETS, AUTOMATIC_SETS, MANUAL)  # no image follows another; of MANUAL, sets of one
HUMAN = "human"  # what the column ``context`` says of scribbles that people drew
SUPERVISED = "supervised"
NO_CONTEXT = ("none", "set")  # what the column ``context`` says of models that take no segmented images


class InsufficientRecords(SegbenchError, ValueError):
    """An artefact cannot be drawn from these results; the message is one sentence that says why."""


@dataclass(frozen=True)
class Requirement:
    """Records that an artefact is drawn from.

    Attributes
    ----------
    protocols, models : tuple of str
        What the paper shows. It is drawn from any part of them, and the rest is named as missing, with the
        command that adds it.
    required : tuple of str
        Models without which there is nothing to draw.
    least : int
        Number of models it takes at least.
    split : {"test", "val"}
    context : {"binary", "soft", "ground-truth", "human"}
        What joins the context of the models that take one; the others are always shown beside them. Of
        `MANUAL`, who drew.
    longer : bool
        Sets of images longer than the run's standard, for which position goes on beyond it.
    optional : bool
        Shown where there are such records, and missing to nobody.
    """

    protocols: tuple[str, ...] = SEQUENTIAL
    models: tuple[str, ...] = METHODS
    required: tuple[str, ...] = ()
    least: int = 1
    split: str = "test"
    context: str = "binary"
    longer: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Artefact:
    """A figure or table.

    Its module is named as the artefact (``reports/figures/fig3.py``) and holds ``ARTEFACT`` and functions of
    the results: for a figure ``fig3(results, data=None) -> Figure`` and, where it shows numbers,
    ``fig3_data(results) -> DataFrame``; for a table ``table7(results) -> DataFrame`` and
    ``table7_grid(table) -> Grid``. They raise `InsufficientRecords` or ``StatisticsError`` where the results do not
    suffice.

    Attributes
    ----------
    kind : {"figure", "table"}
    title, caption : str
        Heading and explanation on the page.
    interval : str
        What its intervals are; ``{simulation}`` and ``{subject}`` stand for the number of units resampled.
        Empty where it has none.
    needs : tuple of Requirement
        Empty where it is not about records.
    rows, column : tuple of str, str
        Which columns of a figure's numbers name rows and columns where they are laid out for reading; empty
        for a picture without numbers.
    """

    kind: Literal["figure", "table"]
    title: str
    caption: str
    interval: str = ""
    needs: tuple[Requirement, ...] = (Requirement(),)
    rows: tuple[str, ...] = ()
    column: str = ""
