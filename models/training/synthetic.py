"""Synthetic segmentation tasks, drawn in batches: no real image and no evaluation phantom enters training.

A task is a stack of layers painted over each other (blobs of noise, wobbly ellipses, shapes nested in one
another, rows of repeated shapes, tubes). Its members are the same stack seen through another pose, another
smooth deformation, other sizes, another light and other noise. One layer is the label. UniverSeg and
MultiverSeg (section 4) train on synthetic data of the same kind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# Ellipse, nested in the layer below, blob of noise, tube, row of shapes.
KIND_WEIGHTS = (0.4, 0.25, 0.15, 0.08, 0.12)


@dataclass(frozen=True)
class Sampler:
    """Draws uniform numbers from one generator on one device."""

    generator: torch.Generator

    def uniform(self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> Tensor:
        device = self.generator.device
        return low + (high - low) * torch.rand(shape, generator=self.generator, device=device)

    def normal(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self.generator, device=self.generator.device)

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> Tensor:
        """Integers in [low, high)."""
        return torch.randint(low, high, shape, generator=self.generator, device=self.generator.device)

    def chance(self, probability: float, shape: tuple[int, ...]) -> Tensor:
        return self.uniform(shape) < probability


def smooth_noise(sampler: Sampler, count: int, cells: int, side: int) -> Tensor:
    """Noise (count, side, side) of standard deviation 1 with features of about ``side / cells`` pixels."""
    noise = F.interpolate(
        sampler.normal((count, 1, cells + 3, cells + 3)), size=side, mode="bicubic", align_corners=False
    )[:, 0]
    return (noise - noise.mean((1, 2), keepdim=True)) / (noise.std((1, 2), keepdim=True) + 1e-6)


def _coordinates(sampler: Sampler, tasks: int, members: int, side: int) -> Tensor:
    """Where each member looks into its task's canvas: (tasks, members, side, side, 2), canvas in [-1, 1]."""
    count = tasks * members
    axis = torch.linspace(-1, 1, side, device=sampler.generator.device)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    # How alike the members of a task are is itself a property of the task.
    spread = sampler.uniform((tasks, 1), 0.2, 1.0).expand(tasks, members).reshape(count, 1)
    angle = spread[:, 0] * sampler.normal((count,)) * 0.35
    # Cells have no upright position.
    turned = sampler.chance(0.25, (tasks, 1)).expand(tasks, members).reshape(count)
    angle = torch.where(turned, sampler.uniform((count,), 0, 2 * math.pi), angle)
    scale = torch.exp(spread * sampler.normal((count, 1)) * 0.15)
    shift = spread * sampler.normal((count, 2)) * 0.12
    rotation = torch.stack(
        [torch.cos(angle), -torch.sin(angle), torch.sin(angle), torch.cos(angle)], dim=-1
    ).reshape(count, 2, 2)
    posed = torch.einsum("hwc,ncd->nhwd", grid, rotation) * scale[:, None, None] + shift[:, None, None]
    bend = torch.stack([smooth_noise(sampler, count, 4, side) for _ in range(2)], dim=-1)
    fine = torch.stack([smooth_noise(sampler, count, 9, side) for _ in range(2)], dim=-1)
    posed = posed + spread[:, None, None] * (0.06 * bend + 0.015 * fine)
    return posed.unflatten(0, (tasks, members))


def _look(field: Tensor, where: Tensor) -> Tensor:
    """Canvas fields (T, S, S) sampled at the members' coordinates: (T, M, S, S)."""
    tasks, members, side, _, _ = where.shape
    seen = F.grid_sample(
        field[:, None],
        where.reshape(tasks, members * side, side, 2),
        mode="bilinear",
        padding_mode="reflection",
        align_corners=True,
    )
    return seen.reshape(tasks, members, side, side)


def _ellipse(sampler: Sampler, where: Tensor, small: float, large: float) -> Tensor:
    """Wobbly ellipse, positive inside, whose centre and size vary a little between members."""
    tasks, members, side = where.shape[:3]
    centre = sampler.uniform((tasks, 1, 1, 1, 2), -0.65, 0.65)
    centre = centre + 0.05 * sampler.normal((tasks, members, 1, 1, 2))
    radius = small * (large / small) ** sampler.uniform((tasks, 1, 1, 1))
    radius = radius * torch.exp(0.12 * sampler.normal((tasks, members, 1, 1)))
    stretch = torch.exp(0.35 * sampler.normal((tasks, 1, 1, 1)))
    angle = sampler.uniform((tasks, 1, 1, 1), 0, math.pi)
    dx, dy = (where - centre).unbind(-1)
    u = (dx * torch.cos(angle) + dy * torch.sin(angle)) * stretch
    v = (dy * torch.cos(angle) - dx * torch.sin(angle)) / stretch
    wobble = _look(smooth_noise(sampler, tasks, 5, side), where) * sampler.uniform((tasks, 1, 1, 1), 0, 0.25)
    return 1 - torch.sqrt(u**2 + v**2) / radius + wobble


