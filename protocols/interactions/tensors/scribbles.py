"""Scribbles: random numbers from the generator of each image on the CPU, blur and warp on the device."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch.nn.functional import pad

from segbench.protocols.interactions.geometry import LIMIT_SIGMA, draw_blobs, draw_lines, draw_warp
from segbench.protocols.interactions.tensors.clicks import deepest_pixels
from segbench.protocols.interactions.tensors.thinning import skeletons
from segbench.protocols.interactions.threads import in_threads

Warp = tuple[float, list[np.ndarray]]  # magnitude and grids, see `draw_warp`


def centerline_scribbles(
    masks: torch.Tensor, rngs: Sequence[np.random.Generator], max_pixels: int | None, may_be_empty: bool
) -> torch.Tensor:
    """Draw the scribbles of `interactions.centerline_scribble`; bool to float32 (B, H, W).

    Each mask has a generator, which is used only if something is drawn.
    """
    scribbles = torch.zeros(masks.shape, device=masks.device)
    lines = skeletons(masks)
    if not may_be_empty:
        bare = (~_any(lines) & _any(masks)).flatten().nonzero()[:, 0]
        lines[bare] = deepest_pixels(masks[bare])
    drawn = lines.flatten(1).any(1).nonzero()[:, 0]
    if not len(drawn):
        return scribbles
    lines, drawing_rngs = lines[drawn], [rngs[k] for k in drawn.tolist()]
    noise = np.empty(lines.shape, np.float32)
    sigmas, warps = zip(*in_threads(_draw, noise, drawing_rngs), strict=True)
    broken = lines & break_masks(torch.from_numpy(noise).to(masks.device), sigmas)
    lines = torch.where(_any(broken), broken, lines)
    drawings = _warped_inside(lines, masks[drawn], warps)
    scribbles[drawn] = drawings if max_pixels is None else limit_pixels(drawings, drawing_rngs, max_pixels)
    return scribbles


def line_scribbles(masks: torch.Tensor, rngs: Sequence[np.random.Generator], count: int) -> torch.Tensor:
    """Draw the scribbles of `interactions.line_scribble`, the lines on the CPU; bool to float32 (B, H, W).

    Each mask has a generator, which is used only if the mask is not empty.
    """
    scribbles = torch.zeros(masks.shape, device=masks.device)
    drawn = masks.flatten(1).any(1).nonzero()[:, 0]
    if not len(drawn) or not count:
        return scribbles
    inside = masks[drawn]

    def draw(masks: np.ndarray, rngs: Sequence[np.random.Generator]) -> list[tuple[np.ndarray, Warp]]:
        pairs = zip(masks, rngs, strict=True)
        return [(draw_lines(mask, rng, count), draw_warp(mask.shape, rng)) for mask, rng in pairs]

    lines, warps = zip(
        *in_threads(draw, inside.cpu().numpy(), [rngs[k] for k in drawn.tolist()]), strict=True
    )
    scribbles[drawn] = _warped_inside(torch.from_numpy(np.stack(lines)).to(masks.device), inside, warps)
    return scribbles


def _warped_inside(drawings: torch.Tensor, masks: torch.Tensor, warps: Sequence[Warp]) -> torch.Tensor:
    """Warp drawings and limit them to their masks; without the warp where nothing would be left."""
    warped = random_warps(drawings, warps) * masks
    return torch.where(_any(warped), warped, (drawings & masks).float())


def break_masks(noise: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """Return the blobs of `geometry.break_mask` from noise, float32 (B, H, W), and deviations in pixels."""
    smooth = _smooth(noise, sigmas, cv2.CV_32F)
    return smooth > smooth.mean((1, 2), keepdim=True)


def limit_pixels(drawings: torch.Tensor, rngs: Sequence[np.random.Generator], most: int) -> torch.Tensor:
    """Apply `geometry.limit_pixels` to drawings, float32 (B, H, W)."""
    large = (drawings.flatten(1).count_nonzero(1) > most).nonzero()[:, 0]
    if not len(large):
        return drawings
    noise = np.stack([rngs[k].standard_normal(drawings.shape[1:]) for k in large.tolist()])
    smooth = _smooth(torch.from_numpy(noise).to(drawings.device), [LIMIT_SIGMA] * len(noise), cv2.CV_64F)
    values = drawings[large].flatten(1)
    weights = values * (smooth - smooth.amin((1, 2), keepdim=True)).flatten(1)
    kept = weights.sort(dim=1, descending=True, stable=True).indices[:, :most]
    limited = torch.zeros_like(values).scatter_(1, kept, values.gather(1, kept))
    return drawings.index_copy(0, large, limited.view_as(smooth))


def random_warps(drawings: torch.Tensor, warps: Sequence[Warp]) -> torch.Tensor:
    """Apply `geometry.random_warp` with given random numbers to drawings, bool to float32 (B, H, W)."""
    moved = _sample(drawings, _fields(warps, drawings)).float()
    low, high = moved.amin((1, 2), keepdim=True), moved.amax((1, 2), keepdim=True)
    return torch.where(high > low, (moved - low) / (high - low), 0)


def _draw(noise: np.ndarray, rngs: Sequence[np.random.Generator]) -> list[tuple[float, Warp]]:
    """Draw the random numbers of scribbles in the order of `centerline_scribble`; fills ``noise``."""
    shape = noise.shape[1:]
    return [
        (draw_blobs(shape, rng, out=target)[0], draw_warp(shape, rng))
        for target, rng in zip(noise, rngs, strict=True)
    ]


def _smooth(noise: torch.Tensor, sigmas: Sequence[float], depth: int) -> torch.Tensor:
    """Noise (B, H, W) blurred with the kernels that OpenCV takes for images of a depth, float64."""
    down, across = (_blur(sigmas, side, noise.device, depth) for side in noise.shape[1:])
    return down @ noise.double() @ across


def _blur(sigmas: Sequence[float], side: int, device: torch.device, depth: int) -> torch.Tensor:
    """Matrices (B, side, side) that blur as `cv2.GaussianBlur` does, zeros outside the image."""
    halves = np.zeros((len(sigmas), side))
    for half, sigma in zip(halves, sigmas, strict=True):
        radius = (round(sigma * 8 + 1) | 1) // 2
        weights = cv2.getGaussianKernel(2 * radius + 1, sigma, depth)[radius:, 0]
        half[: len(weights)] = weights[:side]
    index = torch.arange(side, device=device)
    return torch.from_numpy(halves).to(device)[:, (index[:, None] - index).abs()]


def _fields(warps: Sequence[Warp], like: torch.Tensor) -> torch.Tensor:
    """Displacements along both axes in pixels, float64 (B, 2, H, W)."""
    magnitudes, grids = zip(*warps, strict=True)
    points = np.array([grid[0].shape for grid in grids])
    most = [max(side // 4, 2) for side in like.shape[1:]]  # the same for all batches, so that sums are too
    padded = np.zeros((len(grids), 2, *most))
    for target, grid, (rows, columns) in zip(padded, grids, points.tolist(), strict=True):
        target[:, :rows, :columns] = grid
    matrices = [_upsampling(points[:, axis], most[axis], like.shape[1 + axis]) for axis in range(2)]
    down, across = (torch.from_numpy(matrix).to(like.device)[:, None] for matrix in matrices)
    fields = down @ torch.from_numpy(padded).to(like.device) @ across.mT
    fields -= fields.mean((2, 3), keepdim=True)
    deviation = fields.square().mean((2, 3), keepdim=True).sqrt()
    scale = torch.tensor(magnitudes, dtype=torch.float64, device=like.device)[:, None, None, None]
    return fields * torch.where(deviation > 0, scale / deviation, 0)


def _upsampling(points: np.ndarray, most: int, side: int) -> np.ndarray:
    """Matrices (B, side, most) that interpolate from a number of points as `cv2.resize` does."""
    place = ((np.arange(side) + 0.5) * (points[:, None] / side) - 0.5).clip(0, points[:, None] - 1)
    return (1 - np.abs(place[..., None] - np.arange(most))).clip(min=0)


def _sample(drawings: torch.Tensor, fields: torch.Tensor) -> torch.Tensor:
    """Drawings at displaced pixels, bilinear and zero outside, float64 (B, H, W)."""
    _, height, width = drawings.shape
    framed = pad(drawings.double(), (1, 2, 1, 2)).flatten(1)
    lows, weights = [], []
    for axis, side in enumerate((height, width)):
        index = torch.arange(side, device=drawings.device)
        places = (fields[:, axis] + (index[:, None] if axis == 0 else index)).clamp(-1, side)
        lows.append(places.floor())
        weights.append((1 - (places - lows[-1]), places - lows[-1]))
    corner = ((lows[0] + 1) * (width + 3) + lows[1] + 1).long().flatten(1)
    total = torch.zeros_like(fields[:, 0])
    for down in range(2):
        for right in range(2):
            values = framed.gather(1, corner + (down * (width + 3) + right)).view(total.shape)
            total += values * weights[0][down] * weights[1][right]
    return total


def _any(masks: torch.Tensor) -> torch.Tensor:
    """Whether each image has a pixel, (B, 1, 1)."""
    return (masks != 0).flatten(1).any(1)[:, None, None]
