"""Fully synthetic segmentation tasks (MultiverSeg, section 4), from neither real images nor phantoms.

A task is a picture of regions painted over each other: a stack of layers (noise blobs, wobbly ellipses,
nested shapes, rows of shapes, tubes), a body with a core among scattered objects, a row of similar shapes
across an organ, vessels, or a mesh of cells. Its members show this picture in another pose, deformation,
light and noise.
The task decides how much they differ: from one slightly bent anatomy to unrelated individuals of one kind.
The label is one region, or one region with everything inside it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from segbench.models.training.sampling import Sampler, View, pose

# Ellipse, nested in the layer below, lobes in the layer below, noise blob, tube, row, scattered discs.
LAYER_WEIGHTS = (0.34, 0.2, 0.1, 0.12, 0.08, 0.1, 0.06)
REGIONS = 7  # without the background
MAX_SHAPES = 32  # of a row, before their lengths repeat
CELLS = 24  # of a mesh in each direction, before they repeat


# Each shape below is a field (T, M, S, S): positive inside, negative outside.


def _ellipse(view: View, reach: float, small: float, large: float) -> Tensor:
    """Wobbly ellipse whose centre lies within ``reach`` of the canvas's centre."""
    x, y = view.coordinates.unbind(-1)
    x = x - view.task_uniform(-reach, reach) - 0.15 * view.variety * view.normal()
    y = y - view.task_uniform(-reach, reach) - 0.15 * view.variety * view.normal()
    radius = view.task_uniform(math.log(small), math.log(large)).exp()
    radius = radius * torch.exp(view.task_uniform(0, 0.6) * view.variety * view.normal())
    stretch, angle = torch.exp(0.3 * view.normal()), view.uniform(0, math.pi)
    u = (x * torch.cos(angle) + y * torch.sin(angle)) * stretch
    v = (y * torch.cos(angle) - x * torch.sin(angle)) / stretch
    wobble = view.noise(5) * view.task_uniform(0, 0.25)
    return 1 - torch.sqrt(u**2 + v**2) / radius + wobble


def _row(view: View) -> Tensor:
    """One or two rows, or a grid, of similar shapes: teeth, vertebrae, cells."""
    x, y = view.coordinates.unbind(-1)
    angle = view.task_uniform(0, 2 * math.pi)
    u = x * torch.cos(angle) + y * torch.sin(angle)
    curvature, offset = 0.3 * view.task_uniform(-1, 1), view.task_uniform(-0.4, 0.4)
    v = y * torch.cos(angle) - x * torch.sin(angle) + curvature * u**2 - offset
    period, fill = view.task_uniform(0.1, 0.6), view.uniform(0.5, 0.95)
    height = view.uniform(0.1, 0.35)
    grid, facing = view.task_chance(0.25), view.task_chance(0.35)  # facing: two rows, like the jaws
    along = (torch.remainder(u / period, 1) - 0.5) * 2 / fill
    distance = torch.where(facing, v.abs() - 1.1 * height, v)
    distance = distance / (height * _lengths(view, u / period, (v > 0) & facing))
    across = torch.where(grid, (torch.remainder(v / period, 1) - 0.5) * 2 / fill, distance)
    power = torch.where(view.task_chance(0.5), 2.0, 4.0)
    return 1 - (along.abs() ** power + across.abs() ** power) ** (1 / power)


def _lengths(view: View, position: Tensor, second_row: Tensor) -> Tensor:
    """Length in (0, 1] of the shape of a row at each pixel; some shapes are short or nearly absent."""
    tasks, members = position.shape[:2]
    draws = view.sampler.uniform((tasks, members, 2 * MAX_SHAPES)) ** 3
    shortening = draws * view.task_uniform(0, 0.99)[..., 0]
    index = torch.floor(position).long() % MAX_SHAPES + MAX_SHAPES * second_row
    return 1 - shortening.gather(2, index.flatten(2)).reshape(position.shape)


