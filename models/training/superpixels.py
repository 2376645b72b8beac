"""Synthetic tasks from single images: a superpixel is the label (MultiverSeg, section 4 and App. B.2)."""

from __future__ import annotations

import numpy as np
import torch
from skimage.segmentation import felzenszwalb
from torch import Tensor

from segbench.models.training.augmentation import SYNTHETIC, augment
from segbench.models.training.sampling import Sampler

SCALES = (1.0, 500.0)
# Share of the image that a label covers: a larger superpixel is background, a smaller one mostly noise.
SHARES = (0.005, 0.9)


def superpixels(image: np.ndarray, scale: float) -> np.ndarray:
    """Compute Felzenszwalb superpixels of an image.

    Parameters
    ----------
    image : float (side, side) in [0, 1]
    scale : float
        Larger values give larger superpixels; 1 to 500 in the paper.

    Returns
    -------
    int (side, side)
        Number of the superpixel of each pixel, from 0 and without gaps.
    """
    return felzenszwalb(image, scale=scale, channel_axis=None)


def choose_label(regions: np.ndarray, draw: float) -> np.ndarray:
    """Mask of the superpixel that a number in [0, 1) selects."""
    shares = np.bincount(regions.ravel()) / regions.size
    choices = np.flatnonzero((shares >= SHARES[0]) & (shares <= SHARES[1]))
    if len(choices) == 0:
        choices = np.arange(len(shares))
    return regions == choices[int(draw * len(choices))]


def superpixel_tasks(generator: torch.Generator, images: Tensor, members: int) -> tuple[Tensor, Tensor]:
    """Make a task of each image: its label is one of its superpixels, its members are augmented copies.

    Superpixels are computed on the CPU, image by image; the rest is computed in batches.

    Parameters
    ----------
    generator : torch.Generator
        On the images' device.
    images : float32 (tasks, 1, side, side) in [0, 1]
    members : int
        Images of a task.

    Returns
    -------
    images : float32 (tasks, members, 1, side, side) in [0, 1]
    labels : float32 of the same shape, 0 or 1
    """
    sampler = Sampler(generator)
    scales = sampler.uniform((len(images),), *SCALES).tolist()
    draws = sampler.uniform((len(images),)).tolist()
    pictures = images[:, 0].cpu().numpy()
    chosen = [
        choose_label(superpixels(picture, scale), draw)
        for picture, scale, draw in zip(pictures, scales, draws, strict=True)
    ]
    labels = torch.from_numpy(np.stack(chosen)[:, None]).to(images)
    image, label = (stack[:, None].expand(-1, members, -1, -1, -1) for stack in (images, labels))
    return augment(generator, image, label, SYNTHETIC, shared=False)
