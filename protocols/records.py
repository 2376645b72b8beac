"""What a protocol returns: rows for the record tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from segbench.datasets.scans import ScanData
from segbench.datasets.task import TaskData
from segbench.protocols.adapter import Capabilities
from segbench.protocols.config import Config
from segbench.protocols.metrics import hd95
from segbench.protocols.trajectory import Trajectory


@dataclass
class Records:
    """Rows whose columns are declared in the results' schema.

    Attributes
    ----------
    steps : one row per prediction
    images : one row per image
    pictures : one row per prediction of the images whose masks are kept
    """

    steps: list[dict] = field(default_factory=list)
    images: list[dict] = field(default_factory=list)
    pictures: list[dict] = field(default_factory=list)

    def extend(self, other: Records) -> None:
        """Add the rows of others below."""
        self.steps += other.steps
        self.images += other.images
        self.pictures += other.pictures


def context_kind(capabilities: Capabilities, config: Config) -> str:
    """What the context of a model holds: as in `Config.context`, ``set`` of a setwise model, or ``none``."""
    if capabilities.setwise:
        return "set"
    if not capabilities.in_context:
        return "none"
    return "ground-truth" if capabilities.true_context else config.context


@dataclass(frozen=True)
class SampleKey:
    """Where a trajectory was played: simulation, position in it, and index of the image in the task.

    ``companions`` are the images that were predicted together with it, besides its context.
    """

    simulation: int
    position: int
    image: int
    companions: int = 0


def collect(
    protocol: str,
    model: str,
    data: TaskData | ScanData,
    split: str,
    context: str,
    played: Sequence[tuple[SampleKey, Trajectory]],
    pictured: Sequence[int] = (),
    label: str | None = None,
) -> Records:
    """The rows of finished trajectories, in the order given, with pictures of some simulations.

    A seed image, at position 0, is pictured only. ``label`` is what was segmented, where the task has several
    structures.
    """
    records = Records()
    task = data.task if label is None else replace(data.task, label=label)
    common = {"protocol": protocol, "model": model, **asdict(task), "task": task.name}
    for (place, trajectory), distance in zip(played, _distances(played), strict=True):
        identity = common | {
            "simulation": place.simulation,
            "position": place.position,
            "image": place.image,
            "subject": str(data.subjects[place.image]),
            "context_size": trajectory.context_size + place.companions,
            "context": context,
            "split": split,
        }
        if place.simulation in pictured:
            records.pictures += [identity | frame for frame in trajectory.frames]
        if place.position == 0:
            continue
        records.steps += [identity | step for step in trajectory.steps]
        last = trajectory.steps[-1]
        records.images.append(
            identity
            | {"interactions": last["step"], "reached": trajectory.reached, "dice": last["dice"]}
            | {"hd95": distance, "seconds": trajectory.seconds}
        )
    return records


def _distances(played: Sequence[tuple[SampleKey, Trajectory]]) -> list[float]:
    """HD95 of the last predictions."""
    if not played:
        return []
    pairs = [(trajectory.mask, trajectory.label) for _, trajectory in played]
    masks, labels = map(np.stack, zip(*pairs, strict=True))
    return np.asarray(hd95(masks, labels)).tolist()
