"""Titles, units, families and the order of protocols in a report.

They come from the manifest of the run. The registry answers for protocols that no manifest describes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from segbench.protocols.registry import PROTOCOLS
from segbench.registry import PluginError, UnknownName

if TYPE_CHECKING:
    from segbench.reports.requirement import Requirement
    from segbench.results import Results


@dataclass(frozen=True)
class ProtocolLabels:
    """Facts of a protocol that figures and tables show; see `segbench.protocols.protocol.Protocol`."""

    title: str
    unit: str
    family: str = ""
    ordered: bool = False
    max_steps: int = 0


def labels(results: Results, name: str) -> ProtocolLabels:
    """Return the facts of a protocol; the title of an unknown one is its name, its unit "interactions"."""
    for manifest in results.manifests:
        entry = (manifest.get("protocols") or {}).get(name)
        if entry:
            facts = entry["unit"], entry["family"], entry["ordered"], entry.get("max_steps", 0)
            return ProtocolLabels(entry["title"] or str(name), *facts)
    return _registered(str(name))


@cache
def _registered(name: str) -> ProtocolLabels:
    try:  # a name such as module:PROTOCOL from a record is not imported
        protocol = PROTOCOLS.get(name) if name in PROTOCOLS.names() else None
    except (UnknownName, PluginError):
        protocol = None
    if protocol is None:
        return ProtocolLabels(name, "interactions")
    facts = protocol.unit, protocol.family, protocol.ordered, protocol.max_steps
    return ProtocolLabels(protocol.title or name, *facts)


def step_limit(results: Results, name: str) -> int:
    """Return the maximum of interactions per image: of the run, else of the protocol; 0 if unknown."""
    settings = [(manifest.get("settings") or {}).get("max_steps") for manifest in results.manifests]
    return next(filter(None, settings), None) or labels(results, name).max_steps


def in_order(names: Iterable[str]) -> list[str]:
    """Sort protocols: built-in ones as the registry lists them, then all others by name."""
    present = {str(name) for name in names}
    return [name for name in PROTOCOLS.builtin if name in present] + sorted(present - set(PROTOCOLS.builtin))


def of_families(results: Results, *families: str) -> list[str]:
    """Return the protocols of some families that have records, in order."""
    present = in_order(results.images.protocol.unique())
    return [name for name in present if labels(results, name).family in families]


def recorded(results: Results, requirement: Requirement) -> list[str]:
    """Return the protocols that a requirement asks for and that have records, in order."""
    if not requirement.protocols:
        return of_families(results, *requirement.families)
    present = set(results.images.protocol.unique())
    return [name for name in requirement.protocols if name in present]


def expected(requirement: Requirement) -> list[str]:
    """Return the protocols whose absence a report mentions: single ones, or built-in ones of the families.

    Variants of other protocols, such as ritm-clicks, are not missed.
    """
    if requirement.protocols:
        return list(requirement.protocols)
    protocols = {name: PROTOCOLS.get(name) for name in PROTOCOLS.builtin}
    return [
        name
        for name, protocol in protocols.items()
        if protocol.family in requirement.families and not protocol.variant
    ]
