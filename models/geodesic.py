"""Segmentation by geodesic distances (Criminisi et al., 2008), without weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from segbench.models.marks import marked_pixels
from segbench.protocols.adapter import Capabilities, Query

CONTRAST = 1000.0  # pixels that a step of intensity 1 is worth; chosen on the phantoms of the val split


class Geodesic:
    """The sign of each pixel is that of the nearest mark, by geodesic distance.

    A step between two of eight neighbours costs ``sqrt(length² + (CONTRAST * difference)²)`` pixels, with the
    difference of their intensities: the shortest path avoids edges. DeepIGeoS uses this kind of distance.
    The border of the image is background unless a mark says otherwise.

    References
    ----------
    Criminisi, Sharp and Blake, "GeoS: Geodesic Image Segmentation", ECCV 2008, equation 2.
    """

    title = "Geodesic distance"
    capabilities = Capabilities(interactive=True, prompts=("clicks", "scribbles"))
    default_protocols = ()
    version = 1
    licence = "BSD-3-Clause (SciPy)"
    trained_on = "nothing"

    def predict(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W): distance to negative marks minus distance to positive marks, in pixels.

        -10 everywhere without a positive mark, 10 if such marks fill the border and there is no other.
        """
        if query.interactions is None:
            return torch.full_like(query.image, -10.0)
        images = zip(query.image[:, 0].numpy(), *marked_pixels(query.interactions), strict=True)
        return torch.from_numpy(np.stack([geodesic_logits(*arrays) for arrays in images]))[:, None]


def geodesic_logits(image: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Logits (H, W) of one image from its marked pixels."""
    outside = negative.copy()
    outside[[0, -1]] = outside[:, [0, -1]] = True
    outside &= ~positive
    if not (positive.any() and outside.any()):
        return np.full(image.shape, 10.0 if positive.any() else -10.0, np.float32)
    to_negative, to_positive = _distances(image, outside, positive)
    return (to_negative - to_positive).astype(np.float32)


def _distances(image: np.ndarray, *seeds: np.ndarray) -> list[np.ndarray]:
    """Geodesic distance of each pixel to the nearest of the seeds, float (H, W) for each of their maps."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    pixel = np.arange(image.size).reshape(image.shape)
    pairs = [
        (pixel[:, :-1], pixel[:, 1:]),
        (pixel[:-1], pixel[1:]),
        (pixel[:-1, :-1], pixel[1:, 1:]),
        (pixel[1:, :-1], pixel[:-1, 1:]),
    ]
    first, second = (np.concatenate([pair[side].ravel() for pair in pairs]) for side in (0, 1))
    lengths = np.repeat([1.0, 1.0, np.sqrt(2), np.sqrt(2)], [pair[0].size for pair in pairs])
    values = image.ravel().astype(np.float64)
    costs = np.hypot(lengths, CONTRAST * (values[first] - values[second]))
    ends = np.concatenate([first, second]), np.concatenate([second, first])
    graph = coo_array((np.tile(costs, 2), ends), shape=(image.size, image.size)).tocsr()
    return [
        dijkstra(graph, indices=np.flatnonzero(map_), min_only=True).reshape(image.shape) for map_ in seeds
    ]
