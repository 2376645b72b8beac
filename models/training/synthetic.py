"""Fully synthetic segmentation tasks, drawn in batches; no real image and no evaluation phantom is used.

A task is a picture of regions painted over each other: a stack of layers (blobs of noise, wobbly ellipses,
shapes nested in one another, rows of shapes, tubes), a body with a core among scattered objects, a row of
like shapes across an organ, or vessels. Each of its members is the same picture seen through another pose,
deformation, light and noise. How far the members differ is a property of the task: from one anatomy that is
bent a little to individuals that share nothing but their kind. One region, or one with all that lies in it,
is the label. MultiverSeg (section 4) trains on synthetic data of the same purpose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# Ellipse, nested in the layer below, lobes in the layer below, blob of noise, tube, row, scattered discs.
LAYERS = (0.34, 0.2, 0.1, 0.12, 0.08, 0.1, 0.06)
REGIONS = 7  # besides the background


@dataclass(frozen=True)
class Sampler:
    """Draws random numbers from one generator on one device."""

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


def _coordinates(sampler: Sampler, tasks: int, members: int, side: int, scatter: float) -> Tensor:
    """Where each member looks into its task's canvas: (tasks, members, side, side, 2), canvas in [-1, 1]."""
    count = tasks * members
    axis = torch.linspace(-1, 1, side, device=sampler.generator.device)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    # In many tasks place and size say little, so that an average of the context's labels is no answer.
    spread = 0.2 + 2.8 * scatter * sampler.uniform((tasks, 1)) ** 2
    spread = spread.expand(tasks, members).reshape(count, 1)
    angle = spread[:, 0] * sampler.normal((count,)) * 0.35
    # Cells have no upright position.
    turned = sampler.chance(0.35 * scatter, (tasks, 1)).expand(tasks, members).reshape(count)
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


@dataclass(frozen=True)
class View:
    """Draws what a task's members share and what each has of its own.

    Attributes
    ----------
    sampler : Sampler
    where : Tensor (T, M, S, S, 2)
        Where each pixel of a member lies on its task's canvas.
    variety : Tensor (T, 1, 1, 1) in [0, 1]
        0 where the members are one anatomy, 1 where each is an individual.
    """

    sampler: Sampler
    where: Tensor
    variety: Tensor

    def blend(self, shared: Tensor, own: Tensor) -> Tensor:
        """Standard normal of a normal of the task (T, 1, ...) and one of each member (T, M, ...)."""
        return torch.sqrt(1 - self.variety**2) * shared + self.variety * own

    def normal(self) -> Tensor:
        """A standard normal for each member: (T, M, 1, 1)."""
        tasks, members = self.where.shape[:2]
        return self.blend(self.sampler.normal((tasks, 1, 1, 1)), self.sampler.normal((tasks, members, 1, 1)))

    def uniform(self, low: float, high: float) -> Tensor:
        """A uniform number for each member: (T, M, 1, 1)."""
        return low + (high - low) * torch.special.ndtr(self.normal())

    def task(self, low: float, high: float) -> Tensor:
        """A uniform number for each task: (T, 1, 1, 1)."""
        return self.sampler.uniform((len(self.where), 1, 1, 1), low, high)

    def chance(self, probability: float) -> Tensor:
        """A yes or no for each task: (T, 1, 1, 1)."""
        return self.sampler.chance(probability, (len(self.where), 1, 1, 1))

    def noise(self, cells: int) -> Tensor:
        """Smooth noise (T, M, S, S) of standard deviation about 1."""
        tasks, _, side = self.where.shape[:3]
        shared = self.look(smooth_noise(self.sampler, tasks, cells, side))
        return self.blend(shared, self.own_noise(cells))

    def own_noise(self, cells: int) -> Tensor:
        """Smooth noise (T, M, S, S) that no two members share."""
        tasks, members, side = self.where.shape[:3]
        return smooth_noise(self.sampler, tasks * members, cells, side).unflatten(0, (tasks, members))

    def look(self, field: Tensor) -> Tensor:
        """Canvas fields (T, S, S) as the members see them: (T, M, S, S)."""
        tasks, members, side, _, _ = self.where.shape
        seen = F.grid_sample(
            field[:, None],
            self.where.reshape(tasks, members * side, side, 2),
            mode="bilinear",
            padding_mode="reflection",
            align_corners=True,
        )
        return seen.reshape(tasks, members, side, side)


