"""The records that an artefact needs, and the error if a run lacks them."""

from __future__ import annotations

from dataclasses import dataclass

from segbench.errors import SegbenchError

METHODS = ("scribbleprompt", "sp-uvs", "multiverseg")  # compared in the figures of MultiverSeg
SUPERVISED = "supervised"  # family of networks that are trained on each task
NO_CONTEXT = "none"  # in the column ``context``, of predictions without a context


class InsufficientRecords(SegbenchError, ValueError):
    """The results do not suffice for an artefact; the message is one sentence that gives the reason."""


@dataclass(frozen=True)
class Requirement:
    """Records that an artefact shows. A report draws it from any part of them and lists the rest as missing.

    Attributes
    ----------
    families : tuple of str
        Families of protocols (`segbench.protocols.protocol.Protocol`). Every protocol of these families is
        shown; the built-in ones are listed as missing where they have no records.
    models : tuple of str
        Models of the paper's figure; each one without records is listed as missing. Others are shown too.
    protocols : tuple of str
        Single protocols instead of families.
    required : tuple of str
        Models without which there is nothing to draw.
    least : int
        Smallest number of models.
    split : {"test", "val"}
    context : {"binary", "soft", "ground-truth"}
        Content of the context entries. Predictions without a context are always shown.
    longer : bool
        Whether images count whose position is beyond the run's standard number of images.
    optional : bool
        Whether absent protocols are not listed as missing.
    """

    families: tuple[str, ...] = ("sequential",)
    models: tuple[str, ...] = METHODS
    protocols: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    least: int = 1
    split: str = "test"
    context: str = "binary"
    longer: bool = False
    optional: bool = False
