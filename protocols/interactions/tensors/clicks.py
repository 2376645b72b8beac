"""Clicks at the centres of the largest errors, with components and distances in integers."""

from __future__ import annotations

import torch
from torch.nn.functional import max_pool2d

from segbench.protocols.adapter import Click

ROUNDS = 4  # iterations between two tests for convergence; each test waits for the device


def center_clicks(labels: torch.Tensor, predictions: torch.Tensor) -> list[Click | None]:
    """Return the clicks of `interactions.center_click`, exactly; bool (B, H, W) of up to 2**24 pixels."""
    count, height, width = labels.shape
    if not count:
        return []
    size = height * width
    errors = torch.stack([labels & ~predictions, predictions & ~labels], 1)
    starts = component_starts(errors.flatten(0, 1)).view(count, 2, size)
    areas = torch.zeros(count, 2, size + 1, dtype=torch.int64, device=labels.device)
    areas.scatter_add_(2, starts, torch.ones_like(starts))
    area, first = _first_largest(
        areas[..., :-1].amax(1)
    )  # a pixel starts a component in one of the two masks
    component = (starts == first[:, None, None]).any(1)
    distance = squared_distances(component.view(labels.shape)).flatten(1)
    _, pixel = _first_largest(torch.where(component, distance, 0))
    positive = labels.flatten(1).gather(1, pixel[:, None])[:, 0]
    clicks = torch.stack([area, pixel, positive.to(area.dtype)], 1).tolist()
    return [
        Click(pixel // width, pixel % width, bool(positive)) if area else None
        for area, pixel, positive in clicks
    ]


def component_starts(masks: torch.Tensor) -> torch.Tensor:
    """Find the first pixel in row-major order of the 8-connected component of each pixel.

    Each pixel points to the first pixel known of its component. In every round it takes the earliest pointer
    among its neighbours, and pointers are followed once (pointer jumping); few rounds are needed. Masks are
    bool (B, H, W); the result is int64 (B, H * W), flat indices, and H * W outside the mask.
    """
    count, height, width = masks.shape
    size = height * width
    inside = masks.flatten(1).float()
    # Ranks decrease from the first pixel to the last. The background has rank 0 and the last index.
    rank = torch.arange(size, 0, -1, device=masks.device) * inside
    table = torch.zeros(count, size + 1, device=masks.device)

    def neighbours() -> torch.Tensor:
        return max_pool2d(rank.view(count, 1, height, width), 3, 1, 1).flatten(1) * inside

    def index_of(rank: torch.Tensor) -> torch.Tensor:
        return size - rank.long()

    while not torch.equal(near := neighbours(), rank):
        for _ in range(ROUNDS):
            table[:, :-1] = near
            table.scatter_reduce_(1, index_of(rank), near, "amax")
            rank = table.gather(1, index_of(near))
            near = neighbours()
    return index_of(rank)


def squared_distances(masks: torch.Tensor) -> torch.Tensor:
    """Return the distances of `geometry.squared_distance`, exactly; bool to int64 (B, H, W)."""
    _, height, width = masks.shape
    full = masks.all(2).all(1)[:, None, None]
    some = masks & ~full
    across, down = _gaps(some), _gaps(some.mT).mT
    squares = down**2
    result = squares.clone()
    # The nearest background pixel is no farther than the one in the same row or column.
    for step in range(1, min(int(torch.minimum(across, down).amax()), width - 1) + 1):
        for here, there in (
            (result[..., step:], squares[..., :-step]),
            (result[..., :-step], squares[..., step:]),
        ):
            torch.minimum(here, there + step**2, out=here)
    rows, columns = (torch.arange(1, side + 1, device=masks.device) for side in (height, width))
    border = torch.minimum(
        torch.minimum(rows, rows.flip(0))[:, None], torch.minimum(columns, columns.flip(0))
    )
    return torch.where(full, border**2, result)


def deepest_pixels(masks: torch.Tensor) -> torch.Tensor:
    """Return the marks of `geometry.deepest_pixel`, exactly; bool (B, H, W)."""
    if not len(masks):
        return masks
    _, pixel = _first_largest(squared_distances(masks).flatten(1))
    return torch.zeros_like(masks).flatten(1).scatter_(1, pixel[:, None], True).view_as(masks)


def _gaps(masks: torch.Tensor) -> torch.Tensor:
    """Distance to the nearest background pixel in the same row; H + W without one."""
    far = sum(masks.shape[1:])
    index = torch.arange(masks.shape[2], dtype=torch.int32, device=masks.device)
    before = torch.where(masks, -far, index).cummax(2).values
    after = torch.where(masks, 2 * far, index).flip(2).cummin(2).values.flip(2)
    return torch.minimum(index - before, after - index).clamp(max=far)


def _first_largest(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Largest of the values (B, N), at least 0, and its first index; `torch.argmax` may return any."""
    size = values.shape[1]
    key = (values * size + torch.arange(size - 1, -1, -1, device=values.device)).amax(1)
    return key // size, size - 1 - key % size