def _ellipse(view: View, reach: float, small: float, large: float) -> Tensor:
    """Wobbly ellipse (T, M, S, S), positive inside; its centre lies within ``reach`` of the canvas's."""
    x, y = view.where.unbind(-1)
    x = x - view.task(-reach, reach) - 0.15 * view.variety * view.normal()
    y = y - view.task(-reach, reach) - 0.15 * view.variety * view.normal()
    radius = view.task(math.log(small), math.log(large)).exp()
    radius = radius * torch.exp(view.task(0, 0.6) * view.variety * view.normal())
    stretch, angle = torch.exp(0.3 * view.normal()), view.uniform(0, math.pi)
    u = (x * torch.cos(angle) + y * torch.sin(angle)) * stretch
    v = (y * torch.cos(angle) - x * torch.sin(angle)) / stretch
    wobble = view.noise(5) * view.task(0, 0.25)
    return 1 - torch.sqrt(u**2 + v**2) / radius + wobble


def _row(view: View) -> Tensor:
    """One or two rows, or a field, of like shapes (teeth, vertebrae, cells), positive inside each."""
    x, y = view.where.unbind(-1)
    angle = view.task(0, 2 * math.pi)
    u = x * torch.cos(angle) + y * torch.sin(angle)
    v = y * torch.cos(angle) - x * torch.sin(angle) + 0.3 * view.task(-1, 1) * u**2 - view.task(-0.4, 0.4)
    period, fill, height = view.task(0.1, 0.6), view.uniform(0.5, 0.95), view.uniform(0.1, 0.35)
    # One row in most tasks, two that face each other or a grid in the others.
    grid, facing = view.chance(0.25), view.chance(0.35)
    along = (torch.remainder(u / period, 1) - 0.5) * 2 / fill
    up = torch.where(facing, v.abs() - 1.1 * height, v) / (
        height * _lengths(view, u / period, (v > 0) & facing)
    )
    across = torch.where(grid, (torch.remainder(v / period, 1) - 0.5) * 2 / fill, up)
    power = torch.where(view.chance(0.5), 2.0, 4.0)
    return 1 - (along.abs() ** power + across.abs() ** power) ** (1 / power)


def _lengths(view: View, place: Tensor, second: Tensor, most: int = 32) -> Tensor:
    """Length in (0, 1] of each shape of a row, some short or nearly missing: (T, M, S, S)."""
    tasks, members = place.shape[:2]
    short = view.sampler.uniform((tasks, members, 2 * most)) ** 3 * view.task(0, 0.99)[..., 0]
    index = torch.floor(place).long() % most + most * second
    return 1 - short.gather(2, index.flatten(2)).reshape(place.shape)


def _scatter(view: View, count: int = 12) -> Tensor:
    """Discs of about one size at random places, others for every member; positive inside each."""
    tasks, members = view.where.shape[:2]
    radius = view.task(0.08, 0.3) * torch.exp(view.task(0, 0.3) * view.normal())
    nearest = torch.full_like(view.where[..., 0], math.inf)
    for _ in range(count):
        centre = view.sampler.uniform((tasks, members, 1, 1, 2), -1.1, 1.1)
        grown = torch.exp(0.1 * view.sampler.normal((tasks, members, 1, 1)))
        nearest = torch.minimum(nearest, torch.linalg.vector_norm(view.where - centre, dim=-1) / grown)
    return 1 - nearest / radius + 0.08 * view.own_noise(8)


def _lobes(view: View, below: Tensor) -> Tensor:
    """Lobes that stay within the shape below."""
    return torch.minimum(below - view.task(0.1, 0.35), view.noise(int(view.sampler.integers(3, 6, ()))) + 0.2)


def _layer(view: View, below: Tensor) -> Tensor:
    """One layer, positive where it covers what is below it: (T, M, S, S), its kind drawn for each task."""
    cells = [int(view.sampler.integers(2, 7, ())) for _ in range(2)]
    blob, tube = view.noise(cells[0]), view.noise(cells[1])
    options = torch.stack(
        [
            _ellipse(view, 0.65, 0.12, 0.7),
            below - view.uniform(0.15, 0.6) + 0.15 * blob,
            _lobes(view, below),
            blob - view.task(0.3, 1.5),
            view.task(0.08, 0.3) - tube.abs(),
            _row(view),
            _scatter(view, 6),
        ]
    )
    weights = torch.tensor(LAYERS, device=below.device)
    kind = torch.multinomial(weights, len(below), replacement=True, generator=view.sampler.generator)
    return options[kind, torch.arange(len(below), device=below.device)]


