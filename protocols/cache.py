"""Images that are segmented without a context: once for all simulations and models that share the result."""

from __future__ import annotations

from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

from cachetools import LRUCache

from segbench.protocols.adapter import ModelAdapter
from segbench.protocols.simulation import Rules, Setup, Simulation, segment
from segbench.protocols.trajectory import Trajectory

Snapshot = dict[str, Any]  # of a finished trajectory


class ContextFreeCache:
    """Segments each image without a context once, and shares the result.

    Simulations share it unless the annotator is random. Adapters with equal fingerprints share it in the
    whole process; an adapter without a fingerprint shares it only within this cache. The attribute
    ``fallback`` of an adapter, if set, segments in its place.

    Parameters
    ----------
    setup : Setup
    rules : Rules
    """

    def __init__(self, setup: Setup, rules: Rules) -> None:
        self.setup, self.rules = setup, rules
        self._local: dict[tuple, Snapshot] = {}

    def segment(
        self, adapter: ModelAdapter, simulation: int, image: int, pictured: bool
    ) -> Simulation[Trajectory]:
        """Segment an image, or take over the cached result; it is computed again if it lacks pictures."""
        adapter = getattr(adapter, "fallback", None) or adapter
        fingerprint = getattr(adapter, "fingerprint", None)
        cache: MutableMapping[tuple, Snapshot] = self._local if fingerprint is None else _SHARED
        config, annotator = self.setup.config, self.rules.annotator
        draws = (simulation, config.seed) if annotator is not None and annotator.random else None
        model = id(adapter) if fingerprint is None else fingerprint
        key = (model, self.setup.data.fingerprint, image, self.rules, config.target_dice, draws)
        trajectory = self.setup.trajectory(image, pictured=pictured)
        snapshot = cache.get(key)
        if snapshot is not None and (snapshot["pictured"] or not pictured):
            trajectory.restore(snapshot)
            return trajectory
        yield from segment(trajectory, adapter, self.rules, self.setup.rng_for(simulation, image))
        if key not in cache or pictured:
            with suppress(ValueError):  # larger than the whole cache
                cache[key] = trajectory.snapshot()
        return trajectory


def _bytes(snapshot: Snapshot) -> int:
    """Approximate memory of a snapshot."""
    frames = sum(len(frame["prediction"]) for frame in snapshot["frames"])
    return sum(snapshot[name].nbytes for name in ("positive", "negative", "logits")) + frames


_SHARED: LRUCache[tuple, Snapshot] = LRUCache(2**28, getsizeof=_bytes)


def forget() -> None:
    """Forget all results shared in this process."""
    _SHARED.clear()
