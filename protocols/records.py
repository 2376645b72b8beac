"""Rows of the record tables, from the trajectories of simulations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from segbench.datasets.task import ImageData
from segbench.protocols.metrics import hd95, nsd
from segbench.protocols.trajectory import Trajectory


@dataclass
class Records:
    """Rows with the columns of `segbench.results.schema`.

    Attributes
    ----------
    steps : one row per prediction
    images : one row per image
    pictures : one row per prediction of the images whose masks are kept
    seeds : one row per seed image, as of images
    """

    steps: list[dict] = field(default_factory=list)
    images: list[dict] = field(default_factory=list)
    pictures: list[dict] = field(default_factory=list)
    seeds: list[dict] = field(default_factory=list)


@dataclass(frozen=True)
class SampleKey:
    """Identifies an image of a simulation; the attributes are columns of the records.

    Attributes
    ----------
    position : int
        Number of the image in the order of segmentation, from 1; 0 for the seed image.
    image : int
        Index in the task's data.
    annotator : str
        Name of the annotator; ``none`` without interactions, ``human`` for a person.
    simulation, training : int
    person : int
        Number of the person who drew; -1 for others.
    set_size : int
        Images predicted together.
    label : str or None
        Name of the segmented structure, if the task has several.
    """

    position: int
    image: int
    annotator: str = "none"
    simulation: int = 0
    training: int = 0
    person: int = -1
    set_size: int = 1
    label: str | None = None


Sample = tuple[SampleKey, Trajectory]


def collect(
    protocol: str, model: str, data: ImageData, split: str, context: str, samples: Sequence[Sample]
) -> Records:
    """Make the rows of finished trajectories, in the order given.

    Parameters
    ----------
    protocol, model, split : str
        Columns of these names.
    data : ImageData
    context : str
        Content of the context entries: none, binary, soft or ground-truth.
    samples : sequence of (SampleKey, Trajectory)
        A seed image, at position 0, has rows in the seeds and in the pictures only.
    """
    records = Records()
    for (key, trajectory), measured in zip(samples, _final_measures(samples), strict=True):
        columns = asdict(key)
        label = columns.pop("label")
        task = data.task if label is None else replace(data.task, label=label)
        identity = {
            **{"protocol": protocol, "model": model, "split": split, "context": context},
            **{**asdict(task), "task": task.name, "subject": str(data.subjects[key.image])},
            **{**columns, "context_size": trajectory.context_size},
        }
        records.pictures += [identity | frame for frame in trajectory.frames]
        last = trajectory.steps[-1]
        result = {"interactions": last["step"], "reached": trajectory.reached, "dice": last["dice"]}
        row = identity | result | measured | {"empty_scribbles": trajectory.empty_scribbles}
        if key.position == 0:
            records.seeds.append(row)
            continue
        records.steps += [identity | step for step in trajectory.steps]
        records.images.append(row | {"seconds": trajectory.seconds})
    return records


def _final_measures(samples: Sequence[Sample]) -> list[dict]:
    """Measures of the last predictions that need the masks; keys are columns of the records."""
    if not samples:
        return []
    pairs = [(trajectory.mask, trajectory.label) for _, trajectory in samples]
    masks, labels = map(np.stack, zip(*pairs, strict=True))
    columns = {
        "hd95": np.asarray(hd95(masks, labels)),
        "hd95_imputed": masks.any((1, 2)) != labels.any((1, 2)),
        **{f"nsd_{pixels}px": np.asarray(nsd(masks, labels, pixels)) for pixels in (1, 2)},
    }
    rows = zip(*(values.tolist() for values in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]
