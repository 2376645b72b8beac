"""Batches of units that are computed together."""

from __future__ import annotations

from collections.abc import Sequence

from segbench.benchmark.plan import Unit

# Units that a device computes together: their steps fill the queries of a GPU, and a CPU predicts for one
# image at a time. No record depends on it.
BATCH_SIZE = {"cpu": 1, "cuda": 128}

# Units with more images per simulation fill queries alone, and would take too much memory together.
MAX_IMAGES = 64


class Batch(tuple[Unit, ...]):
    """Units of one protocol, model and configuration that are computed together; not empty."""

    @property
    def cost(self) -> int:
        """Rough relative time."""
        return sum(unit.cost for unit in self)

    @property
    def key(self) -> str:
        """The key of the first unit, which no other batch contains."""
        return self[0].key

    @property
    def kind(self) -> tuple[str, str]:
        """Protocol and model, by which the time for a unit of cost differs."""
        return self[0].protocol, self[0].model


def make_batches(units: Sequence[Unit], device: str, workers: int) -> list[Batch]:
    """Group units into batches that suit the device, and into at least one for every worker if possible.

    One of each kind starts first, of other tasks for each kind, so that the time left is soon known. All
    others follow, the largest first, so that no worker starts a long batch at the end.

    Parameters
    ----------
    units : sequence of Unit
    device : {"cpu", "cuda"}
    workers : int
    """
    groups: dict[tuple, list[Unit]] = {}
    for unit in units:
        groups.setdefault((unit.protocol, unit.model, unit.weights, unit.config), []).append(unit)
    batches = []
    for group in groups.values():
        images = group[0].config.images
        maximum = BATCH_SIZE[device] if images is not None and images <= MAX_IMAGES else 1
        size = min(maximum, -(-len(group) // workers))
        batches += [Batch(group[start : start + size]) for start in range(0, len(group), size)]
    batches.sort(key=lambda batch: (-batch.cost, batch[0].task))
    kinds: dict[tuple[str, str], list[Batch]] = {}
    for batch in batches:
        kinds.setdefault(batch.kind, []).append(batch)
    # Tasks differ in difficulty: kinds take their first batches at different places of their lists.
    firsts = {of[number * len(of) // len(kinds)].key for number, of in enumerate(kinds.values())}
    return sorted(batches, key=lambda batch: batch.key not in firsts)
