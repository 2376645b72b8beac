"""Forward passes in the plainest form: every operation spelt out, nothing shared or left out.

Speed measurements compare with these passes. They take the weights of the networks in
`segbench.models.networks` and compute the same logits in the layout and precision of their inputs. The
target is repeated and concatenated with every context entry, context features are updated in every
block, and all memory is newly allocated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from segbench.models.networks import MultiverSeg, ScribblePromptUNet, UniverSeg


def over_context(function: Callable[[Tensor], Tensor], support: Tensor) -> Tensor:
    """Apply a function of images (N, C, H, W) to context features (B, n, C, H, W)."""
    return function(support.flatten(0, 1)).unflatten(0, support.shape[:2])


def upsampled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


def pooled(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 2)


def cross_block(block: Any, target: Tensor, support: Tensor) -> tuple[Tensor, Tensor]:
    """A `CrossBlock` (MultiverSeg, equation 4) of a target (B, Ct, H, W) and a context (B, n, Cs, H, W)."""
    repeated = target[:, None].expand(-1, support.shape[1], -1, -1, -1)
    mixed = over_context(block.cross.cross_conv, torch.cat([repeated, support], dim=2))
    if block.activation:
        mixed = F.leaky_relu(mixed)

    def updated(operation: Any, x: Tensor) -> Tensor:
        x = F.leaky_relu(operation.conv(x))
        return operation.norml(x) if hasattr(operation, "norml") else x

    new_support = over_context(lambda x: updated(block.support.vmapped, x), mixed)
    return updated(block.target.vmapped, mixed.mean(dim=1)), new_support


def cross_network(network: UniverSeg | MultiverSeg, target: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    """Logits (B, 1, H, W) of the released layouts; the parameters are those of `CrossUNet.forward`."""
    support, skips = torch.cat([images, labels], dim=2), []
    for block in network.enc_blocks[:-1]:
        target, support = cross_block(block, target, support)
        skips.append((target, support))
        target, support = pooled(target), over_context(pooled, support)
    target, support = cross_block(network.enc_blocks[-1], target, support)
    for block in network.dec_blocks:
        skip, skip_support = skips.pop()
        target = torch.cat([upsampled(target), skip], dim=1)
        support = torch.cat([over_context(upsampled, support), skip_support], dim=2)
        target, support = cross_block(block, target, support)
    return network.out_conv.conv(target)


def scribbleprompt(network: ScribblePromptUNet, x: Tensor) -> Tensor:
    """Logits (B, 1, H, W) of inputs (B, 5, H, W)."""
    skips = []
    for down in network.downs:
        x = down(x)
        skips.append(x)
        x = pooled(x)
    x = network.bottleneck(x)
    for convolution in network.ups[1::2]:
        x = convolution(torch.cat([skips.pop(), upsampled(x)], dim=1))
    return network.final_conv(x)
