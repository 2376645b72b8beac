"""Zhang-Suen thinning by a table of the 3 x 3 neighbourhoods."""

from __future__ import annotations

from functools import cache

import torch

ROUNDS = 4  # iterations between two tests for convergence; each test waits for the device
CIRCLE = (1, 2, 5, 8, 7, 6, 3, 0)  # neighbours clockwise from the upper one; number = 3 * row + column


def skeletons(masks: torch.Tensor) -> torch.Tensor:
    """Return the skeletons of `geometry.skeleton`, exactly; bool (B, H, W)."""
    thin = torch.zeros_like(masks)
    if not thin[:, 1:-1, 1:-1].numel():
        return thin
    thin[:, 1:-1, 1:-1] = masks[:, 1:-1, 1:-1]
    tables = torch.tensor(_tables(), dtype=torch.int32, device=masks.device)
    left = torch.arange(len(masks), device=masks.device)
    while len(left):
        before = thin[left]
        after = before.int()
        for _ in range(ROUNDS):
            for table in tables:
                _thin(after, table)
        thin[left] = after.bool()
        left = left[(thin[left] != before).flatten(1).any(1)]
    return thin


def _thin(masks: torch.Tensor, table: torch.Tensor) -> None:
    """Replace every pixel inside the frame by the entry of the table for its neighbourhood."""
    rows = masks[:, :, :-2].add(masks[:, :, 1:-1], alpha=2).add_(masks[:, :, 2:], alpha=4)
    codes = rows[:, :-2].add(rows[:, 1:-1], alpha=8).add_(rows[:, 2:], alpha=64)
    masks[:, 1:-1, 1:-1] = table.index_select(0, codes.flatten()).view(codes.shape)


@cache
def _tables() -> tuple[tuple[bool, ...], ...]:
    """Whether the middle of a neighbourhood stays, for each of the two passes; bit k is pixel k.

    A pixel is deleted if it has two to six neighbours in one run around it, and two conditions on its four
    direct neighbours hold: for the lower right in the first pass, for the upper left in the second (Zhang and
    Suen, 1984).
    """
    return tuple(
        tuple(_stays(code, sides) for code in range(512))
        for sides in (((0, 2, 4), (2, 4, 6)), ((0, 2, 6), (0, 4, 6)))
    )


def _stays(code: int, sides: tuple[tuple[int, ...], ...]) -> bool:
    around = [code >> pixel & 1 for pixel in CIRCLE]
    runs = sum(here < after for here, after in zip(around, around[1:] + around[:1], strict=True))
    deleted = (
        2 <= sum(around) <= 6 and runs == 1 and not any(all(around[k] for k in three) for three in sides)
    )
    return bool(code >> 4 & 1) and not deleted