def _discs(view: View, count: int = 12) -> Tensor:
    """Discs of similar size at random places, which differ between members."""
    tasks, members = view.coordinates.shape[:2]
    radius = view.task_uniform(0.08, 0.3) * torch.exp(view.task_uniform(0, 0.3) * view.normal())
    nearest = torch.full_like(view.coordinates[..., 0], math.inf)
    for _ in range(count):
        centre = view.sampler.uniform((tasks, members, 1, 1, 2), -1.1, 1.1)
        growth = torch.exp(0.1 * view.sampler.normal((tasks, members, 1, 1)))
        nearest = torch.minimum(nearest, torch.linalg.vector_norm(view.coordinates - centre, dim=-1) / growth)
    return 1 - nearest / radius + 0.08 * view.member_noise(8)


def _lobes(view: View, outer: Tensor) -> Tensor:
    """Lobes inside the shape ``outer``."""
    inner = outer - view.task_uniform(0.1, 0.35)
    return torch.minimum(inner, view.noise(int(view.sampler.integers(3, 6))) + 0.2)


def _layer(view: View, below: Tensor) -> Tensor:
    """One layer of a stack over the layer below; its kind is drawn for each task."""
    cells = [int(view.sampler.integers(2, 7)) for _ in range(2)]
    blob, tube = view.noise(cells[0]), view.noise(cells[1])
    kinds = torch.stack(
        [
            _ellipse(view, 0.65, 0.12, 0.7),
            below - view.uniform(0.15, 0.6) + 0.15 * blob,
            _lobes(view, below),
            blob - view.task_uniform(0.3, 1.5),
            view.task_uniform(0.08, 0.3) - tube.abs(),
            _row(view),
            _discs(view, 6),
        ]
    )
    weights = torch.tensor(LAYER_WEIGHTS, device=below.device)
    kind = torch.multinomial(weights, len(below), replacement=True, generator=view.sampler.generator)
    return kinds[kind, torch.arange(len(below), device=below.device)]


# Each picture below is an int64 field (T, M, S, S): the region of each pixel, 0 the background.


def _paint(regions: Tensor, shape: Tensor, index: int, visible: Tensor) -> Tensor:
    return torch.where((shape > 0) & visible, index, regions)


def stack(view: View) -> Tensor:
    """Organs: up to seven layers over each other."""
    below = _ellipse(view, 0.5, 0.2, 0.9)
    regions = (below > 0).long()
    density = view.task_uniform(0.0, 0.9)
    for index in range(2, REGIONS + 1):
        layer, visible = _layer(view, below), view.task_uniform(0, 1) < density
        regions = _paint(regions, layer, index, visible)
        below = torch.where(visible, layer, below)
    return regions


def body(view: View) -> Tensor:
    """A cell or lesion: a body with a core, whole or lobed, among scattered objects."""
    discs = _discs(view)
    whole = _ellipse(view, 0.25, 0.25, 0.75)
    nested = whole - view.uniform(0.15, 0.6) + 0.1 * view.noise(4)
    core = torch.where(view.task_chance(0.5), nested, _lobes(view, whole))
    layers = (
        (discs, 0.7),
        (discs - view.task_uniform(0.3, 0.6), 0.4),  # rings: discs with a pale centre
        (_ellipse(view, 0.9, 0.1, 0.4), 0.2),
        (whole, 1.0),
        (core, 0.9),
        (torch.minimum(core - 0.1, view.noise(8) - 1), 0.25),
    )
    regions = torch.zeros_like(whole, dtype=torch.long)
    for index, (shape, probability) in enumerate(layers, start=1):
        regions = _paint(regions, shape, index, view.task_chance(probability))
    return regions


def row(view: View) -> Tensor:
    """Teeth or vertebrae: a row of similar shapes, with cores, across an organ."""
    organ, shapes = _ellipse(view, 0.4, 0.4, 1.0), _row(view)
    regions = _paint(torch.zeros_like(organ, dtype=torch.long), organ, 1, view.task_chance(0.7))
    regions = _paint(regions, _discs(view, 4), 2, view.task_chance(0.3))
    regions = _paint(regions, shapes, 3, view.task_chance(1))
    return _paint(regions, shapes - view.task_uniform(0.3, 0.7), 4, view.task_chance(0.4))


