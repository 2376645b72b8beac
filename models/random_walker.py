"""Random walker (Grady, 2006): the classical interactive baseline, which needs no weights."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from segbench.protocols.adapter import Capabilities, Query

FOREGROUND, BACKGROUND = 1, 2
BETA = 130.0  # scikit-image's default: how strongly differences of intensity stop the walker
SEED_STRENGTH = 0.5  # a pixel is a seed where the interaction is stronger than this share of its maximum


class RandomWalker:
    """Probability that a random walk meets a positive seed first; no network.

    The system is solved on the image at half its size, which is about five times faster. The border of the
    image is background unless an interaction says otherwise. Seeds are dilated to three pixels; a single
    pixel would stop almost no walker.
    """

    title = "Random walker"
    licence = "BSD-3-Clause (scikit-image)"
    trained_on = "nothing"
    capabilities = Capabilities(interactive=True)

    def predict(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W); -10 everywhere without a positive interaction."""
        if query.interactions is None:
            return torch.full_like(query.image, -10.0)
        half = F.avg_pool2d(query.image, 2)
        positive, negative = (
            F.max_pool2d(F.max_pool2d(drawn, 2), 3, stride=1, padding=1)
            for drawn in (query.interactions.positive, query.interactions.negative)
        )
        images = zip(half[:, 0].numpy(), positive[:, 0].numpy(), negative[:, 0].numpy(), strict=True)
        logits = np.stack([_walk(*arrays) for arrays in images])
        return F.interpolate(torch.from_numpy(logits)[:, None], scale_factor=2.0, mode="bilinear")


def _walk(image: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Logits (H, W) of one image from its seeds."""
    from skimage.segmentation import random_walker

    if not positive.any():
        return np.full(image.shape, -10.0, np.float32)
    seeds = np.zeros(image.shape, np.int32)
    seeds[[0, -1]] = seeds[:, [0, -1]] = BACKGROUND
    seeds[negative > SEED_STRENGTH * negative.max()] = BACKGROUND
    seeds[positive > SEED_STRENGTH * positive.max()] = FOREGROUND
    if (seeds > 0).all():
        return np.where(seeds == FOREGROUND, 10.0, -10.0).astype(np.float32)
    probability = random_walker(image, seeds, beta=BETA, mode="bf", return_full_prob=True)[0]
    probability = np.clip(probability, 1e-4, 1 - 1e-4)
    return np.log(probability / (1 - probability)).astype(np.float32)
