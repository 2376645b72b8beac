"""What a protocol returns: rows for the record tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from datasets.task import TaskData
from protocols.adapter import Capabilities
from protocols.config import Config
from protocols.engine import Trajectory


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


def context_kind(capabilities: Capabilities, config: Config) -> str:
    """What the context of a model holds: as in `Config.context`, or ``none``."""
    if not capabilities.in_context:
        return "none"
    return "ground-truth" if capabilities.true_context else config.context


@dataclass(frozen=True)
class Place:
    """Where a trajectory was played: simulation, position in it, and index of the image in the task."""

    simulation: int
    position: int
    image: int


def collect(
    protocol: str,
    model: str,
    data: TaskData,
    split: str,
    context: str,
    played: Sequence[tuple[Place, Trajectory]],
    pictured: Sequence[int] = (),
) -> Records:
    """The rows of finished trajectories, in the order given, with pictures of some simulations.

    A seed image, at position 0, is pictured only.
    """
    records = Records()
    common = {"protocol": protocol, "model": model, **asdict(data.task), "task": data.task.name}
    for place, trajectory in played:
        identity = common | {
            "simulation": place.simulation,
            "position": place.position,
            "image": place.image,
            "subject": str(data.subjects[place.image]),
            "context_size": len(trajectory.context),
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
            | {"hd95": trajectory.hd95, "seconds": trajectory.seconds}
        )
    return records
