"""Random numbers on the device of a training, and what the images of a synthetic task share of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Sampler:
    """Draws random numbers from one generator, on its device."""

    generator: torch.Generator

    def uniform(self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> Tensor:
        device = self.generator.device
        return low + (high - low) * torch.rand(shape, generator=self.generator, device=device)

    def normal(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self.generator, device=self.generator.device)

    def integers(self, low: int, high: int, shape: tuple[int, ...] = ()) -> Tensor:
        """Integers in [low, high)."""
        return torch.randint(low, high, shape, generator=self.generator, device=self.generator.device)

    def chance(self, probability: float, shape: tuple[int, ...]) -> Tensor:
        """True with a probability: bool of the given shape."""
        return self.uniform(shape) < probability


def smooth_noise(sampler: Sampler, count: int, cells: int, side: int) -> Tensor:
    """Noise (count, side, side) of standard deviation 1 with features of about ``side / cells`` pixels."""
    noise = F.interpolate(
        sampler.normal((count, 1, cells + 3, cells + 3)), size=side, mode="bicubic", align_corners=False
    )[:, 0]
    return (noise - noise.mean((1, 2), keepdim=True)) / (noise.std((1, 2), keepdim=True) + 1e-6)


@dataclass(frozen=True)
class View:
    """Random numbers and noise for the images ("members") of a batch of tasks.

    All members of a task show one canvas, each through its own pose and deformation.

    Attributes
    ----------
    sampler : Sampler
    coordinates : Tensor (T, M, S, S, 2)
        Position of each pixel on its task's canvas, which spans [-1, 1].
    variety : Tensor (T, 1, 1, 1) in [0, 1]
        Difference between the members: at 0 they are one anatomy, at 1 independent individuals.
    """

    sampler: Sampler
    coordinates: Tensor
    variety: Tensor

    def normal(self) -> Tensor:
        """A standard normal number for each member: (T, M, 1, 1)."""
        tasks, members = self.coordinates.shape[:2]
        shared = self.sampler.normal((tasks, 1, 1, 1))
        return self.blend(shared, self.sampler.normal((tasks, members, 1, 1)))

    def uniform(self, low: float, high: float) -> Tensor:
        """A uniform number for each member: (T, M, 1, 1)."""
        return low + (high - low) * torch.special.ndtr(self.normal())

    def task_uniform(self, low: float, high: float) -> Tensor:
        """A uniform number for each task: (T, 1, 1, 1)."""
        return self.sampler.uniform((len(self.coordinates), 1, 1, 1), low, high)

    def task_chance(self, probability: float) -> Tensor:
        """True with a probability, for each task: bool (T, 1, 1, 1)."""
        return self.sampler.chance(probability, (len(self.coordinates), 1, 1, 1))

    def noise(self, cells: int) -> Tensor:
        """Smooth noise (T, M, S, S) of standard deviation about 1."""
        tasks, _, side = self.coordinates.shape[:3]
        shared = self._sample(smooth_noise(self.sampler, tasks, cells, side))
        return self.blend(shared, self.member_noise(cells))

    def member_noise(self, cells: int) -> Tensor:
        """Smooth noise (T, M, S, S), independent for each member."""
        tasks, members, side = self.coordinates.shape[:3]
        return smooth_noise(self.sampler, tasks * members, cells, side).unflatten(0, (tasks, members))

    def blend(self, shared: Tensor, individual: Tensor) -> Tensor:
        """Combine standard normals of the task (T, 1, ...) and of the members (T, M, ...) into one."""
        return torch.sqrt(1 - self.variety**2) * shared + self.variety * individual

    def _sample(self, field: Tensor) -> Tensor:
        """Sample canvas fields (T, S, S) at the members' pixels: (T, M, S, S)."""
        tasks, members, side, _, _ = self.coordinates.shape
        sampled = F.grid_sample(
            field[:, None],
            self.coordinates.reshape(tasks, members * side, side, 2),
            mode="bilinear",
            padding_mode="reflection",
            align_corners=True,
        )
        return sampled.reshape(tasks, members, side, side)


def pose(sampler: Sampler, tasks: int, members: int, side: int, scatter: float) -> Tensor:
    """Draw the coordinates (tasks, members, side, side, 2) of a `View`: rotated, scaled, shifted and bent."""
    count = tasks * members
    axis = torch.linspace(-1, 1, side, device=sampler.generator.device)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    # In many tasks, position and size predict little: an average of the context's labels is then no answer.
    spread = 0.2 + 2.8 * scatter * sampler.uniform((tasks, 1)) ** 2
    spread = spread.expand(tasks, members).reshape(count, 1)
    angle = spread[:, 0] * sampler.normal((count,)) * 0.35
    # Cells have no upright position.
    rotated = sampler.chance(0.35 * scatter, (tasks, 1)).expand(tasks, members).reshape(count)
    angle = torch.where(rotated, sampler.uniform((count,), 0, 2 * math.pi), angle)
    scale = torch.exp(spread * sampler.normal((count, 1)) * 0.15)
    shift = spread * sampler.normal((count, 2)) * 0.12
    cosine, sine = torch.cos(angle), torch.sin(angle)
    rotation = torch.stack([cosine, -sine, sine, cosine], dim=-1).reshape(count, 2, 2)
    posed = torch.einsum("hwc,ncd->nhwd", grid, rotation) * scale[:, None, None] + shift[:, None, None]
    coarse = torch.stack([smooth_noise(sampler, count, 4, side) for _ in range(2)], dim=-1)
    fine = torch.stack([smooth_noise(sampler, count, 9, side) for _ in range(2)], dim=-1)
    posed = posed + spread[:, None, None] * (0.06 * coarse + 0.015 * fine)
    return posed.unflatten(0, (tasks, members))
