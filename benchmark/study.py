"""Experiments of a run; ``--protocol all`` is the whole study of both papers with its variants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from segbench.protocols.config import Config
from segbench.protocols.protocol import Protocol
from segbench.protocols.registry import PROTOCOLS
from segbench.registry import PluginError

ALL = "all"
EXPERIMENT_1 = ("center-clicks", "centerline-scribbles")  # MultiverSeg, section 6.1; the default of `run`
METHODS = ("scribbleprompt", "sp-uvs", "multiverseg")


@dataclass(frozen=True)
class Experiment:
    """One protocol with one configuration; ``models`` None takes all models that are chosen for the run."""

    protocol: str
    config: Config
    models: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Variant:
    """Protocols and models that the study runs once more with some settings changed."""

    protocols: tuple[str, ...]
    models: tuple[str, ...]
    changes: dict[str, Any]


_IN_CONTEXT = ("sp-uvs", "multiverseg")
_CUT_OFFS = ("scribbleprompt", "sp-uvs-1", "sp-uvs-2", "sp-uvs", "sp-uvs-10")
VARIANTS = (
    Variant(EXPERIMENT_1, _IN_CONTEXT, {"split": "val", "context": "binary"}),  # Fig. 14
    Variant(EXPERIMENT_1, _IN_CONTEXT, {"split": "val", "context": "soft"}),
    Variant(EXPERIMENT_1, _IN_CONTEXT, {"split": "val", "context": "ground-truth"}),
    Variant(EXPERIMENT_1, _CUT_OFFS, {"split": "val"}),  # Fig. 15
    Variant(("bootstrapped-in-context",), ("universeg",), {"context": "soft"}),  # Fig. 17, 18
)


def find_protocol(name: str) -> Protocol:
    """Return the protocol of a name.

    Raises
    ------
    UnknownName
        If there is no such protocol.
    PluginError
        If a plug-in is not a protocol.
    """
    protocol = PROTOCOLS.get(name)
    if not isinstance(protocol, Protocol):
        raise PluginError(
            f"{name} is not a protocol; make it an instance of a class that derives from segbench.Protocol"
        )
    return protocol


def experiments(protocols: Sequence[str], config: Config, longer_images: int | None) -> list[Experiment]:
    """Return the experiments of a run.

    Parameters
    ----------
    protocols : sequence of str
        Names of protocols, or ``["all"]`` for the whole study.
    config : Config
        Configuration from which all experiments are derived.
    longer_images : int or None
        Images of the longer simulations (Fig. 12, 13); None takes all of a task. The study has longer
        simulations only if they are longer than those of `config`.
    """
    if list(protocols) != [ALL]:
        return [Experiment(name, config) for name in protocols]
    study = [Experiment(name, config) for name in PROTOCOLS.names() if find_protocol(name).in_study]
    for variant in VARIANTS:
        changed = replace(config, **variant.changes)
        study += [Experiment(name, changed, variant.models) for name in variant.protocols]
    if config.images is not None and (longer_images is None or longer_images > config.images):
        longer = replace(config, images=longer_images)
        study += [Experiment(name, longer, METHODS) for name in EXPERIMENT_1]
    return study
