"""Losses of a training on tasks, and the Dice that its log shows."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def segmentation_loss(logits: Tensor, label: Tensor, gamma: float) -> Tensor:
    """Soft Dice loss plus focal loss, mean over the batch (section 5.1); both (B, 1, H, W).

    With ``gamma`` 0 the focal loss is the binary cross-entropy.
    """
    probability = torch.sigmoid(logits)
    overlap = (probability * label).sum((1, 2, 3))
    size = probability.sum((1, 2, 3)) + label.sum((1, 2, 3))
    dice = 1 - (2 * overlap + 1) / (size + 1)
    entropy = F.binary_cross_entropy_with_logits(logits, label, reduction="none")
    error = torch.where(label > 0.5, 1 - probability, probability)
    return dice.mean() + (error**gamma * entropy).mean()


def hard_dice(logits: Tensor, label: Tensor) -> Tensor:
    """Dice of each thresholded prediction: (B,)."""
    mask, truth = logits > 0, label > 0.5
    size = mask.sum((1, 2, 3)) + truth.sum((1, 2, 3))
    return torch.where(size > 0, 2 * (mask & truth).sum((1, 2, 3)) / size.clamp(min=1), 1.0)


def distillation_loss(logits: Tensor, teacher: Tensor) -> Tensor:
    """Soft Dice loss plus cross-entropy against the teacher's probabilities; logits, both (B, 1, H, W)."""
    wanted, probability = torch.sigmoid(teacher), torch.sigmoid(logits)
    overlap = (probability * wanted).sum((1, 2, 3))
    size = (probability**2).sum((1, 2, 3)) + (wanted**2).sum((1, 2, 3))  # least where the two are equal
    dice = 1 - (2 * overlap + 1) / (size + 1)
    return dice.mean() + F.binary_cross_entropy_with_logits(logits, wanted)
