"""Real tasks as training data (MultiverSeg, Algorithm 1), alone or mixed with synthetic tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from segbench.datasets.task import DataError, TaskData
from segbench.models.training.sampling import Sampler

TaskSource = Callable[[torch.Generator, int, int, int], tuple[Tensor, Tensor]]
"""Draws images and labels (tasks, members, 1, side, side) from (generator, tasks, members, side)."""


class Collection:
    """A `TaskSource` of the train splits of tasks.

    It draws a data set first, then one of its tasks: data sets have equal weight, whatever their number of
    labels.

    Parameters
    ----------
    tasks : sequence of TaskData
    device : str
        The images are kept on it.

    Raises
    ------
    DataError
        If the train split of a task has only one subject (a target and its context come from different ones),
        or tasks have images of different sizes.
    """

    def __init__(self, tasks: Sequence[TaskData], device: str) -> None:
        self.images, self.labels, self.subjects = [], [], []
        self.datasets: dict[str, list[int]] = {}
        for number, data in enumerate(tasks):
            train = data.indices("train")
            names, subjects = np.unique(data.subjects[train], return_inverse=True)
            if len(names) < 2:
                raise DataError(f"{data.task}: training needs images of two subjects in the train split")
            if data.images.shape[2:] != tasks[0].images.shape[2:]:
                raise DataError(f"{data.task}: its images have another size than those of {tasks[0].task}")
            self.images.append(torch.from_numpy(data.images[train]).to(device))
            self.labels.append(torch.from_numpy(data.labels[train]).to(device, torch.float32))
            self.subjects.append(torch.from_numpy(subjects).to(device))
            self.datasets.setdefault(data.task.dataset, []).append(number)

    def __call__(
        self, generator: torch.Generator, tasks: int, members: int, side: int
    ) -> tuple[Tensor, Tensor]:
        """Draw images and labels; the first member of a task shares its subject with no other member.

        Context images repeat if the train split is smaller than the number of members.
        """
        pairs = [self._draw_members(generator, self._draw_task(generator), members) for _ in range(tasks)]
        images, labels = (torch.stack(tensors) for tensors in zip(*pairs, strict=True))
        if side != images.shape[-1]:
            images, labels = (_resize(tensor, side) for tensor in (images, labels))
        return images, (labels >= 0.5).float()

    def _draw_task(self, generator: torch.Generator) -> int:
        sampler, datasets = Sampler(generator), list(self.datasets.values())
        tasks = datasets[int(sampler.integers(0, len(datasets)))]
        return tasks[int(sampler.integers(0, len(tasks)))]

    def _draw_members(self, generator: torch.Generator, task: int, members: int) -> tuple[Tensor, Tensor]:
        order = torch.randperm(len(self.images[task]), generator=generator, device=generator.device)
        subjects = self.subjects[task][order]
        others = order[subjects != subjects[0]]
        repetitions = -(-(members - 1) // len(others))  # rounded up
        chosen = torch.cat([order[:1], others.repeat(repetitions)])[:members]
        return self.images[task][chosen], self.labels[task][chosen]


@dataclass(frozen=True)
class Mixture:
    """A `TaskSource` that takes each task from `first` with a probability, else from `second`."""

    first: TaskSource
    second: TaskSource
    probability: float

    def __call__(
        self, generator: torch.Generator, tasks: int, members: int, side: int
    ) -> tuple[Tensor, Tensor]:
        """Draw images and labels; the tasks of `first` come first."""
        count = int(Sampler(generator).chance(self.probability, (tasks,)).sum())
        pairs = [
            source(generator, number, members, side)
            for source, number in ((self.first, count), (self.second, tasks - count))
            if number
        ]
        images, labels = zip(*pairs, strict=True)
        return torch.cat(images), torch.cat(labels)


def _resize(images: Tensor, side: int) -> Tensor:
    resized = F.interpolate(images.flatten(0, 1), size=(side, side), mode="area")
    return resized.unflatten(0, images.shape[:2])