def _paint(regions: Tensor, layer: Tensor, index: int, present: Tensor) -> Tensor:
    return torch.where((layer > 0) & present, index, regions)


def stack(view: View) -> Tensor:
    """Organs: up to seven layers over each other. Region of each pixel, 0 the background: (T, M, S, S)."""
    below = _ellipse(view, 0.5, 0.2, 0.9)
    regions = (below > 0).long()
    crowded = view.task(0.0, 0.9)
    for index in range(2, REGIONS + 1):
        layer, present = _layer(view, below), view.task(0, 1) < crowded
        regions = _paint(regions, layer, index, present)
        below = torch.where(present, layer, below)
    return regions


def body(view: View) -> Tensor:
    """A cell or lesion: a body with a core, whole or lobed, among scattered objects: (T, M, S, S)."""
    scattered = _scatter(view)
    whole = _ellipse(view, 0.25, 0.25, 0.75)
    inside = whole - view.uniform(0.15, 0.6) + 0.1 * view.noise(4)
    core = torch.where(view.chance(0.5), inside, _lobes(view, whole))
    layers = (
        (scattered, 0.7),
        (scattered - view.task(0.3, 0.6), 0.4),  # rings: discs with a pale centre
        (_ellipse(view, 0.9, 0.1, 0.4), 0.2),
        (whole, 1.0),
        (core, 0.9),
        (torch.minimum(core - 0.1, view.noise(8) - 1), 0.25),
    )
    regions = torch.zeros_like(whole, dtype=torch.long)
    for index, (layer, probability) in enumerate(layers, start=1):
        regions = _paint(regions, layer, index, view.chance(probability))
    return regions


def row(view: View) -> Tensor:
    """Teeth or vertebrae: a row of like shapes, with cores, across an organ: (T, M, S, S)."""
    organ, shapes = _ellipse(view, 0.4, 0.4, 1.0), _row(view)
    regions = _paint(torch.zeros_like(organ, dtype=torch.long), organ, 1, view.chance(0.7))
    regions = _paint(regions, _scatter(view, 4), 2, view.chance(0.3))
    regions = _paint(regions, shapes, 3, view.chance(1))
    return _paint(regions, shapes - view.task(0.3, 0.7), 4, view.chance(0.4))


def vessels(view: View) -> Tensor:
    """Vessels: wide and narrow winding tubes on an organ: (T, M, S, S)."""
    organ = _ellipse(view, 0.2, 0.6, 1.3)
    wide = view.task(0.05, 0.15) - view.noise(3).abs()
    narrow = view.task(0.04, 0.1) - view.noise(6).abs()
    tubes = torch.minimum(torch.maximum(wide, narrow), organ - 0.05)
    regions = _paint(torch.zeros_like(organ, dtype=torch.long), organ, 1, view.chance(1))
    regions = _paint(regions, _ellipse(view, 0.6, 0.08, 0.25), 2, view.chance(0.5))
    return _paint(regions, tubes, 3, view.chance(1))


@dataclass(frozen=True)
class Family:
    """A kind of pictures: how often it is drawn, what draws it, and how likely each region is the label."""

    weight: float
    draw: Callable[[View], Tensor]
    labels: tuple[float, ...] = (0.1, *[1.0] * REGIONS)


FAMILIES = {
    "stack": Family(0.36, stack),
    "body": Family(0.36, body, (0.1, 0.5, 0.5, 0.5, 3.0, 3.0, 1.0, 0.0)),
    "row": Family(0.18, row, (0.1, 0.3, 0.3, 3.0, 1.0, 0.0, 0.0, 0.0)),
    "vessels": Family(0.1, vessels, (0.1, 0.3, 0.5, 3.0, 0.0, 0.0, 0.0, 0.0)),
}


def _regions(view: View, families: Sequence[Family]) -> tuple[Tensor, Tensor]:
    """Regions of all tasks, each of its own family, and how likely each is the label: (T, REGIONS + 1)."""
    device = view.where.device
    weights = torch.tensor([family.weight for family in families], device=device)
    drawn = torch.multinomial(weights, len(view.where), replacement=True, generator=view.sampler.generator)
    regions = torch.zeros(view.where.shape[:-1], dtype=torch.long, device=device)
    for index, family in enumerate(families):
        chosen = drawn == index
        if chosen.any():
            regions[chosen] = family.draw(View(view.sampler, view.where[chosen], view.variety[chosen]))
    return regions, torch.tensor([family.labels for family in families], device=device)[drawn]


