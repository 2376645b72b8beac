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


def make_batches(units: Sequence[Unit], device: str, workers: int) -> list[Batch]:
    """Group units into batches that suit the device, and into at least one for every worker if possible.

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
    return sorted(batches, key=lambda batch: (-batch.cost, batch[0].task))
