"""The whole study of the MultiverSeg paper: every protocol, and the variants that its appendix compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from protocols.config import Config

ALL = "all"
SEQUENTIAL = ("center-clicks", "centerline-scribbles")
PAPER = (
    *SEQUENTIAL,
    "bootstrapped-in-context",
    "in-context",
    "interactive-in-context-clicks",
    "interactive-in-context-scribbles",
)


@dataclass(frozen=True)
class Experiment:
    """One protocol under one configuration; ``models`` None takes all that were chosen for the run."""

    protocol: str
    config: Config
    models: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Variant:
    """What the paper runs besides, and for which figures."""

    figures: str
    protocols: tuple[str, ...]
    models: tuple[str, ...]
    changes: dict[str, Any] = field(default_factory=dict)


_IN_CONTEXT = ("sp-uvs", "multiverseg")
_CUT_OFFS = ("scribbleprompt", "sp-uvs-1", "sp-uvs-2", "sp-uvs", "sp-uvs-10")
VARIANTS = (
    Variant("Fig. 14", SEQUENTIAL, _IN_CONTEXT, {"split": "val", "context": "binary"}),
    Variant("Fig. 14", SEQUENTIAL, _IN_CONTEXT, {"split": "val", "context": "soft"}),
    Variant("Fig. 14", SEQUENTIAL, _IN_CONTEXT, {"split": "val", "context": "ground-truth"}),
    Variant("Fig. 15", SEQUENTIAL, _CUT_OFFS, {"split": "val"}),
    Variant("Fig. 17, 18", ("bootstrapped-in-context",), ("universeg",), {"context": "soft"}),
)
LONGER = ("scribbleprompt", "sp-uvs", "multiverseg")  # Fig. 12, 13


def experiments(protocols: Sequence[str], config: Config, longer: int | None) -> list[Experiment]:
    """What a run consists of: the protocols named, or with ``all`` the whole study.

    Parameters
    ----------
    protocols : names
    config : Config
        What every experiment begins with.
    longer : int or None
        Images of the longer sets; None takes all of a task.
    """
    names = PAPER if list(protocols) == [ALL] else protocols
    found = [Experiment(name, config) for name in names]
    if list(protocols) == [ALL]:
        for variant in VARIANTS:
            changed = replace(config, **variant.changes)
            found += [Experiment(name, changed, variant.models) for name in variant.protocols]
        found += [Experiment(name, replace(config, images=longer), LONGER) for name in SEQUENTIAL]
    return found
