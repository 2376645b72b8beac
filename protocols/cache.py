"""Images that are segmented without a context: played once, and shared by simulations and models."""

from __future__ import annotations

from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

from cachetools import LRUCache

from segbench.datasets.task import TaskData
from segbench.protocols.adapter import ModelAdapter
from segbench.protocols.config import Config
from segbench.protocols.scheduler import Rules, Simulation, drawer_of, segment
from segbench.protocols.trajectory import Trajectory

Outcome = dict[str, Any]  # attributes of a trajectory


class ContextFreeCache:
    """Plays every image once for all simulations, and all models, in which the same would happen.

    Only a random annotator tells simulations apart. Models are told apart by their attribute ``fingerprint``;
    one without it shares with none. A model may leave an image without a context to another, which is then
    its attribute ``fallback``.

    Parameters
    ----------
    data : TaskData
    rules : Rules
    config : Config
    """

    def __init__(self, data: TaskData, rules: Rules, config: Config) -> None:
        self.data, self.rules, self.config = data, rules, config
        self._own: dict[tuple, Outcome] = {}

    def segment(
        self, adapter: ModelAdapter, simulation: int, image: int, pictured: bool
    ) -> Simulation[Trajectory]:
        """Play an image, or take over what was played; what is pictured has its pictures in any case."""
        adapter = getattr(adapter, "fallback", adapter)
        fingerprint = getattr(adapter, "fingerprint", None)
        played: MutableMapping[tuple, Outcome] = self._own if fingerprint is None else _PLAYED
        random = self.rules.annotator is not None and self.rules.annotator.random
        chance = (simulation, self.config.seed) if random else None
        own = id(adapter) if fingerprint is None else fingerprint
        key = (own, self.data.fingerprint, image, self.rules, chance)
        trajectory = Trajectory.of(self.data, image, pictured=pictured)
        outcome = played.get(key)
        if outcome is None or (pictured and not outcome["pictured"]):
            drawer = drawer_of(self.data, self.config, simulation, image)
            yield from segment(trajectory, adapter, self.rules, drawer)
            outcome = dict(vars(trajectory))
            del outcome["image"], outcome["label"]  # arrays of the task would stay in memory
            if key not in played or pictured:
                with suppress(ValueError):  # it is larger than all that is kept
                    played[key] = outcome
        vars(trajectory).update(outcome)
        return trajectory


def _bytes(outcome: Outcome) -> int:
    """What an outcome takes in memory, but for small things."""
    frames = sum(len(frame["prediction"]) for frame in outcome["frames"])
    return outcome["positive"].nbytes + outcome["negative"].nbytes + outcome["logits"].nbytes + frames


_PLAYED: LRUCache[tuple, Outcome] = LRUCache(2**28, getsizeof=_bytes)


def forget() -> None:
    """Let go of all that was played."""
    _PLAYED.clear()