def _row(sampler: Sampler, where: Tensor) -> Tensor:
    """A row or field of equal shapes (teeth, vertebrae, cells), positive inside each."""
    tasks = len(where)
    angle = sampler.uniform((tasks, 1, 1, 1), 0, 2 * math.pi)
    x, y = where.unbind(-1)
    u = x * torch.cos(angle) + y * torch.sin(angle)
    v = y * torch.cos(angle) - x * torch.sin(angle) + 0.3 * sampler.uniform((tasks, 1, 1, 1), -1, 1) * u**2
    period = sampler.uniform((tasks, 1, 1, 1), 0.25, 0.6)
    fill = sampler.uniform((tasks, 1, 1, 1), 0.5, 0.9)
    along = (torch.remainder(u / period, 1) - 0.5) * 2 / fill
    # One row in most tasks, a grid in the others.
    grid = sampler.chance(0.3, (tasks, 1, 1, 1))
    height = sampler.uniform((tasks, 1, 1, 1), 0.1, 0.35)
    offset = sampler.uniform((tasks, 1, 1, 1), -0.4, 0.4)
    across = torch.where(grid, (torch.remainder(v / period, 1) - 0.5) * 2 / fill, (v - offset) / height)
    power = torch.where(sampler.chance(0.5, (tasks, 1, 1, 1)), 2.0, 4.0)
    return 1 - (along.abs() ** power + across.abs() ** power) ** (1 / power)


def _layer(sampler: Sampler, where: Tensor, below: Tensor) -> Tensor:
    """One layer, positive where it covers what is below it: (T, M, S, S), its kind drawn for each task."""
    tasks, _, side = where.shape[:3]
    blob = _look(smooth_noise(sampler, tasks, int(sampler.integers(2, 7, ())), side), where)
    tube = _look(smooth_noise(sampler, tasks, int(sampler.integers(3, 7, ())), side), where)
    options = torch.stack(
        [
            _ellipse(sampler, where, 0.12, 0.7),
            below - sampler.uniform((tasks, 1, 1, 1), 0.15, 0.6) + 0.15 * blob,
            blob - sampler.uniform((tasks, 1, 1, 1), 0.3, 1.5),
            sampler.uniform((tasks, 1, 1, 1), 0.08, 0.3) - tube.abs(),
            _row(sampler, where),
        ]
    )
    weights = torch.tensor(KIND_WEIGHTS, device=where.device)
    kind = torch.multinomial(weights, tasks, replacement=True, generator=sampler.generator)
    return options[kind, torch.arange(tasks, device=where.device)]


def _label_maps(sampler: Sampler, where: Tensor, layers: int) -> Tensor:
    """Region index at each pixel, 0 for the background: (T, M, S, S)."""
    tasks, members, side = where.shape[:3]
    regions = torch.zeros((tasks, members, side, side), dtype=torch.long, device=where.device)
    below = _ellipse(sampler, where, 0.2, 0.9)
    crowded = sampler.uniform((tasks, 1, 1, 1), 0.2, 0.9)
    for index in range(1, layers + 1):
        layer = below if index == 1 else _layer(sampler, where, below)
        present = (sampler.uniform((tasks, 1, 1, 1)) < crowded) | (index == 1)
        regions = torch.where((layer > 0) & present, index, regions)
        below = torch.where(present, layer, below)
    return regions


