"""GrabCut (Rother et al., 2004), by OpenCV and without weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from segbench.models.geodesic import geodesic_logits
from segbench.models.marks import marked_pixels
from segbench.protocols.adapter import Capabilities, Query

ITERATIONS = 5  # as in OpenCV's tutorial
LOGITS = np.array([-10, 10, -5, 5], np.float32)  # of OpenCV's labels, cv2.GC_BGD to cv2.GC_PR_FGD


class GrabCut:
    """Graph cut with Gaussian mixtures of the intensities inside and outside.

    Marks are sure, and dilated to three pixels. Outside a box is background, inside it probable foreground.
    Without a box, what `Geodesic` segments is probable foreground, and the rest probable background.

    References
    ----------
    Rother, Kolmogorov and Blake, "GrabCut", SIGGRAPH 2004.
    """

    title = "GrabCut"
    capabilities = Capabilities(interactive=True, prompts=("clicks", "scribbles", "boxes"))
    default_protocols = ()
    version = 1
    licence = "Apache-2.0 (OpenCV)"
    trained_on = "nothing"

    def predict(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W): ±10 where the label is sure, else ±5; -10 without box and positive mark."""
        if query.interactions is None:
            return torch.full_like(query.image, -10.0)
        boxes = query.interactions.box[:, 0].numpy() > 0
        images = zip(query.image[:, 0].numpy(), boxes, *marked_pixels(query.interactions), strict=True)
        return torch.from_numpy(np.stack([LOGITS[_cut(*arrays)] for arrays in images]))[:, None]


def _cut(image: np.ndarray, box: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """OpenCV's labels, uint8 (H, W), of one image from its box and its marked pixels."""
    import cv2

    labels = np.full(image.shape, cv2.GC_BGD, np.uint8)
    if not (box.any() or positive.any()):
        return labels
    if box.any():
        labels[box] = cv2.GC_PR_FGD
    else:
        near = geodesic_logits(image, positive, negative)
        labels[:] = np.where(near > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    around = np.ones((3, 3), np.uint8)
    labels[cv2.dilate(negative.astype(np.uint8), around) > 0] = cv2.GC_BGD
    labels[cv2.dilate(positive.astype(np.uint8), around) > 0] = cv2.GC_FGD
    foreground = labels % 2 == 1
    if foreground.all() or not foreground.any():  # OpenCV needs pixels of both
        return labels
    colours = np.repeat(np.round(image * 255).astype(np.uint8)[..., None], 3, axis=2)
    cv2.setRNGSeed(0)  # OpenCV's own generator starts the mixtures
    no_box: Any = None
    mixtures = np.zeros((1, 65)), np.zeros((1, 65))
    return cv2.grabCut(colours, labels, no_box, *mixtures, ITERATIONS, cv2.GC_INIT_WITH_MASK)[0]
