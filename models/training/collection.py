"""Training images of real tasks, drawn like the synthetic ones (MultiverSeg, Algorithm 1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from segbench.datasets.task import DataError, TaskData


class Collection:
    """The train splits of tasks, on the device of the training.

    Parameters
    ----------
    tasks : sequence of TaskData
    device : str

    Raises
    ------
    DataError
        If a task has fewer than two images in its train split, a target and a context, or images of another
        size than the other tasks.
    """

    def __init__(self, tasks: Sequence[TaskData], device: str) -> None:
        self.names = [data.task.name for data in tasks]
        self.images, self.labels = [], []
        for data in tasks:
            chosen = data.indices("train")
            if len(chosen) < 2:
                raise DataError(f"{data.task}: training needs two images in the train split")
            if data.images.shape[2:] != tasks[0].images.shape[2:]:
                raise DataError(f"{data.task}: its images have another size than those of {tasks[0].task}")
            self.images.append(torch.from_numpy(data.images[chosen]).to(device))
            self.labels.append(torch.from_numpy(data.labels[chosen]).to(device, torch.float32))

    def __call__(
        self, generator: torch.Generator, tasks: int, members: int, side: int
    ) -> tuple[Tensor, Tensor]:
        """Images and labels as `synthetic_tasks` gives them; the first member of a task is in no other place.

        Where a train split is smaller than the members asked for, context images repeat.
        """
        drawn = torch.randint(len(self.names), (tasks,), generator=generator, device=generator.device)
        pairs = [self._members(generator, task, members) for task in drawn.tolist()]
        images, labels = (torch.stack(parts) for parts in zip(*pairs, strict=True))
        if side != images.shape[-1]:
            images, labels = (_resize(stack, side) for stack in (images, labels))
        return images, (labels >= 0.5).float()

    def _members(self, generator: torch.Generator, task: int, members: int) -> tuple[Tensor, Tensor]:
        order = torch.randperm(len(self.images[task]), generator=generator, device=generator.device)
        rest = order[1:].repeat(-(-(members - 1) // (len(order) - 1)))
        chosen = torch.cat([order[:1], rest])[:members]
        return self.images[task][chosen], self.labels[task][chosen]


def _resize(stack: Tensor, side: int) -> Tensor:
    return F.interpolate(stack.flatten(0, 1), size=(side, side), mode="area").unflatten(0, stack.shape[:2])