def _texture(sampler: Sampler, where: Tensor, regions: Tensor, layers: int) -> Tensor:
    """Grey value of every pixel from its region's mean, gradient and texture."""
    tasks, members, side = where.shape[:3]
    palette = sampler.uniform((tasks, layers + 1))
    # Some regions look like another one, so that place and shape have to decide.
    alike = sampler.integers(0, layers + 1, (tasks, layers + 1))
    palette = torch.where(sampler.chance(0.25, palette.shape), palette.gather(1, alike), palette)
    means = palette[:, None] + 0.04 * sampler.normal((tasks, members, layers + 1))
    strength = sampler.uniform((tasks, layers + 1), 0.0, 0.12) * sampler.chance(0.7, palette.shape)
    flat = regions.flatten(2)
    image = means.gather(2, flat).unflatten(2, (side, side))
    amount = strength[:, None].expand(-1, members, -1).gather(2, flat).unflatten(2, (side, side))
    coarse = _look(smooth_noise(sampler, tasks, 10, side), where)
    grain = smooth_noise(sampler, tasks * members, side // 3, side).unflatten(0, (tasks, members))
    own = smooth_noise(sampler, tasks * members, 6, side).unflatten(0, (tasks, members))
    mix = sampler.uniform((3, tasks, 1, 1, 1))
    return image + amount * (mix[0] * coarse + mix[1] * grain + mix[2] * own)


def _acquire(sampler: Sampler, image: Tensor) -> Tensor:
    """What a scanner does to the picture: blur, bias field, speckle or noise, gamma; rescaled to [0, 1]."""
    tasks, members, side, _ = image.shape
    flat = image
    soft = F.avg_pool2d(flat, 3, stride=1, padding=1, count_include_pad=False)
    softer = F.avg_pool2d(soft, 3, stride=1, padding=1, count_include_pad=False)
    blur = sampler.uniform((tasks, 1, 1, 1), 0, 2)
    flat = torch.where(blur < 1, flat + blur * (soft - flat), soft + (blur - 1) * (softer - soft))
    bias = smooth_noise(sampler, tasks * members, 2, side).unflatten(0, (tasks, members))
    flat = flat * (1 + sampler.uniform((tasks, 1, 1, 1), 0, 0.2) * bias)
    noise = sampler.normal(flat.shape)
    grain = smooth_noise(sampler, tasks * members, side // 2, side).unflatten(0, (tasks, members))
    noise = torch.where(sampler.chance(0.4, (tasks, 1, 1, 1)), grain, noise)
    level = sampler.uniform((tasks, 1, 1, 1), 0, 0.12) * sampler.chance(0.8, (tasks, 1, 1, 1))
    speckle = sampler.chance(0.25, (tasks, 1, 1, 1))
    flat = torch.where(speckle, flat * (1 + 3 * level * noise), flat + level * noise)
    low, high = flat.amin((2, 3), keepdim=True), flat.amax((2, 3), keepdim=True)
    flat = (flat - low) / (high - low + 1e-6)
    gamma = torch.exp(0.35 * sampler.normal((tasks, 1, 1, 1)) + 0.12 * sampler.normal((tasks, members, 1, 1)))
    return flat**gamma


def _choose(sampler: Sampler, regions: Tensor, layers: int) -> Tensor:
    """One region of each task as the label, by preference one that every member shows: bool (T, M, S, S)."""
    area = torch.stack([(regions == index).float().mean((2, 3)) for index in range(layers + 1)], dim=-1)
    least, mean = area.amin(1), area.mean(1)
    weight = (least > 0.003).float() * (mean < 0.6).float() + 1e-6 * mean
    weight[:, 0] *= 0.1
    chosen = torch.multinomial(weight, 1, generator=sampler.generator)
    label = regions == chosen[:, :, None, None]
    # A nested region belongs to the organ around it in a third of the tasks.
    union = sampler.chance(0.35, (len(regions), 1, 1, 1)) & (chosen > 0)[:, :, None, None]
    return torch.where(union, regions >= chosen[:, :, None, None], label)


def synthetic_tasks(
    generator: torch.Generator, tasks: int, members: int, side: int, layers: int = 7
) -> tuple[Tensor, Tensor]:
    """Draw tasks of the synthetic family.

    Parameters
    ----------
    generator : torch.Generator
        Its device is where the tasks are drawn.
    tasks, members : int
        Number of tasks and of images in each.
    side : int
        Pixels of an image's side.
    layers : int
        Regions besides the background.

    Returns
    -------
    images : float32 (tasks, members, 1, side, side) in [0, 1]
    labels : float32 of the same shape, 0 or 1
    """
    sampler = Sampler(generator)
    where = _coordinates(sampler, tasks, members, side)
    regions = _label_maps(sampler, where, layers)
    image = _acquire(sampler, _texture(sampler, where, regions, layers))
    label = _choose(sampler, regions, layers)
    return image[:, :, None], label[:, :, None].float()
