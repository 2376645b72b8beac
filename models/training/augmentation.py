"""Data augmentation of MultiverSeg: Tables 4, 5a and 5b of the paper as data, and their application.

kornia's functions compute in batches on the generator's device. Pixels from outside the image repeat its
border and are unlabelled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from kornia import enhance
from kornia.filters import gaussian_blur2d, sobel
from kornia.geometry.transform import get_affine_matrix2d, warp_affine
from torch import Tensor

from segbench.models.training.sampling import Sampler

# Side of the images to which the tables' elastic sigma refers, and radius of its kernel, in pixels.
PAPER_SIDE = 128
ELASTIC_RADIUS = 31
MIN_LABEL = 10  # pixels of a label that an augmentation leaves at least

Range = tuple[float, float]
Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Augmentation:
    """A row of a table: kind of augmentation, probability, and parameters as numbers or ranges."""

    name: str
    p: float
    parameters: dict[str, Range | float] = field(default_factory=dict)


# The tables give sharpness as 5; kornia's random sharpness takes it as the upper end of a range from 0.
SYNTHETIC = (
    Augmentation("Random Affine", 0.8, {"degrees": (-25, 25), "translation": (0, 0.2), "scale": (0.9, 1.5)}),
    Augmentation("Brightness Contrast", 0.5, {"brightness": (-0.1, 0.1), "contrast": (0.5, 1.5)}),
    Augmentation("Elastic Transform", 0.8, {"alpha": (1, 10), "sigma": (8, 15)}),
    Augmentation("Sharpness", 0.5, {"sharpness": (0, 5)}),
    Augmentation("Gaussian Blur", 0.5, {"sigma": (0.1, 1.5), "k": 5}),
    Augmentation("Gaussian Noise", 0.5, {"mu": (0, 0.05), "sigma": (0, 0.05)}),
    Augmentation("Horizontal Flip", 0.5),
    Augmentation("Vertical Flip", 0.5),
)
"""Table 4: makes a task from copies of one image."""

WITHIN_TASK = (
    Augmentation("Random Affine", 0.25, {"degrees": (-25, 25), "translation": (0, 0.1), "scale": (0.9, 1.1)}),
    Augmentation("Brightness Contrast", 0.25, {"brightness": (-0.1, 0.1), "contrast": (0.5, 1.5)}),
    Augmentation("Elastic Transform", 0.8, {"alpha": (1, 2.5), "sigma": (7, 9)}),
    Augmentation("Sharpness", 0.25, {"sharpness": (0, 5)}),
    Augmentation("Gaussian Blur", 0.25, {"sigma": (0.1, 1.0), "k": 5}),
    Augmentation("Gaussian Noise", 0.25, {"mu": (0, 0.05), "sigma": (0, 0.05)}),
)
"""Table 5a: varies the images of a task."""

TASK = (
    Augmentation("Random Affine", 0.5, {"degrees": (0, 360), "translation": (0, 0.2), "scale": (0.8, 1.1)}),
    Augmentation("Brightness Contrast", 0.5, {"brightness": (-0.1, 0.1), "contrast": (0.8, 1.2)}),
    Augmentation("Gaussian Blur", 0.5, {"sigma": (0.1, 1.1), "k": 5}),
    Augmentation("Gaussian Noise", 0.5, {"mu": (0, 0.05), "sigma": (0, 0.05)}),
    Augmentation("Elastic Transform", 0.5, {"alpha": (1, 2), "sigma": (6, 8)}),
    Augmentation("Sharpness", 0.5, {"sharpness": (0, 5)}),
    Augmentation("Horizontal Flip", 0.5),
    Augmentation("Vertical Flip", 0.5),
    Augmentation("Sobel Edges Label", 0.5),
    Augmentation("Flip Intensities", 0.5),
)
"""Table 5b: makes a new task from a task."""


# Each function below takes and returns images and labels (N, C, S, S). It draws N sets of parameters: the C
# images of an element share one.


def _affine(
    sampler: Sampler, images: Tensor, labels: Tensor, degrees: Range, translation: Range, scale: Range
) -> Pair:
    count, side = len(images), images.shape[-1]
    # The table gives a shift's size as a share of the side; its sign is random along each axis.
    shift = sampler.uniform((count, 2), *translation) * side
    shift = torch.where(sampler.chance(0.5, (count, 2)), shift, -shift)
    matrix = get_affine_matrix2d(
        translations=shift,
        center=torch.full_like(shift, (side - 1) / 2),
        scale=sampler.uniform((count, 1), *scale).expand(-1, 2),
        angle=sampler.uniform((count,), *degrees),
    )[:, :2]
    moved = warp_affine(labels, matrix, (side, side), padding_mode="zeros")
    return warp_affine(images, matrix, (side, side), padding_mode="border"), (moved > 0.5).float()


def _elastic(sampler: Sampler, images: Tensor, labels: Tensor, alpha: Range, sigma: Range) -> Pair:
    """Displacement by alpha times smoothed noise, in coordinates from -1 to 1 (kornia's definition)."""
    count, side = len(images), images.shape[-1]
    # Scaling both with the side deforms images of any side equally.
    zoom = side / PAPER_SIDE
    width = sampler.uniform((count, 1), *sigma) * zoom
    amount = sampler.uniform((count, 1, 1, 1), *alpha) * zoom
    noise = sampler.uniform((count, 2, side, side), -1, 1)
    taps = 2 * round(ELASTIC_RADIUS * zoom) + 1
    bend = amount * gaussian_blur2d(noise, taps, width.expand(-1, 2), border_type="constant")
    straight = torch.eye(2, 3, device=images.device)[None]
    grid = F.affine_grid(straight, [1, 1, side, side], align_corners=False) + bend.permute(0, 2, 3, 1)
    moved = F.grid_sample(labels, grid, padding_mode="zeros", align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False), (moved > 0.5).float()


def _brightness_contrast(
    sampler: Sampler, images: Tensor, labels: Tensor, brightness: Range, contrast: Range
) -> Pair:
    shift, factor = sampler.uniform((len(images),), *brightness), sampler.uniform((len(images),), *contrast)
    scaled = enhance.adjust_contrast(images, factor, clip_output=False)
    return enhance.adjust_brightness(scaled, shift), labels


def _sharpness(sampler: Sampler, images: Tensor, labels: Tensor, sharpness: Range) -> Pair:
    return enhance.sharpness(images, sampler.uniform((len(images),), *sharpness)), labels


def _blur(sampler: Sampler, images: Tensor, labels: Tensor, sigma: Range, k: int) -> Pair:
    return gaussian_blur2d(images, k, sampler.uniform((len(images), 1), *sigma).expand(-1, 2)), labels


def _noise(sampler: Sampler, images: Tensor, labels: Tensor, mu: Range, sigma: Range) -> Pair:
    shape = (len(images), 1, 1, 1)
    grain = sampler.normal((len(images), 1, *images.shape[2:]))
    return images + sampler.uniform(shape, *mu) + sampler.uniform(shape, *sigma) * grain, labels


def _horizontal_flip(sampler: Sampler, images: Tensor, labels: Tensor) -> Pair:
    return images.flip(-1), labels.flip(-1)


def _vertical_flip(sampler: Sampler, images: Tensor, labels: Tensor) -> Pair:
    return images.flip(-2), labels.flip(-2)


def _sobel_label(sampler: Sampler, images: Tensor, labels: Tensor) -> Pair:
    # Edges of a binary label have a slope of at least 1/8; kornia's flat parts are not exactly 0.
    return images, (sobel(labels) > 0.1).float()


def _flip_intensities(sampler: Sampler, images: Tensor, labels: Tensor) -> Pair:
    return 1 - images, labels


_KINDS: dict[str, Callable[..., Pair]] = {
    "Random Affine": _affine,
    "Brightness Contrast": _brightness_contrast,
    "Elastic Transform": _elastic,
    "Sharpness": _sharpness,
    "Gaussian Blur": _blur,
    "Gaussian Noise": _noise,
    "Horizontal Flip": _horizontal_flip,
    "Vertical Flip": _vertical_flip,
    "Sobel Edges Label": _sobel_label,
    "Flip Intensities": _flip_intensities,
}


def augment(
    generator: torch.Generator, images: Tensor, labels: Tensor, table: tuple[Augmentation, ...], shared: bool
) -> Pair:
    """Apply the rows of a table in order, each with its probability (App. B.2 and B.3).

    A row is skipped where it would leave less than `MIN_LABEL` pixels of a label.

    Parameters
    ----------
    generator : torch.Generator
        On the tensors' device.
    images : float32 (tasks, members, 1, side, side) in [0, 1]
    labels : float32 of the same shape, 0 or 1
    table : tuple of Augmentation
        `SYNTHETIC`, `WITHIN_TASK`, `TASK` or other rows.
    shared : bool
        Whether the images of a task share all random draws, even the noise.

    Returns
    -------
    images, labels
        New tensors of the same shapes and ranges.
    """
    sampler, shape, side = Sampler(generator), images.shape, images.shape[-1]
    # Images that share their parameters are the channels of one element of the batch.
    channels = shape[1] if shared else 1
    images, labels = images.reshape(-1, channels, side, side), labels.reshape(-1, channels, side, side)
    for row in table:
        (chosen,) = torch.where(sampler.chance(row.p, (len(images),)))
        if len(chosen) == 0:
            continue
        before = labels[chosen]
        image, label = _KINDS[row.name](sampler, images[chosen], before, **row.parameters)
        kept = (label.sum((2, 3)) >= before.sum((2, 3)).clamp(max=MIN_LABEL)).all(1)
        images = images.index_copy(0, chosen[kept], image[kept].clamp(0, 1))
        labels = labels.index_copy(0, chosen[kept], label[kept])
    return images.reshape(shape), labels.reshape(shape)