def _texture(view: View, regions: Tensor) -> Tensor:
    """Grey value of every pixel from its region's mean, gradient and texture."""
    sampler = view.sampler
    tasks, members, side, _ = regions.shape
    palette = sampler.uniform((tasks, REGIONS + 1))
    # Some regions look like another one, so that place and shape have to decide.
    alike = sampler.integers(0, REGIONS + 1, (tasks, REGIONS + 1))
    borrowed = palette.gather(1, alike) + 0.06 * sampler.normal(palette.shape)
    palette = torch.where(sampler.chance(0.2, palette.shape), borrowed, palette)
    # From one stain to another of its own for each member, where only an interaction can tell.
    stain = 0.02 + 0.13 * sampler.uniform((tasks, 1, 1)) ** 2
    means = palette[:, None] + stain * sampler.normal((tasks, members, REGIONS + 1))
    strength = sampler.uniform((tasks, REGIONS + 1), 0.0, 0.12) * sampler.chance(0.7, palette.shape)
    flat = regions.flatten(2)
    image = means.gather(2, flat).unflatten(2, (side, side))
    amount = strength[:, None].expand(-1, members, -1).gather(2, flat).unflatten(2, (side, side))
    coarse, grain, own = view.noise(10), view.own_noise(side // 3), view.own_noise(6)
    mix = sampler.uniform((3, tasks, 1, 1, 1))
    return image + amount * (mix[0] * coarse + mix[1] * grain + mix[2] * own)


def _acquire(view: View, image: Tensor) -> Tensor:
    """What a scanner does to the picture: blur, bias field, speckle or noise, gamma; rescaled to [0, 1]."""
    soft = F.avg_pool2d(image, 3, stride=1, padding=1, count_include_pad=False)
    softer = F.avg_pool2d(soft, 3, stride=1, padding=1, count_include_pad=False)
    blur = view.task(0, 2)
    image = torch.where(blur < 1, image + blur * (soft - image), soft + (blur - 1) * (softer - soft))
    image = image * (1 + view.task(0, 0.2) * view.own_noise(2))
    white, grain = view.sampler.normal(image.shape), view.own_noise(image.shape[-1] // 2)
    noise = torch.where(view.chance(0.4), grain, white)
    level = 0.12 * view.task(0, 1) ** 2
    image = torch.where(view.chance(0.25), image * (1 + 3 * level * noise), image + level * noise)
    low, high = image.amin((2, 3), keepdim=True), image.amax((2, 3), keepdim=True)
    image = (image - low) / (high - low + 1e-6)
    tasks, members = image.shape[:2]
    own = view.sampler.normal((tasks, members, 1, 1))
    return image ** torch.exp(0.35 * view.sampler.normal((tasks, 1, 1, 1)) + 0.12 * own)


def _choose(view: View, regions: Tensor, likely: Tensor) -> Tensor:
    """One region of each task as the label, by preference one that every member shows: bool (T, M, S, S)."""
    area = torch.stack([(regions == index).float().mean((2, 3)) for index in range(REGIONS + 1)], dim=-1)
    least, mean = area.amin(1), area.mean(1)
    weight = likely * (least > 0.003) * (mean < 0.6) + 1e-6 * mean
    chosen = torch.multinomial(weight, 1, generator=view.sampler.generator)[:, :, None, None]
    # A nested region belongs to the organ around it in a third of the tasks.
    union = view.chance(0.35) & (chosen > 0)
    return torch.where(union, regions >= chosen, regions == chosen)


def synthetic_tasks(
    generator: torch.Generator,
    tasks: int,
    members: int,
    side: int,
    families: Sequence[Family] = tuple(FAMILIES.values()),
    scatter: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Draw tasks of the synthetic families.

    Parameters
    ----------
    generator : torch.Generator
        Its device is where the tasks are drawn.
    tasks, members : int
        Number of tasks and of images in each.
    side : int
        Pixels of an image's side.
    families : sequence of Family
    scatter : float
        How far the poses of a task's members may differ; with 0 they hardly do.

    Returns
    -------
    images : float32 (tasks, members, 1, side, side) in [0, 1]
    labels : float32 of the same shape, 0 or 1
    """
    sampler = Sampler(generator)
    variety = sampler.uniform((tasks, 1, 1, 1))
    view = View(sampler, _coordinates(sampler, tasks, members, side, scatter), variety)
    regions, likely = _regions(view, families)
    image = _acquire(view, _texture(view, regions))
    return image[:, :, None], _choose(view, regions, likely)[:, :, None].float()
