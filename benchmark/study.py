"""The whole study: every protocol of both papers, their variants, and scribbles that people drew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from segbench.protocols.config import Config
from segbench.reports.artefact import METHODS, SEQUENTIAL

ALL = "all"
STUDY = (
    *SEQUENTIAL,
    "bootstrapped-in-context",
    "in-context",
    "interactive-in-context-clicks",
    "interactive-in-context-scribbles",
    "set-clicks",
    "set-scribbles",
    "set-automatic",
    "supervised",
    "manual-scribbles",
)


@dataclass(frozen=True)
class Experiment:
    """One protocol under one configuration; ``models`` None takes all that were chosen for the run."""

    protocol: str
    config: Config
    models: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Variant:
    """What MultiverSeg runs besides: protocols and models with some settings changed."""

    protocols: tuple[str, ...]
    models: tuple[str, ...]
    changes: dict[str, Any]


_IN_CONTEXT = ("sp-uvs", "multiverseg")
_CUT_OFFS = ("scribbleprompt", "sp-uvs-1", "sp-uvs-2", "sp-uvs", "sp-uvs-10")
VARIANTS = (
    Variant(SEQUENTIAL, _IN_CONTEXT, {"split": "val", "context": "binary"}),  # Fig. 14
    Variant(SEQUENTIAL, _IN_CONTEXT, {"split": "val", "context": "soft"}),
    Variant(SEQUENTIAL, _IN_CONTEXT, {"split": "val", "context": "ground-truth"}),
    Variant(SEQUENTIAL, _CUT_OFFS, {"split": "val"}),  # Fig. 15
    Variant(("bootstrapped-in-context",), ("universeg",), {"context": "soft"}),  # Fig. 17, 18
)


def experiments(protocols: Sequence[str], config: Config, longer: int | None) -> list[Experiment]:
    """What a run consists of: the protocols named, or with ``all`` the whole study.

    Parameters
    ----------
    protocols : names
    config : Config
        What every experiment begins with.
    longer : int or None
        Images of the longer sets (Fig. 12, 13); None takes all of a task. There are none where the usual
        sets are as long.
    """
    names = STUDY if list(protocols) == [ALL] else protocols
    found = [Experiment(name, config) for name in names]
    if list(protocols) == [ALL]:
        for variant in VARIANTS:
            changed = replace(config, **variant.changes)
            found += [Experiment(name, changed, variant.models) for name in variant.protocols]
        if config.images is not None and (longer is None or longer > config.images):
            further = replace(config, images=longer)
            found += [Experiment(name, further, METHODS) for name in SEQUENTIAL]
    return found
