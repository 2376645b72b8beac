"""Zhang-Suen thinning by a table of the 3 x 3 neighbourhoods."""

from __future__ import annotations

from functools import cache

import torch

ROUNDS = 4  # between two looks at which masks still change; each look waits for the device
CIRCLE = (1, 2, 5, 8, 7, 6, 3, 0)  # the neighbours from the upper one on, clockwise; pixel 3 * row + column


def skeletons(masks: torch.Tensor) -> torch.Tensor:
    """Skeletons of `segbench.protocols.interactions.geometry.skeleton`, all of them the same.

    Parameters
    ----------
    masks : bool tensor (B, H, W)

    Returns
    -------
    bool tensor (B, H, W)
    """
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
    """Replace every pixel inside the frame by what the table says of its neighbourhood."""
    rows = masks[:, :, :-2].add(masks[:, :, 1:-1], alpha=2).add_(masks[:, :, 2:], alpha=4)
    codes = rows[:, :-2].add(rows[:, 1:-1], alpha=8).add_(rows[:, 2:], alpha=64)
    masks[:, 1:-1, 1:-1] = table.index_select(0, codes.flatten()).view(codes.shape)


@cache
def _tables() -> tuple[tuple[bool, ...], ...]:
    """What becomes of the middle of a neighbourhood, pixel k being bit k, in each of the two passes.

    A pixel goes if it has two to six neighbours in one run around it, and two conditions on the four direct
    ones hold (Zhang and Suen, 1984): it is not needed on the lower right in the first pass, on the upper left
    in the second.
    """
    return tuple(
        tuple(_stays(code, sides) for code in range(512))
        for sides in (((0, 2, 4), (2, 4, 6)), ((0, 2, 6), (0, 4, 6)))
    )


def _stays(code: int, sides: tuple[tuple[int, ...], ...]) -> bool:
    around = [code >> pixel & 1 for pixel in CIRCLE]
    runs = sum(here < after for here, after in zip(around, around[1:] + around[:1], strict=True))
    goes = 2 <= sum(around) <= 6 and runs == 1 and not any(all(around[k] for k in three) for three in sides)
    return bool(code >> 4 & 1) and not goes