def vessels(view: View) -> Tensor:
    """Vessels: wide and narrow winding tubes on an organ."""
    organ = _ellipse(view, 0.2, 0.6, 1.3)
    wide = view.task_uniform(0.05, 0.15) - view.noise(3).abs()
    narrow = view.task_uniform(0.04, 0.1) - view.noise(6).abs()
    tubes = torch.minimum(torch.maximum(wide, narrow), organ - 0.05)
    regions = _paint(torch.zeros_like(organ, dtype=torch.long), organ, 1, view.task_chance(1))
    regions = _paint(regions, _ellipse(view, 0.6, 0.08, 0.25), 2, view.task_chance(0.5))
    return _paint(regions, tubes, 3, view.task_chance(1))


def mesh(view: View) -> Tensor:
    """Tissue: touching cells of two kinds, their walls, and nuclei or pores."""
    nearest, second, cell = _voronoi(view)
    other_kind = (cell * 0.618034) % 1 < view.task_uniform(0, 0.6)
    regions = _paint(torch.zeros_like(cell), nearest, 1, other_kind)
    regions = _paint(regions, view.task_uniform(0.1, 0.4) - nearest, 3, view.task_chance(0.4))
    walls = view.task_uniform(0.08, 0.35) * (1 + 0.3 * view.noise(6)) - (second - nearest)
    return _paint(regions, walls, 2, view.task_chance(1))


def _voronoi(view: View) -> tuple[Tensor, Tensor, Tensor]:
    """Distances of each pixel to the nearest two centres of cells, and the number of the nearest centre.

    Centres lie on a square grid, each moved at random; distances are in units of the grid.
    """
    tasks, members, side = view.coordinates.shape[:3]
    position = view.coordinates / view.task_uniform(0.13, 0.5)[..., None]
    moved = view.blend(
        view.sampler.normal((tasks, 1, CELLS**2, 2)), view.sampler.normal((tasks, members, CELLS**2, 2))
    )
    moved = view.task_uniform(0.2, 1) * (torch.special.ndtr(moved) - 0.5)
    distances, cells = [], []
    for offset in itertools.product((-1, 0, 1), repeat=2):
        cell = position.floor() + torch.tensor(offset, device=position.device)
        column, row = torch.remainder(cell, CELLS).long().unbind(-1)
        number = row * CELLS + column
        index = number.flatten(2)[..., None].expand(-1, -1, -1, 2)
        centre = cell + 0.5 + moved.gather(2, index).unflatten(2, (side, side))
        distances.append(torch.linalg.vector_norm(position - centre, dim=-1))
        cells.append(number)
    two, which = torch.stack(distances).topk(2, dim=0, largest=False)
    return two[0], two[1], torch.stack(cells).gather(0, which[:1])[0]


@dataclass(frozen=True)
class Family:
    """A kind of picture: share of the tasks, drawing of the regions, weight of each region as the label."""

    weight: float
    draw: Callable[[View], Tensor]
    labels: tuple[float, ...] = (0.1, *[1.0] * REGIONS)


FAMILIES = {
    "stack": Family(0.34, stack),
    "body": Family(0.32, body, (0.1, 0.5, 0.5, 0.5, 3.0, 3.0, 1.0, 0.0)),
    "row": Family(0.14, row, (0.1, 0.3, 0.3, 3.0, 1.0, 0.0, 0.0, 0.0)),
    "vessels": Family(0.1, vessels, (0.1, 0.3, 0.5, 3.0, 0.0, 0.0, 0.0, 0.0)),
    "mesh": Family(0.1, mesh, (0.5, 1.0, 2.0, 0.7, 0.0, 0.0, 0.0, 0.0)),
}


def _draw_regions(view: View, families: Sequence[Family]) -> tuple[Tensor, Tensor]:
    """Regions (T, M, S, S) of all tasks, a random family each, and their label weights (T, REGIONS + 1)."""
    device = view.coordinates.device
    weights = torch.tensor([family.weight for family in families], device=device)
    generator = view.sampler.generator
    drawn = torch.multinomial(weights, len(view.coordinates), replacement=True, generator=generator)
    regions = torch.zeros(view.coordinates.shape[:-1], dtype=torch.long, device=device)
    for index, family in enumerate(families):
        tasks = drawn == index
        if tasks.any():
            regions[tasks] = family.draw(View(view.sampler, view.coordinates[tasks], view.variety[tasks]))
    return regions, torch.tensor([family.labels for family in families], device=device)[drawn]


