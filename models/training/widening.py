"""Widen a trained network without changing its function (Net2Net: Chen et al., 2016)."""

from __future__ import annotations

import torch
from torch import Tensor


def widen(state: dict[str, Tensor], narrow: int, wide: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Weights of a wider network of the same layout that computes the same function.

    Features are repeated in turn. The copies of a feature share its outgoing weights in random proportions,
    which lets them learn different things. The function stays exact if every layer has a multiple of
    ``width`` features; where a layer normalises over its features, ``wide`` must be a multiple of ``narrow``.

    Parameters
    ----------
    state : tensors of a network of width ``narrow``
    narrow, wide : int
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    dict of Tensor
    """
    return {name: _widen(value.float(), narrow, wide, generator) for name, value in state.items()}


def add_set_weights(state: dict[str, Tensor], network: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of an InterConv network that computes its baseline's function: new weights are 0.

    Parameters
    ----------
    state : tensors of the baseline
    network : tensors of an InterConv network of the same width, for their shapes
    """
    return {
        name: value
        if value.shape == network[name].shape
        else torch.cat([value, torch.zeros_like(value)], dim=1)
        for name, value in state.items()
    }


def _widen(value: Tensor, narrow: int, wide: int, generator: torch.Generator) -> Tensor:
    copies = torch.arange(wide) % narrow
    if value.shape[0] == narrow:  # outgoing features; the output convolution has a single one
        value = value[copies]
    if value.ndim == 1 or value.shape[1] % narrow:  # the first layers read channels, not features
        return value
    groups = value.shape[1] // narrow
    value = value.unflatten(1, (groups, narrow))[:, :, copies]
    share = torch.rand(value.shape[:3], generator=generator)
    total = torch.zeros(*share.shape[:2], narrow).index_add_(2, copies, share)
    return (value * (share / total[:, :, copies])[..., None, None]).flatten(1, 2)
