"""Weights of ScribblePrompt as the first weights of MultiverSeg's target path.

Without its context, a cross block is two convolutions, and MultiverSeg is a U-Net like ScribblePrompt.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbench.models.network_adapter import stack_inputs
from segbench.models.training.prompts import Annotator, stack_interactions
from segbench.models.training.synthetic import synthetic_tasks
from segbench.protocols.adapter import Query
from segbench.randomness import keyed_generator

IMAGES, SIDE, STEPS = 16, 128, 3
RIDGE = 1e-4  # of the least squares, relative to the mean square of the features


@torch.no_grad()
def transplant(network: Any, teacher: Any, seed: int) -> None:
    """Let a MultiverSeg without context compute nearly what a ScribblePrompt of its width computes.

    The weights that read the context become 0. ScribblePrompt's convolutions become the cross convolutions,
    and the second convolution of a block the identity. The lowest block also stands for ScribblePrompt's
    bottleneck: its second convolution is fitted by least squares. The affine part of each LayerNorm undoes
    it on average. The path of the context begins as a copy of the target's.

    Parameters
    ----------
    network : segbench.models.networks.MultiverSeg
        Changed in place.
    teacher : segbench.models.networks.ScribblePromptUNet
        In float32.
    seed : int
        Of the synthetic tasks for the fit.
    """
    inputs = _inputs(teacher, seed)
    blocks = [*network.enc_blocks, *network.dec_blocks]
    downs = [down.conv[0] for down in teacher.downs]
    ups = [up.conv[0] for up in teacher.ups[1::2]]
    for block, conv in zip(blocks, [*downs, *ups[1:]], strict=True):
        _copy(block, conv)
    second = blocks[len(downs) - 1].target.vmapped.conv
    weight, bias = _fit_lowest(teacher, inputs)
    second.weight.copy_(weight)
    second.bias.copy_(bias)
    network.out_conv.conv.load_state_dict(teacher.final_conv.conv[0].state_dict())
    _calibrate(network, inputs)
    for block in blocks:
        block.support.load_state_dict(block.target.state_dict())


def _inputs(teacher: Any, seed: int) -> Tensor:
    """Inputs (B, 5, H, W) of some interaction steps on synthetic images."""
    images, labels = synthetic_tasks(torch.Generator().manual_seed(seed), IMAGES // 2, 2, SIDE)
    image, masks = images.flatten(0, 1), labels.flatten(0, 1)[:, 0].bool().numpy()
    annotators = [
        Annotator(mask, keyed_generator(seed, "transplant", position)) for position, mask in enumerate(masks)
    ]
    logits, inputs = None, []
    for _ in range(STEPS):
        for position, annotator in enumerate(annotators):
            annotator.start() if logits is None else annotator.correct((logits[position, 0] > 0).numpy())
        inputs.append(stack_inputs(Query(image, stack_interactions(annotators, image.device), logits)))
        logits = teacher(inputs[-1])
    return torch.cat(inputs)


def _copy(block: Any, conv: Any) -> None:
    """Set a block to one convolution of the target and the identity."""
    weight, width = conv.weight, len(conv.weight)
    if weight.shape[1] == 2 * width:  # MultiverSeg joins upsampled features and skip in the other order
        weight = torch.cat([weight[:, width:], weight[:, :width]], dim=1)
    block.cross.cross_conv.weight.zero_()
    block.cross.cross_conv.weight[:, : weight.shape[1]] = weight
    block.cross.cross_conv.bias.copy_(conv.bias)
    nn.init.dirac_(block.target.vmapped.conv.weight)
    nn.init.zeros_(block.target.vmapped.conv.bias)


def _fit_lowest(teacher: Any, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Weights and bias of a convolution that best replaces ScribblePrompt's bottleneck and first step up."""
    x = inputs
    for level, down in enumerate(teacher.downs):
        x = down(F.max_pool2d(x, 2) if level else x)
    upsampled = teacher.ups[0](teacher.bottleneck(F.max_pool2d(x, 2)))
    wanted = teacher.ups[1].conv[0](torch.cat([x, upsampled], dim=1))
    patches = F.unfold(x, 3, padding=1).transpose(1, 2).flatten(0, 1)
    patches = torch.cat([patches, torch.ones(len(patches), 1)], dim=1).double()
    gram = patches.T @ patches
    ridge = RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64)
    solution = torch.linalg.solve(
        gram + ridge, patches.T @ wanted.flatten(2).transpose(1, 2).flatten(0, 1).double()
    )
    width = wanted.shape[1]
    return solution[:-1].T.reshape(width, width, 3, 3).float(), solution[-1].float()


def _calibrate(network: Any, inputs: Tensor) -> None:
    """Let the affine part of each LayerNorm of the target path undo it on average."""

    def calibrate(operation: Any, arguments: tuple[Tensor]) -> None:
        features = F.leaky_relu(operation.conv(arguments[0]))
        operation.norml.weight.fill_(features.std((1, 2, 3)).mean())
        operation.norml.bias.fill_(features.mean())

    blocks = [*network.enc_blocks, *network.dec_blocks]
    hooks = [block.target.vmapped.register_forward_pre_hook(calibrate) for block in blocks]
    network.alone(inputs)
    for hook in hooks:
        hook.remove()