def _draw_intensities(view: View, regions: Tensor) -> Tensor:
    """Grey values (T, M, S, S) from the mean and the texture of each region."""
    sampler = view.sampler
    tasks, members, side, _ = regions.shape
    palette = sampler.uniform((tasks, REGIONS + 1))
    # Some regions look like another one: only place and shape then distinguish them.
    twin = sampler.integers(0, REGIONS + 1, (tasks, REGIONS + 1))
    borrowed = palette.gather(1, twin) + 0.06 * sampler.normal(palette.shape)
    palette = torch.where(sampler.chance(0.2, palette.shape), borrowed, palette)
    # Grey values differ little between the members, or so much that only an interaction shows the label.
    staining = 0.02 + 0.13 * sampler.uniform((tasks, 1, 1)) ** 2
    means = palette[:, None] + staining * sampler.normal((tasks, members, REGIONS + 1))
    strength = sampler.uniform((tasks, REGIONS + 1), 0.0, 0.12) * sampler.chance(0.7, palette.shape)
    flat = regions.flatten(2)
    image = means.gather(2, flat).unflatten(2, (side, side))
    amount = strength[:, None].expand(-1, members, -1).gather(2, flat).unflatten(2, (side, side))
    coarse, grain, individual = view.noise(10), view.member_noise(side // 3), view.member_noise(6)
    mix = sampler.uniform((3, tasks, 1, 1, 1))
    return image + amount * (mix[0] * coarse + mix[1] * grain + mix[2] * individual)


def _acquire(view: View, image: Tensor) -> Tensor:
    """Simulate a scanner: blur, bias field, speckle or noise, gamma; rescaled to [0, 1]."""
    soft = F.avg_pool2d(image, 3, stride=1, padding=1, count_include_pad=False)
    softer = F.avg_pool2d(soft, 3, stride=1, padding=1, count_include_pad=False)
    blur = view.task_uniform(0, 2)
    image = torch.where(blur < 1, image + blur * (soft - image), soft + (blur - 1) * (softer - soft))
    image = image * (1 + view.task_uniform(0, 0.2) * view.member_noise(2))
    white, grain = view.sampler.normal(image.shape), view.member_noise(image.shape[-1] // 2)
    noise = torch.where(view.task_chance(0.4), grain, white)
    level = 0.12 * view.task_uniform(0, 1) ** 2
    image = torch.where(view.task_chance(0.25), image * (1 + 3 * level * noise), image + level * noise)
    low, high = image.amin((2, 3), keepdim=True), image.amax((2, 3), keepdim=True)
    image = (image - low) / (high - low + 1e-6)
    tasks, members = image.shape[:2]
    individual = view.sampler.normal((tasks, members, 1, 1))
    return image ** torch.exp(0.35 * view.sampler.normal((tasks, 1, 1, 1)) + 0.12 * individual)


def _draw_label(view: View, regions: Tensor, weights: Tensor) -> Tensor:
    """Draw one region of each task as its label, usually one that every member shows: bool (T, M, S, S)."""
    area = torch.stack([(regions == index).float().mean((2, 3)) for index in range(REGIONS + 1)], dim=-1)
    smallest, mean = area.amin(1), area.mean(1)
    weights = weights * (smallest > 0.003) * (mean < 0.6) + 1e-6 * mean
    label = torch.multinomial(weights, 1, generator=view.sampler.generator)[:, :, None, None]
    # In a third of the tasks, the label includes the regions inside it.
    with_nested = view.task_chance(0.35) & (label > 0)
    return torch.where(with_nested, regions >= label, regions == label)


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
        The tasks are drawn on its device.
    tasks, members : int
        Number of tasks and of images in each.
    side : int
        Height and width of an image in pixels.
    families : sequence of Family
    scatter : float
        Spread of the poses within a task, from 0 to 1.

    Returns
    -------
    images : float32 (tasks, members, 1, side, side) in [0, 1]
    labels : float32 of the same shape, 0 or 1
    """
    sampler = Sampler(generator)
    variety = sampler.uniform((tasks, 1, 1, 1))
    view = View(sampler, pose(sampler, tasks, members, side, scatter), variety)
    regions, weights = _draw_regions(view, families)
    image = _acquire(view, _draw_intensities(view, regions))
    return image[:, :, None], _draw_label(view, regions, weights)[:, :, None].float()
